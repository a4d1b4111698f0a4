"""What activities return and are given, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.parity.making import ONE, SECRET, TWO, Case, call, case, experiment, probe, shell, steady


def many() -> Iterator[Case]:
    """Every kind of tolerance, against values that it bears and does not bear."""
    kinds: dict[str, Any] = {
        "number": 1,
        "text": "1",
        "true": True,
        "list": [1, 2],
        "empty": [],
        "none": None,
        "float": 1.0,
        "regex": {"type": "regex", "pattern": "^[0-9]$"},
        "regex of a target": {"type": "regex", "target": "stdout", "pattern": "1"},
        "jsonpath": {"type": "jsonpath", "path": "$.a"},
        "jsonpath, expect": {"type": "jsonpath", "path": "$.a", "expect": [1]},
        "jsonpath, count": {"type": "jsonpath", "path": "$.a[*]", "count": 2},
        "jsonpath of a target": {"type": "jsonpath", "path": "$.a", "target": "stdout"},
        "range": {"type": "range", "range": [0, 2]},
        "range of a target": {"type": "range", "target": "a", "range": [0, 2]},
        "range of texts": {"type": "range", "range": ["0", "2"]},
        "probe": {**call("judge", "is_below", "probe", arguments={"value": "${value}"})},
        "crashing probe": {**call("judge", "crash", "probe")},
        "filled in": "${wanted}",
    }
    values: dict[str, Any] = {
        "1": 1,
        "2": 2,
        "text": "1",
        "true": True,
        "nothing": None,
        "mapping": {"a": 1},
        "list": [1, 2],
        "list inside": {"a": [1, 2]},
        "json": '{"a": 1}',
        "process": {"status": 0, "stdout": "1", "stderr": ""},
        "answer": {"status": 200, "body": "1", "headers": {}},
    }
    for (kind, tolerance), (what, value) in product(kinds.items(), values.items()):
        document = experiment(
            ONE, steady_state_hypothesis=steady(probe(tolerance, value)), configuration={"wanted": 1}
        )
        yield case(f"tolerance {kind} of {what}", document)


def few() -> Iterator[Case]:
    """What activities return, and what they are given."""
    yield from _configurations()
    kinds = "aware date moment decimal uuid tuple keys deep long number text bytes set object enum generator"
    for kind in kinds.split():
        yield case(f"an output of {kind}", experiment(call("one", "odd", arguments={"kind": kind}), TWO))
    for name, script in {
        "text": "printf hello",
        "bytes": "printf '\\377\\376'",
        "json": "printf '{\"a\": 1}'",
        "nothing": "true",
        "lines": "printf 'a\\nb'",
        "errors": "printf e >&2; exit 1",
        "accents": "printf 'caf\\303\\251'",
    }.items():
        yield case(f"a process that prints {name}", experiment(shell("one", script)))
    for name, provider in {
        "arguments as text": {"path": "echo", "arguments": "hello ${who}"},
        "arguments as a mapping": {"path": "echo", "arguments": {"-n": "x", "y": None}},
        "arguments as a list": {"path": "echo", "arguments": ["a b", "${who}", 3]},
        "no arguments": {"path": "true"},
        "no such program": {"path": "no-such-program"},
        "a timeout": {"path": "sleep", "arguments": ["5"], "timeout": 0.1},
        "a decoding": {"path": "echo", "arguments": "x", "decode": "utf-8"},
    }.items():
        activity = {"type": "action", "name": "one", "provider": {"type": "process", **provider}}
        yield case(f"a process with {name}", experiment(activity, TWO, configuration={"who": "you"}))
    for name, given in {
        "every kind": {"a": 1, "b": "two", "c": [3], "d": {"e": None}, "f": 1.5, "g": True},
        "filled in": {"a": "${who}", "b": "x ${who}", "c": ["${who}"], "d": {"e": "${number}"}},
        "escaped": {"a": "$${who}"},
        "unknown": {"a": "${nobody}"},
    }.items():
        yield case(
            f"arguments {name}",
            experiment(call("one", "say", arguments=given), configuration={"who": "you", "number": 3}),
        )


def _configurations() -> Iterator[Case]:
    environment = {"GAMEDAY_TEST_WORD": "5"}
    for kind in (None, "str", "int", "float", "bool", "bytes", "json", "odd"):
        where: Case = {"type": "env", "key": "GAMEDAY_TEST_WORD"} | ({"env_var_type": kind} if kind else {})
        yield case(
            f"a variable of {kind}",
            experiment(call("one", "kinds", arguments={"value": "${a}"}), configuration={"a": where}),
            environment=environment,
        )
    unset = {"type": "env", "key": "GAMEDAY_TEST_UNSET"}
    for name, where in {
        "unset": unset,
        "by default": {**unset, "default": "x"},
        "by nothing": {**unset, "default": None},
    }.items():
        document = experiment(call("one", "kinds", arguments={"value": "${a}"}), configuration={"a": where})
        yield case(f"a variable {name}", document)
        yield case(f"a variable {name}, given", document, "--var", "a=1")
    for given in (
        "a=x",
        "a:int=3",
        "a:float=3",
        "a:bytes=x",
        "a:bool=no",
        'a:json={"b": [1]}',
        "a:odd=1",
        "a",
        "b=new",
    ):
        document = experiment(
            call("one", "kinds", arguments={"value": "${a}"}),
            call("two", "with_all"),
            configuration={"a": "0"},
        )
        yield case(f"--var {given}", document, "--var", given)
    yield case(
        "a probe",
        experiment(
            call("one", "say", arguments={"a": "${a}"}),
            configuration={"b": 3, "a": call("ask", "echo", "probe", arguments={"value": "${b}"})},
        ),
    )
    yield case("a failing probe", experiment(ONE, configuration={"a": call("ask", "fail", "probe")}))
    files = {
        "values.yaml": "configuration: {a: 7, b: [1], when: 2026-01-02}\n"
        f"secrets: {{group: {{token: {SECRET}}}}}\n",
        "values.json": '{"configuration": {"a": {"type": "env", "key": "GAMEDAY_TEST_WORD"}}}',
        "values.env": "# a comment\nGAMEDAY_TEST_UNSET=from a file\n\n",
        "empty.yaml": "",
    }
    document = experiment(
        call("one", "kinds", arguments={"value": "${a}"}),
        call("two", "with_all"),
        configuration={"a": {"type": "env", "key": "GAMEDAY_TEST_UNSET", "default": "0"}, "when": "x"},
        secrets={"group": {"token": {"type": "env", "key": "GAMEDAY_TEST_WORD"}}},
    )
    for file in files:
        yield case(f"--var-file {file}", document, "--var-file", file, files=files, environment=environment)
    yield case(
        "--var-file and --var",
        document,
        "--var-file",
        "values.yaml",
        "--var",
        "a=9",
        files=files,
        environment=environment,
    )
    yield case(
        "two var files",
        document,
        "--var-file",
        "values.yaml",
        "--var-file",
        "values.json",
        files=files,
        environment=environment,
    )
    secret = {"secrets": {"group": {"token": {"type": "env", "key": "GAMEDAY_TEST_WORD"}, "plain": SECRET}}}
    yield case(
        "secrets", experiment(call("one", "with_all", secrets=["group"]), **secret), environment=environment
    )
    of = {**call("one", "with_all"), "secrets": ["group"]}
    of["provider"]["secrets"] = ["group"]
    yield case("secrets of a provider", experiment(of, **secret), environment=environment)
    yield case("a secret that is unset", experiment(ONE, secrets={"group": {"token": unset}}))
    yield case(
        "a configuration of lists",
        experiment(call("one", "kinds", arguments={"value": "${a}"}), configuration={"a": [1, {"b": 2}]}),
    )
