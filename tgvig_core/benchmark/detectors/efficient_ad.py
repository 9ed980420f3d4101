"""EfficientAD-S (Batzner, Heckler and König, WACV 2024, arXiv 2303.14535) through anomalib's module, nothing downloaded.

Unlike the published one: the teacher may be distilled here (own_teacher.py), the penalty's photos are a local folder or the
sample parts', and the quantiles that bring both maps to one scale come from new views of the normals, as a few photos leave
no validation set. anomalib means to lower the rate for the last steps, but counts epochs there: it never does, here neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from anomalib.models.image.efficient_ad.lightning_model import EfficientAd as Module
from anomalib.models.image.efficient_ad.torch_model import (
    EfficientAdModel,
    SmallPatchDescriptionNetwork,
    reduce_tensor_elems,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import CenterCrop, Compose, RandomGrayscale

from tgvig_core.benchmark.detectors import own_teacher
from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector, Transform, transform_of
from tgvig_core.benchmark.detectors.training import BARE, train
from tgvig_core.detectors.base import BATCH
from tgvig_core.models.backbones import Backbone
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.progress import RunContext

SMALLEST = 256
"""px; anomalib's autoencoder takes no smaller side, so that smaller squares are shown enlarged."""
QUANTILES = {"qa": 0.9, "qb": 0.995}
"""Of the maps of good parts: they become 0 and 0.1 (section 3.4 of the paper)."""


@dataclass(frozen=True)
class EfficientAdSettings:
    """What differs from the published training; all else is anomalib's (Adam at 1e-4, one image in a step).

    Attributes:
        steps: of student and autoencoder.
        teacher_steps: of the teacher, where none is at hand.
        teacher_batch: images in one of these.
        teacher_rate: of its optimiser.
        views: of each normal, for the quantiles.
        most_views: but no more in all.
    """

    steps: int = 100
    teacher_steps: int = 150
    teacher_batch: int = 1
    teacher_rate: float = 1e-3
    views: int = 4
    most_views: int = 20


LENGTHS = {
    "short": EfficientAdSettings(),
    "published": EfficientAdSettings(steps=70_000, teacher_steps=60_000, teacher_batch=16, teacher_rate=1e-4),
}
"""By name. The published one is the paper's (its appendix has the algorithms); anomalib's
examples/configs/model/efficient_ad.yaml has 70,000 steps too; a step takes seconds on a CPU."""


class EfficientAd(AnomalibDetector):
    """A student that fails to follow its teacher, and an autoencoder that fails to follow the part's logic, tell defects.

    Args:
        backbone: whom the teacher learns from; not looked at where the published teacher is at hand.
        models_dir: where the teacher's weights and the folder `imagenette` are looked for.

    Attributes:
        teacher_losses: of the teacher's steps; empty where the published one was at hand.

    Raises:
        TgvigError: the teacher's weights cannot be read, or those of the backbone are missing or do not fit.
    """

    def __init__(
        self, backbone: Backbone, size: int = 256, models_dir: Path | None = None, device: str = "cpu",
        settings: EfficientAdSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, device)
        self.backbone, self.models_dir, self.settings = backbone, models_dir, settings or EfficientAdSettings()
        self.teacher_losses: list[float] = []
        self._teacher = own_teacher.published(models_dir)
        self._channels = own_teacher.CHANNELS if self._teacher else own_teacher.channels_of(backbone)

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector."""
        side = max(SMALLEST, self.size)
        made = Module.configure_pre_processor((side, side))
        shown = transform_of(made)
        module = _Offline(teacher_out_channels=self._channels, pre_processor=made, **BARE)
        model, others = module.model, own_teacher.outside(self.models_dir, images)
        self._teach(model.teacher, shown(images), others, ctx)
        model.mean_std.update(teacher_scale(model.teacher, images, shown, self.device))
        module.imagenet_loader = DataLoader(_Penalty(others, side), batch_size=1, shuffle=True)
        module.imagenet_iterator = iter(module.imagenet_loader)
        self.losses = train(module, "EfficientAD", images, self.settings.steps, 1, self.device, ctx)
        model.to(self.device).eval()
        model.quantiles.update(map_scale(model, self._held_out(images, groups), shown, self.device))
        return model, shown

    def _teach(
        self, teacher: nn.Module, images: Tensor, others: Sequence[Path],
        ctx: RunContext,
    ) -> None:  # fmt: skip
        if self._teacher:
            return own_teacher.load_published(teacher, self._teacher)
        assert isinstance(teacher, SmallPatchDescriptionNetwork)  # anomalib's usual size
        half = own_teacher.MOST // 2  # the part and other things alike
        foreign = [own_teacher.square(path, images.shape[-1]) for path in others[:: max(1, len(others) // half)][:half]]
        seen = torch.cat([images[:: max(1, len(images) // half)][:half], torch.stack(foreign)])
        settings = self.settings
        self.teacher_losses = own_teacher.distil(
            teacher, self.backbone, seen, settings.teacher_steps, settings.teacher_batch, settings.teacher_rate,
            self.device, ctx,
        )  # fmt: skip

    def _held_out(self, images: Tensor, groups: Sequence[int]) -> Tensor:
        """Views of each normal that training did not see, in [0, 1]; a normal is the first image of its group."""
        normals = images[[list(groups).index(group) for group in dict.fromkeys(groups)]]
        each = max(1, min(self.settings.views, self.settings.most_views // len(normals)))
        seed = torch.default_generator
        seen = [views(normal * 2 - 1, each, ViewPolicy(), seed) for normal in normals[: self.settings.most_views]]
        return torch.cat(seen) * 0.5 + 0.5


@benchmark_detector("efficient-ad", title="EfficientAD")
def build(given: Materials) -> EfficientAd:
    """See EfficientAd."""
    return EfficientAd(given.backbone, given.size, given.models_dir, given.device, LENGTHS[given.training])


class _Offline(Module):
    """anomalib's module with its teacher and its penalty's photos given: nothing is left to fetch or to measure."""

    def on_train_start(self) -> None:
        pass


class _Penalty(Dataset):
    """Photos of other things, changed as anomalib does: enlarged, sometimes grey, the centre cut out."""

    def __init__(self, paths: Sequence[Path], side: int) -> None:
        self.paths, self.side = paths, side
        self.changed = Compose([RandomGrayscale(p=0.3), CenterCrop((side, side))])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.changed(own_teacher.square(self.paths[place], 2 * self.side)), 0  # a class, as ImageFolder has it


@torch.no_grad()
def teacher_scale(teacher: nn.Module, images: Tensor, shown: Transform, device: torch.device) -> dict[str, Tensor]:
    """Mean and deviation of each of the teacher's channels over the training images, 1×C×1×1 each.

    As EfficientAd.teacher_channel_mean_std computes them from a loader, with a bar that nobody asked for.

    Args:
        images: N×3×S×S in [0, 1].
    """
    teacher.to(device).eval()
    sums = squares = torch.zeros((), dtype=torch.float64, device=device)
    count = 0
    for part in images.split(BATCH):
        found = teacher(shown(part.to(device))).double()
        sums, squares = sums + found.sum((0, 2, 3)), squares + found.square().sum((0, 2, 3))
        count += found[:, 0].numel()
    mean = sums / count
    deviation = (squares / count - mean.square()).clamp_min(1e-12).sqrt()
    return {"mean": mean.float().view(1, -1, 1, 1), "std": deviation.float().view(1, -1, 1, 1)}


@torch.no_grad()
def map_scale(
    model: EfficientAdModel, images: Tensor, shown: Transform, device: torch.device
) -> dict[str, Tensor]:  # fmt: skip
    """The quantiles of both maps over good images, N×3×S×S in [0, 1], by anomalib's names: qa_st, qb_st, qa_ae, qb_ae."""
    pairs = [model.get_maps(shown(part.to(device)), normalize=False) for part in images.split(BATCH)]
    maps = {
        name: reduce_tensor_elems(torch.cat(of))
        for name, of in zip(("st", "ae"), zip(*pairs, strict=True), strict=True)
    }
    return {f"{q}_{name}": values.quantile(share) for name, values in maps.items() for q, share in QUANTILES.items()}
