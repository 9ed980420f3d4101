"""Photos in, verdicts out: score, heatmap at each photo's own size, regions. The same for a run's detector and for a bundle.

Needs no torch: what scores is handed in (`Scorer`). Photos are read ahead and heatmaps written behind the scoring, a few at
a time, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tgvig_core.inspection.heatmaps import heatmap, heatmap_names
from tgvig_core.inspection.limits import Limits
from tgvig_core.inspection.regions import Region, regions
from tgvig_core.inspection.score_scale import shown
from tgvig_core.photos.images import Photo, from_square, read_photo, save_png, to_square
from tgvig_core.photos.reading import pixel_count
from tgvig_core.storage.run_folder import writing
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

TOGETHER, AHEAD = 4, 2
"""Photos that are scored at once, and such groups that are read ahead or still being written."""
MOST_PIXELS = 16_000_000
"""In a group of more than one photo."""
HEATMAPS = ("all", "anomalous", "none")
READERS = 2


class Scorer(Protocol):
    """What scores framed photos: PatchCore itself, or an exported model in its runtime.

    Attributes:
        size: S, side of the frame in px.
    """

    size: int

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """N×S×S×3 uint8 RGB to N raw scores ≥ 0 and N×S×S raw maps, both float32."""


@dataclass(frozen=True)
class Finding:
    """What was found on one photo.

    Attributes:
        score: raw image score; larger is stranger.
        display: the same from 0 to 1, 0.5 at the threshold, see score_scale.py.
        is_anomalous: score > threshold.
        map: S×S float32 raw map in the detector's frame.
    """

    score: float
    display: float
    is_anomalous: bool
    map: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """A finding with its file.

    Attributes:
        path: the photo. finding: what was found; None where it could not be read.
        heatmap: the photo with its map laid over, at the photo's own size; None where it was not asked for.
        regions: above the pixel threshold, in px of the photo, of an anomalous one.
        error: why it could not be read, in one sentence; empty where it could.
    """

    path: Path
    finding: Finding | None
    heatmap: Path | None = None
    regions: tuple[Region, ...] = ()
    error: str = ""


class Inspector:
    """A scorer and the limits that its verdicts rest on."""

    def __init__(self, scorer: Scorer, limits: Limits) -> None:
        self.scorer, self.limits, self.size = scorer, limits, scorer.size

    def findings(self, photos: Sequence[np.ndarray]) -> list[Finding]:
        """What is on photos of any size, H×W×3 uint8 RGB each, in their order.

        Raises:
            TgvigError: see `judge`.
        """
        return self.judge(np.stack([to_square(pixels, self.size) for pixels in photos])) if photos else []

    def judge(self, squares: np.ndarray) -> list[Finding]:
        """What is on framed photos, N×S×S×3 uint8 RGB.

        Raises:
            TgvigError: a score is not finite: its NaN would pass as good.
        """
        scores, maps = self.scorer.look(squares)
        if not (np.isfinite(scores).all() and np.isfinite(maps).all()):
            raise TgvigError("The model gave a score that is not a number: export it again, or fetch the bundle again.")
        limit, steep = self.limits.threshold, self.limits.steepness
        pairs = zip(map(float, scores), maps, strict=True)
        return [Finding(score, shown(score, limit, steep), score > limit, map) for score, map in pairs]


def check_photos(paths: Sequence[Path], ctx: RunContext = QUIET) -> None:
    """Read every photo once, so that a broken one is named before anything is written.

    Raises:
        TgvigError: see images.read_photo.
    """
    for path in ctx.track(paths, "Checking the photos", len(paths)):
        read_photo(path)


def inspect(
    inspector: Inspector, paths: Sequence[Path], folder: Path,
    ctx: RunContext = QUIET,
) -> Iterator[Verdict]:  # fmt: skip
    """Score photos and write all their heatmaps into the folder.

    Raises:
        TgvigError: a photo cannot be read or a heatmap cannot be written. Stopped: the stop event was set.
    """
    found = judged(inspector, zip(paths, heatmap_names(paths), strict=True), folder)
    for verdict in ctx.track(found, "Inspecting the photos", len(paths)):
        if verdict.error:
            raise TgvigError(verdict.error)
        yield verdict


def judged(
    inspector: Inspector, photos: Iterable[tuple[Path, str]], folder: Path, heatmaps: str = "all",
    ctx: RunContext = QUIET,
) -> Iterator[Verdict]:  # fmt: skip
    """Verdicts in the photos' order; one that cannot be read gets its sentence, and the rest goes on.

    Args:
        photos: each with the name of its heatmap; taken only as they are needed.
        folder: of the heatmaps. heatmaps: all, anomalous or none.

    Raises:
        TgvigError: a heatmap cannot be written. Stopped: the stop event was set.
    """
    if heatmaps != "none":
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    waiting = _groups(photos)
    reading: deque[list] = deque()
    written: deque[list[Future]] = deque()
    with ThreadPoolExecutor(READERS) as pool:
        while True:
            while len(reading) < AHEAD and (group := next(waiting, None)):
                reading.append([(path, name, pool.submit(_read, path, inspector.size)) for path, name in group])
            if not reading:
                break
            ctx.check()
            read = [(path, name, future.result()) for path, name, future in reading.popleft()]
            written.append(_behind(pool, inspector, read, folder, heatmaps))
            if len(written) > AHEAD - 1:
                yield from (future.result() for future in written.popleft())
        for futures in written:
            yield from (future.result() for future in futures)


def _groups(photos: Iterable[tuple[Path, str]]) -> Iterator[list[tuple[Path, str]]]:
    """Photos that are held at once: TOGETHER of them, fewer of large ones, at least one."""
    group: list[tuple[Path, str]] = []
    pixels = 0
    for photo in photos:
        size = pixel_count(photo[0])
        if group and (len(group) == TOGETHER or pixels + size > MOST_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(photo)
        pixels += size
    if group:
        yield group


def _read(path: Path, size: int) -> tuple[Photo, np.ndarray] | str:
    """A photo and its frame, or why there is none."""
    try:
        photo = read_photo(path)
        return photo, to_square(photo.pixels, size)
    except TgvigError as error:
        return str(error)


def _behind(pool: ThreadPoolExecutor, inspector: Inspector, read: list, folder: Path, heatmaps: str) -> list[Future]:
    """Score what could be read; what is to be written is left to the pool."""
    squares = [got[1] for _, _, got in read if not isinstance(got, str)]
    found = iter(inspector.judge(np.stack(squares)) if squares else ())
    return [
        pool.submit(Verdict, path, None, error=got) if isinstance(got, str)
        else pool.submit(_written, got[0], next(found), folder / name, heatmaps, inspector.limits.pixel_threshold)
        for path, name, got in read
    ]  # fmt: skip


def _written(photo: Photo, finding: Finding, file: Path, heatmaps: str, pixel_threshold: float) -> Verdict:
    wanted = heatmaps == "all" or (heatmaps == "anomalous" and finding.is_anomalous)
    if wanted:
        save_png(heatmap(photo.pixels, finding.map, pixel_threshold), file, compression=1)
    own = from_square(finding.map, *photo.pixels.shape[:2]) if finding.is_anomalous else None
    above = regions(own, pixel_threshold) if own is not None else ()
    return Verdict(photo.path, finding, file if wanted else None, above)
