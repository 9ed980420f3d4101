"""What an audit report is put together from beside report_parts: its style, tables, the score axis, shares as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tgvig_core.inspection.score_scale import shown
from tgvig_core.reports.parts import CSS, LABEL

MISSED, MIDDLING, FOUND = (253, 225, 205), (248, 244, 238), (198, 225, 243)
"""RGB of a cell: none found, half, all. All are pale enough for black text."""
WIDTH, LEFT, AXIS = 480, 8, 72
"""Of the score axis, in the SVG's units: its width, the room at both ends, the height of its line."""

STYLE = (
    CSS
    + """
th[scope=row] { padding-right: 20px; }
.facts { margin-bottom: 12px; }
.facts th { width: 30%; font-weight: 400; color: #52606d; }
.facts td, .facts th, .files td { border-bottom: 1px solid #eef1f4; padding: 4px 12px 4px 0; }
.files { table-layout: fixed; font-size: 13px; }
.files td { overflow-wrap: anywhere; }
.files th:first-child { width: 26%; }
.files th:nth-child(2):not(:last-child) { width: 11%; }
.short td:not(:first-child) { white-space: nowrap; }
code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { background: #f5f7f9; border: 1px solid #d9dee4; border-radius: 4px; padding: 10px 12px; margin: 0 0 8px;
      white-space: pre-wrap; }
.note { color: #52606d; }
.sheet figure { display: inline-block; vertical-align: top; width: 118px; margin: 0 8px 12px 0; }
.sheet img { width: 100%; }
.sheet figcaption { font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; }
.sheet.photos figure { width: 190px; }
.sheet .out img { opacity: 0.45; }
.sheet .out figcaption { color: #8a3c00; font-weight: 600; }
.shares { width: auto; font-size: 13px; }
.shares td, .shares th { padding: 4px 10px; border: 2px solid #fff; text-align: center;
                          vertical-align: middle; white-space: nowrap; }
.shares th[scope=row] { text-align: left; font-weight: 400; padding-left: 0; }
.shares small, .shares .px { display: block; font-size: 11px; color: #52606d; }
.scroll { overflow-x: auto; margin-bottom: 10px; }
.missing { display: inline-block; }
ul { margin: 0 0 8px; padding-left: 20px; }
li { margin-bottom: 3px; overflow-wrap: anywhere; }
@media screen and (max-width: 600px) {
  .files, .short { min-width: 520px; }
  .sheet figure, .sheet.photos figure { width: 44%; }
}
@page { size: A4 portrait; margin: 16mm 15mm 18mm;
        @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #52606d; } }
@media print {
  body { font-size: 9.5pt; line-height: 1.4; }
  h1 { font-size: 17pt; }
  h2 { font-size: 13pt; margin: 16pt 0 6pt; }
  h3 { font-size: 10.5pt; margin: 10pt 0 4pt; }
  header p { font-size: 11pt; }
  td, th { padding: 3pt 8pt 3pt 0; }
  .facts td, .facts th { padding: 2pt 8pt 2pt 0; }
  .sheet figure { break-inside: avoid; width: 27mm; margin-right: 2mm; }
  .sheet.photos figure { width: 42mm; }
  thead { display: table-header-group; }
  .facts, .short, .figures { break-inside: avoid; }
  .axis { break-before: avoid; }
  svg { max-width: 110mm; }
  .scroll { overflow: visible; }
  .shares { font-size: 8.5pt; break-inside: avoid; }
  .shares td, .shares th { padding: 2pt 6pt; }
  .shares small, .shares .px { font-size: 7.5pt; }
  .files { font-size: 7.5pt; }
  code, pre { font-size: 8pt; }
}
"""
)


def facts_table(rows: Mapping[str, str]) -> str:
    """Names and what is known, neither of them escaped yet; what is empty is told as not recorded."""
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text) or "<i>not recorded</i>"}</td></tr>'
        for name, text in rows.items()
    )
    return f'<table class="facts">{cells}</table>\n'


def listed_table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "short") -> str:
    """A table with a head; cells are not escaped yet.

    Args:
        kind: "short" stays on one page; "files" ends with checksums and may go over several pages, as may any other.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>\n'


def words_of(value: object) -> str:
    """A value of bundle.json as people write it: lists with commas, what is nested with its names."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {words_of(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words_of, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def axis_svg(threshold: float, typical: float, steepness: float) -> str:
    """Raw scores from 0 on with a typical good part and the threshold, and as what score from 0 to 1 they are shown.

    Args:
        threshold, typical: raw scores, both > 0. steepness: k, see display.py.
    """
    end = 1.5 * max(threshold, typical)
    at_typical, at_threshold = (LEFT + value / end * (WIDTH - 2 * LEFT) for value in (typical, threshold))
    right = WIDTH - LEFT
    low = _mark(at_typical, max(at_typical + 6, 125), "end", "typical good part", typical, threshold, steepness)
    limit = _mark(at_threshold, at_threshold - 6, "start", "threshold", threshold, threshold, steepness)
    return (
        f'<svg viewBox="0 0 {WIDTH} 128" role="img" aria-label="Raw scores from 0: a typical good part at '
        f'{typical:.3f}, the threshold at {threshold:.3f}">'
        f'<rect x="{LEFT}" y="{AXIS - 7}" width="{at_threshold - LEFT:.1f}" height="14" fill="#9ccbe8"/>'
        f'<rect x="{at_threshold:.1f}" y="{AXIS - 7}" width="{right - at_threshold:.1f}" height="14" fill="#f2b58c"/>'
        f'<text x="{LEFT}" y="20" {LABEL}>called good</text>'
        f'<text x="{right}" y="20" text-anchor="end" {LABEL}>called anomalous</text>{low}{limit}</svg>'
    )


def _mark(x: float, words_at: float, anchor: str, name: str, value: float, threshold: float, steepness: float) -> str:
    """A tick of the axis: above it the score from 0 to 1, below it what it is and the raw score."""
    lines = {-20: f"shown as {shown(value, threshold, steepness):.2g}", 28: name, 46: f"{value:.3f} raw"}
    words = "".join(
        f'<text x="{words_at:.1f}" y="{AXIS + y}" text-anchor="{anchor}" {LABEL}>{line}</text>'
        for y, line in lines.items()
    )
    return f'<path d="M{x:.1f} {AXIS - 12}V{AXIS + 12}" stroke="#1f2933" stroke-width="2"/>{words}'


def shares_table(heads: Sequence[str], kinds: Sequence[Mapping], axis: str, unit: str = "") -> str:
    """Found of tried for each kind of defect, blue where many are found and orange where few, with the 90 % interval.

    Args:
        heads: of the columns.
        kinds: KindCurve (detectability.py) as plain values.
        axis: "strengths" or "sizes". unit: where given, every cell tells its own size with it.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    rows = []
    for kind in kinds:
        cells = "".join(_cell(share, unit) for share in kind[axis])
        rows.append(f'<tr><th scope="row">{escape(kind["name"].capitalize())}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="shares"><thead><tr><th scope="col">Kind</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _cell(share: Mapping, unit: str) -> str:
    low, high = (MISSED, MIDDLING) if share["share"] < 0.5 else (MIDDLING, FOUND)
    part = 2 * share["share"] % 1 if share["share"] < 1 else 1
    red, green, blue = (round(a + part * (b - a)) for a, b in zip(low, high, strict=True))
    size = f'<span class="px">{share["at"]:g} {unit}</span>' if unit else ""
    return (
        f'<td style="background: rgb({red} {green} {blue})">{size}{share["found"]} of {share["trials"]}'
        f"<small>{share['low']:.0%} to {share['high']:.0%}</small></td>"
    )
