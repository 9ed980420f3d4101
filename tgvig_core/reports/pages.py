"""HTML pages from templates (Jinja2, https://jinja.palletsprojects.com): values are escaped, a missing name is an error.

A page asks nothing of any network and needs no script: its style and its pictures lie inside it. Needs no torch.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from tgvig_core.reports.drawings import axis, curve, tint
from tgvig_core.reports.label_figures import label_figures
from tgvig_core.reports.pictures import picture
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError

OWN = "tgvig_core.reports"


@functools.cache
def environment(package: str = OWN) -> Environment:
    """The templates of a package's folder `templates`, and those here, which they may extend and import from.

    Filters beside Jinja's own: `fmt` (a number by Python's format language), `repr` and `words` (see `words_of`).
    """
    packages = dict.fromkeys((package, OWN))
    made = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in packages]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters |= {"fmt": format, "repr": repr, "words": words_of}
    made.globals |= {
        "picture": picture,
        "curve": curve,
        "axis": axis,
        "tint": tint,
        "label_figures": label_figures,
    }
    return made


def write_page(target: Path, template: str, **values: Any) -> None:
    """Write a page as one file that is there whole or not at all.

    Args:
        template: its name in this package's folder `templates`. values: what it shows. Its pieces are written as they come,
            so that memory does not grow with the number of pictures.

    Raises:
        TgvigError: the file cannot be written.
    """
    pieces = environment().get_template(template).generate(**values)
    # file names may hold bytes that are no text
    with report_file(target) as draft, draft.open("w", encoding="utf-8", errors="replace") as file:
        file.writelines(pieces)


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


def words_of(value: object) -> str:
    """A value of a JSON file as people write it: lists with commas, what is nested with its names."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {words_of(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words_of, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
