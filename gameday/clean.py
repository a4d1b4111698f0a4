"""Text that others wrote, as it may be shown: nothing in it moves the cursor, hides, or turns direction.

Names, notes and errors come from files that others wrote. On a terminal an escape sequence repaints what
stands there, a line break makes a line that looks like gameday's own, and a direction character shows words
in another order than they have.
"""

from __future__ import annotations

import re

INSTEAD = "\ufffd"
# breaks and tabs; of these a line has none
BREAKS = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
# C0 and C1, soft hyphen, directions, zero widths (not the two joiners, which emoji and scripts need),
# lone surrogates, byte order mark, annotations, tags
_UNSEEN = (
    "\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
UNSEEN = re.compile(f"[\x00-\x08\x0e-\x1b{_UNSEEN}]")
# a text of several lines keeps those, and its tabs
_UNSEEN_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x0c\x0e-\x1f\x85\u2028\u2029{_UNSEEN}]")


def line(value: object) -> str:
    """A value in one line: breaks become a blank, what is not seen becomes `�`."""
    return UNSEEN.sub(INSTEAD, BREAKS.sub(" ", str(value)))


def text(value: object) -> str:
    """A value that may have several lines: what is not seen becomes `�`, line ends and tabs stay."""
    return _UNSEEN_IN_TEXT.sub(INSTEAD, str(value))
