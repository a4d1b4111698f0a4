"""RTO: the time without service, over all SLIs together, as an interval that holds the truth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gameday.measure.bounds import Span
from gameday.measure.history import History
from gameday.measure.outage import Outage

RESPONSES = ("detect", "acknowledge", "declare", "mitigate")


@dataclass(frozen=True, slots=True)
class Interval:
    """A length in nanoseconds, and the least and the most that it can have been."""

    length_ns: int
    low_ns: int
    high_ns: int


@dataclass(frozen=True, slots=True)
class Rto:
    """Time without service, over all SLIs together.

    impact_ns: the earliest first bad send. recovered_ns: the latest first good answer, None when service
    did not come back. `began` and `ended` hold the true moments. `starts` gives the interval from each
    possible start.
    """

    impact_ns: int | None = None
    recovered_ns: int | None = None
    began: Span | None = None
    ended: Span | None = None
    starts: dict[str, Interval] = field(default_factory=dict)

    @property
    def impact_seen(self) -> bool:
        """Whether any SLI missed its objective since the fault."""
        return self.impact_ns is not None

    @property
    def recovered(self) -> bool:
        """Whether service came back, or was never seen to leave."""
        return self.impact_ns is None or self.recovered_ns is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """The outages of one SLI, in order. is_open_loop: whether its source asks on schedule."""

    is_open_loop: bool
    outages: tuple[Outage, ...]


def rto_of(slis: Sequence[Seen], history: History, deadline_ns: int) -> Rto:
    """The incident over all SLIs: from the earliest impact to the latest recovery.

    A recovery later than `deadline_ns` after the fault, or one that only the undo brought, is none.
    """
    inject_ns = history.moments["inject"]
    if inject_ns is None:
        return Rto()
    until_ns = history.watched_until_ns
    found = incident(slis, inject_ns, until_ns)
    if not found:
        return Rto()
    impact_ns = min(outage.impact_ns for outage in found)
    began = Span(min(outage.began.low_ns for outage in found), min(outage.began.high_ns for outage in found))
    moments = [outage.recovered_ns for outage in found if outage.recovered_ns is not None]
    spans = [outage.ended for outage in found if outage.ended is not None]
    if len(moments) < len(found) or max(moments) > min(until_ns, inject_ns + deadline_ns):
        return Rto(impact_ns, None, began)
    ended = Span(max(span.low_ns for span in spans), max(span.high_ns for span in spans))
    recovered_ns = max(moments)
    starts = {"impact": _interval(impact_ns, began, recovered_ns, ended)}
    for name in ("inject", "declare"):
        at_ns = history.moments[name]
        # declared once service was back, a disaster starts no clock
        if at_ns is not None and (name != "declare" or at_ns < recovered_ns):
            starts[name] = _interval(at_ns, Span(at_ns, at_ns), recovered_ns, ended)
    return Rto(impact_ns, recovered_ns, began, ended, starts)


def responses(rto: Rto, history: History) -> dict[str, Interval]:
    """How long after the impact it was noticed, acknowledged, declared, mitigated; of what was said then."""
    if rto.impact_ns is None or rto.began is None:
        return {}
    found = {}
    for name in RESPONSES:
        at_ns = history.moments.get(name)
        if at_ns is not None and at_ns >= rto.impact_ns:
            found[name] = _interval(rto.impact_ns, rto.began, at_ns, Span(at_ns, at_ns))
    return found


def incident(slis: Sequence[Seen], inject_ns: int, until_ns: int) -> list[Outage]:
    """The outages that the RTO counts: those not over before the fault that began before the undo.

    The prober is the clock. A closed loop comes back to ask only after a pause, so its outages count where
    no probe saw one, or where their bounds prove that it was out earlier or longer.
    """
    counted = [
        (sli.is_open_loop, outage)
        for sli in slis
        for outage in sli.outages
        if not outage.is_over_by(inject_ns) and outage.impact_ns < until_ns
    ]
    probed = [outage for is_open_loop, outage in counted if is_open_loop]
    return probed + [
        outage for is_open_loop, outage in counted if not is_open_loop and not _is_told_by(outage, probed)
    ]


def _is_told_by(outage: Outage, probed: list[Outage]) -> bool:
    """Whether a closed-loop outage neither began earlier nor ended later than the probes' for sure."""
    if not probed or outage.ended is None:
        return False
    spans = [other.ended for other in probed if other.ended is not None]
    begins_no_earlier = outage.began.high_ns >= min(other.began.low_ns for other in probed)
    ends_no_later = len(spans) < len(probed) or outage.ended.low_ns <= max(span.high_ns for span in spans)
    return begins_no_earlier and ends_no_later


def _interval(start_ns: int, began: Span, recovered_ns: int, ended: Span) -> Interval:
    """The interval between two spans; 0 where the start was later than the end."""
    low_ns = max(0, ended.low_ns - began.high_ns)
    high_ns = max(low_ns, ended.high_ns - began.low_ns)
    return Interval(min(max(recovered_ns - start_ns, low_ns), high_ns), low_ns, high_ns)
