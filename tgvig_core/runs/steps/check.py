"""Is this detector the right one, and what would it miss? The check of a finished training: advice and detectability.

The other pools are trained with the same seed, one after the other; the scores of each are kept in RUN/check.part.json,
so that a check that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.diagnosis.detectability import detectability
from tgvig_core.fitting import admission, pools, training_sets
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.runs.card import load_model
from tgvig_core.runs.pipeline import Work, opened
from tgvig_core.runs.settings import SIZE
from tgvig_core.runs.steps import fit
from tgvig_core.storage.run_folder import Run, detector_id
from tgvig_core.storage.run_lock import alone_in
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

MOST_SETS = 5
COUNTS = (5, 10)
"""Numbers of generated images that a thorough check tries beside the whole set."""
KEPT = "check.part.json"


def check(work: Work, normals: Tensor, detector: Detector, card: dict, thorough: bool = False) -> dict:
    """Compare what could be learned from, and try synthetic defects.

    Args:
        normals: P×3×S×S in [-1, 1], as in training.
        detector, card: what `learning.train` gave.
        thorough: also other generated sets, and fewer images of the one in use.

    Returns:
        {"advice": Advice, "gate": {arm: words}, "thorough": bool, "detectability": Detectability, "arm": what the detector
        learned from, "model": which detector (runs.detector_id)} as plain values, which are in RUN/check.json too, and under
        "check" in RUN/result.json where there is one.

    Raises:
        Stopped: the stop event was set.
    """
    settings, run = work.settings, work.run
    best = card["best_iteration"] or _best(work)
    policy, seed = settings.generating.policy, settings.seed
    held = pool_comparison.held_out(normals, policy, seed)
    kept = _Kept.of(work)
    asked = list(dict.fromkeys((*training_sets.allowed(policy), *_sets(work, best, thorough), card["arm"])))
    learners = _Learners(work, normals, best, detector, card, kept.gates)
    for arm in work.ctx.track(asked, "Comparing what to learn from", len(asked)):
        if arm not in kept.scores:
            kept.scores[arm] = pool_comparison.scored(learners.trained(arm), held)
            kept.save(work)
    seen = detectability(
        detector, normals, policy, card["calibration"]["threshold"], seed, work.ctx
    )  # fmt: skip
    found = {
        "advice": asdict(pool_comparison.compare({arm: kept.scores[arm] for arm in asked}, seed)),
        "gate": {arm: words for arm, words in kept.gates.items() if arm in asked},
        "thorough": thorough,
        "detectability": asdict(seen),
        "arm": card["arm"],
        "model": _model(work),
    }
    run.write_json("check.json", found)
    if result := run.read_json("result.json"):
        run.write_json("result.json", result | {"check": found})
    return run.read_json("check.json")


def check_run(
    folder: Path, thorough: bool = False, device: str = "auto",
    ctx: RunContext = QUIET,
) -> dict:  # fmt: skip
    """`check` of a run on disk.

    Raises:
        TgvigError: there is no run, it has no detector yet, or its photos have changed. Stopped: the stop event was set.
    """
    Run.open(folder)
    with alone_in(folder):
        work = opened(folder, device, ctx)
        if not (folder / "model" / "model.json").exists():
            raise TgvigError(f"{folder} has no detector yet: finish it with tgvig run --resume --out {folder}.")
        detector, card = load_model(folder / "model", work.device)
        return check(work, work.normals.tensor(SIZE).to(work.device), detector, card, thorough)


def _best(work: Work) -> int | None:
    """α of the sets on disk, None where there is none."""
    similarity = [row["similarity"] for row in work.run.iterations()]
    return best_iteration(similarity, work.settings.integrating.text) if similarity else None


def _sets(work: Work, best: int | None, thorough: bool) -> Iterator[str]:
    """The arms that take generated images: the set in use, others spread over the iterations, and parts of the set."""
    if best is None:
        return
    yield "tgvig"
    if thorough:
        total = len(work.run.iterations())
        spread = np.linspace(1, total, min(MOST_SETS, total)).round().astype(int)
        yield from (f"tgvig:{number}" for number in spread if number != best)
        images = len(work.run.load_set(best))
        yield from (f"tgvig:{best}:{count}" for count in COUNTS if count < images)


@dataclass
class _Kept:
    """What the arms that are done have said: scores, and the gate's words."""

    scores: dict[str, pool_comparison.Scores]
    gates: dict[str, str]

    @classmethod
    def of(cls, work: Work) -> _Kept:
        """From disk, where a check of this very detector was stopped or is asked for again."""
        found = work.run.read_json(KEPT)
        if not found or found["model"] != _model(work):
            return cls({}, {})
        scores = {
            arm: pool_comparison.Scores(*(np.array(values) for values in both)) for arm, both in found["scores"].items()
        }
        return cls(scores, found["gates"])

    def save(self, work: Work) -> None:
        scores = {arm: [one.good.tolist(), one.spoiled.tolist()] for arm, one in self.scores.items()}
        work.run.write_json(KEPT, {"model": _model(work), "scores": scores, "gates": self.gates})


def _model(work: Work) -> str:
    """The detector and its threshold, on which the gate rests."""
    return detector_id(work.run.read_json("model/model.json"))


@dataclass
class _Learners:
    """Detectors by arm, all from the seed of the run."""

    work: Work
    normals: Tensor
    best: int | None
    detector: Detector
    card: dict
    gates: dict[str, str]
    alone: tuple[Detector, float] | None = None

    def trained(self, arm: str) -> Detector:
        """The run's own detector where it learned from this arm, else a new one."""
        if arm == self.card["arm"]:
            if admitted := self.card.get("gate"):
                self.gates[arm] = admitted["words"]
            return self.detector
        out: tuple[int, ...] = ()
        if arm.startswith("tgvig"):
            plain, good = self._alone()
            admitted = fit.admit(self.work, plain, good, self.best, arm)
            self.gates[arm], out = admitted.words, admission.dropped({"gate": asdict(admitted)})
        left_out = self.card["left_out"] if arm == "tgvig" else ()  # as a training on what is recommended would
        pool = fit.pool_of(self.work, self.normals, self.best, arm, left_out, out)
        return fit.detector_of(self.work, pool)

    def _alone(self) -> tuple[Detector, float]:
        """The detector of the photos alone and up to which score it calls a photo good."""
        if self.alone is None:
            plain = fit.detector_of(self.work, pools.real(self.normals))
            good = fit.calibrated(self.work, pools.real(self.normals), plain, plain, self.normals)
            self.alone = plain, good.threshold
        return self.alone
