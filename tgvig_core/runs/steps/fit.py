"""Training a run's detector: which images it learns from, which the gate rejects, threshold and lift, all on its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.fitting import admission, calibration, pools
from tgvig_core.fitting.results import Calibration, Gate
from tgvig_core.fitting.training_sets import REAL, TrainingSet
from tgvig_core.runs.card import Fitted, ModelCard, load_model
from tgvig_core.runs.settings import SIZE
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import writing
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import NOTES


def pool_of(
    work: Work, normals: Tensor, best: int | None, training_set: TrainingSet, rejected: Sequence[int] = ()
) -> pools.Pool:
    """The images that `train` learns from; see there.

    Args:
        rejected: places in the set that the gate rejects.
    """
    generating = work.settings.generating
    if training_set.generated:
        generated = set_of(work, best, training_set).to(work.device)
        return pools.tgvig(normals, generated, training_set.excluded, rejected)
    if training_set.copies:
        policy = training_set.narrowed(generating.policy)
        return pools.augment(normals, generating.images, policy, work.settings.seed)
    return pools.real(normals)


def set_of(work: Work, best: int | None, training_set: TrainingSet) -> Tensor:
    """The generated images of a training set that holds some, M×3×S×S in [-1, 1]: of the set in use, or of its own."""
    number = training_set.set or best
    if number is None:
        raise TgvigError("There is no generated set to learn from: generate one, or learn from the photos alone.")
    return work.run.load_set(number)[: training_set.count]


def train(work: Work, normals: Tensor, best: int | None, training_set: TrainingSet) -> tuple[Detector, ModelCard]:
    """A detector on the chosen images, its threshold, and the lift; from disk where the run had finished it.

    Args:
        best: the set in use, α or another one; None where there is none.
        training_set: which images.
    """
    folder, settings = work.run.folder / "model", work.settings
    if finished := _finished(folder, work.device):
        return finished
    plain = detector_of(work, pools.real(normals))
    found, detector = calibrated(work, pools.real(normals), plain, plain, normals), plain
    gate = lift = None
    if training_set != REAL:
        if training_set.generated:
            gate = admit(work, plain, found.threshold, best, training_set)
        pool = pool_of(work, normals, best, training_set, gate.rejected if gate else ())
        detector = detector_of(work, pool)
        if len(normals) > 1:  # of a single photo the detector of the photo alone is asked in any case
            found = calibrated(work, pool, detector, plain, normals)
        policy, seed = settings.generating.policy, settings.seed
        lift = pool_comparison.lift(plain, detector, training_set, normals, policy, seed, work.ctx)
    fitted = Fitted(settings.object_name, training_set, best, found, gate, lift)
    work.run.journal("trained", arm=str(training_set), threshold=found.threshold)
    with writing(folder):
        detector.save(folder, fitted.as_json())
    return detector, ModelCard.read(folder)


def _finished(folder: Path, device: str) -> tuple[Detector, ModelCard] | None:
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
) -> Calibration:  # fmt: skip
    """The threshold of a detector that was trained on a pool; `plain` was on the normals alone."""
    settings = work.settings
    policy, rate, seed = settings.generating.policy, settings.false_alarm, settings.seed
    return calibration.calibrate(detector, pool, plain, normals, policy, rate, seed, work.ctx)


def admit(work: Work, plain: Detector, good: float, best: int | None, training_set: TrainingSet) -> Gate:
    """What the gate says of a training set's generated images.

    Args:
        plain: trained on the normals alone. good: its threshold.
    """
    return admission.admit(plain, set_of(work, best, training_set).to(work.device), good, work.ctx)
