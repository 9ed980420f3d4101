"""The report as one HTML file that needs nothing beside it: style inside, pictures as data URIs (RFC 2397), no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tgvig_core.benchmark.report.figures import Picture
from tgvig_core.benchmark.report.tables import Table
from tgvig_core.reports.pages import environment
from tgvig_core.reports.pictures import data_uri


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
    shown = environment().get_template("benchmark.html")
    return shown.render(sections=sections, png_uri=lambda file: data_uri(file.read_bytes(), "image/png"))
