"""Is this detector the right one, and what would it miss? The check of a finished training: advice and detectability.

The other pools are trained with the same seed, one after the other; the scores of each are kept in RUN/check.part.json,
so that a check that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.diagnosis.detectability import detectability
from tgvig_core.diagnosis.words import advice_json, detectability_json
from tgvig_core.fitting import pools
from tgvig_core.fitting.training_sets import TrainingSet, allowed
from tgvig_core.fitting.words import of_gate
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.runs.card import ModelCard, load_model
from tgvig_core.runs.steps import fit
from tgvig_core.runs.work import Work, open_run
from tgvig_core.storage.run_folder import Run
from tgvig_core.storage.run_lock import alone_in
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

MOST_SETS = 5
COUNTS = (5, 10)
"""Numbers of generated images that a thorough check tries beside the whole set."""
KEPT = "check.part.json"


def check(work: Work, normals: Tensor, detector: Detector, card: ModelCard, thorough: bool = False) -> dict:
    """Compare what could be learned from, and try synthetic defects.

    Args:
        normals: P×3×S×S in [-1, 1], as in training.
        detector, card: what `fit.train` gave.
        thorough: also other generated sets, and fewer images of the one in use.

    Returns:
        {"advice": Advice, "gate": {arm: words}, "thorough": bool, "detectability": Detectability, "arm": what the detector
        learned from, "model": which detector (ModelCard.id)} as plain values and sentences, which are in RUN/check.json too,
        and under "check" in RUN/result.json where there is one.

    Raises:
        Stopped: the stop event was set.
    """
    settings, run = work.settings, work.run
    best = card.best_iteration or _best(work)
    policy, seed = settings.generating.policy, settings.seed
    held = pool_comparison.held_out(normals, policy, seed)
    kept = _Kept.of(work, card.id)
    sets = _sets(work, best, card.training_set.excluded, thorough)
    asked = list(dict.fromkeys((*allowed(policy), *sets, card.training_set)))
    learners = _Learners(work, normals, best, detector, card, kept.gates)
    for one in work.ctx.track(asked, "Comparing what to learn from", len(asked)):
        if one not in kept.scores:
            kept.scores[one] = pool_comparison.scored(learners.trained(one), held)
            kept.save(work)
    seen = detectability(
        detector, normals, policy, card.calibration.threshold, seed, work.ctx
    )  # fmt: skip
    found = {
        "advice": advice_json(pool_comparison.compare({one: kept.scores[one] for one in asked}, seed)),
        "gate": {str(one): words for one, words in kept.gates.items() if one in asked},
        "thorough": thorough,
        "detectability": detectability_json(seen),
        "arm": str(card.training_set),
        "model": card.id,
    }
    run.write_json("check.json", found)
    if result := run.read_json("result.json"):
        run.write_json("result.json", result | {"check": found})
    written = run.read_json("check.json")
    assert written is not None  # just written
    return written


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
        work = open_run(folder, device, ctx)
        if not (folder / "model" / "model.json").exists():
            raise TgvigError(f"{folder} has no detector yet: resume the run first.", setting="resume")
        detector, card = load_model(folder / "model", work.device)
        return check(work, work.images, detector, card, thorough)


def _best(work: Work) -> int | None:
    """α of the sets on disk, None where there is none."""
    similarity = [row["similarity"] for row in work.run.iterations()]
    return best_iteration(similarity, work.settings.integrating.text) if similarity else None


def _sets(work: Work, best: int | None, excluded: tuple[int, ...], thorough: bool) -> Iterator[TrainingSet]:
    """Those with generated images: the set in use, without what a person excluded, as a training on it would be; others
    spread over the iterations; parts of the set."""
    if best is None:
        return
    yield TrainingSet("tgvig", excluded=excluded)
    if thorough:
        total = len(work.run.iterations())
        spread = np.linspace(1, total, min(MOST_SETS, total)).round().astype(int)
        yield from (TrainingSet("tgvig", int(number)) for number in spread if number != best)
        images = len(work.run.load_set(best))
        yield from (TrainingSet("tgvig", best, count) for count in COUNTS if count < images)


@dataclass
class _Kept:
    """What is known of the training sets that are done: scores, and the gate's words; `model` says of which detector."""

    model: str
    scores: dict[TrainingSet, pool_comparison.Scores]
    gates: dict[TrainingSet, str]

    @classmethod
    def of(cls, work: Work, model: str) -> _Kept:
        """From disk, where a check of this very detector was stopped or is asked for again."""
        found = work.run.read_json(KEPT)
        if not found or found["model"] != model:
            return cls(model, {}, {})
        scores = {
            TrainingSet.parse(arm): pool_comparison.Scores(*map(np.array, both))
            for arm, both in found["scores"].items()
        }
        return cls(model, scores, {TrainingSet.parse(arm): words for arm, words in found["gates"].items()})

    def save(self, work: Work) -> None:
        scores = {str(arm): [one.good.tolist(), one.spoiled.tolist()] for arm, one in self.scores.items()}
        gates = {str(arm): words for arm, words in self.gates.items()}
        work.run.write_json(KEPT, {"model": self.model, "scores": scores, "gates": gates})


@dataclass
class _Learners:
    """Detectors by training set, all from the seed of the run."""

    work: Work
    normals: Tensor
    best: int | None
    detector: Detector
    card: ModelCard
    gates: dict[TrainingSet, str]
    alone: tuple[Detector, float] | None = None

    def trained(self, training_set: TrainingSet) -> Detector:
        """The run's own detector where it learned from this, else a new one."""
        if training_set == self.card.training_set:
            if self.card.gate:
                self.gates[training_set] = of_gate(self.card.gate)
            return self.detector
        rejected: tuple[int, ...] = ()
        if training_set.generated:
            plain, good = self._alone()
            gate = fit.admit(self.work, plain, good, self.best, training_set)
            self.gates[training_set], rejected = of_gate(gate), gate.rejected
        return fit.detector_of(self.work, fit.pool_of(self.work, self.normals, self.best, training_set, rejected))

    def _alone(self) -> tuple[Detector, float]:
        """The detector of the photos alone and up to which score it calls a photo good."""
        if self.alone is None:
            plain = fit.detector_of(self.work, pools.real(self.normals))
            good = fit.calibrated(self.work, pools.real(self.normals), plain, plain, self.normals)
            self.alone = plain, good.threshold
        return self.alone
