"""Batch norm folded into convolutions: the same features, and no batch norm left where a convolution stands before it."""

import pytest
import timm
import torch
from torch import nn

from tgvig_core.models.backbones import Backbone, patchcore_model, quick_extractor
from tgvig_core.models.ops.fused_batch_norm import folded

pytestmark = pytest.mark.quick


def uneven(network: nn.Module) -> nn.Module:
    """Batch norms that do something, as after training."""
    torch.manual_seed(0)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.uniform_(-0.1, 0.1)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    [("efficientnet_lite0", 0), ("resnet18", 0), ("resnetv2_50", 16), ("densenet121", 62), ("convnext_atto", 0)],
)
def test_a_folded_network_gives_the_same_features(name, left):
    """Also where a batch norm comes before its convolution (resnetv2, densenet) or there is none (convnext)."""
    network = uneven(timm.create_model(name, pretrained=False, features_only=True))
    before, quick = norms(network), folded(network)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found, wanted = quick(images.to(memory_format=torch.channels_last)), network(images)
    assert norms(network) == before and norms(quick) == left
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_a_module_that_normalises_something_else_is_left_alone():
    odd = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(3))  # not the convolution's four channels
    assert norms(folded(odd)) == 1


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18"])
def test_a_quick_extractor_gives_the_same_features_and_runs_nothing_for_nobody(name):
    layers = ("blocks.2", "blocks.4") if name == "efficientnet_lite0" else ("layer2", "layer3")
    model = patchcore_model(Backbone(name, layers), 9, with_weights=False)
    uneven(model)
    quick = quick_extractor(model)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found, wanted = quick(images.to(memory_format=torch.channels_last)), model.feature_extractor(images)
    assert list(found) == list(wanted) == list(layers)
    for layer in layers:
        torch.testing.assert_close(found[layer], wanted[layer], rtol=1e-4, atol=1e-4 * float(wanted[layer].abs().max()))
    if name == "efficientnet_lite0":
        assert len(quick.feature_extractor.blocks) == 5 and len(model.feature_extractor.feature_extractor.blocks) == 7
