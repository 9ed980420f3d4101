"""The report as one HTML file that needs nothing beside it: style inside, pictures as data URIs (RFC 2397), no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tgvig_core.benchmark.report.figures import Picture
from tgvig_core.benchmark.report.tables import Table

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1f2933;
       font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; padding-bottom: 12px; border-bottom: 3px solid #0072b2; }
h2 { font-size: 20px; margin: 36px 0 8px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
h1, h2, h3, p { overflow-wrap: anywhere; }
p { margin: 0 0 8px; max-width: 80ch; }
.note, figcaption { color: #52606d; font-size: 13px; }
.scroll { overflow-x: auto; border: 1px solid #d9dee4; border-radius: 4px; margin: 0 0 8px; }
.scroll:focus-visible { outline: 2px solid #0072b2; }
table { border-collapse: collapse; font-size: 14px; min-width: 100%; }
th, td { text-align: left; padding: 5px 12px; border-bottom: 1px solid #e8ebee; vertical-align: top;
         white-space: nowrap; font-variant-numeric: tabular-nums; }
thead th { background: #f4f6f8; }
tbody tr:last-child > * { border-bottom: 0; }
th[scope=rowgroup] { background: #fafbfc; color: #52606d; }
.words { white-space: normal; min-width: 16em; }
figure { margin: 0 0 16px; }
img { display: block; min-width: 560px; max-width: 900px; width: 100%; height: auto; }
@media (max-width: 600px) { main { padding: 16px 14px 32px; } th, td { padding: 5px 8px; }
                            .words { min-width: 11em; } }
"""
LONG = 30
"""Characters of a cell from which on its line is broken."""


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading. words: what stands below it. parts: its tables and pictures.
    """

    title: str
    words: str
    parts: Sequence[Table | Picture]


def document(sections: Sequence[Section]) -> str:
    """The whole page.

    Raises:
        OSError: a picture cannot be read.
    """
    body = "".join(_section(section) for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>TGVIG benchmark</title><style>{CSS}</style></head>"
        f"<body><main><h1>TGVIG benchmark</h1>{body}</main></body></html>\n"
    )


def _section(section: Section) -> str:
    words = f"<p>{escape(section.words)}</p>" if section.words else ""
    parts = "".join(_table(part) if isinstance(part, Table) else _picture(part) for part in section.parts)
    return f"<section><h2>{escape(section.title)}</h2>{words}{parts}</section>\n"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "".join(_row(row, len(table.head)) for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f"<h3>{escape(table.title)}</h3>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _row(row: Sequence[str], width: int) -> str:
    if len(row) < width:
        return f'<tr><th scope="rowgroup" colspan="{width}">{escape(row[0])}</th></tr>'
    first = f'<th scope="row">{escape(row[0])}</th>'
    return f"<tr>{first}{''.join(map(_cell, row[1:]))}</tr>"


def _cell(text: str) -> str:
    return f"<td{' class=words' if len(text) > LONG else ''}>{escape(text)}</td>"


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode()
    return (
        f"<h3>{escape(picture.title)}</h3><figure>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(picture.title)}">'
        f'<img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}"></div>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
