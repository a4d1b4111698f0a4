"""What of an experiment is a name: the rest of the evidence is found by it, so that it is never taken out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday import redact

# what Chaos Toolkit and gameday's recorders write themselves where a name of the file may stand
WORDS = "succeeded failed completed aborted interrupted write timeout refused unknown (other)".split()
BLOCKS = """
    title tags environment service.name service.owner objectives.rto-from
    slis.name slis.source slis.match slis.objective halt.when load.locustfile load.user-classes
    dr-test.id dr-test.type steady-state-hypothesis.title
    controls.name controls.provider.type controls.provider.module
    """.split()
ACTIVITIES = ("steady-state-hypothesis.probes.", "method.", "rollbacks.")
OF_ACTIVITY = """
    name type role runbook ref provider.type provider.module provider.func provider.secrets
    controls.name controls.provider.type controls.provider.module
    """.split()


def names_of(document: dict[str, Any], variables: dict[str, Any]) -> tuple[str, ...]:
    """The names that an experiment gives, as they are written and with its configuration filled in.

    One that a secret is filled into is no name. gameday's own words are among them.
    """
    written = {text for path, text in _texts(document) if is_name(path)}
    configuration = _configuration(document, variables) if any("${" in text for text in written) else {}
    filled_in = {_filled_in(text, configuration) for text in written if "${" in text}
    return tuple(sorted({*WORDS, *written, *filled_in}))


def filled_in(text: str, document: dict[str, Any], variables: dict[str, Any]) -> str:
    """A text with what of the configuration is no secret."""
    return _filled_in(text, _configuration(document, variables)) if "${" in text else text


def is_name(path: str) -> bool:
    """Whether a name stands there; the path is that of the keys alone, such as `slis.name`."""
    inside = next((path.removeprefix(each) for each in ACTIVITIES if path.startswith(each)), None)
    return path in BLOCKS if inside is None else inside.removeprefix("undo.") in OF_ACTIVITY


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)


def _configuration(document: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """What of the configuration is no secret; nothing when it cannot be resolved."""
    from chaoslib.configuration import load_configuration

    try:
        resolved = load_configuration(document.get("configuration") or {}, dict(variables))
    except Exception:  # noqa: BLE001 - the file's check and chaoslib's own say what is wrong
        return {}
    declared = document.get("configuration") or {}
    return {
        key: value
        for key, value in resolved.items()
        if not isinstance(value, dict) and not _is_secret(str(key), declared.get(key))
    }


def _is_secret(key: str, declared: Any) -> bool:
    """Whether a configuration is secret by its name, or by that of the variable that it comes from."""
    variable = declared.get("key") if isinstance(declared, dict) else None
    return redact.names_a_secret(key) or redact.names_a_secret(str(variable))


def _filled_in(text: str, configuration: dict[str, Any]) -> str:
    from chaoslib import substitute

    return str(substitute(text, configuration, {}))
