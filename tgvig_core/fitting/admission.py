"""The gate: which generated images a detector may learn from, those not too far from the real normals.

The distance is the detector's own (PatchCore's, Roth et al., CVPR 2022: that of the strangest patch to the nearest real one):
the score of a generated image by what has learned from the real photos alone. A generator leaves its own texture, so that
its images often lie somewhat farther than another good photo would; docs/advice.md has what such sets did.
"""

from __future__ import annotations

from torch import Tensor

from tgvig_core.detectors.base import BATCH, Detector
from tgvig_core.fitting.results import TOO_FAR, Admission, Gate
from tgvig_core.utils.progress import QUIET, RunContext


def admit(alone: Detector, generated: Tensor, good: float, ctx: RunContext = QUIET) -> Gate:
    """Measure every image of a set.

    Args:
        alone: trained on the real normals only.
        generated: I⁺, M×3×S×S in [-1, 1].
        good: the threshold of `alone`, a raw score.

    Raises:
        Stopped: the stop event was set.
    """
    parts = generated.split(BATCH)
    steps = ctx.track(parts, "Measuring the generated images", len(parts))
    distances = [score for part in steps for score in alone.score(part).scores.tolist()]
    limit = TOO_FAR * good
    images = tuple(Admission(place, distance <= limit, distance) for place, distance in enumerate(distances))
    return Gate(good, limit, images)
