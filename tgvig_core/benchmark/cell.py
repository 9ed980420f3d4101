"""One draw measured (TGVIG, CVPR 2024, section 5): a row for every cell, all on the same normals and the same test photos."""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.backbones import backbone_of
from tgvig_core.benchmark.data import datasets
from tgvig_core.benchmark.detectors import base
from tgvig_core.benchmark.detectors.catalogue import build
from tgvig_core.benchmark.generated import Generated
from tgvig_core.benchmark.plan import NO_BACKBONE, Cell, Draw, Plan
from tgvig_core.benchmark.results.costs import Costs
from tgvig_core.benchmark.results.rows import Row, failed, row_of, sentence_of
from tgvig_core.detectors.base import Detector
from tgvig_core.fitting import admission, calibration, pools
from tgvig_core.inspection.metrics import image_metrics, pixel_metrics
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.utils.device import device_of
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

BATCH = 8
LIBRARIES = ("torch", "anomalib", "timm", "scikit-learn")
USUAL = ("patchcore", "efficientnet_lite0")
"""Who gates and scores the photos alone for detectors without a threshold."""
FALSE_ALARM = 0.05
"""α of the threshold whose false alarms and misses are counted."""


def measure(plan: Plan, draw: Draw, cells: Sequence[Cell], ctx: RunContext = QUIET) -> Iterator[Row]:
    """A row for each cell as it ends (docs/benchmark.md names its fields). A cell that fails gets a row with its error.

    Raises:
        Stopped: the stop event was set.
    """
    bench, reason = None, ""
    for cell in cells:
        try:
            if reason:
                raise TgvigError(reason)
            bench = bench or begun(plan, draw, ctx)
            yield row_of(cell, plan, **_circumstances(plan), **bench.figures(cell))
        except Stopped:
            raise
        except Exception as error:  # whatever a detector raises is what is measured; the others go on
            sentence = sentence_of(error)
            reason = sentence if bench is None else ""  # photos that cannot be read will not be read the next time
            yield failed(cell, plan, sentence)


def _circumstances(plan: Plan) -> dict:
    """What a row tells of the machine and the libraries."""
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, {device_of(plan.device)}"
    return {"machine": machine, "versions": {name: version(name) for name in LIBRARIES}}


def begun(plan: Plan, draw: Draw, ctx: RunContext) -> Bench:
    """The photos of a draw read and chosen by its seed, with nothing learned yet; seed and shots alone decide which.

    Raises:
        TgvigError: the category lacks good photos, or a photo cannot be read. Stopped: the stop event was set.
    """
    (category,) = datasets.read(plan.dataset, Path(plan.root), [draw.category])
    shots = len(category.train) if draw.shots is None else draw.shots
    if shots > len(category.train):
        raise TgvigError(f"{draw.category} has {len(category.train)} good photos to learn from, not {shots}.")
    chosen = random.Random(draw.seed).sample(list(category.train), shots)
    return Bench(plan, draw, tuple(chosen), evenly(category.test, plan.most_tests), ctx)


def evenly(photos: Sequence[LabelledPhoto], most: int | None) -> tuple[LabelledPhoto, ...]:
    """At most so many good and so many defective photos, at even distances in their order."""
    kinds = [[photo for photo in photos if bool(photo.defective) == defective] for defective in (False, True)]
    picked = [
        kind if most is None or len(kind) <= most else [kind[place * len(kind) // most] for place in range(most)]
        for kind in kinds
    ]
    return tuple(photo for kind in picked for photo in kind)


class Bench:
    """What the cells of a draw share."""

    def __init__(
        self, plan: Plan, draw: Draw, photos: tuple[Path, ...], tests: tuple[LabelledPhoto, ...],
        ctx: RunContext,
    ) -> None:  # fmt: skip
        self.plan, self.seed, self.photos, self.tests = plan, draw.seed, photos, tests
        self.ctx, self.device = ctx, device_of(plan.device)
        # one by one: hundreds of photos at full size would not fit, and a published set may hold one twice
        frames = [to_tensor(to_square(read_photo(photo).pixels, plan.size)) for photo in photos]
        self.normals = torch.stack(frames).to(self.device)  # I°
        steps = ctx.track(tests, "Reading test photos", len(tests))
        self.squares = np.stack([to_square(read_photo(test.path).pixels, plan.size) for test in steps])
        self.labels = [bool(test.defective) for test in tests]
        self.masks = torch.stack([read_mask(test, plan.size) for test in tests])
        name = plan.called(draw.category)
        self._alones: dict[tuple[str, str], Detector] = {}
        self.generated = Generated(plan, photos, self.normals, name, draw.seed, ctx)

    def figures(self, cell: Cell) -> dict:
        """The rest of a cell's row."""
        costs, wanted = Costs(), arm.get(cell.arm)
        detector = self._built(cell.detector, cell.backbone)
        made = self.generated.of(wanted, costs)
        pool = made.pool
        if wanted.gated:
            with costs.step("gate"):
                pool = self._gated(pool, self._alone(cell, detector))
        with costs.step("train"):
            detector.fit(pool.images, pool.groups, self.seed, self.ctx)
        threshold = None
        if isinstance(detector, Detector):
            with costs.step("threshold"):
                alone = self._alone(cell, detector) if len(self.normals) == 1 else detector  # of several nobody asks it
                threshold = self._threshold(detector, pool, alone)
        with costs.step("score"):
            scores, maps = self._scored(detector)
        row = self._judged(scores, maps, threshold) | made.facts
        row |= {"shots_used": [path.name for path in self.photos], "pool": len(pool.images)}
        return row | {"seconds": costs.seconds, "peak_mb": costs.peak_mb, "steps": costs.steps}

    @property
    def _folder(self) -> Path | None:
        return Path(self.plan.models_dir) if self.plan.models_dir else None

    def _alone(self, cell: Cell, detector: base.Detector) -> Detector:
        """What knows the photos alone: of the detector's own kind where that has thresholds, else the app's usual one."""
        own = (cell.detector, cell.backbone) if isinstance(detector, Detector) else USUAL
        if own not in self._alones:
            alone = self._built(*own)
            assert isinstance(alone, Detector)  # of the kind of one that is, or the app's
            alone.fit(self.normals, range(len(self.normals)), self.seed, self.ctx)
            self._alones[own] = alone
        return self._alones[own]

    def _built(self, name: str, backbone: str) -> base.Detector:
        """A detector that has learned nothing yet."""
        found = None if backbone == NO_BACKBONE else backbone_of(backbone, self._folder)
        return build(name, found, self.plan.size, self._folder, self.device, self.plan.training)

    def _threshold(self, detector: Detector, pool: pools.Pool, alone: Detector) -> float:
        policy = ViewPolicy()
        found = calibration.calibrate(detector, pool, alone, self.normals, policy, FALSE_ALARM, self.seed, self.ctx)
        return found.threshold

    def _gated(self, pool: pools.Pool, alone: Detector) -> pools.Pool:
        """Without the generated images that the app would exclude."""
        count = len(self.normals)
        good = self._threshold(alone, pools.real(self.normals), alone)
        admitted = admission.admit(alone, pool.images[count:], good, self.ctx)
        return pools.tgvig(self.normals, pool.images[count:], rejected=admitted.rejected)

    def _scored(self, detector: base.Detector) -> tuple[Tensor, Tensor]:
        """Raw scores N and maps N×S×S of all test photos."""
        parts = np.array_split(self.squares, range(BATCH, len(self.squares), BATCH))
        results = [
            detector.score(torch.stack([to_tensor(square) for square in part]))
            for part in self.ctx.track(parts, "Scoring test photos", len(parts))
        ]
        return torch.cat([result.scores for result in results]), torch.cat([result.maps for result in results])

    def _judged(self, scores: Tensor, maps: Tensor, threshold: float | None) -> dict:
        found = image_metrics(scores.tolist(), self.labels, threshold) | pixel_metrics(maps, self.masks)
        tested = {"test_good": self.labels.count(False), "test_defective": self.labels.count(True)}
        return found | {"threshold": threshold} | tested
