"""Wrong experiment files: every problem with its place and a correction; nothing is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.errors import InvalidInput
from gameday.experiment import load

HEAD = "title: t\ndescription: d\n"
TAIL = "method: []\n"


def problems(tmp_path: Path, text: str, **variables: str) -> list[str]:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as invalid:
        load(path, variables)
    return [str(problem).removeprefix(str(tmp_path) + "/") for problem in invalid.value.problems]


def only(tmp_path: Path, block: str) -> str:
    found = problems(tmp_path, HEAD + block + TAIL)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            "objectives: {rto: 30}\nload: {locustfile: x.py, host: 'http://h'}\n",
            "is not a duration; write for example",
        ),
        ("objectives: {rpo: 0s}\n", "x.yaml:3:14: an rpo is counted from a ledger; add a block ledger:"),
        ("objectives: {rto: 30s}\n", "x.yaml:3:14: an rto is measured by a probe"),
        ("objectivs: {rto: 30s}\n", "x.yaml:3:1: unknown key 'objectivs'; did you mean 'objectives'?"),
        ("service: {nme: orders}\n", "unknown key 'nme' in service; did you mean 'name'?"),
        (
            "slis: [{name: a, source: load, objective: 99%}]\n",
            "source: load needs a block load: in this file",
        ),
        ("slis: [{name: a, source: probe, objective: 99%}]\n", "source: probe needs a probe"),
        (
            "slis: [{name: a, source: prob, objective: 99%}]\n",
            "x.yaml:3:26: unknown source 'prob'; did you mean 'probe'?",
        ),
        (
            "slis: [{name: a, source: probe, objective: 99, probe: {tcp: 'h:1'}}]\n",
            "99 is not an objective; write a share of good samples",
        ),
        (
            "slis: [{name: a, source: probe, objective: 99%, probe: {}}]\n",
            "write exactly one of http, tcp or sql",
        ),
        (
            "slis: [{name: a, source: probe, objective: 99%, probe: {tcp: 'host'}}]\n",
            "is not a host and port",
        ),
        (
            "slis: [{name: a, source: probe, objective: 99%, good: fast, probe: {tcp: 'h:1'}}]\n",
            "does not say what is good; write for example latency < 300ms",
        ),
        ("load: {locustfile: nope.py, host: 'http://h'}\n", "there is no locustfile"),
        ("load: {locustfile: broken.py, host: 'http://h'}\n", "broken.py:1:"),
        ("load: {host: 'http://h'}\n", "x.yaml:3:1: load needs the key 'locustfile'"),
        ("ledger: {http: 'http://h', redis: 'redis://h'}\n", "not http and redis"),
        ("ledger: {http: 'http://h', rate: 50}\n", "50 is not a rate; write for example 50/s"),
        (
            "ledger: {postgresql: 'postgresql://u:secret@h/db'}\n",
            "a password here would be copied into the evidence",
        ),
        (
            "ledger: {postgresql: 'host=h password=secret'}\n",
            "a password here would be copied into the evidence",
        ),
        ("ledger: {http: '${nowhere}/x'}\n", "unknown variable 'nowhere'; give it with --var"),
    ],
)
def test_a_wrong_block_is_named_with_its_place_and_a_correction(
    tmp_path: Path, block: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text("def x(:\n")
    (tmp_path / "x.py").write_text("")
    found = problems(tmp_path, HEAD + block + TAIL)
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("x.yaml:") for problem in found)


@pytest.mark.parametrize(
    ("activity", "message"),
    [
        ("rol: fault", "unknown key 'rol'; did you mean 'role'?"),
        ("role: falt", "unknown role 'falt'; did you mean 'fault'?"),
        ("undo: restart", "undo is an activity"),
        ("provider: {type: python, module: gameday.faults.process, func: pauze}", "unknown fault 'pauze'"),
        ("provider: {type: python, module: gameday.faults.proces, func: pause}", "there is no module"),
        (
            "provider: {type: python, module: gameday.faults.process, func: pause, arguments: {pidd: 1}}",
            "'pause' takes no 'pidd'; did you mean 'pid'?",
        ),
        (
            "provider: {type: python, module: gameday.faults.postgresql, func: promote}",
            "'promote' needs the argument 'dsn'",
        ),
    ],
)
def test_a_wrong_activity_is_named_with_its_place(tmp_path: Path, activity: str, message: str) -> None:
    text = HEAD + f"method:\n  - name: a\n    type: action\n    {activity}\n"
    found = problems(tmp_path, text)
    assert any(message in problem for problem in found), found


def test_all_problems_of_a_file_come_in_one_go_in_its_order(tmp_path: Path) -> None:
    block = "service: {nme: x}\nslis: [{name: a, source: laod, objective: 99%}]\nledger: {http: nowhere}\n"
    found = problems(tmp_path, HEAD + block + TAIL)
    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == sorted(lines) and set(lines) == {3, 4, 5}


def test_unknown_keys_of_chaos_toolkit_are_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + TAIL + "x-team: payments\ncontributions: {security: high}\n")
    assert load(path).is_plain


def test_rollback_for_rollbacks_is_a_warning_since_chaos_toolkit_ignores_it(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + TAIL + "rollback: []\n")
    (warning,) = load(path).warnings
    assert "did you mean 'rollbacks'?" in str(warning)


def test_a_key_written_twice_in_a_block_of_gameday_is_an_error(tmp_path: Path) -> None:
    probe = "slis: [{name: a, source: probe, objective: 99%, probe: {tcp: 'h:1'}}]\n"
    assert "'rto' is written twice" in only(tmp_path, "objectives: {rto: 1s, rto: 2s}\n" + probe)


@pytest.mark.parametrize(
    "text", ["", "[]", "title: [", "title: \x00", "a: !!python/object/apply:os.system [id]"]
)
def test_what_is_no_experiment_is_an_error_with_a_place(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_a_missing_file_and_another_ending_are_named(tmp_path: Path) -> None:
    (tmp_path / "drill.yaml").write_text(HEAD + TAIL)
    with pytest.raises(InvalidInput, match=r"there is no such file; did you mean .*drill\.yaml"):
        load(tmp_path / "dril.yaml")
    with pytest.raises(InvalidInput, match="ends in"):
        load(tmp_path / "drill.txt")


def test_variables_come_from_the_configuration_the_environment_and_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.yaml"
    monkeypatch.setenv("GAMEDAY_TEST_HOST", "from-environment")
    configuration = "configuration: {a: fixed, b: {type: env, key: GAMEDAY_TEST_HOST}, c: overridden}\n"
    probe = "slis: [{name: n, source: probe, objective: 99%, probe: {http: 'http://${a}-${b}-${c}/'}}]\n"
    path.write_text(HEAD + configuration + probe + TAIL)
    (sli,) = load(path, {"c": "given"}).blocks.slis
    assert sli.probe is not None and sli.probe.http == "http://fixed-from-environment-given/"


def test_an_rto_without_a_probe_gets_one_of_the_loads_host(tmp_path: Path) -> None:
    (tmp_path / "l.py").write_text("")
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + "objectives: {rto: 1s}\nload: {locustfile: l.py, host: 'http://h:1'}\n" + TAIL)
    (sli,) = load(path).blocks.slis
    assert sli.source == "probe" and sli.probe is not None and sli.probe.http == "http://h:1"


def test_json_with_tabs_reads_as_json_does(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"title": "t", "description": "d", "method": []}, indent="\t"))
    assert load(path).title == "t"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    "title method slis name source probe http objectives rto load ledger service ${x}".split()
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_file_holds_the_answer_is_problems_or_an_experiment(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    path = tmp_path_factory.mktemp("any") / "x.json"
    path.write_text(json.dumps(data))
    try:
        load(path)
    except InvalidInput as invalid:
        assert invalid.problems
