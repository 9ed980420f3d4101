"""Training a run's detector: which images it learns from, what the gate leaves out, threshold and lift, all on its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.fitting import admission, calibration, pools, training_sets
from tgvig_core.runs.card import load_model
from tgvig_core.runs.settings import SIZE
from tgvig_core.storage.run_folder import writing
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import NOTES

if TYPE_CHECKING:
    from tgvig_core.runs.pipeline import Work


def pool_of(
    work: Work, normals: Tensor, best: int | None, arm: str, left_out: Sequence[int], dropped: Sequence[int] = ()
) -> pools.Pool:
    """The images that `train` learns from; see there.

    Args:
        dropped: places in the set that the gate leaves out.
    """
    if arm == "real":
        return pools.real(normals)
    generating = work.settings.generating
    if arm.startswith("augment"):
        policy = training_sets.narrowed(generating.policy, arm)
        return pools.augment(normals, generating.images, policy, work.settings.seed)
    return pools.tgvig(normals, set_of(work, best, arm).to(work.device), left_out, dropped)


def set_of(work: Work, best: int | None, arm: str) -> Tensor:
    """The generated images of an arm that takes some, M×3×S×S in [-1, 1]: of set `best`, or of the one it names."""
    number, count = training_sets.set_of(arm) if ":" in arm else (best, None)
    return work.run.load_set(number)[:count]


def train(
    work: Work, normals: Tensor, best: int | None, arm: str = "tgvig", left_out: Sequence[int] = ()
) -> tuple[Detector, dict]:
    """A detector on the chosen images, its threshold, and the lift; from disk where the run had finished it.

    Args:
        best: the set to learn from, α or another one; None where the arm takes no set and there is none.
        arm: which images, see arms.py.
        left_out: places in the set that a person has thrown out.
    """
    folder, settings = work.run.folder / "model", work.settings
    if finished := _finished(folder, work.device):
        return finished
    plain = detector_of(work, pools.real(normals))
    card = {"detector": settings.detector, "object": settings.object_name, "arm": arm, "best_iteration": best}
    card |= {"left_out": list(left_out), "gate": None, "lift": None}
    found, detector = calibrated(work, pools.real(normals), plain, plain, normals), plain
    if arm != "real":
        if arm.startswith("tgvig"):
            card["gate"] = asdict(admit(work, plain, found.threshold, best, arm))
        pool = pool_of(work, normals, best, arm, left_out, admission.dropped(card))
        detector = detector_of(work, pool)
        if len(normals) > 1:  # of a single photo the detector of the photo alone is asked in any case
            found = calibrated(work, pool, detector, plain, normals)
        policy, seed = settings.generating.policy, settings.seed
        card["lift"] = asdict(pool_comparison.lift(plain, detector, arm, normals, policy, seed, work.ctx))
    card["calibration"] = asdict(found)
    work.run.journal("trained", arm=arm, threshold=card["calibration"]["threshold"])
    with writing(folder):
        detector.save(folder, card)
    return detector, card


def _finished(folder: Path, device: str) -> tuple[Detector, dict] | None:
    """The detector that lies there, None where it is to be trained: anew, if it is damaged or of another version."""
    if not (folder / "model.json").exists():
        return None
    try:
        return load_model(folder, device)
    except (OSError, TgvigError) as error:
        NOTES.warning("%s Training it again.", error)
        return None


def detector_of(work: Work, pool: pools.Pool) -> Detector:
    """The run's kind of detector, fitted on a pool."""
    settings = work.settings
    detector = detectors.get(settings.detector).build(work.models.backbone, SIZE, work.device, settings.patchcore)
    detector.fit(pool.images, pool.groups, work.settings.seed, work.ctx)
    return detector


def calibrated(
    work: Work, pool: pools.Pool, detector: Detector, plain: Detector, normals: Tensor
) -> calibration.Calibration:  # fmt: skip
    """The threshold of a detector that was trained on a pool; `plain` was on the normals alone."""
    settings = work.settings
    policy, rate, seed = settings.generating.policy, settings.false_alarm, settings.seed
    return calibration.calibrate(detector, pool, plain, normals, policy, rate, seed, work.ctx)


def admit(work: Work, plain: Detector, good: float, best: int | None, arm: str) -> admission.Gate:
    """What the gate says of an arm's generated images.

    Args:
        plain: trained on the normals alone. good: its threshold.
    """
    return admission.admit(plain, set_of(work, best, arm).to(work.device), good, work.ctx)
