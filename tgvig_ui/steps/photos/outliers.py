"""What a job found about photos unlike the others (tgvig_core.diagnosis.outlier_photos), in the person's own names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tgvig_ui.parts.photo_names import own_names, with_own_names
from tgvig_ui.parts.store import Part, read_json


@dataclass(frozen=True)
class OddPhoto:
    """One of them: its name, the sentence about it, and the heatmap's file."""

    name: str
    text: str
    heatmap: Path


def odd_photos(part: Part) -> list[OddPhoto]:
    """Those of the part; none once its photos have changed, because each was compared with all others."""
    photos, kept = part.photos(), read_json(_file(part))
    if not kept or not kept["notes"] or kept["photos"] != list(map(_sha256, photos)):
        return []
    names = {path.name: name for path, name in own_names(photos).items()}
    return [
        OddPhoto(names[Path(odd["path"]).name], with_own_names(odd["text"], photos), part.folder / odd["heatmap"])
        for odd in kept["notes"]
    ]


def token(part: Part) -> list:
    """Changes when `odd_photos` would find others."""
    file = _file(part)
    return [*map(str, part.photos()), file.stat().st_mtime_ns if file.exists() else 0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(part: Part) -> Path:
    return part.folder / "odd" / "notes.json"
