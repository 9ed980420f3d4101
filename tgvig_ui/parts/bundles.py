"""The bundle of a part's detector that was made last, as a value.

PARTS/<id>/bundles/NAME.zip, its audit report beside it as NAME.html, and latest.json about both. An older one goes.
"""

from __future__ import annotations

from pathlib import Path

from pydantic.dataclasses import dataclass

from tgvig_core.runs.card import ModelCard
from tgvig_ui.parts.json_files import read_value
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.trained import check_of, model_card

LATEST = "latest.json"


@dataclass(frozen=True)
class Made:
    """The bundle that was made last.

    Attributes:
        file, report: the ZIP and the audit report that lies in it, too.
        bytes, sha256: of the ZIP.
        formats: those it holds. with_normals: whether it holds the good photos.
        lacking: a sentence on the formats that were asked for and that the detector does not leave in; empty where it does.
        outdated: why it is no longer what would be made now; empty where it is.
    """

    file: Path
    report: Path
    bytes: int
    sha256: str
    formats: tuple[str, ...]
    with_normals: bool
    outdated: str
    lacking: str = ""


@dataclass(frozen=True)
class Source:
    """What a bundle was made of: the detector (ModelCard.id), the threshold as moved, and whether there
    was a check of it.
    """

    detector: str
    threshold: float | None
    checked: bool


@dataclass(frozen=True)
class Latest:
    """latest.json: the bundle that was made last, by the name of its file without the suffix."""

    name: str
    bytes: int
    sha256: str
    of: Source
    formats: tuple[str, ...]
    with_normals: bool
    lacking: str = ""


def source_of(card: ModelCard, threshold: float | None, checked: bool) -> Source:
    """What a bundle of this detector is made of."""
    return Source(card.id, threshold, checked)


def made_of(part: Part | None) -> Made | None:
    """The bundle that was made last, None where there is none."""
    folder = part.folder / "bundles" if part else None
    found = read_value(Latest, folder / LATEST) if folder else None
    file = folder / f"{found.name}.zip" if folder and found else None
    if part is None or found is None or file is None or not file.exists():
        return None
    report = file.with_suffix(".html")
    return Made(
        file,
        report,
        found.bytes,
        found.sha256,
        found.formats,
        found.with_normals,
        _outdated(part, found.of),
        found.lacking,
    )


def _outdated(part: Part, of: Source) -> str:
    card = model_card(part)
    now = source_of(card, part.choices.threshold, bool(check_of(part))) if card else None
    if now is None or now.detector != of.detector:
        return "This bundle holds another detector than the one you see here. Make it again to take this one home."
    if now.threshold != of.threshold:
        return "The threshold has been moved since this bundle was made. Make it again to take the new one home."
    if now.checked != of.checked:
        return "The detector has been checked since this bundle was made. Make it again to have that in its report."
    return ""
