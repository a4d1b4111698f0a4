"""The live page of a run on a terminal: phase, SLIs, request rate, the RTO clock, the last events."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, TextIO, cast

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gameday import clean
from gameday.clock import NS_PER_S
from gameday.events import Event, how_to_answer, question
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.seal import Sealed
from gameday.run.patient import Patient
from gameday.run.view import Now, Plain, View, said, sealing_lines, verdict_lines
from gameday.units import percent

BARS = "▁▂▃▄▅▆▇█"
DIGITS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    ".": (" ", " ", "▄"),
    ":": (" ", "▀", "▀"),
    "s": ("   ", "█▀▀", "▄▄█"),
    " ": (" ", " ", " "),
}
COLOURS = {
    "passed": "green",
    "failed": "red",
    "inconclusive": "yellow",
    "halted": "magenta",
    "aborted": "magenta",
}
REDRAW_EVERY_S = 0.25
HISTORY_POINTS = 60
EVENTS_SHOWN = 9
ASKS_SHOWN = 4


def sparkline(shares: deque[Fraction | None]) -> str:
    """Good shares as bars: 0 is the lowest bar, 1 the highest, a dot where nothing is known."""
    return "".join(
        "·" if share is None else BARS[min(int(share * len(BARS)), len(BARS) - 1)] for share in shares
    )


def large(text: str) -> str:
    """A time in digits three lines high."""
    return "\n".join(" ".join(DIGITS[character][row] for character in text) for row in range(3))


class LivePage(View):
    """Redraws a page on the terminal four times a second."""

    def __init__(self, out: Patient) -> None:
        self.out = out
        self.console = console = Console(file=cast("TextIO", out))
        self.page = RichLive(console=console, auto_refresh=False, transient=True)
        self.events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self.shares: dict[str, deque[Fraction | None]] = {}
        self.asks: dict[str, tuple[str, str]] = {}
        self.first_ns: int | None = None
        self.drawn_ns = 0

    def __enter__(self) -> LivePage:
        self.page.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.page.stop()

    def event(self, entry: dict[str, Any]) -> None:
        """Keep the last events, and what is asked until it is over."""
        if self.first_ns is None:
            self.first_ns = int(entry["t_ns"])
        line = said(entry)
        if line:
            self.events.append(f"{(entry['t_ns'] - self.first_ns) / NS_PER_S:7.2f} s  {line}")

        if entry["event"] == Event.ASKED:
            self.asks[entry["id"]] = (question(entry), how_to_answer(entry))
        elif entry["event"] in (Event.ANSWERED, Event.ASK_EXPIRED):
            self.asks.pop(entry["id"], None)

    def tick(self, now: Now) -> None:
        """Redraw, not more often than the eye needs."""
        if now.at_ns - self.drawn_ns < REDRAW_EVERY_S * NS_PER_S:
            return
        self.drawn_ns = now.at_ns
        self.page.update(self.draw(now), refresh=True)

    def draw(self, now: Now) -> RenderableType:
        """The page of this moment."""
        elapsed_s = (now.at_ns - (self.first_ns or now.at_ns)) / NS_PER_S
        parts: list[RenderableType] = [Text(f"{now.phase}   {elapsed_s:5.0f} s", style="bold")]
        if now.plan.slis:
            parts += [self.slis(now), self.clock(now)]
        parts += self.asked()
        parts.append(Text("\n".join(self.events), style="dim", overflow="ellipsis", no_wrap=True))
        return Panel(Group(*parts), title="gameday", border_style="cyan", padding=(1, 2))

    def asked(self) -> list[RenderableType]:
        """What waits for an answer, in full, with the command that answers it."""
        shown = list(self.asks.values())[:ASKS_SHOWN]
        parts: list[RenderableType] = []
        for what, how in shown:
            parts += [Text(clean.line(f"? {what}"), style="bold yellow"), Text(clean.line(f"  {how}"))]
        more = len(self.asks) - len(shown)
        return [*parts, Text(f"? and {more} more", style="bold yellow")] if more else parts

    def slis(self, now: Now) -> Table:
        """One row an SLI with its last minute, and one for the load."""
        table = Table.grid(padding=(0, 2))
        for sli in now.watch.now(now.at_ns):
            series = self.shares.setdefault(sli.name, deque(maxlen=HISTORY_POINTS))
            series.append(sli.share)
            colour = "green" if sli.is_met else "red"
            share = "no samples" if sli.share is None else percent(sli.share)
            table.add_row(
                Text(clean.line(sli.name)), Text(sparkline(series), style=colour), Text(share, style=colour)
            )
        if now.plan.users:
            requests, failures = now.watch.rates(now.at_ns)
            table.add_row("load", f"{requests:.0f} requests/s", Text(f"{failures:.0f} failures/s"))
        return table

    def clock(self, now: Now) -> RenderableType:
        """The running RTO clock in large."""
        downtime = None if now.inject_ns is None else now.watch.downtime(now.inject_ns)
        if downtime is None:
            return Text("")
        is_over = downtime.is_over(now.at_ns)
        seconds = ((downtime.until_ns if is_over else now.at_ns) - downtime.since_ns) / NS_PER_S
        goal = f"objective {now.plan.rto:g} s" if now.plan.rto is not None else "no RTO objective"
        is_late = now.plan.rto is not None and seconds > now.plan.rto
        style = "bold red" if is_late else ("bold green" if is_over else "bold yellow")
        state = "back, being verified" if is_over else "without service"
        digits = Text(large(f"{seconds:.1f} s"), style=style)
        return Group(Align.center(digits), Align.center(Text(f"{state} · {goal}")))

    def end(self, pack: Pack, record: Record, sealed: Sealed) -> None:
        """Leave the verdict on the terminal."""
        first, *rest = verdict_lines(record)[1:]
        self.console.print(Text(first, style=f"bold {COLOURS[record.verdict]}"))
        for line in rest:  # as text: brackets in a name are no markup
            self.console.print(Text(line))
        for line in sealing_lines(pack, sealed):
            self.console.print(Text(clean.line(line)), soft_wrap=True)
        self.drain()

    def drain(self) -> None:
        """Wait until all that was said is shown."""
        self.out.drain()


def view_on(out: Patient) -> View:
    """The live page on a terminal, plain lines elsewhere; both on standard error."""
    return LivePage(out) if Console(stderr=True).is_terminal else Plain(out)
