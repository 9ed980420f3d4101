"""PatchCore against anomalib's module and numpy, on real bottles; what a bank leaves out, keeps on disk and refuses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from photos import category
from safetensors.torch import load_file, save_file
from small import photo_tensor
from torch.nn import functional as F
from torchvision.transforms.functional import normalize

from tgvig_core.detectors.base import load_detector
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.models.backbones import EFFICIENTNET_LITE0, Backbone
from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.photos.images import read_normals
from tgvig_core.utils.errors import TgvigError

SIZE = 128
PATCHES = (SIZE // 8) ** 2
EVERYTHING = PatchCoreSettings(coreset_least=10**6)


def bottles(kind: str, count: int, size: int = SIZE) -> torch.Tensor:
    files = sorted((category("bottle") / "test" / kind).iterdir())[:count]
    assert len(files) == count
    return read_normals(files).tensor(size)


@pytest.fixture(scope="module")
def good() -> torch.Tensor:
    return photo_tensor("bottle", 3, SIZE)


@pytest.fixture(scope="module")
def strange() -> torch.Tensor:
    return torch.cat([bottles("broken_large", 1), bottles("good", 1)])


@pytest.fixture(scope="module")
def trained(good: torch.Tensor) -> PatchCore:
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE, PatchCoreSettings(coreset_least=200))
    detector.fit(good, [0, 1, 2])
    return detector


def full(images: torch.Tensor, sources: list[int]) -> PatchCore:
    """A detector that remembers every patch."""
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE, EVERYTHING)
    detector.fit(images, sources)
    return detector


def anomalibs(bank: torch.Tensor) -> PatchcoreModel:
    """anomalib's own module with the same features and the given bank."""
    model = PatchcoreModel(["blocks.2", "blocks.4"], "efficientnet_lite0", pre_trained=False, num_neighbors=9)
    weights = load_efficientnet_lite0().state_dict()
    assert not model.feature_extractor.feature_extractor.load_state_dict(weights, strict=False).missing_keys
    model.memory_bank = bank.clone()
    return model.eval()


def normalised(images: torch.Tensor) -> torch.Tensor:
    """[-1, 1] to what ImageNet's networks are used to."""
    return normalize((images + 1) / 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def patches(images: torch.Tensor) -> torch.Tensor:
    """Rows that anomalib would put into its store."""
    model = anomalibs(torch.empty(0)).train()
    model.feature_extractor.eval()
    with torch.no_grad():
        return model(normalised(images))


def test_scores_and_maps_are_anomalibs(trained: PatchCore, strange: torch.Tensor) -> None:
    with torch.no_grad():
        wanted = anomalibs(trained.model.memory_bank)(normalised(strange))
    found = trained.score(strange)
    assert found.scores.shape == (2,) and found.maps.shape == (2, SIZE, SIZE)
    np.testing.assert_allclose(found.scores.numpy(), wanted.pred_score.flatten().numpy(), rtol=1e-4)
    np.testing.assert_allclose(found.maps.numpy(), wanted.anomaly_map[:, 0].numpy(), rtol=1e-4, atol=1e-4)


def test_the_score_is_the_papers_eq_7(trained: PatchCore, strange: torch.Tensor) -> None:
    """The strangest patch's distance, times 1 − softmax over the 9 neighbours of its nearest row, in float64."""
    bank = trained.model.memory_bank.numpy().astype(np.float64)
    for image, found in zip(strange, trained.score(strange).scores, strict=True):
        rows = patches(image[None]).numpy().astype(np.float64)
        apart = np.linalg.norm(rows[:, None] - bank[None], axis=2)
        worst = apart.min(1).argmax()
        nearest = apart[worst].argmin()
        support = np.linalg.norm(bank - bank[nearest], axis=1).argsort()[:9]
        weights = np.exp(apart[worst][support] - apart[worst][support].max())
        assert float(found) == pytest.approx((1 - weights[0] / weights.sum()) * apart[worst, nearest], rel=1e-3)


def test_the_bank_holds_patches_of_the_photos_with_their_source(trained: PatchCore, good: torch.Tensor) -> None:
    assert len(trained.model.memory_bank) == len(trained.groups) == 200
    assert set(trained.groups.tolist()) == {0, 1, 2}
    for source in range(3):
        rows, bank = patches(good[source : source + 1]), trained.model.memory_bank[trained.groups == source]
        assert float(torch.cdist(bank, rows, compute_mode="donot_use_mm_for_euclid_dist").min(1).values.max()) < 1e-3


def test_every_row_knows_its_image_and_its_patch_there(good: torch.Tensor) -> None:
    pool, sources = torch.cat([good[:2], good[:1].flip(3)]), [0, 1, 0]
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE, PatchCoreSettings(coreset_least=100))
    detector.fit(pool, sources)
    wanted = patches(pool).reshape(3, 16, 16, -1)
    assert detector.places.shape == (100, 3) and set(detector.places[:, 0].tolist()) == {0, 1, 2}
    for place, source, row in zip(detector.places, detector.groups, detector.model.memory_bank, strict=True):
        torch.testing.assert_close(row, wanted[tuple(place)], rtol=1e-4, atol=1e-4)
        assert int(source) == sources[place[0]]


@pytest.mark.parametrize(
    ("ratio", "least", "rows"), [(0.1, 10, 20), (0.1, 50, 50), (0.1, 1000, 192), (0.5, 10, 96), (0.001, 0, 1)]
)
def test_how_much_is_remembered(ratio: float, least: int, rows: int) -> None:
    """Three images of 64 px have 3·8·8 = 192 patches; a tenth of them, rounded up, is 20."""
    detector = PatchCore(EFFICIENTNET_LITE0, 64, PatchCoreSettings(coreset_ratio=ratio, coreset_least=least))
    detector.fit(photo_tensor("bottle", 3, 64), [0, 1, 2])
    assert detector.model.memory_bank.shape == (rows, 40 + 112)


def test_a_broken_bottle_is_stranger_than_a_good_one() -> None:
    detector = PatchCore(EFFICIENTNET_LITE0, 256)
    detector.fit(photo_tensor("bottle", 3, 256), [0, 1, 2])
    assert len(detector.model.memory_bank) == 1000
    broken, fine = detector.score(bottles("broken_large", 3, 256)), detector.score(bottles("good", 3, 256))
    assert float(broken.scores.min()) > float(fine.scores.max())
    masks = sorted((category("bottle") / "ground_truth" / "broken_large").iterdir())[:3]
    inside = read_normals(masks).tensor(256).mean(1) > 0
    for heat, mask in zip(broken.maps, inside, strict=True):
        assert float(heat[mask].mean()) > 1.5 * float(heat[~mask].mean())


def test_a_photo_in_the_bank_scores_nothing_and_is_left_out_on_demand(good: torch.Tensor) -> None:
    both = full(good[:2], [0, 1])
    rows = both.model.memory_bank
    own, other = both.score(good[:1]), both.score(good[:1], exclude_group=0)
    assert float(own.scores) < 0.2 and float(other.scores) > 10 * float(own.scores)
    alone = full(good[1:2], [1]).score(good[:1])
    torch.testing.assert_close(other.scores, alone.scores, rtol=1e-4, atol=0)
    torch.testing.assert_close(other.maps, alone.maps, rtol=1e-3, atol=1e-3)
    assert both.model.memory_bank is rows
    assert torch.equal(both.score(good[:1]).scores, own.scores)


def test_a_generated_image_is_left_out_with_its_photo(good: torch.Tensor) -> None:
    detector = full(torch.cat([good[:2], good[:1].flip(3)]), [0, 1, 0])
    assert detector.groups.tolist() == [0] * PATCHES + [1] * PATCHES + [0] * PATCHES
    alone = full(good[1:2], [1]).score(good[:1])
    torch.testing.assert_close(detector.score(good[:1], exclude_group=0).scores, alone.scores, rtol=1e-4, atol=0)


def test_nothing_left_to_compare_with(good: torch.Tensor) -> None:
    with pytest.raises(TgvigError, match="train it first"):
        PatchCore(EFFICIENTNET_LITE0, SIZE).score(good[:1])
    detector = full(good[:1], [0])
    with pytest.raises(TgvigError, match="no good image"):
        detector.score(good[:1], exclude_group=0)
    assert float(detector.score(good[:1]).scores) < 0.2  # and the bank is still there


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(value: float, good: torch.Tensor) -> None:
    spoilt = good.clone()
    spoilt[1, 2, 5, 5] = value
    with pytest.raises(TgvigError, match="not numbers"):
        PatchCore(EFFICIENTNET_LITE0, SIZE).fit(spoilt, [0, 1, 2])


def test_images_of_one_colour(trained: PatchCore) -> None:
    plain = torch.stack([torch.full((3, SIZE, SIZE), value) for value in (-1.0, 0.0, 1.0)])
    assert torch.isfinite(trained.score(plain).scores).all() and torch.isfinite(trained.score(plain).maps).all()
    scores = full(plain[:1], [0]).score(plain).scores
    assert torch.isfinite(scores).all() and float(scores[0]) < 0.2 < float(scores[2])


def test_the_seed_decides_what_is_remembered(good: torch.Tensor) -> None:
    banks = []
    for seed in (0, 0, 1):
        detector = PatchCore(EFFICIENTNET_LITE0, SIZE, PatchCoreSettings(coreset_least=30))
        detector.fit(good, [0, 1, 2], seed)
        banks.append(detector.model.memory_bank)
    assert torch.equal(banks[0], banks[1]) and not torch.equal(banks[0], banks[2])


def test_saved_and_loaded_scores_are_equal(trained: PatchCore, strange: torch.Tensor, tmp_path: Path) -> None:
    trained.save(tmp_path / "model", {"threshold": 1.5})
    loaded, about = load_detector(tmp_path / "model"), json.loads((tmp_path / "model" / "model.json").read_text())
    assert (about["threshold"], about["size"], about["detector"]) == (1.5, SIZE, "patchcore")
    assert loaded.settings == trained.settings and loaded.backbone == trained.backbone
    for exclude_group in (None, 1):
        wanted, found = trained.score(strange, exclude_group), loaded.score(strange, exclude_group)
        assert torch.equal(found.scores, wanted.scores) and torch.equal(found.maps, wanted.maps)


def test_a_saved_detector_holds_no_code(trained: PatchCore, tmp_path: Path) -> None:
    trained.save(tmp_path, {})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
    file = tmp_path / "model.safetensors"
    assert not zipfile.is_zipfile(file) and file.read_bytes()[8:9] == b"{"
    state = load_file(file)
    assert torch.equal(state["sources"], trained.groups) and torch.equal(state["places"], trained.places)
    assert torch.equal(state["memory_bank"], trained.model.memory_bank)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


def edit(file: Path, **changes: object) -> None:
    about = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in about.items() if value is not None}))


SPOIL = {
    "a bit flipped": lambda folder: flip_a_bit(folder / "model.safetensors"),
    "weights gone": lambda folder: (folder / "model.safetensors").unlink(),
    "card gone": lambda folder: (folder / "model.json").unlink(),
    "card is no JSON": lambda folder: (folder / "model.json").write_text("{"),
    "card is a list": lambda folder: (folder / "model.json").write_text("[]"),
    "no checksum": lambda folder: edit(folder / "model.json", sha256=None),
    "no size": lambda folder: edit(folder / "model.json", size=None),
    "another backbone": lambda folder: edit(folder / "model.json", backbone="resnet18", layers=["layer2"]),
    "unknown backbone": lambda folder: edit(folder / "model.json", backbone="efficientnet_heavy9"),
    "unknown setting": lambda folder: edit(folder / "model.json", settings={"speed": 11}),
}


@pytest.mark.parametrize("how", SPOIL)
def test_a_saved_detector_that_was_changed(how: str, trained: PatchCore, tmp_path: Path) -> None:
    trained.save(tmp_path, {})
    SPOIL[how](tmp_path)
    with pytest.raises(TgvigError):
        load_detector(tmp_path)


def weights(name: str, folder: Path, seed: int = 0) -> Path:
    """Random weights of a timm model as a file."""
    torch.manual_seed(seed)
    path = folder / f"{name}.safetensors"
    save_file(timm.create_model(name, pretrained=False).state_dict(), path)
    return path


def resnet18(path: Path, layers: tuple[str, ...] = ("layer2", "layer3")) -> Backbone:
    return Backbone("resnet18.tv_in1k", layers, path)


def test_a_backbone_from_a_file(tmp_path: Path, strange: torch.Tensor, good: torch.Tensor) -> None:
    path = weights("resnet18", tmp_path)
    detector = PatchCore(resnet18(path), SIZE, PatchCoreSettings(coreset_least=50))
    found = detector.model.feature_extractor.feature_extractor.state_dict()
    wanted = load_file(path)
    assert {"conv1.weight", "layer3.1.bn2.running_var"} <= found.keys()
    assert all(torch.equal(value, wanted[name]) for name, value in found.items())
    detector.fit(good, [0, 1, 2])
    assert detector.model.memory_bank.shape == (77, 128 + 256)  # a tenth of 3·16·16, rounded up
    scores = detector.score(strange).scores
    assert torch.isfinite(scores).all() and float(scores.min()) > 0
    detector.save(tmp_path / "model", {})
    path.unlink()  # a saved detector needs no other file
    assert torch.equal(load_detector(tmp_path / "model").score(strange).scores, scores)


@pytest.mark.parametrize("other", ["efficientnet_lite0", "resnet50", "resnet34"])
def test_weights_of_another_network(other: str, tmp_path: Path) -> None:
    path = weights(other, tmp_path)
    with pytest.raises(TgvigError, match=path.name):
        PatchCore(resnet18(path), SIZE)


@pytest.mark.parametrize("content", [None, b"", b"<html>"])
def test_a_weights_file_that_is_missing_or_damaged(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "resnet18.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TgvigError, match=r"resnet18\.safetensors"):
        PatchCore(resnet18(path), SIZE)


def test_unknown_names(tmp_path: Path, capsys) -> None:
    path = weights("resnet18", tmp_path)
    with pytest.raises(TgvigError, match="nonesuch"):
        PatchCore(Backbone("nonesuch", ("layer2",), path), SIZE)
    with pytest.raises(TgvigError, match="layer9"):
        PatchCore(resnet18(path, ("layer2", "layer9")), SIZE)
    assert capsys.readouterr().out == ""


def test_a_vision_transformer_sees_whole_patches_and_its_map_has_the_frames_size(tmp_path: Path) -> None:
    name = "vit_small_patch14_reg4_dinov2.lvd142m"
    weights = timm.create_model(name, pretrained=False, dynamic_img_size=True).state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "dino.safetensors")
    detector = PatchCore(Backbone(name, ("blocks.11",), tmp_path / "dino.safetensors"), 256)
    photo = photo_tensor("bottle", 1, 256)
    detector.fit(photo, [0])
    result = detector.score(photo)
    assert detector.features.seen == 252 and len(detector.model.memory_bank) == 18 * 18
    assert result.maps.shape == (1, 256, 256) and torch.isfinite(result.scores).all()


FINE = PatchCoreSettings(seen=224, grid=14, unit=True, coreset_least=10**6)
THREE = Backbone("efficientnet_lite0", ("blocks.2", "blocks.4", "blocks.6"))


def test_features_of_unit_length_by_hand(good: torch.Tensor) -> None:
    """With timm's own network, step by step: 128 px looked at as 224, layers of 28, 14 and 7 patches a side."""
    network = load_efficientnet_lite0()
    pixels = F.interpolate(good[:1], size=(224, 224), mode="bilinear", align_corners=False) * 0.5 + 0.5
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        x, kept = network.bn1(network.conv_stem((pixels - mean) / std)), []
        for place, block in enumerate(network.blocks):
            x = block(x)
            if place in (2, 4, 6):
                kept.append(F.avg_pool2d(x, 3, 1, 1))
    early, middle, late = kept
    assert [layer.shape[-1] for layer in kept] == [28, 14, 7]
    early = F.avg_pool2d(early, 2)
    parts = [layer / layer.norm(dim=1, keepdim=True) for layer in (early, middle, late)]
    parts[2] = F.interpolate(parts[2], size=(14, 14), mode="bilinear")
    wanted = torch.cat(parts, 1).permute(0, 2, 3, 1)
    found = PatchCore(THREE, SIZE, FINE).features(good[:1])
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_a_detector_that_looks_closer_finds_the_damage_where_it_is_and_is_saved(tmp_path: Path) -> None:
    photos = photo_tensor("bottle", 3, SIZE)
    detector = PatchCore(THREE, SIZE, FINE)
    detector.fit(photos[:2], [0, 1])
    assert len(detector.model.memory_bank) == 2 * 14 * 14
    hurt = photos[2:].clone()
    hurt[:, :, 32:48, 80:96] = torch.tensor([1.0, -1.0]).repeat(8)
    before, after = detector.score(photos[2:]), detector.score(hurt)
    assert after.scores > before.scores
    more = (after.maps - before.maps)[0]
    row, column = divmod(int(more.argmax()), SIZE)
    assert 24 <= row < 56 and 72 <= column < 104
    detector.save(tmp_path, {})
    again = load_detector(tmp_path)
    assert torch.equal(again.score(hurt).scores, after.scores) and again.settings == FINE


def test_an_image_that_is_not_finite_is_never_scored(trained: PatchCore) -> None:
    spoiled = photo_tensor("bottle", 1, SIZE)
    spoiled[0, 0, 0, 0] = float("nan")
    with pytest.raises(TgvigError, match="not numbers"):
        trained.score(spoiled)


def test_every_image_needs_its_group(good: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="3 images need as many groups, not 2"):
        PatchCore(EFFICIENTNET_LITE0, SIZE).fit(good, [0, 1])


def test_a_backbone_without_its_weights_is_named() -> None:
    with pytest.raises(TgvigError, match="resnet18 has no weights file"):
        PatchCore(Backbone("resnet18", ("layer2",)), SIZE)
