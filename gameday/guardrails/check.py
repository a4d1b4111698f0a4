"""Whether every guardrail allows a run. A rule that cannot be judged forbids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gameday import redact
from gameday.errors import GamedayError, InvalidInput, Problem
from gameday.experiment.load import Experiment
from gameday.experiment.rules import BlastRadius, Guardrails
from gameday.guardrails import budget, windows
from gameday.guardrails.approvals import Approval, asked, authors, counting, given
from gameday.guardrails.look import touches
from gameday.guardrails.organisation import RuleSet, rule_sets
from gameday.guardrails.touch import Touch
from gameday.phases import METHOD
from gameday.scopes import Scope
from gameday.units import spoken

PRODUCTION = ("production", "prod")


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule of one file: what it says when it allows, or every problem when it does not."""

    rule: str
    source: str
    said: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """What was checked before a run, and what it would touch; `touches` is None when no rule asked.

    scopes: what each rule about targets allows, which holds during the run too. most: how many targets each
    step may break then, where that is more than one; None when nobody counts them.
    """

    checked: tuple[Checked, ...]
    touches: tuple[Touch, ...] | None = None
    approvals: tuple[Approval, ...] = ()
    scopes: tuple[Scope, ...] = ()
    most: dict[str, int] | None = None

    @property
    def problems(self) -> list[Problem]:
        """Everything that forbids the run."""
        return [problem for checked in self.checked for problem in checked.problems]

    def must_hold(self) -> None:
        """Raise InvalidInput with everything that forbids the run."""
        if self.problems:
            raise InvalidInput(self.problems)


def check(experiment: Experiment, now: datetime | None = None, always_look: bool = False) -> Permit:
    """Check an experiment against all its guardrails. Nothing is touched.

    always_look: find the targets even when no rule asks for them, as `plan` does.
    """
    now = now or windows.now()
    sets = rule_sets(experiment)
    scopes = [each.rules.targets for each in sets if each.rules.targets is not None]
    are_counted = any(each.rules.blast_radius is not None for each in sets)
    found = tuple(touches(experiment, scopes)) if scopes or are_counted or always_look else None
    approvals: dict[str, Approval] = {}
    clean = redact.Redactor(experiment.secrets).text
    checked = []
    for each in sets:
        judge = _Judge(experiment, each, now, found or (), approvals, clean)
        checked += list(judge.all())
    most = most_of(found or ()) if are_counted else None
    return Permit(tuple(checked), found, tuple(approvals.values()), tuple(scopes), most)


@dataclass(frozen=True)
class _Judge:
    """The rules of one file against one experiment."""

    experiment: Experiment
    rule_set: RuleSet
    now: datetime
    touches: Sequence[Touch]
    approvals: dict[str, Approval]
    clean: Callable[[str], str]

    def all(self) -> Iterator[Checked]:
        rules = self.rule_set.rules
        if rules.targets is not None:
            yield self._judged("targets", "everything touched is allowed", self._targets)
        if rules.forbidden:
            yield self._judged("forbidden", "no forbidden window", self._forbidden)
        if rules.blast_radius is not None:
            yield self._judged("blast-radius", f"{hit(self.touches)} targets are hit", self._blast_radius)
        if rules.error_budget is not None:
            yield self._judged("error-budget", f"{rules.error_budget.at_least} or more is left", self._budget)
        if rules.approvals is not None:
            yield self._judged("approvals", f"{rules.approvals.count} or more have agreed", self._approvals)
        if rules.outside_production:
            where = self.experiment.blocks.environment or "production"
            yield self._judged("outside-production", f"allowed in {where}", self._outside_production)

    def _judged(self, rule: str, said: str, judge: Callable[[Guardrails], Iterator[str]]) -> Checked:
        path = ("guardrails", rule)
        line, _ = self.rule_set.places.of_key(path)
        messages = map(self.clean, judge(self.rule_set.rules))
        problems = tuple(self.rule_set.problem(path, message) for message in messages)
        return Checked(rule, f"{self.rule_set.path}:{line}", said, problems)

    def _targets(self, rules: Guardrails) -> Iterator[str]:
        scope = rules.targets or Scope()
        for touch in self.touches:
            if touch.unknown and not touch.places:
                yield unknown(touch) + ("; say it in the activity's targets:" if touch.is_declarable else "")
            for place in touch.places:
                if not scope.allows(place):
                    yield f"'{touch.step}' touches {place}, which is not among the allowed targets"

    def _blast_radius(self, rules: Guardrails) -> Iterator[str]:
        rule = rules.blast_radius or BlastRadius()
        for touch in (touch for touch in self.touches if touch.part == METHOD):
            if touch.unknown:
                yield f"{unknown(touch)}, so neither is the blast radius"
            if (
                rule.share is not None
                and touch.found is not None
                and touch.hit > rule.share.fraction * touch.found
            ):
                yield f"'{touch.step}' hits {touch.hit} of {touch.found} targets; {rule.share} is the most"
        if rule.count is not None and hit(self.touches) > rule.count:
            yield f"{hit(self.touches)} targets would be hit; {rule.count} is the most"

    def _forbidden(self, rules: Guardrails) -> Iterator[str]:
        lasts = timedelta(seconds=self.experiment.blocks.max_duration or 0)
        for window in rules.forbidden:
            try:
                met = windows.overlap(window, self.now, lasts, self.rule_set.path.parent)
            except GamedayError as error:
                yield str(error)
                continue
            if met:
                yield f"nothing may run during {met}" + (f": {window.why}" if window.why else "")

    def _budget(self, rules: Guardrails) -> Iterator[str]:
        rule = rules.error_budget
        if rule is None:
            return
        try:
            share = budget.left(rule)
        except GamedayError as error:
            yield f"the error budget is not known: {error}"
            return
        if share < rule.at_least.fraction:
            # rounded down: it must not be said to be more than it is
            percent = math.floor(share * 10_000) / 100
            yield f"{percent:g}% of the error budget is left; {rule.at_least} is needed"

    def _approvals(self, rules: Guardrails) -> Iterator[str]:
        rule = rules.approvals
        if rule is None:
            return
        wrote = authors(self.experiment)
        if not wrote:
            yield "who wrote the file is not known, so nobody's approval counts; say it with author:"
            return
        try:
            found = asked(rule, given(self.experiment), wrote, self.now)
        except GamedayError as error:
            yield str(error)
            return
        counted, lapsed = counting(self.experiment, found)
        self.approvals.update({approval.person: approval for approval in counted})
        if len(counted) < rule.count:
            who = f" of {', '.join(rule.from_)}" if rule.from_ else ""
            yield (
                f"{rule.count}{who} must approve this very file within {spoken(rule.valid_for)}, the author "
                f"not counted; {len(counted)} did: gameday approve {self.experiment.path}"
            )
            yield from lapsed

    def _outside_production(self, rules: Guardrails) -> Iterator[str]:
        environment, service = self.experiment.blocks.environment, self.experiment.blocks.service
        if environment is not None and environment.casefold() not in PRODUCTION:
            return
        where = "this is production" if environment else "without environment: it counts as production"
        if service is None or service.tier is None:
            yield f"{where}, and the service has no tier"
        elif service.tier in rules.outside_production:
            yield f"tier {service.tier} may only run outside production, and {where}"


def unknown(touch: Touch) -> str:
    """Why something is not known about a step."""
    return f"the targets of '{touch.step}' are not known: {touch.unknown}"


def most_of(touches: Iterable[Touch]) -> dict[str, int]:
    """How many targets a step was seen to hit, where it is more than one."""
    most: dict[str, int] = {}
    for touch in touches:
        if touch.part == METHOD and touch.hit > 1:
            most[touch.step] = max(touch.hit, most.get(touch.step, 0))
    return most


def hit(touches: Sequence[Touch]) -> int:
    """How many targets the method hits; one that two steps name counts once."""
    broken = [touch for touch in touches if touch.part == METHOD]
    named = [touch for touch in broken if touch.found is None and touch.hit == len(touch.targets)]
    names = {(touch.places, name) for touch in named for name in touch.targets}
    return len(names) + sum(touch.hit for touch in broken if touch not in named)
