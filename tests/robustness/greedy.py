"""More asked for than there is: patches, neighbours, photos; and photos that are all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from tests.robustness.not_numbers import noise, trained
from tests.robustness.row import Row
from tgvig_core.detectors.coreset import select
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.diagnosis import outlier_photos
from tgvig_core.fitting.calibration import calibrate
from tgvig_core.fitting.pools import real
from tgvig_core.generation.base import sources
from tgvig_core.photos.views import ViewPolicy

PATCHES = 64
"""Of a photo of 64 px."""


def rows() -> Iterator[Row]:
    for what, work in TRIALS.items():
        try:
            right, figure = work()
        except Exception as error:
            right, figure = False, f"{type(error).__name__}: {error}"
        yield Row(what, 1, int(right), figure)


def coreset() -> tuple[bool, str]:
    """Every patch is remembered once."""
    bank = trained(PatchCoreSettings(coreset_ratio=1.0, coreset_least=10**9)).model.memory_bank
    return len(bank) == 2 * PATCHES, f"{len(bank)} of {2 * PATCHES} patches"


def neighbours() -> tuple[bool, str]:
    """A million of them are as many as there are."""
    scores = [
        trained(PatchCoreSettings(count, coreset_least=4)).score(noise(3)).scores for count in (10**6, 2 * PATCHES)
    ]
    return bool(torch.equal(*scores) and scores[0].isfinite().all()), f"{scores[0].max().item():.2f} the highest score"


def alike() -> tuple[bool, str]:
    """Photos that differ in nothing, in the coreset and in the threshold."""
    normals, detector = noise(1).expand(3, -1, -1, -1).contiguous(), trained()
    detector.fit(normals, (0, 1, 2))
    found = calibrate(detector, real(normals), detector, normals, ViewPolicy())
    score = detector.score(normals[:1]).scores.item()
    right = 0 < found.typical <= found.threshold < torch.inf and score <= found.threshold
    return right, f"score {score:.2g}, threshold {found.threshold:.2g}"


def odd() -> tuple[bool, str]:
    """Of photos that differ in nothing none is odd, whatever rounding says."""
    detector = trained()
    peaks = outlier_photos.held_out_maps(detector.features(noise(1)).expand(5, -1, -1, -1).contiguous()).amax((1, 2))
    return outlier_photos.outlier_places(peaks) == {}, f"peaks {peaks.min().item():.1e} to {peaks.max().item():.1e}"


def flat() -> tuple[bool, str]:
    """The search for patches among patches that are all equal: different places all the same, and an end."""
    picks = select(torch.ones(5000, 8), 3000)
    return len(picks.unique()) == 3000, "3000 different of 5000 equal patches"


def turns() -> tuple[bool, str]:
    """Fewer images than photos, and more: everybody's turn comes."""
    return sources(2, 3) == (0, 1) and sources(7, 3) == (0, 1, 2, 0, 1, 2, 0), "2 and 7 images of 3 photos"


TRIALS: dict[str, Callable[[], tuple[bool, str]]] = {
    "a coreset larger than the patches": coreset,
    "neighbours beyond the memory bank": neighbours,
    "normals that differ in nothing": alike,
    "the odd one among equals": odd,
    "a coreset of equal patches": flat,
    "images that the photos do not divide": turns,
}
