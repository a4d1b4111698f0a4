"""How runs go: hypotheses, what becomes of the method, rollbacks, dry runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product

import yaml

from tests.parity.making import (
    BACK,
    FALLS,
    MET,
    ONE,
    TWO,
    UNMET,
    Case,
    call,
    case,
    control,
    experiment,
    shell,
    steady,
)

STRATEGIES = "default before-method-only after-method-only during-method-only continuously".split()
ROLLBACKS = "always default never deviated".split()


HYPOTHESES = {"none": None, "met": steady(MET), "unmet": steady(UNMET), "falls": steady(MET, FALLS)}


def many() -> Iterator[Case]:
    """How a run goes: hypotheses, what becomes of the method, and rollbacks, by file and by command line."""
    methods = {
        "fine": [ONE, TWO],
        "fails": [call("fails", "fail"), TWO],
        "crashes": [call("crashes", "crash"), TWO],
        "interrupts": [call("interrupts", "interrupt"), TWO],
        "exits 3": [shell("exits", "echo out; exit 3"), TWO],
        "empty": [],
    }
    for (what, hypothesis), (how, method), rollback in product(
        HYPOTHESES.items(), methods.items(), ROLLBACKS
    ):
        blocks = {"steady_state_hypothesis": hypothesis} if hypothesis else {}
        document = experiment(*method, **blocks, rollbacks=[BACK])
        yield case(f"{what}, {how}, {rollback}", document, "--rollback-strategy", rollback)
    for (what, hypothesis), strategy, place in product(
        list(HYPOTHESES.items())[1:], STRATEGIES, ("file", "line", "settings")
    ):
        if what == "falls" and strategy not in ("default", "before-method-only", "after-method-only"):
            continue  # how often it was asked by then is a matter of time
        runtime = {"runtime": {"hypothesis": {"strategy": strategy}, "rollbacks": {"strategy": "default"}}}
        document = experiment(ONE, steady_state_hypothesis=hypothesis, **(runtime if place == "file" else {}))
        options = (
            ["--hypothesis-strategy", strategy, "--hypothesis-frequency", "0.01"] if place == "line" else []
        )
        yield case(
            f"{what}, {strategy} by {place}",
            document,
            *options,
            settings=runtime if place == "settings" else None,
        )


def few() -> Iterator[Case]:
    """What each other feature does to a run, once."""
    yield from _controls()
    yield from _settings()
    yield from _activities()
    for dry in ("actions", "activities"):
        for what, hypothesis in list(HYPOTHESES.items())[1:]:
            document = experiment(
                ONE, shell("touch", "touch touched"), steady_state_hypothesis=hypothesis, rollbacks=[BACK]
            )
            yield case(f"dry {dry}, {what}", document, "--dry", dry, "--rollback-strategy", "always")
    yield case(
        "fail fast",
        experiment({**ONE, "pauses": {"after": 1}}, TWO, steady_state_hypothesis=steady(UNMET)),
        "--hypothesis-strategy",
        "during-method-only",
        "--fail-fast",
    )


def _activities() -> Iterator[Case]:
    for key, value in {
        "background": {"background": True},
        "pauses": {"pauses": {"before": 0.01, "after": 0.01}},
        "pauses filled in": {"pauses": {"after": "${pause}"}},
        "a timeout": {"timeout": 3},
        "dry by itself": {"dry": "actions"},
        "contributions": {"contributions": {"reliability": "high"}},
    }.items():
        yield case(f"an action with {key}", experiment({**ONE, **value}, TWO, configuration={"pause": 0.01}))
    yield case("a reference", experiment({"ref": "asked"}, ONE, steady_state_hypothesis=steady(MET)))
    yield case("a reference to an action", experiment(ONE, {"ref": "one"}))
    yield case("a reference to nothing", experiment({"ref": "nothing"}))
    yield case("a rollback that refers", experiment(ONE, rollbacks=[{"ref": "one"}]))
    yield case("a background rollback", experiment(ONE, rollbacks=[{**BACK, "background": True}]))
    yield case("two of one name", experiment(ONE, ONE, {**TWO, "name": "one"}))
    yield case(
        "an error in a background action", experiment({**call("fails", "fail"), "background": True}, ONE)
    )
    yield case("a filled in title", experiment(ONE, title="${what} is tested", configuration={"what": "it"}))
    yield case("a title that nothing fills", experiment(ONE, title="${nothing} is tested"))
    yield case(
        "a title by the command line",
        experiment(ONE, title="${what}", configuration={"what": "a"}),
        "--var",
        "what=b",
    )
    yield case("a title that is a number", experiment(ONE, title="${what} times", configuration={"what": 3}))


def _controls() -> Iterator[Case]:
    hypothesis = {"steady_state_hypothesis": steady(MET), "rollbacks": [BACK]}
    yield case("a control", experiment(ONE, controls=[control()], **hypothesis))
    yield case(
        "a control of the hypothesis",
        experiment(ONE, steady_state_hypothesis={**steady(MET), "controls": [control()]}),
    )
    yield case("a control of an activity", experiment({**ONE, "controls": [control()]}, TWO, **hypothesis))
    yield case("a control of a rollback", experiment(ONE, rollbacks=[{**BACK, "controls": [control()]}]))
    for scope in ("before", "after"):
        yield case(f"a control {scope}", experiment(ONE, controls=[control(scope=scope)], **hypothesis))
    yield case("an automatic control", experiment(ONE, controls=[control(automatic=False)], **hypothesis))
    yield case(
        "a control that forbids",
        experiment(ONE, TWO, controls=[control("veto")], rollbacks=[BACK]),
        "--rollback-strategy",
        "always",
    )
    yield case("a control that is not there", experiment(ONE, controls=[control("nowhere")]))
    yield case("a control without a provider", experiment(ONE, controls=[{"name": "x"}]))
    files = {
        "controls.yaml": yaml.safe_dump({"noted": control()}),
        "controls.json": json.dumps({"noted": control()}),
    }
    for file in files:
        yield case(f"controls of {file}", experiment(ONE, **hypothesis), "--control-file", file, files=files)


def _settings() -> Iterator[Case]:
    rolled = experiment(call("fails", "fail"), rollbacks=[BACK], steady_state_hypothesis=steady(MET, FALLS))
    for strategy in ROLLBACKS:
        runtime = {"rollbacks": {"strategy": strategy}}
        yield case(f"rollbacks {strategy} by settings", rolled, settings={"runtime": runtime})
        yield case(f"rollbacks {strategy} by file", {**rolled, "runtime": runtime})
        yield case(
            f"rollbacks {strategy} by file, not settings",
            {**rolled, "runtime": runtime},
            settings={"runtime": {"rollbacks": {"strategy": "never"}}},
        )
    yield case(
        "a hypothesis by settings, runtime in the file",
        {**rolled, "runtime": {"rollbacks": {"strategy": "always"}}},
        settings={"runtime": {"hypothesis": {"strategy": "before-method-only"}}},
    )
    noted = {"noted": {"provider": {"type": "python", "module": "control"}}}
    yield case("controls by settings", experiment(ONE, rollbacks=[BACK]), settings={"controls": noted})
    for module in ("loader", "forbidding", "nowhere"):
        named = {"loaded": {"provider": {"type": "python", "module": module}}}
        yield case(f"control {module} by settings", experiment(ONE), settings={"controls": named})
    told = [{"type": "plugin", "module": "notified"}]
    yield case(
        "notifications",
        experiment(ONE, steady_state_hypothesis=steady(MET, FALLS)),
        settings={"notifications": told},
    )
    for name, settings in {"empty": None, "odd": {"runtime": None}, "a list": [1]}.items():
        yield case(f"settings that are {name}", experiment(ONE), settings=settings)
