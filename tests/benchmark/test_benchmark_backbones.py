"""Backbones by name: which layers, and where the weights come from."""

import pytest
from made_backbones import DINO, random_weights

from tgvig_core.benchmark.backbones import backbone_of
from tgvig_core.models.backbone_layers import last_layers, spread_layers
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.packs import files
from tgvig_core.utils.errors import TgvigError


@pytest.fixture(autouse=True)
def no_ledger_no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "hub_answers", lambda: False)


@pytest.mark.parametrize(
    ("name", "last", "spread"),
    [
        ("efficientnet_lite0", ("blocks.2", "blocks.4"), ("blocks.2", "blocks.4", "blocks.6")),
        ("resnet18.tv_in1k", ("layer2", "layer3"), ("layer2", "layer3", "layer4")),
        ("wide_resnet50_2.tv_in1k", ("layer2", "layer3"), ("layer2", "layer3", "layer4")),
        (DINO, ("blocks.11",), ("blocks.3", "blocks.7", "blocks.11")),
    ],
)
def test_layers(name, last, spread):
    assert (last_layers(name), spread_layers(name)) == (last, spread)


def test_the_embedded_one_needs_no_file():
    assert backbone_of("efficientnet_lite0") == EFFICIENTNET_LITE0


@pytest.mark.parametrize("name", ["resnet18.tv_in1k", "resnet10t.c3_in1k"])
def test_a_file_of_its_name_in_the_models_folder_is_taken(name, tmp_path):
    file = random_weights(name, tmp_path)
    found = backbone_of(name, tmp_path)
    assert (found.name, found.layers, found.weights) == (name, ("layer2", "layer3"), file)


def test_a_file_may_be_named(tmp_path):
    found = backbone_of(f"resnet18={tmp_path / 'mine.safetensors'}")
    assert (found.name, found.layers, found.weights) == (
        "resnet18",
        ("layer2", "layer3"),
        tmp_path / "mine.safetensors",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18.tv_in1k", r"^resnet18\.tv_in1k\.safetensors .*hub does not answer.*models folder"),
        ("wide_resnet50_2.tv_in1k", r"^wide_resnet50_2\.tv_in1k\.safetensors .*hub does not answer.*models folder"),
        (DINO, r"^vit_small_patch14_reg4_dinov2\.lvd142m\.safetensors .*hub does not answer.*models folder"),
        ("resnet10t", r"^resnet10t\.safetensors, .*is missing.*resnet10t=FILE"),
        ("nonesuch", "timm cannot build the backbone nonesuch"),
    ],
)
def test_a_file_that_is_missing_is_named(name, words, tmp_path):
    with pytest.raises(TgvigError, match=words):
        backbone_of(name, tmp_path)
