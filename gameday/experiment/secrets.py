"""What of an experiment is secret, so that no file of its evidence holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from gameday import redact


def secrets_of(document: dict[str, Any], variables: dict[str, Any]) -> tuple[str, ...]:
    """The values of the secrets, of password-like configuration, and of passwords in addresses.

    Whatever cannot be resolved is left out: whoever needs it will say so. The environment's secrets are
    among them, since an activity may print it.
    """
    found = [*redact.of_environment(os.environ.items()), *_named(variables), *_inside(variables)]
    configuration = document.get("configuration")
    declared = document.get("secrets")
    found += [*_named(configuration), *_inside(configuration), *_leaves(declared)]
    if declared or _asks_the_environment(configuration):
        resolved, secrets = _resolved(document, variables)
        found += [*_named(resolved), *_inside(resolved), *_leaves(secrets)]
    found += _named(document)
    return tuple(sorted({value for value in found if redact.is_telling(value)}))


def _resolved(document: dict[str, Any], variables: dict[str, Any]) -> tuple[Any, Any]:
    """Configuration and secrets as chaoslib resolves them; nothing of what it cannot."""
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    configuration: Any = {}
    try:
        configuration = load_configuration(document.get("configuration") or {}, dict(variables))
        return configuration, load_secrets(document.get("secrets") or {}, configuration)
    except Exception:  # noqa: BLE001 - the file's check and chaoslib's own say what is wrong
        return configuration, {}


def _asks_the_environment(configuration: Any) -> bool:
    return any(isinstance(value, dict) for value in (configuration or {}).values())


def _named(value: Any) -> Iterator[str]:
    """Texts under a name such as `password`, anywhere inside."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and redact.names_a_secret(str(key)) and not item.startswith("${"):
                yield item
            yield from _named(item)
    elif isinstance(value, list):
        for before, item in zip([None, *value], value, strict=False):
            if redact.is_a_flag(before) and isinstance(item, str) and not item.startswith("${"):
                yield item
            yield from _named(item)


def _inside(value: Any) -> Iterator[str]:
    """Passwords inside addresses, anywhere inside."""
    for text in _texts(value):
        _, *passwords = redact.parts_of(text)
        yield from (password for password in passwords if password in text and "\n" not in text)


def _leaves(value: Any) -> Iterator[str]:
    """Every text that stands for a secret itself, not for where it is found."""
    if isinstance(value, dict) and value.get("type") in redact.FOUND_IN:
        return
    yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
