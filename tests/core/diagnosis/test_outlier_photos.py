"""A broken bottle among the normals is named and its heatmap shows where; real good photos are not named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import category, noise, normals
from PIL import Image
from scipy.spatial.distance import cdist

from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.diagnosis import outlier_photos
from tgvig_core.diagnosis.outlier_photos import (
    MOST_OTHERS,
    Outlier,
    held_out_maps,
    outlier_notes,
    outlier_places,
    outliers,
)
from tgvig_core.inspection.inspector import heatmap
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import NormalSet, Photo, read_normals

BROKEN = category("bottle") / "test" / "broken_large" / "000.jpg"


class Brightness:
    """Features that are the mean brightness of the four quarters of a photo: 1×2×2×1."""

    size = 32

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape == (1, 3, 32, 32)
        return torch.nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), 2).permute(0, 2, 3, 1)


def test_the_factor_is_taken_of_the_others_median() -> None:
    """Median of 1, 2 and 2.5 is 2; 1.4 times that is 2.8. The odd one itself has no say."""
    assert outlier_places(torch.tensor([1, 2, 2.79, 2.5])) == {}
    assert outlier_places(torch.tensor([1, 2, 2.81, 2.5])) == {2: 2.0}
    assert outlier_places(torch.tensor([1, 2, 99, 2.5])) == {2: 2.0}


def test_a_patch_is_compared_with_all_patches_of_the_others_and_none_of_its_own_photo() -> None:
    grids = torch.rand(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    maps = held_out_maps(grids)
    for at in range(4):
        bank = np.delete(grids.numpy(), at, 0).reshape(-1, 6)
        expected = cdist(grids[at].reshape(-1, 6), bank).min(1).reshape(3, 5)
        assert maps[at].numpy() == pytest.approx(expected, abs=1e-5)


def test_among_many_photos_each_is_compared_with_as_many_as_are_allowed() -> None:
    """Photo i's only patch is at i: 20 of 29 others, the same ones every time, are at least 1 and seldom all near."""
    grids = torch.arange(MOST_OTHERS + 10.0).view(-1, 1, 1, 1)
    maps = held_out_maps(grids)
    assert (maps >= 1).all() and maps.max() > 1
    assert torch.equal(maps, held_out_maps(grids))
    assert (held_out_maps(grids[: MOST_OTHERS + 1]) == 1).all()


def squares(*levels: int) -> NormalSet:
    """Grey photos; the last quarter of the third one is 60 grey levels brighter than the rest of it."""
    photos = []
    for at, level in enumerate(levels):
        pixels = np.full((32, 32, 3), level, dtype=np.uint8)
        pixels[16:, 16:] += 60 if at == 2 else 0
        photos.append(Photo(Path(f"{at}.png"), pixels, str(at)))
    return NormalSet(tuple(photos))


def test_the_odd_one_comes_with_the_map_that_shows_where() -> None:
    """Levels 100, 102, 104 + a quarter at 164: distances are differences / 127.5, the peak (164 − 102) / 127.5."""
    (odd,) = outliers(Brightness(), squares(100, 102, 104))
    assert odd.photo.path.name == "2.png"
    assert odd.map == pytest.approx(np.array([[2, 2], [2, 62]]) / 127.5, abs=1e-5)
    assert odd.usual == pytest.approx(2 / 127.5, abs=1e-5)
    assert odd.text.startswith(
        "2.png does not look like the other photos: its strangest spot scores 0.5 against them, theirs 0.0."
    )
    changed = np.abs(odd.picture.astype(int) - odd.photo.pixels).sum(2)
    assert 2 * changed[:8, :8].max() < changed[24:, 24:].min()


def test_the_limit_of_being_odd_is_coloured_as_an_inspections_threshold() -> None:
    """Peak 3 over the usual 2: 3 / 2.8 − 0.5 of the full colour, as `heatmap` lays it on at the threshold 2.8."""
    photo = Photo(Path("a.png"), noise(1, 20, 20), "")
    map = np.full((2, 2), 3.0, dtype=np.float32)
    assert np.array_equal(Outlier(photo, map, 2.0).picture, heatmap(photo.pixels, map, 2.8))


def test_of_two_photos_neither_is_odd(tmp_path, monkeypatch) -> None:
    """Peaks 2 and 62 over 127.5; which of the two photos is right nobody could say."""
    monkeypatch.setattr(outlier_photos, "PatchFeatures", lambda backbone, size, device: Brightness())
    pair = NormalSet(squares(100, 102, 104).photos[1:])
    assert len(outliers(Brightness(), pair)) == 1
    assert outlier_notes(tmp_path, EFFICIENTNET_LITE0, pair, 32) == []


def noted(paths: list[Path]) -> list[str]:
    found = outliers(PatchFeatures(EFFICIENTNET_LITE0, 256), read_normals(paths))
    return [f"{odd.photo.path.parent.name}/{odd.photo.path.name}" for odd in found]


def test_a_broken_bottle_among_good_ones_is_named() -> None:
    assert noted([*normals("bottle", 2), BROKEN, *normals("bottle", 4)[2:]]) == ["broken_large/000.jpg"]


@pytest.mark.parametrize("name", ["bottle", "transistor", "tile"])
def test_good_photos_are_not_named(name: str) -> None:
    assert noted(normals(name, 5)) == []


def test_the_peak_of_a_broken_bottle_lies_in_its_mask() -> None:
    (odd,) = outliers(PatchFeatures(EFFICIENTNET_LITE0, 256), read_normals([*normals("bottle", 4), BROKEN]))
    mask = np.array(Image.open(category("bottle") / "ground_truth" / "broken_large" / "000_mask.png").convert("L")) > 0
    row, column = np.unravel_index(odd.map.argmax(), odd.map.shape)
    side = mask.shape[0] // odd.map.shape[0]
    assert mask[row * side : (row + 1) * side, column * side : (column + 1) * side].any()


def test_notes_and_pictures_are_kept_for_as_long_as_the_photos_are_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(outlier_photos, "PatchFeatures", lambda backbone, size, device: Brightness())
    normals = squares(100, 102, 104)
    (note,) = outlier_notes(tmp_path, EFFICIENTNET_LITE0, normals, 32)
    assert note == {"path": "2.png", "kind": "odd", "text": note["text"], "heatmap": "odd/2.png"}
    shown = np.array(Image.open(tmp_path / "odd" / "2.png"))
    assert np.array_equal(shown, outliers(Brightness(), normals)[0].picture)

    def compared(*given) -> None:
        raise AssertionError("compared again")

    monkeypatch.setattr(outlier_photos, "outliers", compared)
    assert outlier_notes(tmp_path, EFFICIENTNET_LITE0, normals, 32) == [note]
    with pytest.raises(AssertionError, match="compared again"):
        outlier_notes(tmp_path, EFFICIENTNET_LITE0, squares(100, 102, 105, 106), 32)
    assert outlier_notes(tmp_path, EFFICIENTNET_LITE0, NormalSet(normals.photos[:2]), 32) == []
    assert json.loads((tmp_path / "odd" / "notes.json").read_text()) == {"photos": ["0", "1"], "notes": []}
    assert not (tmp_path / "odd" / "2.png").exists()
