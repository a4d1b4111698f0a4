"""Read an experiment file, check all of it, and say everything that is wrong in one go."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gameday.errors import InvalidInput, Problem
from gameday.experiment import activities, locustfile, notes, plain, positions, seeing, tls, toolkit
from gameday.experiment.complaints import complaint
from gameday.experiment.given import Given
from gameday.experiment.model import Blocks, Objectives
from gameday.experiment.names import filled_in, names_of
from gameday.experiment.positions import Positions
from gameday.experiment.secrets import Found, asks_others, find, secrets_of
from gameday.experiment.source import Source, text_of
from gameday.experiment.spelling import did_you_mean, nearest
from gameday.units import spoken

# what Chaos Toolkit itself reads at the top level; anything else there is nobody's or gameday's
CHAOS_TOOLKIT_KEYS = (
    "version title description tags contributions secrets configuration "
    "extensions controls steady-state-hypothesis method rollbacks runtime dry"
).split()
NOTHING = Given()
BLOCK_KEYS = tuple(field.alias or name for name, field in Blocks.model_fields.items())


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment that has been read and checked.

    `document` is the whole file for chaoslib; `blocks` are gameday's own, with `${variables}` filled in.
    `variables` are the `--var` values by name; `secrets` must not be written down. `warnings` are worth
    reading and stop nothing. `found` is what others gave: the environment, a vault; `given`, what files did.
    `address` is where it was fetched from.
    """

    path: Path
    text: str
    document: dict[str, Any]
    blocks: Blocks
    places: Positions
    variables: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[Problem, ...] = ()
    found: Found = field(default_factory=Found)
    given: Given = NOTHING
    address: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def title(self) -> str:
        """The experiment's title, with its configuration filled in."""
        return filled_in(str(self.document.get("title", "")), self.document, self.variables)

    @property
    def names(self) -> tuple[str, ...]:
        """What is written down even where a secret has the same value."""
        return names_of(self.document, self.variables)

    @property
    def is_plain(self) -> bool:
        """Whether the file is a Chaos Toolkit experiment without anything of gameday's to observe."""
        return not (self.blocks.slis or self.blocks.load or self.blocks.ledger or self.blocks.objectives)


def load(
    source: Path | Source, variables: dict[str, Any] | None = None, given: Given = NOTHING
) -> Experiment:
    """Read and check an experiment; `variables` count more than what files have `given`.

    Raises InvalidInput with every problem found; touches nothing.
    """
    path, address = (source.path, source.address) if isinstance(source, Source) else (source, None)
    variables = {**given.configuration, **(variables or {})}
    text = text_of(path)
    document, places = positions.parse(str(path), text)
    check = _Check(path, places)
    if not isinstance(document, dict):
        check.at_value((), "an experiment is a mapping; begin with title:, description: and method:")
        raise InvalidInput(check.problems)
    check.is_fit(document)
    check.is_plain = notes.is_plain(document)
    document_in_shape = check.shape(document)
    found = cache(partial(find, document_in_shape, variables, given.secrets))
    resolved = check.substitute(document_in_shape, found)
    blocks = check.blocks(resolved)
    for trouble in activities.troubles(document_in_shape):
        check.say(trouble.path, trouble.message, trouble.on_key, trouble.may_be_a_note)
    for where in activities.misplaced(document):
        check.warn(where, f"Chaos Toolkit ignores '{where[-1]}' here; it belongs into the provider")
    check.locustfile(resolved, address)
    check.inline_passwords(document)
    if check.problems or blocks is None:
        raise InvalidInput(check.problems)
    secrets = secrets_of(document, variables, found, given.secrets)
    asked = found() if asks_others(document) else Found()
    warnings = tuple(check.warnings)
    return Experiment(
        path, text, document, blocks, check.places, variables, secrets, warnings, asked, given, address
    )


class _Check:
    """Collects the problems of one file with their places."""

    def __init__(self, path: Path, places: Positions) -> None:
        self.path = path
        self.places = places
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.is_plain = False

    def at_key(self, path: positions.Path, message: str) -> None:
        self.problems.append(Problem(str(self.path), *self.places.of_key(path), message))

    def at_value(self, path: positions.Path, message: str) -> None:
        self.problems.append(Problem(str(self.path), *self.places.of_value(path), message))

    def warn(self, path: positions.Path, message: str) -> None:
        self.warnings.append(Problem(str(self.path), *self.places.of_key(path), message))

    def say(self, path: positions.Path, message: str, on_key: bool, may_be_a_note: bool = False) -> None:
        """Something is wrong, unless it is a note in a file that has nothing of gameday's."""
        if may_be_a_note and self.is_plain:
            self.warn(path, f"taken for a note, as nothing in this file is gameday's: {message}")
        else:
            (self.at_key if on_key else self.at_value)(path, message)

    def is_fit(self, document: dict[str, Any]) -> None:
        """Raise InvalidInput when there is something in it that no check after this one could bear."""
        for found in plain.unfit(document):
            (self.at_key if found.on_key else self.at_value)(found.path, found.why)
        if self.problems:
            raise InvalidInput(self.problems)

    def shape(self, document: dict[str, Any]) -> dict[str, Any]:
        """What Chaos Toolkit needs, keys that are nearly gameday's, and keys written twice.

        Returns the document without what has the wrong shape, so that the rest can be checked too.
        """
        for key in ("title", "description"):
            if not document.get(key):
                self.at_value((), f"an experiment needs a {key}")
        if "method" not in document:
            self.at_value(
                ("method",), "an experiment needs a method: a list of activities, which may be empty"
            )
        found = toolkit.misshapen(document)
        for each in found:
            self.say(each.path, each.message, each.on_key, each.path[-1] == "runbook")
        self.unknown_keys(document)
        for path in self.places.repeated:
            self.at_key(path, f"'{path[-1]}' is written twice; the first one would be lost")
        return toolkit.in_shape(document, found)

    def unknown_keys(self, document: dict[str, Any]) -> None:
        """Keys that are nearly gameday's, and those that are nearly Chaos Toolkit's."""
        for key in document:
            if key in CHAOS_TOOLKIT_KEYS or key in BLOCK_KEYS or key.startswith(notes.EXTENSION):
                continue
            if near := nearest(key, BLOCK_KEYS):
                self.say((key,), f"unknown key '{key}'; did you mean '{near}'?", True, True)
            elif near := nearest(key, CHAOS_TOOLKIT_KEYS):
                self.warn((key,), f"Chaos Toolkit ignores '{key}'; did you mean '{near}'?")

    def substitute(self, document: dict[str, Any], find: Callable[[], Found]) -> dict[str, Any]:
        """gameday's blocks with `${name}` filled in from the configuration, the secrets and `--var`."""
        mine = {key: document[key] for key in BLOCK_KEYS if document.get(key) is not None}
        if self.is_plain:
            mine = self.without_notes(mine)
        if "${" not in str(mine):
            return mine
        from chaoslib import substitute

        found = find()
        if found.trouble is not None:
            self.at_key((found.where,), found.advice)
            return {}
        known = {name: value for name, value in found.configuration.items() if not isinstance(value, dict)}
        try:
            resolved: dict[str, Any] = substitute(mine, known, found.secrets)
        except Exception as error:  # noqa: BLE001 - chaoslib trips over shapes that it did not expect
            what = f"{type(error).__name__}: {error}"
            self.at_key(("configuration",), f"configuration or secrets cannot be filled in: {what}")
            return {}
        for path, leftover in _leftovers(resolved):
            self.at_value(path, self._unknown_variable(leftover, found.configuration))
        return resolved

    def without_notes(self, mine: dict[str, Any]) -> dict[str, Any]:
        """What can be a block all the same; the rest are notes, with a warning."""
        for key in [key for key in mine if notes.may_be_a_note(key, mine[key])]:
            try:
                Blocks.model_validate({key: mine[key]})
            except ValidationError as invalid:
                del mine[key]
                found = complaint(invalid.errors()[0])
                self.say((key,), found.message, on_key=True, may_be_a_note=True)
        return mine

    def _unknown_variable(self, name: str, configuration: dict[str, Any]) -> str:
        if name in configuration:
            return f"${{{name}}} comes from a probe, too late for gameday's blocks; give a fixed value"
        return f"unknown variable '{name}'" + did_you_mean(name, list(configuration), "give it with --var")

    def blocks(self, resolved: dict[str, Any]) -> Blocks | None:
        """The blocks as types, or None with the problems recorded."""
        try:
            blocks = Blocks.model_validate(resolved)
        except ValidationError as invalid:
            errors = invalid.errors()
            # what holds an unknown variable is reported already
            others = [error for error in errors if "${" not in str(error.get("input"))]
            for error in others or ([] if self.problems else errors):
                self._report(error)
            return None
        names = [sli.name for sli in blocks.slis]
        for index, name in enumerate(names):
            if name in names[:index]:
                self.at_value(("slis", index, "name"), f"two SLIs are named '{name}'")
        for index, sli in enumerate(blocks.slis):
            block = sli.about.block
            if block and getattr(blocks, block) is None:
                self.at_value(
                    ("slis", index, "source"), f"source: {sli.source} needs a block {block}: in this file"
                )
        for index, condition in enumerate(blocks.halt):
            if condition.sli not in names:
                meant = did_you_mean(condition.sli, names, "name one of the slis")
                self.at_value(("halt", index, "when"), f"there is no SLI '{condition.sli}'{meant}")
        for path, message in tls.troubles(blocks, self.path.parent):
            self.at_value(path, message)
        return self._with_observers(tls.resolved(blocks, self.path.parent))

    def _with_observers(self, blocks: Blocks) -> Blocks:
        """Objectives need something that measures them."""
        objectives = blocks.objectives
        if objectives is not None and objectives.rpo is not None and blocks.ledger is None:
            self.at_key(("objectives", "rpo"), "an rpo is counted from a ledger; add a block ledger:")
        if objectives is not None and objectives.rto is not None:
            blocks = seeing.with_a_probe(blocks)
            if not any(sli.about.may_be_clock for sli in blocks.slis):
                self.at_key(
                    ("objectives", "rto"), "an rto is measured by a probe; add an SLI with source: probe"
                )
            self.blind_probes(blocks, objectives.rto)
        self.readings_in_baseline(blocks)
        return blocks

    def readings_in_baseline(self, blocks: Blocks) -> None:
        """What is read seldom must be read in the baseline, or nobody knows the steady state."""
        baseline_s = (blocks.objectives or Objectives()).baseline
        for index, sli in enumerate(blocks.slis):
            every_s, block = sli.period_s(blocks) or 0.0, sli.about.block
            if sli.about.is_first_hand or not 0 < baseline_s < 2 * every_s:
                continue
            self.at_value(
                (block, "every") if block else ("slis", index, "every"),
                f"a baseline of {spoken(baseline_s)} may hold less than two readings: ask more often than "
                f"every {spoken(every_s)}, or give objectives a longer baseline",
            )

    def blind_probes(self, blocks: Blocks, rto_s: float) -> None:
        """A probe must be able to see every outage that is longer than the RTO."""
        for path, message in seeing.blind(blocks, rto_s):
            self.at_value(path, message)

    def _report(self, error: ErrorDetails) -> None:
        found = complaint(error)
        (self.at_key if found.on_key else self.at_value)(found.path, found.message)

    def locustfile(self, resolved: dict[str, Any], address: str | None) -> None:
        """The locustfile is there and is Python."""
        block = resolved.get("load")
        name = block.get("locustfile") if isinstance(block, dict) else None
        if isinstance(name, str) and name and (why := locustfile.trouble(self.path.parent, name, address)):
            self.at_value(("load", "locustfile"), why)

    def inline_passwords(self, document: dict[str, Any]) -> None:
        """A password in the file would go into the evidence pack with it."""
        for key in BLOCK_KEYS:
            for path, text in _strings(document.get(key), (key,)):
                if re.search(r"://[^/@\s:]*:[^/@\s$]+@|\bpassword\s*=\s*[^\s$]", text):
                    self.at_value(
                        path,
                        "a password here would be copied into the evidence; take it from secrets:",
                    )


def _leftovers(value: Any) -> Iterator[tuple[positions.Path, str]]:
    for path, text in _strings(value, ()):
        for name in re.findall(r"\$\{(\w+)\}", text):
            yield path, name


def _strings(value: Any, path: positions.Path) -> Iterator[tuple[positions.Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index))
