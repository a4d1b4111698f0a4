"""A secret is in no file, whatever kind of value it is in the experiment and however it is written later."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gameday.experiment.kept import without_secrets
from gameday.experiment.names import names_of
from gameday.experiment.positions import parse
from gameday.experiment.secrets import of_environment, secrets_of
from gameday.redact import REDACTED, Redactor, looks_taken_out
from gameday.redact.allowance import LONGEST_OUTPUT
from gameday.redact.filter import Cleaned
from gameday.redact.known import LONGEST_TEXT

HEAD = "title: t\ndescription: d\nmethod: []\n"
# how a value is written in the experiment, and as what it is found in the evidence
LITERALS = {
    "a number": ("90817263", "90817263"),
    "a short number": ("4711", "4711"),
    "a number with underscores": ("90_817_263", "90817263"),
    "a number in hexadecimal": ("0x569ae6f", "90812015"),
    "a number with a fraction": ("908.17263", "908.17263"),
    "a date": ("2031-05-06", "2031-05-06"),
    "bytes": ("!!binary aHVudGVyLTI=", "hunter-2"),
    "four characters": ("h~x7", "h~x7"),
    "folded, with a newline at its end": (">\n    k~9\n    w~2\n", "k~9 w~2"),
    "lines, with a newline at their end": ("|\n    k~9w\n", "k~9w"),
    "short lines": ("|\n    u~1a\n    u~2b", "u~2b"),
    "continued": ('"hunter\\\n    -2"', "hunter-2"),
    "continued with a blank": ('"hunter \\\n    two~2"', "hunter two~2"),
    "escaped": ('"h\\x75nter\\u002d2"', "hunter-2"),
    "on two lines": ("hunter\n    two~2", "hunter two~2"),
    "in quotes, twice": ("'it''s-2'", "it's-2"),
}
PLACES = {
    "a secret": "secrets:\n  app:\n   key: %s\n",
    "a password of the configuration": "configuration:\n   db_password: %s\n",
    "a password of an argument": "rollbacks:\n- provider:\n   arguments:\n    - password: %s\n",
    "after an option": "rollbacks:\n- provider:\n   arguments:\n    - --password\n    - %s\n",
    "in a list": "configuration:\n   token:\n    - %s\n",
}


def redactor_of(text: str, **variables: Any) -> Redactor:
    document, _ = parse("x.yaml", text)
    return Redactor(secrets_of(document, variables), names_of(document, variables))


def logged(redactor: Redactor, text: str, at_once: int = 7) -> str:
    """What the filter of the logs writes of it when it comes piece by piece."""
    cleaned, data = Cleaned(redactor), text.encode()
    shown = [part for at in range(0, len(data), at_once) for part in cleaned.take(data[at : at + at_once])]
    return "".join([*shown, *cleaned.end()])


def everywhere(redactor: Redactor, text: str, said: str) -> str:
    """All that a run writes down of a file with this text, of which an activity says something."""
    sentence = f"before {said} after\n{said}"
    value = json.loads(json.dumps(yaml.safe_load(said), default=str))
    output = {"output": {"list": [said], "value": value, "keyed": {said: 1}}, "error": sentence}
    return "\n".join(
        [
            without_secrets(text, ".yaml", redactor),
            redactor.text(sentence),
            json.dumps(redactor.data(output)),
            json.dumps(redactor.event({"event": "step-ended", "t_ns": 1, **output})),
            logged(redactor, sentence),
        ]
    )


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("literal", "said"), LITERALS.values(), ids=LITERALS)
def test_a_secret_is_nowhere_whatever_it_is_in_the_file(place: str, literal: str, said: str) -> None:
    lines = (HEAD + place % "LITERAL").splitlines()
    indent = " " * (len(lines[-1]) - len(lines[-1].lstrip()))
    text = "\n".join(lines).replace("LITERAL", literal.replace("\n    ", f"\n{indent}      ")) + "\n"
    found = everywhere(redactor_of(text), text, said)
    assert said not in found
    assert literal not in found
    assert REDACTED in found


TYPED = {
    "int": "0090817263",
    "float": "908.5",
    "bytes": "hunter-2",
    "json": '["hunter-2", 90817263]',
    "str": "x~12",
}


@pytest.mark.parametrize("name", ["db_password", "says_nothing"])
@pytest.mark.parametrize(("kind", "raw"), TYPED.items())
def test_typed_configuration_is_secret_as_it_is_written_and_as_what_it_becomes(
    name: str, kind: str, raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERS_PASSWORD", raw)
    where = f"{{type: env, key: ORDERS_PASSWORD, env_var_type: {kind}, default: 55667788}}"
    text = f"{HEAD}configuration:\n  {name}: {where}\n"
    redactor = redactor_of(text)
    converted = {"int": "90817263", "float": "908.5", "json": "hunter-2"}.get(kind, raw)
    for said in (raw, converted):
        assert said not in redactor.text(f"is {said} it?")
    assert redactor.data({"n": 90817263})["n"] == (REDACTED if kind in ("int", "json") else 90817263)
    assert name != "db_password" or "55667788" not in without_secrets(text, ".yaml", redactor)


def test_a_number_is_secret_as_its_variable_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_PIN", "90_817_263")
    where = "{type: env, key: ORDERS_PIN, env_var_type: int}"
    redactor = redactor_of(f"{HEAD}configuration: {{db_password: {where}}}\n")
    assert redactor.text("90817263 or 90_817_263") == f"{REDACTED} or {REDACTED}"


def test_the_password_in_an_address_is_secret_without_the_address_too() -> None:
    redactor = redactor_of(
        f"{HEAD}configuration: {{url: 'x://u:h%40x-7w@h/db', dsn: \"host=h password='k~9 w'\"}}\n"
    )
    assert redactor.text("h@x-7w, h%40x-7w, k~9 w") == f"{REDACTED}, {REDACTED}, {REDACTED}"


def test_a_typed_variable_is_secret() -> None:
    assert redactor_of(HEAD, db_password=90817263).data({"n": [90817263, "it is 90817263"]}) == {
        "n": [REDACTED, f"it is {REDACTED}"]
    }


def test_a_secret_that_a_name_is_filled_in_with_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_PASSWORD", "hunter-2")
    where = "{type: env, key: ORDERS_PASSWORD}"
    redactor = redactor_of(f"{HEAD}configuration: {{x: {where}}}\nslis: [{{name: 'of ${{x}}'}}]\n")
    assert redactor.name("of hunter-2") == f"of {REDACTED}"


@pytest.mark.parametrize("value", ["h~x7", "h~x7k", "k9~w2-p", "4711", "48151", "/h~x7k+9"])
def test_a_short_secret_of_the_environment_is_one(value: str) -> None:
    assert of_environment([("DB_PASSWORD", value), ("SHELL", "zsh-5")]) == [value]


@pytest.mark.parametrize("value", ["", "abc", "true", "none", "localhost", "/", "/tmp"])
def test_what_is_everyday_or_a_path_is_none(value: str) -> None:
    assert of_environment([("DB_PASSWORD", value)]) == []


def test_a_short_number_is_taken_out_as_a_number_and_not_within_a_longer_one() -> None:
    redactor = Redactor(["4711"])
    assert redactor.text("pin 4711, port 14711, 47110, x4711y") == (
        f"pin {REDACTED}, port 14711, 47110, x{REDACTED}y"
    )
    assert redactor.data({"output": [4711, 47110, True]}) == {"output": [REDACTED, 47110, True]}


def test_a_port_that_is_a_secret_stops_no_undo() -> None:
    assert not Redactor(["5432"]).holds_known('{"port": 5432}')
    assert Redactor(["543210"]).holds_known('{"pin": 543210}')


def test_numbers_of_gameday_itself_stay() -> None:
    event = {"event": "clock", "t_ns": 90817263, "exit_code": 4711}
    assert Redactor(["90817263", "4711"]).event(event) == event


@pytest.mark.parametrize(
    ("output", "cleaned"),
    [
        ({"password": 90817263}, {"password": REDACTED}),
        ({"db": {"api-key": 9081.5}}, {"db": {"api-key": REDACTED}}),
        ({"token": ["a", 90817263]}, {"token": [REDACTED, REDACTED]}),
        ({"password": b"abc"}, {"password": REDACTED}),
        ({"pass": 12, "has_token": True, "secret": None}, {"pass": 12, "has_token": True, "secret": None}),
    ],
)
def test_a_number_of_a_secret_name_is_secret(output: Any, cleaned: Any) -> None:
    assert Redactor().data({"output": output}) == {"output": cleaned}


SECRET = "hünter \"2\" & 'pass'~/w0rd"
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "as JSON": json.dumps,
    "as JSON in JSON": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
    "as JSON in small letters": lambda secret: json.dumps(secret).replace("u00fc", "u00FC"),
    "as Python": repr,
    "as Python in ASCII": ascii,
    "as bytes of Python": lambda secret: repr(secret.encode()),
    "as YAML": lambda secret: yaml.safe_dump(secret, width=500),
    "as YAML in single quotes": lambda secret: "'" + secret.replace("'", "''") + "'",
    "as YAML in quotes": lambda secret: yaml.safe_dump(secret, default_style='"'),
    "as YAML, folded": lambda secret: yaml.safe_dump({"x": {"y": [secret]}}, width=5),
    "as YAML, folded, in quotes": lambda secret: yaml.safe_dump([secret], width=5, default_style='"'),
    "as YAML, in lines": lambda secret: yaml.safe_dump([secret], width=5, default_style=">"),
    "as a comment in lines": lambda secret: "# " + secret.replace(" ", "\n  #  "),
    "in an address": lambda secret: quote(secret, safe=""),
    "in an address in small letters": lambda secret: quote(secret).lower(),
    "in a form": quote_plus,
    "in HTML": lambda secret: secret.replace("&", "&amp;").replace('"', "&#34;").replace("'", "&#39;"),
    "as base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "as base64 with a newline": lambda secret: base64.b64encode(f"{secret}\n".encode()).decode(),
    "wrapped": lambda secret: secret.replace(" ", " \n    "),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_known_secret_is_found_however_it_is_written(written: Callable[[str], str]) -> None:
    redactor = Redactor([SECRET])
    for text in (written(SECRET), f"x {written(SECRET)} y\n"):
        for found in (redactor.text(text), logged(redactor, text)):
            assert REDACTED in found
            assert "hünter" not in found and "w0rd" not in found, found


TWO = "canary-one \\\n    \\ canary-two"
TEXTS = {
    "folded": "password: >-\n  canary-one\n  canary-two\nnext: 1\n",
    "in lines": "  - db_password: |\n      canary-one\n\n      canary-two\n  - next: 1\n",
    "with a comment": "token: |2+ # canary\n  canary-one\nnext: 1\n",
    "continued": f'password: "{TWO}"\nnext: 1\n',
    "continued, mid-line": f'{{x: 1, password: "{TWO}", y: 2}}\nnext: 1\n',
    "escaped": 'password: "can\\x61ry-one\\" canary-two" # z\nnext: 1\n',
    "in single quotes": "password: 'canary''one\n  canary-two'\nnext: 1\n",
    "on two lines": "password: canary-one\n  canary-two\nnext: 1\n",
    "with blanks": "password: canary-one canary-two # z\nnext: 1\n",
    "below its name": "password:\n  canary-one\nnext: 1\n",
    "a number": "password: 99canary\nnext: 1\n",
    "commented out": "# password: >-\n#   canary-one\n#   canary-two\n# next: 1\n",
    "JSON": '{"password": "canary one \\" canary two", "next": 1}\n',
    "JSON in JSON": '"{\\"password\\": \\"canary one\\", \\"next\\": 1}"\n',
    "JSON over lines": '{\n  "password": "canary one",\n  "next": 1\n}\n',
    "Python": "{'password': 'canary one', 'next': 1}\n",
    "an option": "x --db-password 'canary one' --next 1\n",
    "an address": "x://u:canary@canary@host/ next 1\n",
    "a private key": "-----BEGIN EC PRIVATE KEY-----\ncanary\n-----END EC PRIVATE KEY-----\nnext: 1\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_looks_like_a_secret_is_taken_out_to_its_end_and_no_further(text: str) -> None:
    for found in (looks_taken_out(text), logged(Redactor(), text), Redactor().text(text)):
        assert "canary" not in found and REDACTED in found, found
        assert "next" in found and "1" in found, found


def test_what_has_no_end_hides_no_more_than_a_while() -> None:
    for text in ('token: "canary\n', "-----BEGIN PRIVATE KEY-----\n"):
        assert "the last" in logged(Redactor(), text + "a line\n" * 500 + "the last\n", 4096)


@pytest.mark.parametrize(
    "text",
    [
        "password: ${from_env}",
        'token: "${x}"',
        "secret: {a: 1}",
        "secret:\n  a: 1\n",
        "keys: [a]",
        "passed: 3",
    ],
)
def test_what_is_no_value_stays(text: str) -> None:
    assert looks_taken_out(text) == text


def test_a_line_waits_only_while_the_next_may_belong_to_it() -> None:
    cleaned = Cleaned(Redactor(["one two three"]))
    assert list(cleaned.take(b"zero\n")) == ["zero\n"]
    assert list(cleaned.take(b"and one\n")) == []
    assert list(cleaned.take(b"two\n")) == []
    assert "".join(cleaned.take(b"four\n")) == "and one\ntwo\nfour\n"
    assert "".join(cleaned.take(b"one\n  two\n")) == ""
    assert "".join(cleaned.take(b"three\n")) == f"{REDACTED}\n"
    assert "".join([*cleaned.take(b"two one\n"), *cleaned.end()]) == "two one\n"


@pytest.mark.parametrize(
    "before", [LONGEST_TEXT - 30, LONGEST_TEXT - 9, LONGEST_TEXT - 1, LONGEST_TEXT, 999_995]
)
@pytest.mark.parametrize("written", [str, json.dumps, lambda secret: secret.replace("-", "\\x2d")])
def test_no_part_of_a_secret_is_left_where_a_text_is_cut(before: int, written: Callable[[str], str]) -> None:
    redactor = Redactor(["hunter-2-hunter"])
    text = "." * before + " " + written("hunter-2-hunter") + "." * 1_000_000
    for found in (redactor.text(text), logged(redactor, text, 65_536), logged(redactor, text + "\nx", 9_999)):
        assert "hunt" not in found
        assert "[left out: " in found and "more characters]" in found
        assert len(found) < LONGEST_TEXT + 100


@pytest.mark.parametrize(
    "output",
    [
        ["x" * 200_000] * 30,
        [1] * 1_000_000,
        {str(number): "x" for number in range(200_000)},
        {"a": [{"b": "x" * 100}] * 20_000},
    ],
)
def test_of_all_that_an_activity_said_no_more_is_kept_than_can_be_looked_through(output: Any) -> None:
    run = {"output": output, "exception": ["hunter-2"], "status": "succeeded"}
    kept = Redactor(["hunter-2"]).data({"run": [run, run]})["run"]
    assert "left out" in str(kept[0]["output"]) and kept[1] == kept[0]
    assert len(str(kept[0]["output"])) < 2 * LONGEST_OUTPUT
    assert (kept[0]["exception"], kept[0]["status"]) == ([REDACTED], "succeeded")


def test_what_is_not_too_long_is_kept_as_it_is() -> None:
    run = {"output": {"a": ["x" * 200_000, 1, None, {"b": "y" * 200_000}]}}
    assert Redactor(["hunter-2"]).data(run) == run


@pytest.mark.parametrize("before", range(LONGEST_TEXT - 30, LONGEST_TEXT, 4))
@pytest.mark.parametrize("said", ["hunter, two & hunter, two", "AKIA0123456789ABCDEF", "x://u:pass-word@h/"])
def test_nor_of_what_has_blanks_or_looks_like_one(before: int, said: str) -> None:
    text = "." * before + f" {said} " + "." * 100
    for found in (Redactor(["hunter, two & hunter, two"]).text(text), logged(Redactor([said]), text, 65_536)):
        assert not any(part in found for part in ("hunter", "AKIA0", "pass-")), found[-80:]


def test_after_a_line_that_is_too_long_the_log_goes_on() -> None:
    found = logged(Redactor(["hunter-2"]), "." * 900_000 + "\nhunter-2 next\n", 65_536)
    assert found.endswith(f"[left out: {900_000 - LONGEST_TEXT} more characters]\n{REDACTED} next\n")


@given(st.text(), st.integers(1, 9))
def test_a_log_is_what_its_text_is(text: str, at_once: int) -> None:
    redactor = Redactor(["one two", "hunter-2", "4711"])
    text = text.encode(errors="ignore").decode()
    assert logged(redactor, text, at_once) == text or REDACTED in logged(redactor, text, at_once)


SLOW = {
    "names": ("a-", "key"),
    "names with dots": ("a.-_", "password"),
    "dashes": ("-", "password"),
    "options": ("--a", " --token"),
    "tokens": ("eyJ-", ""),
    "tokens in parts": ("eyJaaaaaaaa.", ""),
    "addresses": ("://a:", ""),
    "one address": ("a:", "://"),
    "blanks": (" ", "token"),
    "many names": ("key ", ""),
    "colons": ("token:", ""),
    "quotes": ('token:"', ""),
    "backslashes": ("\\", ""),
    "escapes": ("\\x41", ""),
    "per cent": ("%41", ""),
    "lines": ("secret:\n", ""),
    "dashes below a name": ("-", "\n"),
    "keys": ("-----BEGIN PRIVATE KEY-----", ""),
    "beginnings": ("hunter ", ""),
    "beginnings of one word": ("aaaa", ""),
}


@pytest.mark.parametrize(("piece", "end"), SLOW.values(), ids=SLOW)
def test_no_text_takes_longer_than_its_length_allows(piece: str, end: str) -> None:
    redactor = Redactor(["hunter hunter 2", "a" * 40 + "b"])

    def took_s(text: str) -> float:
        begun_s = time.process_time()
        redactor._without_secrets(text)
        return time.process_time() - begun_s

    length = 20_000
    plain_s = max(took_s("the quick brown fox " * (length // 20)) for _ in range(3))
    # a pattern that looks twice at what it has passed takes thousands of times as long
    before = "token:\n" if end == "\n" else ""
    assert took_s(before + piece * (length // len(piece)) + end) < 300 * plain_s
