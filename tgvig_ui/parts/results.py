"""What an inspection left on disk, as values: verdicts at the threshold of the moment, overlays, regions, downloads."""

from __future__ import annotations

import csv
import functools
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydantic
from PIL import Image

from tgvig_core.inspection.score_scale import shown
from tgvig_core.photos.images import from_square, read_photo, save_png
from tgvig_core.runs.card import ModelCard
from tgvig_core.utils.csv_safe import guarded
from tgvig_ui.parts.json_files import read_value
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.thumbnails import VIEW
from tgvig_ui.parts.trained import model_card

OVERLAYS = ("Heatmap", "Outline", "Both")


@pydantic.dataclasses.dataclass(frozen=True)
class Scored:
    """One photo of scores.json; `map` is the number of its map's file, `defective` is None in a folder without labels."""

    path: Path
    score: float
    map: int
    defective: bool | None
    heatmap: str


@pydantic.dataclasses.dataclass(frozen=True)
class Inspected:
    """scores.json: what an inspection found; figures of a labelled folder at the calibrated threshold, else none."""

    images: tuple[Scored, ...]
    figures: dict[str, float | None]


@dataclass(frozen=True)
class Row:
    """One inspected photo at the present threshold."""

    path: Path
    name: str
    score: float
    display: float
    anomalous: bool
    defective: bool | None
    decision: str
    map: Path
    heatmap: str


@dataclass(frozen=True)
class Results:
    """An inspection: rows worst first, thresholds, and the figures of a labelled folder (empty without labels)."""

    rows: tuple[Row, ...]
    threshold: float
    pixel_threshold: float
    calibrated: float
    figures: dict[str, float | None]
    card: ModelCard
    folder: Path

    @property
    def labels(self) -> list[bool] | None:
        """True for defective, in the rows' order; None where the folder has no labels."""
        found = [row.defective for row in self.rows]
        return None if not found or None in found else [bool(label) for label in found]

    def counts(self) -> tuple[int, int, int, int]:
        """True negatives, false positives, false negatives, true positives at the present threshold."""
        pairs = [(bool(row.defective), row.anomalous) for row in self.rows]
        return tuple(pairs.count(kind) for kind in ((False, False), (False, True), (True, False), (True, True)))


def results(part: Part | None) -> Results | None:
    """The inspection of the part's chosen generation, None where there is none."""
    number = part.choices.generation if part else None
    card = model_card(part)
    folder = part.generation(number) / "inspect" if part and number else None
    found = read_value(Inspected, folder / "scores.json") if folder else None
    if part is None or folder is None or not found or not found.images or not card:
        return None
    about, choices = card.calibration, part.choices
    threshold = about.threshold if choices.threshold is None else choices.threshold
    root = part.folder / "tests" / "test"
    rows = []
    for one in found.images:
        if not one.path.exists():  # removed since: there is nothing to show of it
            continue
        name = str(one.path.relative_to(root)) if one.path.is_relative_to(root) else one.path.name
        decision, map_ = choices.decisions.get(name, ""), folder / "maps" / f"{one.map}.npy"
        anomalous, display = one.score > threshold, shown(one.score, threshold, about.steepness)
        rows.append(Row(one.path, name, one.score, display, anomalous, one.defective, decision, map_, one.heatmap))
    if not rows:
        return None
    rows.sort(key=lambda row: -row.score)
    # those in the file are of the calibrated threshold
    figures = found.figures | _rates(rows) if found.figures else {}
    # the map's limit moves with the score's: both are distances in the same feature space
    pixel = about.pixel_threshold * threshold / max(about.threshold, 1e-12)
    return Results(tuple(rows), threshold, pixel, about.threshold, figures, card, folder)


def _rates(rows: list[Row]) -> dict[str, float | None]:
    """Shares of false alarms and of missed defects at the present threshold; None where there is no photo of the kind."""
    good = [row.anomalous for row in rows if row.defective is False]
    defective = [row.anomalous for row in rows if row.defective]
    return {
        "false_alarm": good.count(True) / len(good) if good else None,
        "miss": defective.count(False) / len(defective) if defective else None,
    }


@functools.lru_cache(maxsize=16)
def _pixels(path: Path, stamp: int) -> np.ndarray:
    """The photo, scaled down to what a page shows."""
    image = Image.fromarray(read_photo(path).pixels)
    image.thumbnail((VIEW, VIEW), Image.Resampling.LANCZOS)
    return np.array(image)


def view(found: Results, row: Row, overlay: str, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo and the photo with its map, both H×W×3 uint8 with the longer side at most 1024 px."""
    from tgvig_core.inspection.inspector import heatmap
    from tgvig_core.inspection.regions import outlined

    pixels = _pixels(row.path, row.path.stat().st_mtime_ns)
    square = np.load(row.map).astype(np.float32)
    marked = pixels
    if overlay != "Outline":
        coloured = heatmap(pixels, square, found.pixel_threshold)
        marked = (pixels * (1 - opacity) + coloured * opacity).round().astype(np.uint8)
    if overlay != "Heatmap":
        marked = outlined(marked, from_square(square, *pixels.shape[:2]), found.pixel_threshold)
    return pixels, marked


def region_rows(found: Results, row: Row, pitch: float | None) -> list[list]:
    """The photo's regions, strongest first: place, size in px of the whole photo (mm with a pitch), peak."""
    from tgvig_core.inspection.regions import regions

    with Image.open(row.path) as image:
        width, height = image.size
        if image.getexif().get(0x0112, 1) >= 5:  # turned by a quarter: the upright photo has its sides swapped
            width, height = height, width
    whole = from_square(np.load(row.map).astype(np.float32), height, width)
    listed = []
    for region in regions(whole, found.pixel_threshold)[:20]:
        size = f"{region.width} × {region.height} px"
        if pitch:
            across, down, area = region.size_mm(pitch)
            size += f" · {across:.2f} × {down:.2f} mm · {area:.2f} mm²"
        listed.append([f"{region.x}, {region.y}", size, f"{region.area} px", round(region.peak, 2)])
    return listed


def csv_text(found: Results) -> str:
    """path, raw score, score from 0 to 1, threshold, verdict and decision of every photo, worst first."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["photo", "score", "display", "threshold", "is_anomalous", "decision"])
    for row in found.rows:
        table.writerow([guarded(row.name), row.score, row.display, found.threshold, row.anomalous, row.decision])
    return out.getvalue()


def heatmap_file(found: Results, row: Row) -> Path:
    """The photo under its map at full size; drawn now where the inspection came without it (page/example.py)."""
    file = found.folder / "heatmaps" / row.heatmap
    if not file.exists():
        from tgvig_core.inspection.inspector import heatmap

        file.parent.mkdir(exist_ok=True)
        limit = found.card.calibration.pixel_threshold
        save_png(heatmap(read_photo(row.path).pixels, np.load(row.map).astype(np.float32), limit), file)
    return file


def heatmaps_zip(found: Results, target: Path) -> Path:
    """The heatmaps of these photos, at their own size, in one archive; the folder may hold some of former inspections."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for row in sorted(found.rows, key=lambda row: row.heatmap):
            archive.write(heatmap_file(found, row), row.heatmap)
    return target
