"""Bad files from good ones, by a seed: values of other kinds, other structures, and broken text."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

CORPUS = Path(__file__).parent / "corpus"
SEED = int(os.environ.get("GAMEDAY_MUTANTS_SEED", "0"))  # of the first one
DEEP = 400
ALWAYS = ("title", "description", "configuration", "secrets", "method")
# as they are written in YAML; what stands in quotes is a text
WRITTEN = [
    *"~ null true False no 0 -1 1.5 .nan -.inf .inf 1e999 16:00 24:00 0x1F 1_000 2027-05-23 = << []".split(),
    *["{}", "''", '""', "[[]]", "{a: b}", "{1: 2}", "{true: 1}", "{~: 1}", "{2027-05-23: 1}", "[1, x]"],
    *[
        "!!bool maybe",
        "!!int x",
        "!!int ''",
        "!!float x",
        "!!null x",
        "!!str 5",
        "!!binary aGk=",
        "!!binary x",
    ],
    *["!!timestamp x", "!!timestamp 2027-05-23", "2027-05-23T10:00:00Z", "!!set {a, b}", "!!omap [a: 1]"],
    *["!!pairs [a: 1]", "!!map [a]", "!!seq {a: b}", "!!str [a]", "!unknown x", "! x", "!<tag:x> y"],
    *["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!python/tuple [a]", "? [a, b]"],
    *["&self [*self]", "&self {a: *self}", "&self {<<: *self}", "*nobody", "{<<: x}", "{<<: [1]}", "&a x"],
    *["{<<: {a: 1}, <<: {b: 2}}", "{a: 1, a: 2}", "| text", "> text", "@x", "`x`", "%x", "x: y: z", "- x"],
    "9" * 5000,
    "-" + "9" * 300,
    "0x" + "f" * 5000,
    "0b" + "1" * 30,
    ":".join(["59"] * 3000),
    "9" * 20,
    str(2**63),
    "1." + "0" * 5000,
    "[" * DEEP + "]" * DEEP,
    "{a: " * DEEP + "x" + "}" * DEEP,
    "[" * 45 + "]" * 45,
    "[" + "x," * 3000 + "]",
    "{" + ",".join(f"k{number}: {number}" for number in range(2000)) + "}",
    "[" + "{x: 1, y: 2}," * 1500 + "]",
]
TEXTS = [
    *[
        "",
        " ",
        "x",
        "${base}",
        "${nobody}",
        "${",
        "$",
        "$$",
        "${base",
        "${fromprobe}",
        "${db}",
        "${password}",
    ],
    *["NaN%", "1e-99999999%", "-1%", "101%", "100.000000001%", "%", "1e9s", "9" * 400 + "d", "0s", "-1s"],
    *["0." + "0" * 400 + "1s", "1s" * 1000, "0." + "0" * 400 + "1/s", "0/s", "1e9/s", "9" * 400 + "/s"],
    *["٣s", "１s", "latency < 9e9s", "latency < ", "up < 20%", "up < 1e-99%", "up" + " " * 20_000 + "<"],
    *[
        "http://[",
        "http://h:99999/",
        "http://h:x/",
        "http://",
        "https://u:p@h/",
        "redis://",
        "ftp://h",
        "//h",
    ],
    *["postgresql://[", "host='", "postgresql://h:x/", "a=b=c", "h:0", "h:99999", ":1", "h:٣", "h:²"],
    *["/", ".", "..", "/dev/zero", "/dev/stdin", "a/b", "a,b", "~", "nope.py", "x" * 300, "x" * 100_000],
    *[
        "\0",
        "a\0b",
        "\ud800",
        "\udfff",
        "\ud83d\ude00",
        "\u202e",
        "\u200b",
        "\x1b[31m",
        "\r\n",
        "a\nb",
        "\ufeff",
    ],
    *["production ", "prod\u200buction", "PRODUCTION", "Europe", "Europe/Nowhere", "../../etc/passwd", "UTC"],
    *["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-23:59", "2026-W01-1", "24:00", "25:00", "16:00"],
    *[
        "gameday.cli",
        "gameday.__main__",
        "gameday.",
        "gameday..x",
        "gameday.lab.nope",
        "gameday.faults",
        "json",
    ],
    *[
        "gameday.faults." + "x" * 1000,
        "gameday.observe.locust_recorder",
        "pause",
        "__init__",
        "fault",
        "action",
    ],
]
IN_TEXT = [
    *[
        "\0",
        "\ufeff",
        "\x85",
        "\u2028",
        "\ud800",
        "\x07",
        "\t",
        "\r",
        "\n",
        "  ",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
    ],
    *[
        "'",
        '"',
        "#",
        "&a ",
        "*a",
        "!!",
        "%",
        "---\n",
        "...\n",
        "%YAML 9.9\n---\n",
        "| \n",
        "<<: *a",
        ",",
        "\\",
    ],
    *["%TAG ! tag:x,y:\n", '"\\ud800"', '"\\UFFFFFFFF"', '"\\x0"', "? ", "%YAML " + "9" * 5000 + ".1\n---\n"],
]
BYTES = [b"\xff", b"\xfe\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xf0\x9f", b"\xef\xbb\xbf"]
Node = dict[str, Any] | list[Any]
Spot = tuple[Node, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file to be read: its name and what it holds."""

    name: str
    data: bytes


class Raw(str):
    """A value that is written as it is."""

    __slots__ = ()


def mutant(seed: int) -> Mutant:
    """The mutant of a seed: the same file each time."""
    random = Random(seed)
    name = random.choices(["everything.yaml", "plain.json", "gameday.toml"], [70, 15, 15])[0]
    text = (CORPUS / name).read_text()
    if random.random() < 0.75:
        written = _restructured(text, Path(name).suffix, random)
    else:
        written = _retyped(text, random)
    data = written.encode(errors="surrogatepass")
    if random.random() < 0.03:
        at = random.randrange(len(data) + 1)
        data = data[:at] + random.choice(BYTES) + data[at:]
    return Mutant(name, data)


def _restructured(text: str, suffix: str, random: Random) -> str:
    document: Node = READ[suffix](text)
    if suffix == ".yaml" and isinstance(document, dict):  # a part of it is read sooner
        kept = {*ALWAYS, *random.sample(sorted(document), 8)}
        document = {key: value for key, value in document.items() if key in kept}
    for _ in range(random.choice([1, 1, 1, 2, 3, 6])):
        spots = list(_spots(document))
        if not spots:
            break
        random.choice(CHANGES)(random.choice(spots), spots, random)
    if suffix == ".toml":
        return _toml(document)
    return json.dumps(document, default=str) if suffix == ".json" else _yaml(document)


@cache
def _as_json(text: str) -> str:
    """YAML as JSON: read once, and every mutant has a copy of its own."""
    return json.dumps(yaml.load(text, yaml.BaseLoader))


def _spots(node: Any) -> list[Spot]:
    keys: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found: list[Spot] = []
    for key, value in keys:
        found += [(node, key), *_spots(value)]
    return found


def _another_value(spot: Spot, spots: list[Spot], random: Random) -> None:
    spot[0][spot[1]] = Raw(random.choice(WRITTEN)) if random.random() < 0.6 else random.choice(TEXTS)


def _another_text(spot: Spot, spots: list[Spot], random: Random) -> None:
    spot[0][spot[1]] = random.choice(TEXTS)


def _another_place(spot: Spot, spots: list[Spot], random: Random) -> None:
    node, key = random.choice(spots)
    spot[0][spot[1]] = json.loads(json.dumps(node[key], default=str))  # a copy, so that nothing is cyclic


def _gone(spot: Spot, spots: list[Spot], random: Random) -> None:
    del spot[0][spot[1]]


def _another_key(spot: Spot, spots: list[Spot], random: Random) -> None:
    if isinstance(spot[0], dict):
        known = [key for _, key in spots if isinstance(key, str)]
        renamed = random.choice([spot[1][:-1], spot[1].upper(), random.choice(known), random.choice(TEXTS)])
        spot[0][renamed] = spot[0].pop(spot[1])


def _within(spot: Spot, spots: list[Spot], random: Random) -> None:
    value = spot[0][spot[1]]
    spot[0][spot[1]] = random.choice([[value], {"x": value}, [value] * 3, [[[[value]]]]])


def _many(spot: Spot, spots: list[Spot], random: Random) -> None:
    value = spot[0][spot[1]]
    if len(str(value)) < 300:
        spot[0][spot[1]] = [value] * random.choice([2, 50, 300])


READ: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yaml": lambda text: json.loads(_as_json(text)),
}
CHANGES: list[Callable[[Spot, list[Spot], Random], None]] = [
    *[_another_value] * 8,
    *[_another_text] * 4,
    *[_another_place] * 2,
    *[_gone, _another_key, _within, _many],
]


def _yaml(value: Any) -> str:
    """YAML in one line, so that anything can be written anywhere."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(key)}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, Raw):
        return str(value)
    return _quoted(value) if not isinstance(value, str) or not _is_plain(value) else value


def _is_plain(text: str) -> bool:
    return text.replace("-", "").replace("%", "").replace(".", "").isalnum() and text.isascii()


def _quoted(value: Any) -> str:
    return json.dumps(value, default=str)


def _toml(value: Any) -> str:
    if not isinstance(value, dict):
        return _toml_value(value)
    return "\n".join(f"{_quoted(str(key))} = {_toml_value(item)}" for key, item in value.items()) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_quoted(str(key))} = {_toml_value(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, Raw):
        return str(value).replace(".nan", "nan").replace(".inf", "inf")
    if isinstance(value, bool | int | float | str):
        return _quoted(value)
    return str(value)


def _retyped(text: str, random: Random) -> str:
    """The text with something typed, deleted, doubled, moved or cut off."""
    for _ in range(random.choice([1, 1, 2, 4])):
        at = random.randrange(len(text) + 1)
        span = random.choice([1, 3, 20, 200])
        lines = text.split("\n")
        line = random.randrange(len(lines))
        kind = random.randrange(7)
        if kind == 0:
            text = text[:at] + random.choice(IN_TEXT) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + span :]
        elif kind == 2:
            text = text[:at] + text[at : at + span] * 2 + text[at + span :]
        elif kind == 3:
            text = "\n".join([*lines[:line], lines[line], *lines[line:]])
        elif kind == 4:
            text = "\n".join([*lines[:line], *lines[line + 1 :]])
        elif kind == 5:
            text = "\n".join(
                [*lines[:line], random.choice([" ", "   ", "\t"]) + lines[line], *lines[line + 1 :]]
            )
        else:
            text = text[:at]
    return text
