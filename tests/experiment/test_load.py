"""Wrong experiment files: every problem with its place and a correction; nothing is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.errors import InvalidInput
from gameday.experiment.load import load

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
        ("undo: {provider: {}, withn: 10m}", "unknown key 'withn'; did you mean 'within'?"),
        ("undo: {provider: {}, within: 10}", "undo.within"),
        ("undo: {provider: {}, within: 5h}", "it takes from 1 s to 4 h"),
        ("undo: {provider: {}, poll: 5s}", "poll says how often to verify, and nothing does"),
        ("undo: {provider: {}, needs: [a b]}", "'a b' is no name of a variable"),
        ("undo: {provider: {}, settles: true}", "settles while it is read back"),
        ("undo: {provider: {}, verify: {provider: {}}}", "verify is a probe; write for example"),
        ("undo: {provider: {}, verify: {provider: x, tolerance: true}}", "provider is a mapping, not 'x'"),
        (
            "undo: {provider: {}, verify: {tolerance: 0, provider: "
            "{type: python, module: gameday.faults.proces, func: pause}}}",
            "there is no module",
        ),
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
    text = HEAD + f"objectives: {{}}\nmethod:\n  - name: a\n    type: action\n    {activity}\n"
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


PROBED = "slis: [{{name: a, source: probe, objective: {objective}, window: {window}, probe: {{{probe}}}}}]\n"


def seeing(tmp_path: Path, rto: str, probe: str, objective: str = "100%", window: str = "5s") -> list[str]:
    path = tmp_path / "x.yaml"
    slis = PROBED.format(objective=objective, window=window, probe=probe)
    path.write_text(f"{HEAD}objectives: {{rto: {rto}}}\n{slis}{TAIL}")
    try:
        load(path)
    except InvalidInput as invalid:
        return [str(problem).removeprefix(str(tmp_path) + "/") for problem in invalid.problems]
    return []


def test_an_rto_that_a_probe_cannot_see_is_refused_where_it_stands(tmp_path: Path) -> None:
    # a freeze of up to 1 s fails no probe that waits for 1 s
    (said,) = seeing(tmp_path, "300ms", "tcp: 'h:1', timeout: 1s")
    assert said == (
        "x.yaml:4:91: 'a' may not see an outage of 1.02 s, and the rto is 300 ms: let it answer sooner "
        "(timeout: or good: below 280 ms)"
    )
    (said,) = seeing(tmp_path, "300ms", "tcp: 'h:1'")  # the default waits as long
    assert said.startswith("x.yaml:4:69: 'a' may not see")


def test_a_probe_sees_what_is_longer_than_its_timeout_a_period_and_what_the_objective_bears(
    tmp_path: Path,
) -> None:
    assert seeing(tmp_path, "300ms", "tcp: 'h:1', timeout: 280ms, every: 20ms") == []
    assert seeing(tmp_path, "299ms", "tcp: 'h:1', timeout: 280ms, every: 20ms") != []
    assert seeing(tmp_path, "350ms", "tcp: 'h:1', timeout: 280ms, every: 20ms", "99%") == []
    assert seeing(tmp_path, "349ms", "tcp: 'h:1', timeout: 280ms, every: 20ms", "99%") != []


def test_an_rto_below_what_the_objective_bears_needs_another_objective(tmp_path: Path) -> None:
    (said,) = seeing(tmp_path, "300ms", "tcp: 'h:1', timeout: 10ms", "90%")
    assert "ask for a larger share, in a shorter window, more often" in said


def test_a_latency_that_is_good_limits_what_a_probe_cannot_see(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    sli = "{name: a, source: probe, objective: 100%, good: latency < 200ms, probe: {tcp: 'h:1'}}"
    path.write_text(f"{HEAD}objectives: {{rto: 300ms}}\nslis: [{sli}]\n{TAIL}")
    assert load(path).blocks.slis[0].unseen_s == pytest.approx(0.22)


def test_a_probe_that_is_added_sees_what_the_rto_asks_for(tmp_path: Path) -> None:
    (tmp_path / "l.py").write_text("")
    path = tmp_path / "x.yaml"
    for rto, timeout_s in (("300ms", 0.15), ("10s", 1.0), ("2s", 1.0), ("50ms", 0.025)):
        path.write_text(
            f"{HEAD}objectives: {{rto: {rto}}}\nload: {{locustfile: l.py, host: 'http://h'}}\n{TAIL}"
        )
        probe = load(path).blocks.slis[-1].probe
        assert probe is not None and probe.timeout == timeout_s
