"""Faults on a file, as somebody might write them: one that keeps the protocol, and one for each broken rule.

A file stands for a system: `up` is whole, anything else is broken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gameday.faults import Aim, Landed, Place, Steps, Undo, fault, landed, on_this_host

asked: list[int] = []
remembered: dict[str, str] = {}


def say(file: str, text: str) -> None:
    """Make the file say something."""
    Path(file).write_text(text)


def said(file: str) -> str:
    """What the file says."""
    return Path(file).read_text()


def mend(file: str, before: str = "up") -> str:
    """Undo: the file says what it said before."""
    say(file, before)
    return f"{file} is {before}"


def is_mended(file: str, before: str = "up") -> bool:
    """Whether the file says what it said before."""
    return said(file) == before


def aim(file: str, undo: Callable[..., Any] | None = mend) -> Aim:
    """At the file."""
    return Aim(on_this_host(), (file,), undo=undo)


def ended(file: str) -> Landed:
    """How it went."""
    return landed(said(file) != "up", f"{file} says {said(file)}")


@fault(where=on_this_host)
def keeps(file: str) -> Steps:
    """Break it, and keep every rule."""
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def keeps_two(file: str) -> Steps:
    """Break two things, each after its undo."""
    yield Aim(on_this_host(), ("one", "two"), undo=mend)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "half down")
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


def is_settled(file: str) -> bool:
    """Whether it is up, and has been for a while."""
    return said(file) == "up" and time.time() - Path(file).stat().st_mtime > 0.1


@fault(where=on_this_host)
def keeps_slowly(file: str) -> Steps:
    """Break it; it takes its time to be back."""
    yield aim(file)
    yield Undo(mend, verify=is_settled, poll_s=0.05, within_s=20, needs=("GAMEDAY_TESTS_NEED",), file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def only_looks(file: str) -> Steps:
    """Leave nothing behind, and say that nothing happened."""
    yield aim(file, undo=None)
    return landed(False, "nothing was done")


@fault(where=on_this_host)
def wears_out(file: str) -> Steps:
    """Change something that nobody has to put back."""
    yield aim(file, undo=None)
    say(file, "worn")
    return ended(file)


@fault
def does_not_aim(file: str) -> Any:
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def owes_before_it_aims(file: str) -> Steps:
    yield Undo(mend, verify=is_mended, file=file)
    yield aim(file)
    return ended(file)


@fault(where=on_this_host)
def aims_at_nothing(file: str) -> Steps:
    yield Aim(on_this_host(), (), hit=1, undo=mend)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


def somewhere() -> Place:
    asked.append(1)
    return Place("host", f"db{len(asked)}")


@fault(where=somewhere)
def acts_anywhere(file: str) -> Steps:
    yield aim(file)
    return ended(file)


@fault(where=on_this_host)
def acts_before_it_aims(file: str) -> Steps:
    say(file, "down")
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    return ended(file)


@fault(where=on_this_host)
def acts_before_its_undo(file: str) -> Steps:
    yield aim(file)
    say(file, "down")
    yield Undo(mend, verify=is_mended, file=file)
    return ended(file)


@fault(where=on_this_host)
def acts_before_its_second_undo(file: str) -> Steps:
    yield Aim(on_this_host(), ("one", "two"), undo=mend)
    yield Undo(forget, verify=is_mended, file=file)
    say(file, "down")
    yield Undo(mend, verify=is_mended, file=file)
    return ended(file)


def forget(file: str) -> str:
    """Undo: nothing that would help."""
    return "forgotten"


@fault(where=on_this_host)
def owes_more_than_it_aims_at(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    yield Undo(mend, verify=is_mended, file=file)
    return ended(file)


@fault(where=on_this_host)
def owes_another_undo(file: str) -> Steps:
    yield aim(file, undo=forget)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def owes_nothing(file: str) -> Steps:
    yield aim(file, undo=None)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def undo_is_not_data(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=Path(file))
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def undo_cannot_be_imported(file: str) -> Steps:
    def put_back(file: str) -> None:
        say(file, "up")

    yield aim(file, undo=put_back)
    yield Undo(put_back, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


def verified_elsewhere() -> Any:
    """A fault whose verification is in another module."""
    from tests.testing import verifying

    @fault(where=on_this_host)
    def take(file: str) -> Steps:
        yield aim(file)
        yield Undo(mend, verify=verifying.is_mended, file=file)
        return ended(file)

    return take


@fault(where=on_this_host)
def has_no_verify(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, file=file)
    say(file, "down")
    return ended(file)


def always(file: str) -> bool:
    return True


@fault(where=on_this_host)
def verify_never_says_no(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=always, file=file)
    say(file, "down")
    return ended(file)


def never(file: str) -> bool:
    return False


@fault(where=on_this_host)
def verify_never_says_yes(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=never, file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def undo_does_nothing(file: str) -> Steps:
    yield aim(file, undo=forget)
    yield Undo(forget, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


def rename_back(file: str) -> str:
    Path(f"{file}.gone").rename(file)
    return "renamed"


def is_there(file: str) -> bool:
    return Path(file).exists()


@fault(where=on_this_host)
def undo_cannot_be_played_early(file: str) -> Steps:
    yield aim(file, undo=rename_back)
    yield Undo(rename_back, verify=is_there, file=file)
    Path(file).rename(f"{file}.gone")
    return landed(not Path(file).exists(), "renamed")


@fault(where=on_this_host)
def undo_is_not_idempotent(file: str) -> Steps:
    yield aim(file, undo=rename_once)
    yield Undo(rename_once, verify=is_there, file=file)
    Path(file).rename(f"{file}.gone")
    return landed(not Path(file).exists(), "renamed")


def rename_once(file: str) -> str:
    """Undo: it is played early without harm, and not twice."""
    if Path(f"{file}.gone").exists():
        Path(f"{file}.gone").rename(file)
        Path(f"{file}.done").touch()
    elif Path(f"{file}.done").exists():
        raise RuntimeError("it is renamed already")
    return "renamed"


def recall(file: str) -> str:
    say(file, remembered.get(file, "up" if said(file) == "up" else "who knows"))
    return "recalled"


@fault(where=on_this_host)
def undo_remembers(file: str) -> Steps:
    remembered[file] = said(file)
    yield aim(file, undo=recall)
    yield Undo(recall, verify=is_mended, file=file)
    say(file, "down")
    return ended(file)


@fault(where=on_this_host)
def assumes_that_it_landed(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    return landed(True, "of course")


@fault(where=on_this_host)
def does_not_say_that_it_landed(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    return landed(False, "no idea")


@fault(where=on_this_host)
def fails(file: str) -> Steps:
    yield aim(file)
    yield Undo(mend, verify=is_mended, file=file)
    say(file, "down")
    raise RuntimeError("half way")
