"""What of an experiment is secret, so that no file of its evidence holds it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from gameday import redact

Dictionary = dict[str, Any]
# a vault that has not answered within so many seconds does not answer
ANSWER_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """Configuration and secrets as chaoslib finds them.

    trouble: why that failed, None if it did not; where: the block that is at fault.
    """

    configuration: dict[str, Any] = field(default_factory=dict, repr=False)
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    trouble: str | None = None
    where: str = "secrets"

    @property
    def advice(self) -> str:
        """The trouble, and what may help."""
        hint = "; set it, or give the value with --var" if self.where == "configuration" else ""
        return f"{self.trouble}{hint}"


def find(document: dict[str, Any], variables: dict[str, Any], given: Dictionary | None = None) -> Found:
    """Ask the environment, and the vault, for what the experiment takes from there. given: secrets."""
    if not _asks_a_vault(document.get("secrets")):
        return _found(document, variables, given)
    found: list[Found] = []
    asking = threading.Thread(target=lambda: found.append(_found(document, variables, given)), daemon=True)
    asking.start()
    asking.join(ANSWER_WITHIN_S)
    return found[0] if found else Found(trouble=f"the vault has not answered for {ANSWER_WITHIN_S:g} s")


def asks_others(document: dict[str, Any]) -> bool:
    """Whether there is anything that the file itself does not say."""
    return bool(document.get("secrets")) or _asks_the_environment(document.get("configuration"))


def secrets_of(
    document: dict[str, Any],
    variables: dict[str, Any],
    found: Callable[[], Found] | None = None,
    given: Dictionary | None = None,
) -> tuple[str, ...]:
    """The values of the secrets, of password-like configuration, and of passwords in addresses.

    found: gives what was found already. given: secrets by the command line. What cannot be found is left
    out: whoever needs it will say so. The environment's are among them, since an activity may print it.
    """
    configuration, declared = document.get("configuration"), document.get("secrets")
    values = [*of_environment(os.environ.items()), *_named(variables), *_inside(variables)]
    values += [*_named(document), *_inside(configuration), *_asked(configuration)]
    values += [*_leaves(declared), *_leaves(given)]
    if asks_others(document):
        asked = found() if found is not None else find(document, variables)
        values += [*_named(asked.configuration), *_inside(asked.configuration), *_leaves(asked.secrets)]
        values += _named_by_the_environment(configuration, asked.configuration)
    return tuple(sorted({value for value in values if redact.is_telling(value)}))


def of_environment(environment: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets in an environment, by the names of its variables; the path of a file is none."""
    return [
        value
        for name, value in environment
        if redact.names_a_secret(name) and redact.is_telling(value) and not _is_a_path(value)
    ]


def _is_a_path(value: str) -> bool:
    try:
        return value.startswith("/") and Path(value).exists()
    except (OSError, ValueError):
        return False


def _found(document: dict[str, Any], variables: dict[str, Any], given: Dictionary | None) -> Found:
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    try:
        configuration = load_configuration(document.get("configuration") or {}, dict(variables))
    except Exception as error:  # noqa: BLE001 - chaoslib trips over shapes that it did not expect
        return Found(trouble=_said(error), where="configuration")
    try:
        secrets = load_secrets(document.get("secrets") or {}, configuration, dict(given or {}))
    except Exception as error:  # noqa: BLE001 - whatever asks a vault raises what it likes
        return Found(configuration, trouble=_said(error))
    return Found(configuration, secrets, next(_without_answer(document.get("secrets"), secrets), None))


def _said(error: Exception) -> str:
    from chaoslib.exceptions import ChaosException

    return str(error) if isinstance(error, ChaosException) else f"{type(error).__name__}: {error}"


def _asks_a_vault(declared: Any) -> bool:
    if not isinstance(declared, dict):
        return False
    return declared.get("type") == "vault" or any(map(_asks_a_vault, declared.values()))


def _without_answer(declared: Any, secrets: Any) -> Iterator[str]:
    """The secrets of a vault that chaoslib goes on without."""
    if not isinstance(declared, dict) or not isinstance(secrets, dict):
        return
    for name, value in declared.items():
        if isinstance(value, dict) and value.get("type") == "vault" and not secrets.get(name):
            from chaoslib.secret import HAS_HVAC

            needs = "it takes: pip install 'chaostoolkit-lib[vault]'"
            yield f"the vault does not give '{name}'" + ("" if HAS_HVAC else f"; {needs}")
        else:
            yield from _without_answer(value, secrets.get(name))


def _asks_the_environment(configuration: Any) -> bool:
    return isinstance(configuration, dict) and any(
        isinstance(value, dict) for value in configuration.values()
    )


def _asked(configuration: Any) -> Iterator[str]:
    """What stands in the environment for password-like configuration, before it is made a number."""
    for name, where in _from_the_environment(configuration):
        if redact.names_a_secret(name) or redact.names_a_secret(where["key"]):
            yield from _words(os.environ.get(where["key"]))
            yield from _words(where.get("default"))


def _named_by_the_environment(configuration: Any, found: dict[str, Any]) -> Iterator[str]:
    """What such a variable was made, even where the configuration calls it by a name that says nothing."""
    for name, where in _from_the_environment(configuration):
        if redact.names_a_secret(where["key"]):
            yield from _leaves(found.get(name))


def _from_the_environment(configuration: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in configuration.items() if isinstance(configuration, dict) else ():
        if isinstance(value, dict) and value.get("type") == "env" and isinstance(value.get("key"), str):
            yield str(name), value


def _named(value: Any) -> Iterator[str]:
    """Values under a name such as `password`, anywhere inside."""
    if isinstance(value, dict):
        for key, item in value.items():
            if redact.names_a_secret(str(key)) and not isinstance(item, dict):
                yield from _words(item)
            yield from _named(item)
    elif isinstance(value, list):
        for before, item in zip([None, *value], value, strict=False):
            if redact.is_a_flag(before):
                yield from _words(item)
            yield from _named(item)


def _inside(value: Any) -> Iterator[str]:
    """Passwords inside addresses, anywhere inside."""
    for text in _words(value):
        yield from redact.passwords_in(text)


def _leaves(value: Any) -> Iterator[str]:
    """Every value that is a secret itself, not where it is found."""
    if isinstance(value, dict):
        if value.get("type") not in redact.FOUND_IN:
            for item in value.values():
                yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield from _words(value)


def _words(value: Any) -> Iterator[str]:
    """Every value inside as it is written when it is written as text; no references."""
    if isinstance(value, str):
        if not value.startswith("${"):
            yield value
    elif isinstance(value, bytes):
        yield value.decode(errors="replace")
    elif isinstance(value, int | float | date):
        yield from () if isinstance(value, bool) else _as_text(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)


def _as_text(value: Any) -> Iterator[str]:
    try:
        yield str(value)
    except ValueError:  # more digits than Python writes
        return
