"""How long it takes to look through a text for secrets: a plain one, and those that are made to be slow."""

from __future__ import annotations

import time
from statistics import median

from table import Table

from gameday.redact.redactor import Redactor

ROUNDS = 7
SHORT, LONG = 10_000, 100_000
PLAIN = "plain text"
# what is repeated, and how it ends
TEXTS = {
    PLAIN: ("the quick brown fox jumps over the lazy dog,\n", ""),
    "a-a-…key": ("a-", "key"),
    "--a--a… --token": ("--a", " --token"),
    "eyJ-eyJ-…": ("eyJ-", ""),
    "://a:://a:…": ("://a:", ""),
    "JSON with passwords": ('{"user": "app", "password": "abc"}\n', ""),
    "escapes": ("\\u0041", ""),
    "backslashes": ("\\", ""),
    "beginnings of a secret": ("correct horse ", ""),
    "a name on every line": ("secret:\n", ""),
}
SECRETS = [f"secret-number-{number}" for number in range(20)]


def measure() -> Table:
    """Each text, ten kilobytes and ten times as much, with twenty known secrets and one of several words."""
    redactor = Redactor([*SECRETS, "correct horse battery"])
    took_s: dict[tuple[str, int], list[float]] = {(what, n): [] for what in TEXTS for n in (SHORT, LONG)}
    for _ in range(ROUNDS):
        for (what, length), taken in took_s.items():
            piece, end = TEXTS[what]
            text = piece * (length // len(piece)) + end
            begun_s = time.process_time()
            redactor._without_secrets(text)
            taken.append(time.process_time() - begun_s)
    table: Table = [("", "10 kB", "100 kB", "growth", "against plain text")]
    plain_s = median(took_s[PLAIN, LONG])
    for what in TEXTS:
        short_s, long_s = median(took_s[what, SHORT]), median(took_s[what, LONG])
        growth, ratio = f"{long_s / short_s:.1f}", f"{long_s / plain_s:.1f}"
        table.append((what, f"{short_s * 1e3:.2f} ms", f"{long_s * 1e3:.1f} ms", growth, ratio))
    return table
