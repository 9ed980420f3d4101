"""EfficientAD's teacher (Batzner et al., WACV 2024, arXiv 2303.14535, section 3.1): published weights, or distilled here.

The paper distils a WideResNet-101's features of ImageNet into a small network in 60,000 steps. Where anomalib's published
teacher is not at hand, the same is done here on a small scale: the benchmark's own backbone, the photos that are there,
no random grey and, unless asked for, few steps. Channels are the backbone's where it has fewer than 384.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.detectors.base import BATCH
from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.models.backbones import Backbone
from tgvig_core.models.checkpoints import read_state
from tgvig_core.packs.files import models_folders
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS
from tgvig_core.utils.progress import RunContext

CHANNELS = 384
"""Of the published teacher."""
FILE, FOLDER = "pretrained_teacher_small.pth", "efficientad_pretrained_weights"
"""As anomalib publishes it, and what its archive unpacks to."""
PENALTY = "imagenette"
"""The folder of photos of anything that the student must not know."""
PHOTOS = (".jpeg", ".jpg", ".png")
DECAY = 1e-5
"""Of Adam, as in the paper."""
MOST = 64
"""Images that a teacher is distilled from: their features are kept in memory."""


def published(models_dir: Path | None) -> dict[str, Tensor] | None:
    """The state of the published teacher; None where it is not on this machine.

    Raises:
        TgvigError: the file cannot be read.
    """
    places = [folder / inner / FILE for folder in models_folders(models_dir) for inner in ("", FOLDER)]
    found = next(filter(Path.is_file, places), None)
    return read_state(found) if found else None


def load_published(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Give a teacher its published weights.

    Raises:
        TgvigError: they are those of another network.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise TgvigError(f"{FILE} is no teacher of EfficientAD-S ({reason}): unpack {FOLDER}.zip again.") from error


def outside(models_dir: Path | None, images: Tensor) -> list[Path]:
    """Photos of other things than the part: the folder `imagenette` of a models folder, else the sample parts' good ones.

    A sample part of which a photo is among the images is left out: its other photos would tell a detector of one photo
    what five look like.

    Args:
        images: N×3×S×S in [0, 1].

    Raises:
        TgvigError: there is no such photo.
    """
    if folder := next((f / PENALTY for f in models_folders(models_dir) if (f / PENALTY).is_dir()), None):
        if not (found := _photos(folder)):
            raise TgvigError(f"{folder} holds no photo: unpack ImageNette there, or move the folder away.")
        return found
    parts = [_photos(part) for part in sorted((ASSETS / "samples").glob("*/train/good"))]
    if not (found := [path for part in parts if not _among(part, images) for path in part]):
        raise TgvigError(
            f"Only photos of these very parts are at hand: bring a folder {PENALTY} among the model files.",
            setting="models_dir",
        )
    return found


def square(path: Path, size: int) -> Tensor:
    """A photo in the frame, 3×size×size in [0, 1]."""
    return to_tensor(to_square(read_photo(path).pixels, size)) * 0.5 + 0.5


def distil(
    network: SmallPatchDescriptionNetwork, backbone: Backbone, images: Tensor, steps: int, batch: int, rate: float,
    device: torch.device,
    ctx: RunContext,
) -> list[float]:  # fmt: skip
    """Teach a patch description network, in place, the backbone's features at the centre of each of its patches.

    Args:
        network: anomalib's, without padding.
        images: M×3×S×S in [0, 1].
        batch: images in a step (the paper: 16).
        rate: of Adam (the paper: 1e-4, for 60,000 steps).

    Returns:
        the mean squared error of each step; features have variance 1.

    Raises:
        TgvigError: memory is short or features are not finite. Stopped: the stop event was set.
    """
    images = images[torch.linspace(0, len(images) - 1, min(MOST, len(images))).long()]
    wanted = targets(backbone, images, network.conv4.out_channels, device, ctx)
    optimiser = torch.optim.Adam(network.parameters(), rate, weight_decay=DECAY)
    network.to(device).train()
    losses = []
    for _ in ctx.track(range(steps), "Distilling EfficientAD's teacher", steps):
        picks = torch.randint(len(images), (batch,))
        loss = F.mse_loss(network(images[picks].to(device)), wanted[picks].to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    network.eval()
    return losses


def channels_of(backbone: Backbone) -> int:
    """How many channels a teacher of this backbone has."""
    return min(CHANNELS, PatchFeatures(backbone, 64)(torch.zeros(1, 3, 64, 64)).shape[-1])


def targets(
    backbone: Backbone, images: Tensor, channels: int, device: torch.device,
    ctx: RunContext,
) -> Tensor:  # fmt: skip
    """What the teacher shall give for images: PatchCore's features of them at twice their side, whitened per channel.

    Returns:
        M×channels×h×w, h and w being ⌈S / 4⌉ − 8: without padding a patch of 33 px lies within the image.
    """
    side = images.shape[-1]
    eyes = PatchFeatures(backbone, 2 * side, device=str(device))
    found = []
    for part in ctx.track(images.split(BATCH), "Looking with the teacher's teacher", -(-len(images) // BATCH)):
        large = F.interpolate(part * 2 - 1, size=(2 * side, 2 * side), mode="bilinear", align_corners=False)
        grid = eyes(large).clone().permute(0, 3, 1, 2)  # a clone is no inference tensor any more
        if grid.shape[1] > channels:
            grid = F.adaptive_avg_pool1d(grid.flatten(2).mT, channels).mT.unflatten(2, grid.shape[2:])
        cells = -(-side // 4)
        if grid.shape[-1] != cells:
            grid = F.interpolate(grid, size=(cells, cells), mode="bilinear", align_corners=False)
        found.append(grid[:, :, 4:-4, 4:-4].cpu())
    features = torch.cat(found)
    deviation, mean = torch.std_mean(features, dim=(0, 2, 3), keepdim=True)
    return (features - mean) / deviation.clamp_min(1e-6)


def _photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS)


def _among(photos: Sequence[Path], images: Tensor) -> bool:
    size = images.shape[-1]
    return any(torch.isclose(square(path, size), images, atol=1e-3).all((1, 2, 3)).any() for path in photos)
