"""A report as PDF: the same HTML, laid out on A4 pages by WeasyPrint (https://weasyprint.org, BSD)."""

from __future__ import annotations

import logging
from pathlib import Path

from tgvig_core.reports.pages import report_file
from tgvig_core.utils.errors import TgvigError

MISSING = (
    'A PDF needs WeasyPrint: pip install "tgvig[pdf]", and on Debian or Ubuntu '
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0."
)


def available() -> bool:
    """Whether WeasyPrint and the libraries that it needs are here."""
    try:
        from weasyprint import HTML  # noqa: F401
        from weasyprint.urls import URLFetcher  # noqa: F401  # of 68 and later
    except (ImportError, OSError):  # OSError: WeasyPrint is there, Pango is not
        return False
    return True


def write_pdf(html: Path, target: Path) -> None:
    """Write a report as PDF; it is there whole or not at all. Nothing is fetched: pictures lie inside the report.

    Args:
        html: what pages.write_page wrote.
        target: the PDF file.

    Raises:
        TgvigError: WeasyPrint or a library it needs is missing, or the file cannot be written.
    """
    if not available():
        raise TgvigError(MISSING)
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of each rule that only screens know
    with report_file(target) as draft:
        HTML(html, url_fetcher=URLFetcher(allowed_protocols=("data",))).write_pdf(draft)
