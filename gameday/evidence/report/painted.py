"""The report's page for a printer that does not style drawings: each gets the colours of paper as its own."""

from __future__ import annotations

import re

TONES = {"met": "good", "missed": "bad", "open": "still"}
WHITE_LINES = 'fill="none" stroke="#fff" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round"'


def painted(html: str) -> str:
    """The same page; in its drawings, no colour or font comes from the page any more."""
    root = html[html.index(":root") : html.index("}", html.index(":root"))]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", root))
    html = html.replace('<svg class="symbol"', f'<svg class="symbol" {WHITE_LINES}')
    html = re.sub(
        r'<article class="card (met|missed|open)">.*?</article>',
        lambda card: _bar(card[0], colours[TONES[card[1]]], colours),
        html,
        flags=re.S,
    )
    return re.sub(r"<svg.*?</svg>", lambda drawing: _inked(drawing[0], colours), html, flags=re.S)


def _bar(card: str, tone: str, colours: dict[str, str]) -> str:
    line = f'stroke="{colours["ink"]}" stroke-width="2"'
    looks = {"track": f'fill="{colours["line"]}"', "fill": f'fill="{tone}"', "goal": line, "bounds": line}
    for name, look in looks.items():
        card = card.replace(f' class="{name}"', f" {look}")
    return card.replace(
        "<text ", f'<text font-size="12.5" font-family="sans-serif" fill="{colours["muted"]}" '
    )


def _inked(drawing: str, colours: dict[str, str]) -> str:
    drawing = drawing.replace("var(--font)", "sans-serif")
    return re.sub(r"var\(--([\w-]+)\)", lambda name: colours.get(name[1], "#000"), drawing)
