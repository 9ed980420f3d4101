"""What reports are put together from: style, pictures that lie inside the file, the curve as SVG, figures against labels."""

from __future__ import annotations

import base64
import contextlib
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from tgvig_core.photos.images import read_photo
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError

MAX_SIDE = 480
"""Longest side of a picture in the report, px."""
QUALITY = 82
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 480, 200, 68, 32, 16
"""Of the curve, in the SVG's units; LEFT, BOTTOM and TOP leave room for the numbers."""

LABEL = 'font-size="15" fill="#52606d" font-family="sans-serif"'
"""Of an SVG's text: written out, because a page's style does not reach inside it on paper (WeasyPrint)."""
FIGURES = {
    "image_auroc": ("Image AUROC", "1: every defective photo scores above every good one; 0.5: chance"),
    "f1_max": ("Best F1", "balance of defects found and false alarms at the best threshold there is; 1 is perfect"),
    "false_alarm": ("False alarms", "share of the good photos called anomalous at the threshold"),
    "miss": ("Missed defects", "share of the defective photos called good at the threshold"),
    "pixel_auroc": ("Pixel AUROC", "the same as image AUROC, for the pixels of the heatmaps"),
    "pro": ("PRO", "how much of each defect the heatmaps cover, up to 30 % false pixels; 1 is perfect"),
}
"""Key of result.json: name, and what it says."""
RATES = ("false_alarm", "miss")

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1f2933;
       font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 20px 48px; }
header { border-bottom: 3px solid #0072b2; margin-bottom: 20px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 32px 0 10px; }
h3 { font-size: 15px; margin: 18px 0 8px; }
h1, p, dd, td { overflow-wrap: anywhere; }
header p { font-size: 17px; margin: 0 0 12px; }
p { margin: 0 0 6px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0; }
dt, figcaption, .missing { color: #52606d; }
dd { margin: 0; }
figure { margin: 12px 0; }
svg { display: block; width: 100%; max-width: 480px; height: auto; }
img { display: block; width: auto; height: auto; max-width: 100%; border-radius: 4px; }
.set { display: grid; grid-template-columns: repeat(auto-fill, minmax(110px, 1fr)); gap: 8px; }
.set img { width: 100%; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; }
td, th { padding: 8px 12px 8px 0; vertical-align: top; border-bottom: 1px solid #d9dee4; }
.figures { width: auto; }
.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.photos { table-layout: fixed; }
.photos img { max-height: 300px; }
.photos p:last-child { margin-bottom: 0; }
.photos ul { margin: 0; padding-left: 20px; }
.name { font-weight: 600; }
.missing { border: 1px dashed #9aa5b1; border-radius: 4px; padding: 12px; margin: 0; font-size: 13px; }
.good, .bad { display: inline-block; border-radius: 4px; padding: 1px 8px; font-size: 13px; }
.good { background: #e1f0fa; color: #00507d; border: 1px solid #0072b2; }
.bad { background: #fde9dc; color: #8a3c00; border: 1px solid #d55e00; }
@media screen and (max-width: 600px) {
  main { padding: 16px 14px 32px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
  .photos thead { display: none; }
  .photos tr { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; padding: 12px 0; border-bottom: 1px solid #d9dee4; }
  .photos td { padding: 0; border: 0; }
  .photos td:last-child { grid-column: 1 / -1; }
}
@media print {
  body { font-size: 11pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  tr, figure, .set img { break-inside: avoid; }
  .photos img { max-height: 6cm; }
  .set { grid-template-columns: repeat(6, 1fr); }
}
"""


def write_page(target: Path, title: str, style: str, body: Iterable[str]) -> None:
    """Write one HTML file that asks nothing of any network and needs no script; it is there whole or not at all.

    Args:
        title: not escaped yet.
        style: CSS.
        body: pieces of HTML, written as they come: memory does not grow with the number of pictures.

    Raises:
        TgvigError: the file cannot be written.
    """
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )
    # file names may hold bytes that are no text
    with report_file(target) as draft, draft.open("w", encoding="utf-8", errors="replace") as file:
        file.write(head)
        file.writelines(body)
        file.write("</main>\n</body>\n</html>\n")


@contextlib.contextmanager
def report_file(target: Path) -> Iterator[Path]:
    """`whole` for a file that a person asked for.

    Raises:
        TgvigError: it cannot be written.
    """
    try:
        with whole(target) as draft:
            yield draft
    except OSError as error:
        raise TgvigError(f"{target} cannot be written ({error}). Choose a writable folder with room.") from error


def figures_table(figures: Mapping[str, float | None]) -> str:
    """Figures of labelled photos by the keys of FIGURES; empty where none was measured."""
    rows = []
    for key, (name, meaning) in FIGURES.items():
        value = figures.get(key)
        if value is not None:
            shown = f"{value:.1%}" if key in RATES else f"{value:.3f}"
            rows.append(f'<tr><th scope="row">{name}</th><td class="number">{shown}</td><td>{meaning}</td></tr>')
    return f'<table class="figures">{"".join(rows)}</table>' if rows else ""


def picture(path: Path, words: str, side: int = MAX_SIDE) -> str:
    """An <img> that holds the photo itself as JPEG, its longest side at most `side` px; a sentence if it is unreadable.

    Args:
        words: what it shows, for those who cannot see it; not escaped yet.
    """
    try:
        image = Image.fromarray(read_photo(path).pixels)
    except TgvigError:
        return f'<p class="missing">{escape(words)} cannot be read any more.</p>'
    image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    source = f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
    return f'<img src="{source}" alt="{escape(words)}" width="{image.width}" height="{image.height}">'


def curve_svg(similarity: Sequence[float], best: int) -> str:
    """The similarity of each set as a line, the set that was used as a larger orange dot.

    Args:
        similarity: cosines, at least one, first iteration first.
        best: number (from 1) of the set that was used.
    """
    low, high = min(similarity), max(similarity)
    span = (high - low) or 1.0
    step = (WIDTH - LEFT - 20) / max(len(similarity) - 1, 1)
    base = HEIGHT - BOTTOM
    points = [
        (LEFT + place * step, base - 12 - (value - low) / span * (base - TOP - 12))
        for place, value in enumerate(similarity)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#0072b2"/>' for x, y in points)
    every = math.ceil(len(points) / 12)  # at most 12 numbers below the axis
    numbers = "".join(
        f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle" {LABEL}>{place + 1}</text>'
        for place, (x, _) in enumerate(points) if place % every == 0
    )  # fmt: skip
    ends = {low: points[similarity.index(low)][1], high: points[similarity.index(high)][1]}
    scale = "".join(
        f'<text x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end" {LABEL}>{value:.3f}</text>'
        for value, y in ends.items()
    )
    x, y = points[best - 1]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Similarity of {len(similarity)} sets, '
        f'from {low:.3f} to {high:.3f}; set {best} was used">'
        f'<path d="M{LEFT - 8} {TOP}V{base}H{WIDTH}" fill="none" stroke="#9aa5b1"/>'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="2"/>{dots}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="#d55e00"/>{numbers}{scale}</svg>'
    )
