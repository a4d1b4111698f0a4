"""What files say, and in which ways."""

from __future__ import annotations

from collections.abc import Iterator

from tests.parity.making import MET, ONE, Case, call, case, experiment, steady


def cases() -> list[Case]:
    """All of them."""
    return [*notes(), *_yaml(), *_shapes()]


def notes() -> Iterator[Case]:
    """Keys that look like gameday's in files that have nothing of it."""
    for key, value in {
        "author": "Jane",
        "service": "orders",
        "environment": "prod (eu)",
        "load": "heavy",
        "team": "x",
        "authors": ["Jane"],
        "services": ["orders"],
        "objective": "see what happens",
        "halts": "no",
        "x-slis": [1],
        "loads": 3,
        "environments": ["a"],
        "tier": 1,
    }.items():
        yield case(f"a note {key}", experiment(ONE, **{key: value}))
    yield case("a note author of a mapping", experiment(ONE, author={"name": "Jane"}))
    for key, value in {
        "role": "admin",
        "target": "db",
        "targets": ["db"],
        "runbook": {"url": "x"},
        "arguments": {"a": 1},
        "undo": "by hand",
        "roles": ["a"],
        "module": "x",
        "description": "d",
        "tags": ["x"],
        "runbooks": "x",
    }.items():
        yield case(f"a note {key} of an action", experiment({**ONE, key: value}))
        yield case(
            f"a note {key} of a probe", experiment(ONE, steady_state_hypothesis=steady({**MET, key: value}))
        )


def _yaml() -> Iterator[Case]:
    """What YAML says in its own ways."""
    provider = "{type: python, module: steps, func: kinds, arguments: {value: %s}}"
    head = "title: t\ndescription: d\nmethod:\n- {type: action, name: one, provider: " + provider + "}\n"
    for value in (
        "{200: ok}",
        "{true: a, null: b, 1.5: c}",
        "2026-01-02",
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05 +02:00",
        "{2026-01-02: x}",
        "[2026-01-02, {3: 2026-01-02}]",
        "0o17",
        "017",
        "0x1f",
        "1_000",
        "12:30:00",
        "yes",
        "NO",
        "~",
        "1e3",
        "1.",
        ".5",
        "'2026-01-02'",
        "!!str 200",
        "!!int '3'",
        "=",
        "{? a : b}",
        "[&x 1, *x]",
        '"\\u00e9"',
        "0b11",
        "-0",
        "{'200': ok}",
        "{a: {200: {300: deep}}}",
        "[{404: x}, {a: b}]",
        "on",
        "1990-12-32",
        "2001-1-1",
        "{on: off}",
    ):
        yield case(f"yaml {value}", head % value)
    yield case(
        "a merge",
        "x: &x {type: action}\n"
        + head % "1"
        + "- {<<: *x, name: two, provider: {type: process, path: 'true'}}\n",
    )
    yield case(
        "a date in the configuration",
        head % "'${when}'" + "configuration: {when: 2026-01-02, codes: {200: ok}}\n",
    )
    yield case("a number as a version", head % "1" + "version: 1.0\n")
    yield case("a block of text", head % "1" + "x-note: |\n  a\n  b\n")
    yield case("two documents", "---\n" + head % "1")
    yield case("an empty file", "")
    yield case("a list", "- a\n")


def _shapes() -> Iterator[Case]:
    """Shapes that Chaos Toolkit bears, or does not."""
    for key, value in {
        "tags": ["a", "b"],
        "extensions": [{"name": "x", "a": 1}],
        "contributions": {"reliability": "high"},
        "dry": "actions",
        "dry_run": True,
        "version": "1.0.0",
        "rollbacks": [],
        "controls": [],
        "configuration": {},
        "secrets": {},
        "steady-state-hypothesis": {"title": "x"},
        "runtime": {},
    }.items():
        yield case(f"a shape of {key}", experiment(ONE, **{key: value}))
    for key in ("title", "description", "method"):
        yield case(f"without {key}", {name: value for name, value in experiment(ONE).items() if name != key})
    for name, activity in {
        "no type": {"name": "x", "provider": ONE["provider"]},
        "no name": {"type": "action", "provider": ONE["provider"]},
        "no provider": {"type": "action", "name": "x"},
        "an odd type": {**ONE, "type": "odd"},
        "no such module": {**ONE, "provider": {"type": "python", "module": "nowhere", "func": "x"}},
        "no such function": {**ONE, "provider": {"type": "python", "module": "steps", "func": "nothing"}},
        "an argument too many": call("one", "crash", arguments={"x": 1}),
        "an argument too few": call("one", "odd"),
        "an odd provider": {**ONE, "provider": {"type": "odd"}},
        "no url": {**ONE, "provider": {"type": "http"}},
    }.items():
        yield case(f"an action with {name}", experiment(activity))
