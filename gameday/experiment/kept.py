"""The copy of an experiment's file that its evidence keeps: the same file, token by token, without secrets.

Keys, names and the order of everything stay, so that the copy can be read as the file can. What was taken out
of a value stands in quotes; comments are texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import yaml

from gameday.redact import REDACTED, Place, Redactor, looks_taken_out

COMMENTS = re.compile(r"#[^\n]*(?:\n[ \t]*#[^\n]*)*")
# what neither JSON nor YAML lets stand in quotes as it is
ESCAPED = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
NOTHING = "tag:yaml.org,2002:null"
TEXT = "tag:yaml.org,2002:str"
IN_LINES = ("|", ">")


def without_secrets(text: str, suffix: str, redactor: Redactor) -> str:
    """The text of an experiment without secrets. suffix: of its file, such as `.yaml`."""
    # JSON is YAML but for tabs between tokens; one blank a tab keeps every place
    readable = text.replace("\t", " ") if suffix == ".json" else text
    try:
        tokens = list(yaml.scan(readable, Loader=yaml.SafeLoader))
        node = yaml.compose(readable, Loader=yaml.SafeLoader)
    except yaml.YAMLError:  # JSON that YAML cannot read
        return json.dumps(redactor.data(json.loads(text)), indent=2, ensure_ascii=False) + "\n"
    cleaned = _Cleaned(redactor)
    if node is not None:
        cleaned.take_in(node)
    return "".join(_pieces(text, tokens, cleaned.values, redactor))


class _Cleaned:
    """The scalars that hold secrets, by where they end in the text: what stands there instead."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.values: dict[int, str] = {}
        self.seen: set[tuple[int, Place, str | None]] = set()

    def take_in(self, node: yaml.Node, place: Place = Place.PLAIN, before: str | None = None) -> None:
        """Look at a part of the file; what an alias repeats is judged in every place, and once in each."""
        if (id(node), place, before) in self.seen:
            return
        self.seen.add((id(node), place, before))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, place)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.take_in(item, place, before)
                before = item.value if isinstance(item, yaml.ScalarNode) else None
        elif node.tag != NOTHING:
            instead = self.redactor.leaf(node.value, place, before)
            self._scalar(node, REDACTED if self._is_a_secret_value(node) else instead)

    def _is_a_secret_value(self, node: yaml.Node) -> bool:
        """Whether what is no text, such as `1_234_567` or `!!binary`, means a secret."""
        if node.tag in (TEXT, NOTHING):
            return False
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError):
            return False
        plain = value.decode(errors="replace") if isinstance(value, bytes) else value
        return isinstance(plain, str | int | float) and bool(self.redactor.leaf(plain) != plain)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> None:
        kinds = [value.value for key, value in node.value if key.value == "type"]
        inside = place.inside(kinds[-1] if kinds and isinstance(kinds[-1], str) else None)
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None:
                self._scalar(key, self.redactor.key(name, inside))
            is_mapping, is_text = isinstance(value, yaml.MappingNode), isinstance(value, yaml.ScalarNode)
            under = inside.under(name, is_mapping=is_mapping, is_text=not is_mapping)
            self.take_in(value, Place.SECRET if is_text and _looks_secret(name) else under)

    def _scalar(self, node: yaml.Node, instead: str) -> None:
        if instead != node.value and self.values.get(node.end_mark.index) != REDACTED:
            self.values[node.end_mark.index] = instead


def _looks_secret(key: str | None) -> bool:
    """Whether a value under this key would look like a secret in a line of text: `dbpassword: …`."""
    return looks_taken_out(f"{key}: x") != f"{key}: x"


def _pieces(
    text: str, tokens: list[yaml.Token], cleaned: dict[int, str], redactor: Redactor
) -> Iterator[str]:
    """The text piece by piece: what stands between two tokens, then the token."""
    at, held = 0, ""
    for token in tokens:
        start, end = token.start_mark.index, token.end_mark.index
        if end <= start:
            continue
        between, raw, at = _comments(text[at:start], redactor), text[start:end], end
        if isinstance(token, yaml.TagToken):
            yield held + between
            held = raw
        elif isinstance(token, yaml.ScalarToken) and end in cleaned:
            # no tag: what stands instead of a value is a text, whatever the value was
            yield between + _instead(raw, cleaned[end], token.style, redactor)
            held = ""
        else:
            yield held + between + _as_it_is(raw, token, redactor)
            held = ""
    yield held + _comments(text[at:], redactor)


def _comments(between: str, redactor: Redactor) -> str:
    """What stands between two tokens: blanks and comments, these without secrets."""
    return COMMENTS.sub(lambda found: redactor.text(found[0]), between)


def _as_it_is(raw: str, token: yaml.Token, redactor: Redactor) -> str:
    """A token with nothing secret in it, but for a comment where lines begin: `| # like this`."""
    if not isinstance(token, yaml.ScalarToken) or token.style not in IN_LINES:
        return raw
    head, newline, lines = raw.partition("\n")
    return _comments(head, redactor) + newline + lines


def _instead(raw: str, value: str, style: str | None, redactor: Redactor) -> str:
    """How the cleaned value is written: in lines where it was, if that says the same, else in quotes."""
    ending = raw[len(raw.rstrip()) :] if style in IN_LINES else ""
    lines = redactor.text(raw.rstrip()) + ending
    if style in IN_LINES and lines.partition("\n")[2].split() == value.split():
        return lines
    quoted = json.dumps(value, ensure_ascii=False)
    return ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted) + ending
