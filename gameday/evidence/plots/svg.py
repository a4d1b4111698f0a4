"""A drawn figure as a part of a page, in the page's own colours and font."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from gameday.evidence.plots.colours import COLOURS
from gameday.evidence.plots.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def as_svg(figure: Figure) -> str:
    """The figure as a whole SVG file."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    figure.set_canvas(FigureCanvasSVG(figure))
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def inline(svg: str, scene: Scene) -> str:
    """The SVG as a part of the page: no prologue, no metadata, the page's colours and font, unique ids."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>|<!--.*?-->", "", svg, flags=re.S
    )
    svg = re.sub(r' (?:id="(?:figure|axes|patch|line2d|text|matplotlib|legend|xtick|ytick)[^"]*")', "", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", svg)
    svg = re.sub(r'style="[^"]*"', lambda style: _page_style(style[0]), svg)
    view = re.search(r'viewBox="[^"]*"', svg)
    named = f'aria-labelledby="{scene.name}-title {scene.name}-desc"'
    head = f'<svg class="plot" role="img" {view[0] if view else ""} {named}>'
    head += f'<title id="{scene.name}-title">{escape(scene.title)}</title>'
    head += f'<desc id="{scene.name}-desc">{escape(scene.description)}</desc>'
    body = re.sub(r"\s*\n\s*", "\n", svg[svg.index(">") + 1 :])
    return head + body.replace("xlink:href", "href").strip()


def _page_style(style: str) -> str:
    style = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", style)
    return re.sub("|".join(COLOURS), lambda sentinel: f"var(--{COLOURS[sentinel[0]]})", style)
