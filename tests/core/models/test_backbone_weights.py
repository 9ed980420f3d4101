"""Every weight of a feature extractor is the file's, whatever names timm gives it among the features."""

import pytest
import timm
import torch
from made_backbones import DINO, bottles, random_weights

from tgvig_core.benchmark.detectors.cflow import Cflow, CflowSettings
from tgvig_core.models.backbone_layers import last_layers
from tgvig_core.models.backbones import EFFICIENTNET_LITE0, Backbone, fill, local_weights, patchcore_model
from tgvig_core.utils.errors import TgvigError


@pytest.fixture(autouse=True)
def no_ledger(monkeypatch, tmp_path):
    """The checksums of made files are not to be kept for the next test."""
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))


def backbone(name: str, folder) -> Backbone:
    if name == EFFICIENTNET_LITE0.name:
        return EFFICIENTNET_LITE0
    return Backbone(name, last_layers(name), random_weights(name, folder))


def outputs(chosen: Backbone, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the chosen modules give within the whole network, which is loaded strictly."""
    network, found = timm.create_model(chosen.name, pretrained=False).eval(), {}
    network.load_state_dict(local_weights(chosen))
    for layer in chosen.layers:
        network.get_submodule(layer).register_forward_hook(
            lambda module, given, made, layer=layer: found.update({layer: made.clone()})
        )
    with torch.no_grad():
        network(images)
    return found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("convnext_atto", marks=pytest.mark.slow),
        pytest.param("densenet121", marks=pytest.mark.slow),
        "resnetv2_50",  # as those: modules taken out of their Sequential
        "xception41",  # "body", with hooks
        "efficientnet_lite0", "resnet18.tv_in1k", "mobilenetv3_small_050", "regnety_002",  # names as in the file
    ],
)  # fmt: skip
def test_features_are_those_of_the_whole_network_with_its_weights(name, tmp_path):
    chosen, images = backbone(name, tmp_path), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = outputs(chosen, images)
    found = patchcore_model(chosen, 9).feature_extractor(images)
    assert list(found) == list(chosen.layers)
    for layer in chosen.layers:
        scale = float(expected[layer].abs().max())
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize(("name", "inner"), [("deit_tiny_patch16_224", "model."), (DINO, "")])
def test_a_transformer_has_the_files_weights(name, inner, tmp_path):
    chosen = backbone(name, tmp_path)
    state, held = local_weights(chosen), patchcore_model(chosen, 9).feature_extractor.feature_extractor.state_dict()
    assert len(held) > 100 and all(torch.equal(value, state[key.removeprefix(inner)]) for key, value in held.items())


def test_a_benchmarks_detector_is_given_the_same_weights(tmp_path):
    chosen, (learned, _) = backbone("convnext_atto", tmp_path), bottles(64)
    detector = Cflow(chosen, 64, settings=CflowSettings(steps=1, batch=2))
    detector.fit(learned, [0, 1])
    held, state = detector.network.encoder.feature_extractor.state_dict(), local_weights(chosen)
    assert torch.equal(held["stages_0.blocks.0.conv_dw.weight"], state["stages.0.blocks.0.conv_dw.weight"])


def test_a_weight_that_stays_random_and_channels_at_the_end_are_refused(tmp_path):
    chosen = backbone("resnet18.tv_in1k", tmp_path)
    extractor = patchcore_model(chosen, 9).feature_extractor
    extractor.feature_extractor.extra = torch.nn.Linear(2, 2)
    with pytest.raises(TgvigError, match=r"2 weights of the backbone resnet18\.tv_in1k, such as extra\.weight, .*give"):
        fill(extractor, chosen, chosen.layers, local_weights(chosen))
    with pytest.raises(TgvigError, match="swin_tiny_patch4_window7_224 gives its channels last.*give a CNN"):
        patchcore_model(backbone("swin_tiny_patch4_window7_224", tmp_path), 9)
