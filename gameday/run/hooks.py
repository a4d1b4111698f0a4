"""Who is told that a run has started, and how it ended: entry points `gameday.hooks`, and the caller's.

A hook is somebody else's code: it runs in a thread of its own, and neither an error nor a hang of it is felt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points

from gameday import clock, redact
from gameday.events import Event
from gameday.evidence.pack import Pack
from gameday.experiment.load import Experiment
from gameday.run.outcome import Outcome
from gameday.run.view import View

GROUP = "gameday.hooks"
WITHIN_S = 5.0  # all of them together; one that needs longer goes on unheard
LONGEST_TROUBLE = 300  # characters
logger = logging.getLogger("gameday")


@dataclass(frozen=True, slots=True)
class News:
    """What a hook is told. event: `started` or `ended`; outcome: None until the run has ended."""

    event: str
    run_id: str
    folder: str
    title: str
    service: str | None = None
    outcome: Outcome | None = None

    @classmethod
    def of(cls, experiment: Experiment, pack: Pack) -> News:
        """That a run has started."""
        service = experiment.blocks.service
        name = None if service is None else redact.name(service.name)
        return cls("started", pack.run_id, str(pack.folder), redact.name(experiment.title), name)


Hook = Callable[[News], object]


class Hooks:
    """The hooks of one run."""

    def __init__(self, given: Iterable[Hook], view: View, news: News) -> None:
        self.view = view
        self.news = news
        named = [(getattr(hook, "__name__", type(hook).__name__), hook) for hook in given]
        installed = [(point.name, partial(_loaded, point.load)) for point in entry_points(group=GROUP)]
        self.hooks: list[tuple[str, Hook]] = [*named, *installed]

    def started(self) -> list[str]:
        """Tell that the run has started; what is wrong with some of them."""
        return list(told(self.hooks, self.news))

    def ended(self, outcome: Outcome) -> None:
        """Tell how it ended. It is sealed by then, so what is wrong is only shown."""
        ended = replace(self.news, event="ended", folder=str(outcome.pack.folder), outcome=outcome)
        for trouble in told(self.hooks, ended):
            logger.warning("%s", trouble)
            self.view.event({"t_ns": clock.now_ns(), "event": Event.HOOK_FAILED.value, "reason": trouble})


def _loaded(load: Callable[[], Hook], news: News) -> object:
    """An entry point, loaded where it is called: what is wrong with its module is wrong with the hook."""
    return load()(news)


def told(hooks: Iterable[tuple[str, Hook]], news: News) -> Iterator[str]:
    """Tell all of them at once, and wait no longer than the limit; what was wrong, a text each."""
    errors: dict[int, str] = {}

    def tell(number: int, hook: Hook) -> None:
        try:
            hook(news)
        except BaseException as error:  # noqa: BLE001 - it may even try to leave
            errors[number] = f"{type(error).__name__}: {error}"

    threads = [
        (name, threading.Thread(target=tell, args=(number, hook), daemon=True))
        for number, (name, hook) in enumerate(hooks)
    ]
    for _, thread in threads:
        thread.start()
    until_ns = clock.now_ns() + round(WITHIN_S * clock.NS_PER_S)
    for number, (name, thread) in enumerate(threads):
        thread.join(max(0.0, (until_ns - clock.now_ns()) / clock.NS_PER_S))
        if thread.is_alive():
            yield f"the hook '{name}' has not returned within {WITHIN_S:g} s of '{news.event}'"
        elif number in errors:
            yield f"the hook '{name}' failed at '{news.event}': {errors[number]}"[:LONGEST_TROUBLE]
