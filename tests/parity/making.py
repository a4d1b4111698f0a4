"""Plain experiments, made of few words."""

from __future__ import annotations

from typing import Any

import yaml

Case = dict[str, Any]
SECRET = "s3cr3t-0f-4-gr0up"


def call(name: str, func: str, kind: str = "action", /, **more: Any) -> Case:
    """An activity that calls one of the steps."""
    arguments = more.pop("arguments", None)
    provider = {"type": "python", "module": "steps", "func": func}
    return {
        "type": kind,
        "name": name,
        "provider": {**provider, "arguments": arguments} if arguments else provider,
        **more,
    }


def shell(name: str, script: str, kind: str = "action", /, **more: Any) -> Case:
    """An activity that is a process."""
    return {
        "type": kind,
        "name": name,
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", script]},
        **more,
    }


def probe(tolerance: Any, value: Any = 1, name: str = "asked") -> Case:
    """A probe of a value."""
    return call(name, "echo", "probe", arguments={"value": value}, tolerance=tolerance)


MET, UNMET = probe(1), probe(2)
# met the first time only
FALLS = call("falls", "count", "probe", tolerance=1)
ONE, TWO = call("one", "echo", arguments={"value": "one"}), call("two", "echo", arguments={"value": "two"})
BACK = call("back", "echo", arguments={"value": "back"})


MET, UNMET = probe(1), probe(2)
# met the first time only
FALLS = call("falls", "count", "probe", tolerance=1)
ONE, TWO = call("one", "echo", arguments={"value": "one"}), call("two", "echo", arguments={"value": "two"})
BACK = call("back", "echo", arguments={"value": "back"})


def control(module: str = "control", **more: Any) -> Case:
    """A control of the whole experiment."""
    return {"name": module, "provider": {"type": "python", "module": module}, **more}


def experiment(*method: Case, **blocks: Any) -> Case:
    """A plain experiment."""
    blocks = {key.replace("_", "-"): value for key, value in blocks.items()}
    return {"title": "t", "description": "d", **blocks, "method": list(method)}


def steady(*probes: Case) -> Case:
    """A hypothesis."""
    return {"title": "steady", "probes": list(probes)}


def case(name: str, document: Any, *options: str, **more: Any) -> Case:
    """A case. document: data, or the text of a YAML file. more: `settings`, `environment`, `files`."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    return {"name": name, "text": text, "form": "yaml", "options": list(options), **more}
