"""What stands in some data, and what of it is taken out.

A value is taken out of text. What holds the evidence together is no text and stays as it is, even where a
secret has the same value: keys, the names that the experiment gives, the words of gameday and Chaos Toolkit.
What looks like a secret is taken out of names too, wherever they stand, so that they still agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

from gameday.redact.allowance import Allowance
from gameday.redact.known import LONGEST_TEXT, SHORTEST, Known, left_out
from gameday.redact.looks import REDACTED, is_a_flag, looks_taken_out, names_a_secret

IDENTIFIER = re.compile(r"[\w.\-]+")
# of an event: words and ids, and the names by which everything else is found
OWN = frozenset("event at id run_id boot title name step fault runbook role kind part status why".split())
# under these keys stands what an activity said: text through and through, whatever name it may equal
SAID = frozenset("output exception proof error detail reason".split())
# how Chaos Toolkit says where it finds a secret
FOUND_IN = ("env", "vault", "file")
WORTH_REMEMBERING = 4_000  # characters
MOST_REMEMBERED = 200


class Place(Enum):
    """What stands in a part of some data: things with names, what an activity said, or secrets."""

    PLAIN = "plain"
    SAID = "said"
    SECRET = "secret"  # noqa: S105 - no secret

    def under(self, key: Any, *, is_mapping: bool = False, is_text: bool = True) -> Place:
        """What stands under a key of such a part."""
        if key == "secrets" and is_mapping:
            return Place.SECRET
        if is_text and isinstance(key, str) and names_a_secret(key):
            return Place.SECRET
        return Place.SAID if key in SAID and self is Place.PLAIN else self

    def inside(self, kind: Any) -> Place:
        """What stands in a mapping of this `type`: where a secret is found is no secret."""
        return Place.PLAIN if self is Place.SECRET and kind in FOUND_IN else self


class Redactor:
    """Takes known secrets, and what looks like one, out of texts and data, but no name out of its place."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self.known = Known(secrets)
        # the journal is written again after every activity, with all that was said before
        self._remembered = lru_cache(MOST_REMEMBERED)(self._without_secrets)

    @property
    def secrets(self) -> set[str]:
        """What is looked for, before it is spelled in other ways."""
        return self.known.secrets

    def holds_known(self, text: str) -> bool:
        """Whether a known secret is in the text, in any spelling; a word such as `postgres` is no proof."""
        return self.known.proves(text)

    def text(self, text: str) -> str:
        """The text without secrets. Of one that is too long to be looked through, the beginning."""
        if len(text) > LONGEST_TEXT:
            end = self.known.may_be_cut_at(text)
            return self.text(text[:end]) + left_out(len(text) - end)
        return self._remembered(text) if len(text) >= WORTH_REMEMBERING else self._without_secrets(text)

    def _without_secrets(self, text: str) -> str:
        return looks_taken_out(self.known.taken_out(text))

    def name(self, text: str) -> str:
        """What may be a name: as it is where the experiment or gameday gives it, else as any text."""
        return looks_taken_out(text) if text in self.names else self.text(text)

    def key(self, key: Any, place: Place = Place.PLAIN) -> Any:
        """A key as it is, unless it is no plain identifier, or a secret that an activity uses as a key."""
        if not isinstance(key, str):
            return key
        is_secret = place is Place.SAID and (self.holds_known(key) or key.isdecimal())
        is_plain = IDENTIFIER.fullmatch(key) and not is_secret
        return looks_taken_out(key) if is_plain else self.text(key)

    def leaf(self, value: Any, place: Place = Place.PLAIN, before: Any = None) -> Any:
        """A value that holds no others, by where it stands; `before`: what stands before it in its list."""
        is_secret = place is Place.SECRET or is_a_flag(before)
        if is_secret and value not in (None, "") and not str(value).startswith("${"):
            return REDACTED
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            return self.text(value) if place is Place.SAID else self.name(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return REDACTED if is_number and self.known.is_number(value) else value

    def data(self, value: Any, place: Place = Place.PLAIN, before: Any = None) -> Any:
        """Data without secrets: in texts anywhere, under names such as `password`, and under `secrets`."""
        if isinstance(value, dict):
            inside = place.inside(value.get("type"))
            return {self.key(key, inside): self._under(key, item, inside) for key, item in value.items()}
        if isinstance(value, list | tuple):
            pairs = zip([None, *value], value, strict=False)
            return [self.data(item, place, before) for before, item in pairs]
        return self.leaf(value, place, before)

    def event(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An event of gameday's own files: its keys, words, ids, names and numbers stay, the rest is data."""
        return {key: self._of_event(key, item) for key, item in entry.items()}

    def _of_event(self, key: str, item: Any) -> Any:
        if isinstance(item, int | float):
            return item
        return looks_taken_out(item) if key in OWN and isinstance(item, str) else self._under(key, item)

    def _under(self, key: Any, item: Any, place: Place = Place.PLAIN) -> Any:
        under = place.under(key, is_mapping=isinstance(item, dict), is_text=_may_be_secret(item))
        if under is Place.SAID and place is Place.PLAIN and not isinstance(item, str):
            item = Allowance().of(item)
        return self.data(item, under)


def _may_be_secret(value: Any) -> bool:
    """Whether it may be a secret by the name it has: no yes or no, no count."""
    if isinstance(value, int | float):
        return not isinstance(value, bool) and len(str(value)) >= SHORTEST
    return isinstance(value, str | bytes | list | tuple)
