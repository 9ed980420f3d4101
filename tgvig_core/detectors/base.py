"""What every detector is: it learns from good images, scores photos and is saved without code (after anomalib's and timm's models).

A detector is one file: a subclass of `Detector` under `@detector("name", title="…")` says what it learns, how it scores a few
images, and what is kept of it. The checks around that are here, once (tests/core/test_detector_conformance.py).
"""

from __future__ import annotations

import copy
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from tgvig_core.detectors.backbone_weights import complete
from tgvig_core.detectors.registry import detector
from tgvig_core.detectors.saved import ReadFile, Saved, not_saved, read_about
from tgvig_core.detectors.score_prior import Others
from tgvig_core.models.backbones import Backbone
from tgvig_core.models.checkpoints import sha256, write_tensors
from tgvig_core.photos.images import to_tensor
from tgvig_core.storage.run_folder import MODEL_FORMAT
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for, in_parts
from tgvig_core.utils.progress import QUIET, RunContext

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BATCH = 4
"""Images that are looked at together."""

Scoring = Callable[[Tensor], tuple[Tensor, Tensor]]
"""A few images, B×3×S×S in [-1, 1], to raw scores B ≥ 0 and raw maps B×S×S."""


@dataclass(frozen=True)
class ScoreSet:
    """Raw results, never normalised or clamped.

    Attributes:
        scores: N values ≥ 0: larger is stranger.
        maps: N×S×S, the same per pixel.
    """

    scores: Tensor
    maps: Tensor


@dataclass(frozen=True)
class NoSettings:
    """Of a detector that has none."""


class Detector(ABC):
    """Learns from good images, S×S; scores how far photos are from them.

    Args:
        backbone: where features come from; None for a detector that uses none.
        size: S, side in px of the square images.
        settings: of the class's `settings_type`; None for its usual ones.
        device: "cpu", "cuda" or "cuda:1".
        with_weights: False where a saved detector brings them.
    """

    prior: ClassVar[Others]
    """How such scores of good photos are spread; measured by tools/research/measure_thresholds.py."""
    settings_type: ClassVar[type[DataclassInstance]] = NoSettings
    licence: ClassVar[tuple[str, str, str] | None] = None
    """What others' work it is made of, its licence and its source, for a bundle's list."""

    def __init__(
        self, backbone: Backbone | None, size: int = 256, settings: Any = None, device: str = "cpu",
        with_weights: bool = True,
    ) -> None:  # fmt: skip
        self.backbone, self.size, self.settings = backbone, size, settings or self.settings_type()
        self.device = torch.device(device)

    @classmethod
    def build(cls, backbone: Backbone | None, size: int, device: str = "cpu", settings: Any = None) -> Self:
        """A detector as it is offered, which has learned nothing yet.

        Args:
            settings: those of another detector are not for this one.

        Raises:
            TgvigError: the backbone's weights do not fit.
        """
        uses_backbone = detector.entry(detector.name_of(cls)).facts.get("backbone", True)
        own = settings if isinstance(settings, cls.settings_type) else None
        return cls(backbone if uses_backbone else None, size, own, device)

    @abstractmethod
    def learn(self, images: Tensor, groups: Sequence[int], seed: int, ctx: RunContext) -> None:
        """Forget what was learned and learn from images; see `fit`, which has checked them."""

    @abstractmethod
    def scoring(self, exclude_group: int | None = None) -> Scoring:
        """What scores a few images; see `score`, which asks for it once.

        Raises:
            TgvigError: nothing was learned, or nothing is left without the group.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """All that was learned, and the weights, by name."""

    @abstractmethod
    def restore(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`, on tensors of the CPU.

        Raises:
            KeyError, RuntimeError: the tensors do not fit.
        """

    @property
    def remembered(self) -> int | None:
        """Rows that it compares photos with; None where it keeps none."""
        return None

    def fit(self, images: Tensor, groups: Sequence[int], seed: int = 0, ctx: RunContext = QUIET) -> None:
        """Learn from good images; the same seed gives the same detector on a CPU.

        Args:
            images: N×3×S×S in [-1, 1], real and generated.
            groups: for each image the normal photo that it is or comes from; `score` can exclude a photo's group.

        Raises:
            ValueError: not one group for each image.
            TgvigError: an image is not finite, or memory is too short. Stopped: the stop event was set.
        """
        if len(groups) != len(images):
            raise ValueError(f"{len(images)} images need as many groups, not {len(groups)}")
        if not finite(images):
            raise TgvigError("An image to train on holds values that are not numbers: start the run anew.")
        with enough_for(f"learning from {len(images)} images", "generate fewer images"):
            self.learn(images, groups, seed, ctx)

    def score(self, images: Tensor, exclude_group: int | None = None) -> ScoreSet:
        """Raw scores and maps of images, N×3×S×S in [-1, 1]; those of one do not depend on the others.

        Args:
            exclude_group: compare with nothing that comes from this normal photo; a photo compared with itself would
                look better than any new good part.

        Raises:
            TgvigError: an image or a score is not finite (NaN would pass as good), nothing was learned or is left to
                compare with, or memory is too short.
        """
        return self.scored(images, lambda: self.scoring(exclude_group))

    @torch.inference_mode()
    def scored(self, images: Tensor, scoring: Callable[[], Scoring]) -> ScoreSet:
        """`score`, with what scores a few images made by `scoring`."""
        if not finite(images):
            raise TgvigError("An image to score holds values that are not numbers: read the photo again.")
        few = scoring()
        parts = [found for part in images.split(BATCH) for found in in_parts(few, part, "scoring photos")]
        scores, maps = (torch.cat(of) for of in zip(*parts, strict=True))
        if not (finite(scores) and finite(maps)):
            raise TgvigError("The detector gives a score that is not a number, its memory is damaged: train it again.")
        return ScoreSet(scores.cpu(), maps.cpu())

    def cross_fitted(
        self, images: Tensor, groups: Sequence[int], photos: Tensor, folds: Sequence[Sequence[int]], seed: int = 0,
        ctx: RunContext = QUIET,
    ) -> Iterator[ScoreSet]:  # fmt: skip
        """For each fold, its photos' scores by a detector like this one that was fitted without them.

        Args:
            images, groups: as in `fit`.
            photos: n×3×S×S, the normals; number k is the one of group k.
            folds: numbers of the photos that are excluded together.

        Raises:
            TgvigError, Stopped: as `fit` and `score`.
        """

        def without(fold: Sequence[int]) -> ScoreSet:
            kept = [place for place, group in enumerate(groups) if group not in fold]
            other = copy.deepcopy(self)
            other.fit(images[kept], [groups[place] for place in kept], seed, ctx)
            return other.score(photos[fold])

        return map(without, folds)

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """inspection.Scorer: N×S×S×3 uint8 to N raw scores and N×S×S raw maps."""
        result = self.score(torch.stack([to_tensor(square) for square in squares]))
        return result.scores.numpy(), result.maps.numpy()

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write model.safetensors (all tensors) and model.json (how to build it, and `card`). No pickled code."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.state().items()}
        write_tensors(state, folder / "model.safetensors")
        name, layers = (self.backbone.name, self.backbone.layers) if self.backbone else (None, ())
        saved = Saved(
            MODEL_FORMAT, detector.name_of(type(self)), name, layers, self.size, asdict(self.settings),
            sha256(folder / "model.safetensors"),
        )  # fmt: skip
        with whole(folder / "model.json") as draft:
            draft.write_text(strict_json.dumps(saved.as_json() | dict(card), indent=2) + "\n")


def load_detector(folder: Path, device: str = "cpu") -> Detector:
    """The detector that `Detector.save` wrote, of whatever class.

    Raises:
        TgvigError: the folder is no saved model, a file in it was changed, or its kind of detector is not installed.
    """
    complete(folder)
    return read_detector(lambda name: (folder / name).read_bytes(), str(folder), device)


def read_detector(file: ReadFile, where: str, device: str = "cpu") -> Detector:
    """The same, wherever the two files lie.

    Args:
        file: the bytes of model.json or model.safetensors. where: what an error names.

    Raises:
        TgvigError: as `load_detector`.
    """
    saved = Saved.from_json(read_about(file, where), where)
    kind = detector.get(saved.detector)
    try:
        settings = kind.settings_type(**saved.settings)
    except (TypeError, ValueError) as error:
        raise not_saved(where) from error
    try:
        weights = file("model.safetensors")
    except OSError:
        weights = b""
    if hashlib.sha256(weights).hexdigest() != saved.sha256:
        raise TgvigError(
            f"The weights in {where} are missing or were changed since they were saved: train the detector again."
        )
    backbone = Backbone(saved.backbone, saved.layers) if saved.backbone else None
    made = kind(backbone, saved.size, settings, device, with_weights=False)
    try:
        made.restore(load(weights))
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise TgvigError(f"The weights in {where} do not fit its model.json: train the detector again.") from error
    return made


def finite(values: Tensor) -> bool:
    """Whether all are numbers, without a copy of them: NaN passes through both ends."""
    return all(math.isfinite(end.item()) for end in torch.aminmax(values))
