"""Files that are wrong in every way: a clear error each time, in time, and nothing is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.errors import InvalidInput
from gameday.experiment import positions
from tests.experiment.mutations import CORPUS, SEED, mutant
from tests.experiment.nofiles import KINDS
from tests.experiment.reader import TooSlow, nothing_touched, said_of, within_the_limit

HEAD = "title: t\ndescription: d\nmethod: []\n"
OURS = "objectives: {}\n"  # in any other file some of these would be notes
QUICK, LONG = 200, 20_000
NOBODY = 65_534


@pytest.fixture
def here(tmp_path: Path) -> Path:
    shutil.copy(CORPUS / "locustfile.py", tmp_path)
    return tmp_path


def said(folder: Path, text: str | bytes, name: str = "x.yaml") -> str:
    """What is wrong with a file, without its folder."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    answer = said_of(path)
    assert answer is not None, "it is valid"
    return answer.replace(f"{folder}/", "")


@pytest.mark.parametrize("name", ["everything.yaml", "plain.json", "gameday.toml"])
def test_the_files_that_mutants_are_made_of_are_valid(name: str) -> None:
    assert said_of(CORPUS / name) is None


def play(folder: Path, seeds: range) -> tuple[int, list[str]]:
    """How many mutants are valid, and what went wrong with any."""
    valid, wrong = 0, []
    for seed in seeds:
        made = mutant(seed)
        path = folder / made.name
        path.write_bytes(made.data)
        try:
            valid += said_of(path) is None
        except (Exception, TooSlow) as error:  # noqa: BLE001 - each kind of them is a defect
            wrong.append(f"mutant({seed}): {type(error).__name__}: {str(error)[:200]}")
        path.unlink()
    return valid, wrong


def test_a_mutant_is_valid_or_told_what_is_wrong_and_touches_nothing(here: Path) -> None:
    valid, wrong = play(here, range(SEED, SEED + QUICK))
    assert wrong == []
    assert 0 < valid < QUICK / 2


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_of_twenty_thousand_mutants_none_gives_a_traceback(here: Path) -> None:
    valid, wrong = play(here, range(SEED, SEED + LONG))
    print(f"{LONG} mutants: {valid} valid, {len(wrong)} wrong")
    assert wrong == []


# --- bounds, before anything is built

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{name}'] * 9)}]\n"
    for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "x.yaml:5:8: cannot be read: more than 10,000 values, with what aliases stand for"),
        ("a: &a {x: 1}\nb: &b {<<: [" + "*a," * 9999 + "]}\n", "more than 10,000 values"),
        ("a: &a [*a]\n", "x.yaml:1:8: cannot be read: *a stands inside of what it stands for"),
        ("a: &a {<<: *a}\n", "x.yaml:1:12: cannot be read: *a stands inside of what it stands for"),
        ("a: " + "[" * 60, "x.yaml:1:53: cannot be read: nested more than 50 deep"),
        ("- " * 400_000, "nested more than 50 deep"),
        ("a: [" + "x," * 30_000 + "]", "more than 10,000 values"),
        ("a: " + "x" * 1_000_001, "x.yaml: cannot be read: it is larger than 1,000,000 bytes"),
        ("a: " + "9" * 5000, "x.yaml:1:4: cannot be read: a number of 5,000 characters"),
        ("a: 0x" + "f" * 5000, "x.yaml:1:4: cannot be read: a number of 5,002 characters"),
        ("a: " + ":".join(["59"] * 100_000), "x.yaml:1:4: cannot be read: a number of 299,999 characters"),
        ("%YAML " + "9" * 5000 + ".1\n--- {}\n", "cannot be read"),
        ("a: 18446744073709551616\n", "x.yaml:1:4: the number is larger than 64 bits"),
    ],
)
def test_what_is_too_much_is_refused_where_it_begins_to_be(here: Path, text: str, message: str) -> None:
    assert message in said(here, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "x.json: cannot be read: nested more than 50 deep"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "x.json:1:56: cannot be read: nested more than 50 deep"),
        ('{"a": [' + "1," * 30_000 + "1]}", "more than 10,000 values"),
        ('{"a": "\\/\\ud83d\\ude00' + "x" * 2000 + '": [' + "1," * 30_000 + "1]}", "cannot be read"),
        ('{"a": ' + "9" * 5000 + "}", "x.json:1:7: inf is no number to work with"),
        ('{"a": NaN}', "x.json:1:7: nan is no number to work with"),
        ('{"a": 1e999}', "x.json:1:7: inf is no number to work with"),
        ('{"a": "\\ud800"}', "x.json:1:7: the text has half a character in it"),
        ('{"a": "\\u0000"}', "x.json:1:7: the text has a NUL in it"),
        ("\ufeff{}", "x.json:1:1: cannot be read: Unexpected UTF-8 BOM"),
        ('{"title": "t", "title": "u"}', "x.json:1:16: 'title' is written twice"),
        ("{", "x.json:1:2: cannot be read"),
        ("", "x.json:1:1: cannot be read"),
    ],
)
def test_json_has_the_same_bounds(here: Path, text: str, message: str) -> None:
    assert message in said(here, text, "x.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!bool maybe", "x.yaml:1:4: cannot be read: 'maybe' is no !!bool; leave the tag out"),
        ("a: !!int ''", "x.yaml:1:4: cannot be read: '' is no !!int"),
        (
            "a: !!timestamp x",
            "x.yaml:1:4: cannot be read: !!timestamp is nothing that an experiment can hold",
        ),
        ("a: !!set {b}", "!!set is nothing that an experiment can hold"),
        ("a: !!binary aGk=", "!!binary is nothing that an experiment can hold"),
        ("a: !!python/object/apply:os.system [id]", "is nothing that an experiment can hold"),
        ("a: .nan", "x.yaml:1:4: nan is no number to work with; write a finite one, or a text in quotes"),
        (".nan: a", "x.yaml:1:1: the key nan is no text; write it in quotes"),
        ("a: {.inf: b}", "the key inf is no text"),
        ("? [a]\n: b", "cannot be read: found unhashable key"),
        ('a: "\\ud800"', "x.yaml:1:4: the text has half a character in it"),
        ('a: "\\0"', "x.yaml:1:4: the text has a NUL in it"),
        ('a: "\\UFFFFFFFF"', "x.yaml: cannot be read"),
        ("a: 1\nb: x\0", "x.yaml:2:5: cannot be read: character U+0000 is not allowed"),
        (b"a: 1\nb: \xff", "x.yaml:2:4: cannot be read: byte 0xff is no UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), "x.yaml:1:1: cannot be read: byte 0xff is no UTF-8"),
        (HEAD + "method: []\n", "x.yaml:4:1: 'method' is written twice; the first one would be lost"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: cannot be read: but found another document"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_place(here: Path, text: str | bytes, message: str) -> None:
    assert message in said(here, text)


def test_a_date_is_a_text_as_it_is_written(here: Path) -> None:
    (here / "x.yaml").write_text(HEAD + "dr-test: {next-due: 2027-05-23}\ntags: [2027-05-23]\n")
    assert said_of(here / "x.yaml") is None


# --- the shape of what Chaos Toolkit reads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("configuration: x", "x.yaml:4:16: configuration is a mapping, not 'x'"),
        ("configuration:", "x.yaml:4:15: configuration is a mapping, not None"),
        ("secrets: [a]", "x.yaml:4:10: secrets is a mapping, not ['a']"),
        ("rollbacks: {}", "x.yaml:4:12: rollbacks is a list, not {}"),
        ("rollbacks: [x]", "x.yaml:4:13: rollbacks.0 is a mapping, not 'x'"),
        ("steady-state-hypothesis: x", "steady-state-hypothesis is a mapping, not 'x'"),
        ("runtime: {rollbacks: always}", "runtime.rollbacks is a mapping, not 'always'"),
        ("runtime: {rollbacks: {strategy: alway}}", "unknown strategy 'alway'; did you mean 'always'?"),
        ("rollbacks: [{runbook: {url: u}}]", "rollbacks.0.runbook is a text, not {'url': 'u'}"),
        ("rollbacks: [{provider: x}]", "rollbacks.0.provider is a mapping, not 'x'"),
        ("rollbacks: [{name: [a]}]", "rollbacks.0.name is a text, not ['a']"),
        ("rollbacks: [{pauses: {after: -1}}]", "-1 is no pause; write seconds"),
        ("rollbacks: [{ref: gone}]", "x.yaml:4:19: there is no activity 'gone' to refer to"),
        (
            "rollbacks: [{name: a, type: action, provider: {type: python, arguments: [1]}}]",
            "arguments of a function are a mapping",
        ),
        ("rollbacks: [{provider: {type: python, module: gameday.cli}}]", "there is no module 'gameday.cli'"),
        ("rollbacks: [{undo: {provider: x}}]", "rollbacks.0.undo.provider is a mapping, not 'x'"),
    ],
)
def test_a_wrong_shape_is_named_with_its_place(here: Path, text: str, message: str) -> None:
    assert message in said(here, HEAD + text + "\n" + OURS)


def test_a_reference_leads_to_an_activity_that_chaos_toolkit_finds(here: Path) -> None:
    step = "{name: a, type: action, provider: {type: process, path: 'true'}}"
    text = f"title: t\ndescription: d\nmethod: [{step}]\n"
    (here / "x.yaml").write_text(text + "rollbacks: [{ref: a}]\n")
    assert said_of(here / "x.yaml") is None
    # a rollback is not found by its name, and a reference to a reference has no type
    assert "no activity 'b'" in said(here, text + "rollbacks: [{ref: b}, {name: b}]\n")
    assert "no activity 'c'" in said(here, text.replace("]", ", {name: c, ref: a}, {ref: c}]"))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("environment: 'production '", "'production ' is no name of an environment"),
        ('environment: "prod\\u200buction"', "'prod\\u200buction' is no name of an environment"),
        ("author: ['ann@x ']", "'ann@x ' has blanks around it or characters that nobody sees; write 'ann@x'"),
        ("service: {name: ' orders'}", "write 'orders'"),
        ("max-duration: 99999d", "'99999d' is no duration to work with; it is 0, or 1 µs to 3660 days"),
        ("max-duration: 0." + "0" * 400 + "1s", "is no duration to work with"),
        ("ledger: {redis: nowhere}", "'nowhere' is not an address of Redis"),
        ("ledger: {http: 'http://h', rate: 0." + "0" * 400 + "1/s}", "is not a rate"),
        ("ledger: {postgresql: 'postgresql://['}", "this is not a DSN of PostgreSQL"),
        ("ledger: {http: 'http://h:99999/'}", "'http://h:99999/' is not a web address"),
        ("load: {locustfile: /dev/zero, host: 'http://h'}", "cannot be read: it is a device, not a file"),
        ("load: {locustfile: ., host: 'http://h'}", "cannot be read: it is a folder, not a file"),
        ("load: {locustfile: deep.py, host: 'http://h'}", "deep.py"),
        ("load: {locustfile: nul.py, host: 'http://h'}", "nul.py"),
        (
            "guardrails: {forbidden: [{from: 2026-12-31, until: 2026-12-20}]}",
            "x.yaml:4:26: guardrails.forbidden.0: until 2026-12-20 00:00:00 is not after from 2026-12-31",
        ),
        (
            "guardrails: {forbidden: [{from: 2026-12-20T10:00+02:00, until: 2026-12-20T08:00, zone: UTC}]}",
            "is not after from",
        ),
    ],
)
def test_a_value_that_nothing_can_work_with_is_refused(here: Path, block: str, message: str) -> None:
    (here / "deep.py").write_text("x = " + "-" * 100_000 + "1\n")
    (here / "nul.py").write_text("x = 1\0\n")
    assert message in said(here, HEAD + block + "\n" + ("" if "objectives" in block else OURS))


def mixed(seed: int) -> str:
    """Always the same letters, in another order: as like as words can be without being it."""
    return "".join(Random(seed).sample("abcdefghi" * 100, 900))


def sli_of(number: int) -> str:
    probe = "probe: {tcp: 'h:1'}"
    return f"{{name: {mixed(number)}, source: probe, objective: 99%, {probe}}}"


def condition_of(number: int) -> str:
    return f"{{when: {mixed(number + 1000)} < 20%}}"


@pytest.mark.parametrize(
    "block",
    [
        "slis: [" + "{name: a, sourc: x, objectiv: y}, " * 99 + "]",
        "slis: [" + "{x: 1}, " * 3000 + "]",
        "".join(f"metho{number}: 1\n" for number in range(4500)),
        "rollbacks: [{" + ", ".join(f"rol{number}: 1" for number in range(4500)) + "}]",
        "service: {" + ", ".join(f"nam{number}: 1" for number in range(4500)) + "}",
        "halt: [" + "{when: 'x < 20%'}, " * 3000 + "]",
        f"slis: [{', '.join(map(sli_of, range(100)))}]\nhalt: [{', '.join(map(condition_of, range(100)))}]",
        "halt: [{when: 'up" + " " * 500_000 + "x'}]",
        "slis: [{name: a, source: probe, objective: 99%, good: 'latency < " + "1s" * 100_000 + "x'}]",
        "x" * 100_000 + ": 1",
        "rollbacks: [" + "{type: action}, " * 3000 + "]",
    ],
)
def test_thousands_of_mistakes_are_told_in_time_and_in_few_lines(here: Path, block: str) -> None:
    (here / "x.yaml").write_text(HEAD + block + "\n")
    answer = said_of(here / "x.yaml")  # which has a limit of its own
    assert answer is None or len(answer.splitlines()) <= 51


@given(st.text(alphabet=st.sampled_from("ab01:-?&*!|>%@{}[],#'\"<=~. \n\t\\u\0\ufeff\ud800"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_data_or_an_error_with_a_place(text: str) -> None:
    for name in ("x.yaml", "x.json"):
        try:
            positions.parse(name, text)
        except InvalidInput as invalid:
            assert str(invalid)


# --- what is no file


@pytest.mark.parametrize(("make", "message"), KINDS)
@pytest.mark.parametrize("name", ["x.yaml", "gameday.toml"])
def test_what_is_no_file_is_not_waited_for(
    tmp_path: Path, name: str, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / name)
    answer = said_of(tmp_path / name)
    assert answer is not None and f"{name}: cannot be read: " in answer and message in answer


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, who may read anything."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def test_a_file_without_permission_says_so() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # which anybody may enter, unlike pytest's own
        file = Path(folder, "x.yaml")
        file.write_text(HEAD)
        file.chmod(0)
        with as_nobody():
            answer = str(said_of(file))
        assert "x.yaml: cannot be read: Permission denied" in answer


@pytest.mark.parametrize("name", [b"\xff.yaml", b"a\nb.yaml", "a\u202eb.yaml".encode()])
def test_a_file_whose_name_is_no_text_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text(HEAD)
    assert "its path has characters that cannot be shown" in str(said_of(tmp_path / os.fsdecode(name)))


# --- gameday.toml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000, "cannot be read: nested more than 50 deep"),
        ("a = " + "[" * 60 + "]" * 60, "cannot be read: nested more than 50 deep"),
        (" . ".join(['"a"'] * 10_000) + " = 1", "cannot be read: nested more than 50 deep"),
        ("a" * 90_000, "gameday.toml:1:1: cannot be read"),
        (".".join(["a"] * 30_000) + " = 1", "cannot be read: nested more than 50 deep"),
        ("a = " + "9" * 5000, "cannot be read"),
        ('a = "\\u0000"', "gameday.toml:1:1: the text has a NUL in it"),
        ("[guardrails]\noutside-production = [nan]", "gameday.toml:2:1"),
        ('[guardrails]\nfork = """\n' + ("a." * 40 + ".") * 1000 + ' = 1\n"""', "unknown key 'fork'"),
        ("[" + " " * 90_000, "gameday.toml:1:1: cannot be read"),
        ("[[guardrails.forbidden]]\nfrom = 2026-12-31\nuntil = 2026-12-20", "is not after from"),
        ("#" * 100_001, "it is larger than 100,000 bytes"),
        (b"a = '\xff'", "gameday.toml:1:6: cannot be read: byte 0xff is no UTF-8"),
    ],
)
def test_a_bad_gameday_toml_is_told_what_is_wrong(here: Path, text: str | bytes, message: str) -> None:
    path = here / "gameday.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert message in str(said_of(path))


def test_what_is_held_here_notices_what_it_is_there_for(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_touched():
        (tmp_path / "x").write_text("")
    with pytest.raises(AssertionError), nothing_touched():
        subprocess.run(["true"], check=True)
    with pytest.raises(TooSlow), within_the_limit(0.05):
        while True:
            pass
