"""What a job found about photos unlike the others (tgvig_core.diagnosis.outlier_photos), in the person's own names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic.dataclasses import dataclass

from tgvig_ui.parts.json_files import read_value
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.photo_names import own_names, with_own_names


@dataclass(frozen=True)
class Note:
    """What the comparison said of a photo: its file, a sentence, and where the heatmap lies in the part's folder."""

    path: Path
    text: str
    heatmap: str


@dataclass(frozen=True)
class Compared:
    """odd/notes.json: SHA-256 of the photos that were compared, and the notes."""

    photos: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Outlier:
    """A photo unlike the others: its name, the sentence about it, and the heatmap's file."""

    name: str
    text: str
    heatmap: Path


def outliers(part: Part) -> list[Outlier]:
    """Those of the part; none once its photos have changed, because each was compared with all others."""
    photos, kept = part.photos(), read_value(Compared, _file(part))
    if kept is None or not kept.notes or kept.photos != tuple(map(_sha256, photos)):
        return []
    names = {path.name: name for path, name in own_names(photos).items()}
    return [
        Outlier(names[note.path.name], with_own_names(note.text, photos), part.folder / note.heatmap)
        for note in kept.notes
    ]


def token(part: Part) -> list:
    """Changes when `outliers` would find others."""
    file = _file(part)
    return [*map(str, part.photos()), file.stat().st_mtime_ns if file.exists() else 0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(part: Part) -> Path:
    return part.folder / "odd" / "notes.json"
