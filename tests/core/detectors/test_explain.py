"""The nearest remembered patch: found by hand-known shifts, against the raw map, kept on disk, refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from small import photo_tensor

from tgvig_core.detectors.base import load_detector
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.models.backbones import EFFICIENTNET_LITE0, Backbone
from tgvig_core.utils.errors import TgvigError

SIZE = 128
EVERYTHING = PatchCoreSettings(coreset_least=10**6)


@pytest.fixture(scope="module")
def good() -> torch.Tensor:
    return photo_tensor("bottle", 3, SIZE)


@pytest.fixture(scope="module")
def full(good: torch.Tensor) -> PatchCore:
    """Remembers every patch of two photos and of a mirrored one, which counts as photo 0."""
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE, EVERYTHING)
    detector.fit(torch.cat([good[:2], good[:1].flip(3)]), [0, 1, 0])
    return detector


@pytest.mark.parametrize(
    ("at", "corner"),
    [((64, 64), (44, 44)), ((71, 71), (44, 44)), ((72, 63), (52, 36)), ((0, 0), (0, 0)), ((127, 3), (80, 0))],
)
def test_a_remembered_photo_finds_its_own_patch(
    at: tuple[int, int], corner: tuple[int, int], full: PatchCore, good: torch.Tensor
) -> None:
    """Patches of 8 px; the one at 64 to 71 has its centre at 68, its window of 48 px begins at 44."""
    pool = torch.cat([good[:2], good[:1].flip(3)])
    for number, image in enumerate(pool):
        found = full.explain(image, at)
        assert (found.image, found.distance) == (number, pytest.approx(0, abs=1e-2))
        assert found.box == found.own_box == (*corner, 48, 48)


def test_a_shifted_photo_finds_where_the_part_was(full: PatchCore, good: torch.Tensor) -> None:
    """Moved 32 px to the right and 16 px down (the deeper layer's step), the part is found that much left and up."""
    moved = good[1].roll((16, 32), (1, 2))
    for at in ((64, 40), (90, 60), (70, 90)):
        found = full.explain(moved[None], at)
        (x, y, *_), (own_x, own_y, *_) = found.box, found.own_box
        assert (found.image, own_x - x, own_y - y) == (1, 32, 16)


def test_the_distance_is_the_maps_value_before_the_blur(good: torch.Tensor) -> None:
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE, PatchCoreSettings(coreset_least=100))
    detector.fit(good[:2], [0, 1])
    detector.model.anomaly_map_generator.blur = torch.nn.Identity()
    raw = detector.score(good[2:]).maps[0]
    for x, y in ((0, 0), (127, 127), (40, 64), (39, 64), (90, 17)):
        assert detector.explain(good[2], (x, y)).distance == pytest.approx(float(raw[y, x]), rel=1e-3)


def test_a_vision_transformer_of_252_px_in_a_frame_of_256(tmp_path: Path) -> None:
    """18 patches a side of 256 / 18 = 14.2 px: (128, 0) is patch 9, centre 135.1; (255, 255) is patch 17."""
    name = "vit_small_patch14_reg4_dinov2.lvd142m"
    weights = timm.create_model(name, pretrained=False, dynamic_img_size=True).state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "dino.safetensors")
    detector = PatchCore(Backbone(name, ("blocks.2",), tmp_path / "dino.safetensors"), 256, EVERYTHING)
    photos = photo_tensor("bottle", 3, 256)
    detector.fit(photos[:2], [0, 1])
    assert detector.places[-1].tolist() == [1, 17, 17] and len(detector.places) == 2 * 18 * 18
    for at, corner in (((128, 0), (111, 0)), ((255, 255), (208, 208)), ((127, 127), (97, 97))):
        found = detector.explain(photos[1], at)
        assert (found.image, found.box, found.own_box) == (1, (*corner, 48, 48), (*corner, 48, 48))
    detector.model.anomaly_map_generator.blur = torch.nn.Identity()
    raw = detector.score(photos[2:]).maps[0]
    for row, column in ((9, 2), (4, 13), (12, 11)):
        x, y = int((column + 0.5) * 256 / 18), int((row + 0.5) * 256 / 18)
        assert detector.explain(photos[2], (x, y)).distance == pytest.approx(float(raw[y, x]), rel=1e-3)


def test_a_frame_smaller_than_the_window() -> None:
    photo = photo_tensor("bottle", 1, 32)
    detector = PatchCore(EFFICIENTNET_LITE0, 32)
    detector.fit(photo, [0])
    assert detector.explain(photo, (20, 5)).box == (0, 0, 32, 32)


def test_saved_and_loaded(full: PatchCore, good: torch.Tensor, tmp_path: Path) -> None:
    full.save(tmp_path, {})
    loaded = load_detector(tmp_path)
    assert torch.equal(loaded.places, full.places) and loaded.places.dtype == torch.int64
    assert loaded.explain(good[2], (90, 30)) == full.explain(good[2], (90, 30))


def test_what_cannot_be_explained(full: PatchCore, good: torch.Tensor) -> None:
    for x, y in ((-1, 5), (5, -1), (SIZE, 5), (5, SIZE)):
        with pytest.raises(TgvigError, match=rf"\({x}, {y}\) lies outside the photo: choose x and y from 0 to 127"):
            full.explain(good[2], (x, y))
    spoiled = good[2].clone()
    spoiled[0, 0, 0] = float("nan")
    with pytest.raises(TgvigError, match="not numbers"):
        full.explain(spoiled, (5, 5))
    with pytest.raises(TgvigError, match="train it first"):
        PatchCore(EFFICIENTNET_LITE0, SIZE).explain(good[2], (5, 5))
    for image in (good, good[2, :, :64], good[2, :1]):
        with pytest.raises(ValueError, match="One image of 3×128×128 is needed"):
            full.explain(image, (5, 5))
