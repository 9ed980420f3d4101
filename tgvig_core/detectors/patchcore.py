"""PatchCore (Roth et al., CVPR 2022, arXiv 2106.08265) through anomalib's module, for one to a few good photos.

Without anomalib's Engine: with a handful of photos it crashes or compares raw distances with 0.5. Raw scores are kept.
anomalib's module holds the weights and the bank; what it computes is computed in scoring.py, with less work.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.detectors.backbone_weights import complete
from tgvig_core.detectors.coreset import select
from tgvig_core.detectors.nearest_neighbour import BankScores, resized, spreading
from tgvig_core.models.backbones import Backbone, patchcore_model, quick_extractor
from tgvig_core.models.checkpoints import sha256, write_tensors
from tgvig_core.photos.images import to_tensor
from tgvig_core.storage.run_folder import MODEL_FORMAT
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for, in_parts
from tgvig_core.utils.progress import QUIET, RunContext

BATCH = 4


@dataclass(frozen=True)
class PatchCoreSettings:
    """PatchCore's settings.

    Attributes:
        neighbours: b of the image score's re-weighting (the paper and anomalib: 9).
        coreset_ratio: share of all patches that is remembered (anomalib: 0.1).
        coreset_least: but at least so many: a tenth of one photo's patches would be far too few.
        seen: side in px at which the backbone sees the frame; None for the frame's own.
        grid: patches along a side; layers with more are averaged, those with fewer interpolated. None for as many as the
            first layer has.
        unit: give the features of every layer length 1 at every place, so that no layer outweighs another one and only
            their direction counts (docs/benchmark.md has what both are worth).
    """

    neighbours: int = 9
    coreset_ratio: float = 0.1
    coreset_least: int = 1000
    seen: int | None = None
    grid: int | None = None
    unit: bool = False


@dataclass(frozen=True)
class ScoreSet:
    """Raw results, never normalised or clamped.

    Attributes:
        scores: N values ≥ 0, distances in feature space: larger is stranger.
        maps: N×S×S, the same per pixel.
    """

    scores: Tensor
    maps: Tensor


class PatchCore:
    """Remembers patches of good images; scores how far a photo's patches are from them.

    Args:
        backbone: where the features come from.
        size: S, side in px of the square images.

    Attributes:
        model: anomalib's module; `model.memory_bank` holds R remembered patches, R×D.
        sources: for each row the normal photo that it comes from, int64, R.
        places: for each row the image in the fitted pool and the patch's row and column there, int64, R×3.
    """

    def __init__(
        self, backbone: Backbone, size: int = 256, settings: PatchCoreSettings | None = None,
        device: str = "cpu", with_weights: bool = True,
    ) -> None:  # fmt: skip
        self.backbone, self.size, self.settings = backbone, size, settings or PatchCoreSettings()
        self.device = torch.device(device)
        self.model = patchcore_model(backbone, self.settings.neighbours, with_weights).to(self.device)
        self.sources = torch.empty(0, dtype=torch.int64)
        self.places = torch.empty(0, 3, dtype=torch.int64)
        patch = getattr(self.model.feature_extractor, "patch_size", 1)  # a vision transformer takes whole patches only
        self.seen = (self.settings.seen or size) // patch * patch
        self.mean = torch.tensor(IMAGENET_DEFAULT_MEAN, device=self.device).view(1, 3, 1, 1)
        self.std = torch.tensor(IMAGENET_DEFAULT_STD, device=self.device).view(1, 3, 1, 1)

    def fit(
        self, images: Tensor, sources: Sequence[int], seed: int = 0,
        ctx: RunContext = QUIET,
    ) -> None:  # fmt: skip
        """Fill the memory bank.

        Args:
            images: N×3×S×S in [-1, 1], real and generated.
            sources: for each image the normal photo that it is or comes from; `score` can leave a photo's rows out.

        Raises:
            ValueError: not one source for each image.
            TgvigError: an image is not finite, or memory is too short. Stopped: the stop event was set.
        """
        if len(sources) != len(images):
            raise ValueError(f"{len(images)} images need as many sources, not {len(sources)}")
        if not _finite(images):
            raise TgvigError("An image to train on holds values that are not numbers: start the run anew.")
        with enough_for(f"learning from {len(images)} images", "generate fewer images"):
            grids = self.grids(images, ctx)
            picks = self.coreset(grids, seed, ctx)
            self.model.memory_bank = grids.flatten(0, 2)[picks].clone()
        self.places = torch.stack(torch.unravel_index(picks.cpu(), grids.shape[:3]), dim=1)
        self.sources = torch.tensor(list(sources))[self.places[:, 0]]

    def grids(self, images: Tensor, ctx: RunContext = QUIET) -> Tensor:
        """`features` of any number of images, a few at a time: N×rows×columns×D.

        Raises:
            TgvigError: memory is too short. Stopped: the stop event was set.
        """
        parts = images.split(BATCH)
        steps = ctx.track(parts, "Looking at the good images", len(parts))
        return torch.cat([g for part in steps for g in in_parts(self.features, part, "looking at good images")])

    def coreset(self, grids: Tensor, seed: int = 0, ctx: RunContext = QUIET) -> Tensor:
        """Which of the patches, N·rows·columns of them, a memory bank of these images keeps.

        Raises:
            Stopped: the stop event was set.
        """
        features = grids.flatten(0, 2)
        count = max(self.settings.coreset_least, math.ceil(self.settings.coreset_ratio * len(features)))
        return select(features, count, seed, ctx)

    @functools.cached_property
    def extractor(self) -> nn.Module:
        """The backbone with the weights that the model has when it is first asked for."""
        return quick_extractor(self.model)

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Patch features B×rows×columns×D of images, B×3×S×S in [-1, 1], as anomalib's model forms them.

        The grid covers the whole frame, whatever side the backbone sees it at.

        Raises:
            TgvigError: a feature is not finite; the coreset's search would never end on it.
        """
        normalised = (images.to(self.device) * 0.5 + 0.5 - self.mean) / self.std
        seen = normalised if self.seen == self.size else resized(normalised, (self.seen, self.seen))
        layers = self.extractor(seen.contiguous(memory_format=torch.channels_last))
        found = self.joined(layers)
        if not _finite(found):
            raise TgvigError("The detector's model gives features that are not numbers: fetch its pack again.")
        return found

    def joined(self, layers: dict[str, Tensor]) -> Tensor:
        """The backbone's layers, B×C×h×w each, as patch features B×rows×columns×D."""
        pooled = {name: self.model.feature_pooler(layer) for name, layer in layers.items()}
        if side := self.settings.grid:
            pooled = {name: _shrunk(layer, side) for name, layer in pooled.items()}
        if self.settings.unit:
            pooled = {name: F.normalize(layer, dim=1) for name, layer in pooled.items()}
        return self.model.generate_embedding(pooled).permute(0, 2, 3, 1)

    @functools.cached_property
    def _spread(self) -> Tensor:
        """See scoring.spreading."""
        side = self.features(torch.zeros(1, 3, self.size, self.size)).shape[1]
        return spreading(self.model.anomaly_map_generator, side, self.seen, self.size).to(self.device)

    @torch.inference_mode()
    def score(self, images: Tensor, leave_out: int | None = None, against: Tensor | None = None) -> ScoreSet:
        """Raw scores and maps of images, N×3×S×S in [-1, 1].

        Args:
            against: a memory bank, R×D, in place of the detector's own; not together with leave_out.
            leave_out: compare with the bank without the rows that come from this normal photo; a photo compared
                with itself would look better than any new good part.

        Raises:
            TgvigError: an image or a score is not finite (NaN would pass as good), or nothing is left to compare with.
        """
        if not _finite(images):
            raise TgvigError("An image to score holds values that are not numbers: read the photo again.")
        bank = self.model.memory_bank
        kept = bank if against is None else against
        if leave_out is not None:
            kept = bank[(self.sources != leave_out).to(bank.device)]
        if len(kept) == 0:
            raise TgvigError("The detector remembers no good image to compare with: train it first.")
        scorer = self.scorer(kept)
        parts = [
            in_parts(lambda part: scorer(self.features(part)), part, "scoring photos") for part in images.split(BATCH)
        ]
        scores, maps = (torch.cat(of) for of in zip(*(result for part in parts for result in part), strict=True))
        if not (_finite(scores) and _finite(maps)):
            raise TgvigError("The detector gives a score that is not a number, its memory is damaged: train it again.")
        return ScoreSet(scores.cpu(), maps.cpu())

    def scorer(self, bank: Tensor) -> BankScores:
        """What makes scores and maps of `features` and a memory bank, R×D."""
        return BankScores(bank, self.model.num_neighbors, self._spread)

    def look(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """inspection.Scorer: N×S×S×3 uint8 to N raw scores and N×S×S raw maps."""
        result = self.score(torch.stack([to_tensor(square) for square in squares]))
        return result.scores.numpy(), result.maps.numpy()

    def save(self, folder: Path, card: dict) -> None:
        """Write model.safetensors (weights, bank) and model.json (how to build it, and `card`). No pickled code."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        state |= {"sources": self.sources, "places": self.places}
        write_tensors(state, folder / "model.safetensors")
        about = {
            "format": MODEL_FORMAT, "detector": "patchcore", "backbone": self.backbone.name,
            "layers": list(self.backbone.layers), "size": self.size, "settings": asdict(self.settings),
            "sha256": sha256(folder / "model.safetensors"), **card,
        }  # fmt: skip
        with whole(folder / "model.json") as draft:
            draft.write_text(strict_json.dumps(about, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> tuple[PatchCore, dict]:
        """The detector that `save` wrote, and its model.json.

        Raises:
            TgvigError: the folder is no saved model, or a file in it was changed.
        """
        complete(folder)
        return cls.read(lambda name: (folder / name).read_bytes(), str(folder), device)

    @classmethod
    def read(cls, file: Callable[[str], bytes], where: str, device: str = "cpu") -> tuple[PatchCore, dict]:
        """The same, wherever the two files lie.

        Args:
            file: the bytes of model.json or model.safetensors. where: what an error names.

        Raises:
            TgvigError: as `load`.
        """
        try:
            about = strict_json.loads(file("model.json"))
            if about["format"] != MODEL_FORMAT:
                raise TgvigError(
                    f"{where} was saved in format {about['format']}, this version reads {MODEL_FORMAT}: train it again."
                )
            backbone = Backbone(about["backbone"], tuple(about["layers"]))
            settings, size, expected = PatchCoreSettings(**about["settings"]), int(about["size"]), about["sha256"]
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise TgvigError(f"{where} is not a saved detector: give the model/ folder of a finished run.") from error
        try:
            weights = file("model.safetensors")
        except OSError:
            weights = b""
        if hashlib.sha256(weights).hexdigest() != expected:
            raise TgvigError(
                f"The weights in {where} are missing or were changed since they were saved: train the detector again."
            )
        detector = cls(backbone, size, settings, device, with_weights=False)
        try:
            state = load(weights)
            detector.sources, detector.places = state.pop("sources"), state.pop("places")
            detector.model.load_state_dict(state)
        except (RuntimeError, KeyError, SafetensorError) as error:
            raise TgvigError(f"The weights in {where} do not fit its model.json: train the detector again.") from error
        return detector, about


def _shrunk(layer: Tensor, side: int) -> Tensor:
    return F.adaptive_avg_pool2d(layer, side) if layer.shape[-1] > side else layer


def _finite(values: Tensor) -> bool:
    """Whether all are numbers, without a copy of them: NaN passes through both ends."""
    return all(math.isfinite(end.item()) for end in torch.aminmax(values))
