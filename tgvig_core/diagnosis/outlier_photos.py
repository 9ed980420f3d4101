"""The outlier among the normals, maybe a defect that slipped in: PatchCore's patch distances, each photo held out once.

Every patch of a photo is compared with all patches of the others, and the farthest one is the photo's peak: s* of
PatchCore (Roth et al. 2022, Eq. 6) over the whole bank, not a coreset. A photo whose peak exceeds OUTLIER_FACTOR times the
median of the others' peaks is an outlier. The median alone is the yardstick: the spread of so few peaks is often tiny by chance.

A note is a hint. What it finds and what it does not, and what else was tried: docs/odd_one.md.
"""

from __future__ import annotations

import contextlib
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.inspection.inspector import heatmap, heatmap_names
from tgvig_core.models.backbones import Backbone
from tgvig_core.photos.images import NormalSet, Photo, save_png, to_square, to_tensor
from tgvig_core.storage.run_folder import writing
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.memory import enough_for
from tgvig_core.utils.progress import QUIET, RunContext

OUTLIER_FACTOR = 1.4
"""How many times the others' median peak calls a photo an outlier; docs/odd_one.md says how often that names a good photo."""

LEAST_PHOTOS = 3
"""Of two photos nobody could say which is the outlier."""

MOST_OTHERS = 20
"""Photos that each is compared with, drawn where there are more: the time must not grow with their square."""


@dataclass(frozen=True)
class Outlier:
    """A photo that does not look like the others.

    Attributes:
        photo: the photo.
        map: h×w float32, the distance of each of its patches from the nearest one of the others; the peak is its maximum.
        usual: the median of the others' peaks.
    """

    photo: Photo
    map: np.ndarray
    usual: float

    @property
    def text(self) -> str:
        """A sentence for a person."""
        return (
            f"{self.photo.path.name} does not look like the other photos: its strangest spot scores {self.map.max():.1f} "
            f"against them, theirs {self.usual:.1f}. If it shows a defect, leave it out."
        )

    @property
    def picture(self) -> np.ndarray:
        """The photo under its map, H×W×3 uint8; the limit of being an outlier is coloured half strong, as in inspections."""
        return heatmap(self.photo.pixels, self.map, OUTLIER_FACTOR * self.usual)


def outliers(features: PatchFeatures, normals: NormalSet, ctx: RunContext = QUIET) -> tuple[Outlier, ...]:
    """The photos unlike the others, in their order.

    Args:
        features: of their patches, in a square of a side of its own.
        normals: at least LEAST_PHOTOS photos.

    Raises:
        TgvigError: memory is too short. Stopped: the stop event was set.
    """
    photos = normals.photos
    with enough_for(f"comparing {len(photos)} photos", "give fewer photos"):
        squares = (to_tensor(to_square(photo.pixels, features.size)) for photo in photos)
        seen = ctx.track(squares, "Looking at the photos", len(photos))
        maps = held_out_maps(torch.cat([features(square[None]) for square in seen]), ctx)
    return tuple(
        Outlier(photos[at], maps[at].numpy(), usual) for at, usual in outlier_places(maps.amax((1, 2))).items()
    )


@torch.inference_mode()
def held_out_maps(grids: Tensor, ctx: RunContext = QUIET) -> Tensor:
    """Distance of each patch from the nearest patch of the other photos, wherever that lies there.

    Args:
        grids: n×h×w×D features of n ≥ 2 photos.

    Returns:
        n×h×w on the CPU.

    Raises:
        Stopped: the stop event was set.
    """
    draw, maps = random.Random(0), []
    for at, grid in enumerate(ctx.track(grids, "Comparing the photos", len(grids))):
        others = [place for place in range(len(grids)) if place != at]
        bank = grids[draw.sample(others, min(len(others), MOST_OTHERS))].flatten(0, 2)
        maps.append(torch.cdist(grid.flatten(0, 1), bank).amin(1).view(grid.shape[:2]).cpu())
    return torch.stack(maps)


def outlier_places(peaks: Tensor) -> dict[int, float]:
    """The places of the photos whose peaks are too high, each with the median of the others' peaks.

    Args:
        peaks: n ≥ 2 values ≥ 0.
    """
    values = peaks.numpy()
    usual = [float(np.median(np.delete(values, at))) for at in range(len(values))]
    return {at: usual[at] for at in range(len(values)) if values[at] > OUTLIER_FACTOR * usual[at]}


def outlier_notes(
    folder: Path, backbone: Backbone, normals: NormalSet, size: int, device: str = "cpu",
    ctx: RunContext = QUIET,
) -> list[dict[str, str]]:  # fmt: skip
    """The outliers as notes (path, kind, text, heatmap), kept in FOLDER/odd for as long as the photos are the same.

    Among fewer than LEAST_PHOTOS there is none, and no model is loaded.

    Args:
        folder: of a run, or of a part; the notes' heatmap paths are relative to it.
        backbone: where the features come from.
        size: S, side in px of the square that photos are stretched into.

    Raises:
        TgvigError: memory is too short, or the folder cannot be written to. Stopped: the stop event was set.
    """
    file, shas = folder / "odd" / "notes.json", [photo.sha256 for photo in normals.photos]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or a damaged file
        if (kept := strict_json.loads(file.read_text(encoding="utf-8")))["photos"] == shas:
            return kept["notes"]
    few = len(shas) < LEAST_PHOTOS
    odd = () if few else outliers(PatchFeatures(backbone, size, device=device), normals, ctx)
    with writing(folder):
        return _keep(file, shas, odd)


def _keep(file: Path, shas: list[str], odd: tuple[Outlier, ...]) -> list[dict[str, str]]:
    """Write the pictures, then the notes that name them."""
    file.unlink(missing_ok=True)  # before its pictures go: no note is shown without one
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir()
    notes = []
    for one, name in zip(odd, heatmap_names([one.photo.path for one in odd]), strict=True):
        save_png(one.picture, file.parent / name)
        notes.append({"path": str(one.photo.path), "kind": "odd", "text": one.text, "heatmap": f"odd/{name}"})
    with whole(file) as draft:
        draft.write_text(strict_json.dumps({"photos": shas, "notes": notes}, indent=2) + "\n", encoding="utf-8")
    return notes
