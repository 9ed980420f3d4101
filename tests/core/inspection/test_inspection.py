"""Test folders, masks, and heatmaps that land where the photo shows the defect."""

from pathlib import Path

import numpy as np
import pytest
from photos import category
from PIL import Image

from tgvig_core.inspection.inspector import check_photos, heatmap, heatmap_names
from tgvig_core.photos.labelled_folder import read_mask, read_test_folder
from tgvig_core.utils.errors import TgvigError


def layout(root: Path, masks: bool = True) -> Path:
    for kind in ("good", "scratch"):
        (root / "test" / kind).mkdir(parents=True)
        Image.new("RGB", (60, 40), "grey").save(root / "test" / kind / "000.png")
    if masks:
        (root / "ground_truth" / "scratch").mkdir(parents=True)
        mask = Image.new("L", (60, 40))
        mask.paste(255, (30, 0, 60, 20))  # upper right quarter
        mask.save(root / "ground_truth" / "scratch" / "000_mask.png")
    return root / "test"


def test_mvtec_layout_gives_labels_and_masks(tmp_path):
    photos = read_test_folder(layout(tmp_path))
    assert [(photo.path.parent.name, photo.defective) for photo in photos] == [("good", False), ("scratch", True)]
    mask = read_mask(photos[1], 8)
    assert mask[:4, 4:].all() and mask.sum() == 16
    assert not read_mask(photos[0], 8).any()


def test_masks_may_be_called_like_their_photos_as_in_other_data_sets():
    photos = read_test_folder(category("hazelnut") / "test")
    defective = [photo for photo in photos if photo.defective]
    assert len(defective) == 17 and all([mask.stem for mask in photo.masks] == [photo.path.stem] for photo in defective)
    assert 0 < read_mask(defective[0], 64).float().mean() < 0.5


def test_labels_without_masks_are_fine_but_a_missing_mask_is_named(tmp_path):
    assert read_test_folder(layout(tmp_path / "a", masks=False))[1].masks == ()
    folder = layout(tmp_path / "b")
    (tmp_path / "b" / "ground_truth" / "scratch" / "000_mask.png").unlink()
    with pytest.raises(TgvigError, match="000_mask.png"):
        read_test_folder(folder)


def test_a_plain_folder_has_no_labels(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    assert read_test_folder(tmp_path)[0].defective is None
    with pytest.raises(TgvigError, match="There is no folder"):
        read_test_folder(tmp_path / "none")


def test_the_heat_lands_at_the_same_share_of_a_long_photo():
    photo = np.full((100, 400, 3), 90, np.uint8)
    map = np.zeros((64, 64), np.float32)
    map[16:24, 48:56] = 10  # centre at 0.3125 of the height, 0.8125 of the width
    shown = heatmap(photo, map, pixel_threshold=5.0)
    changed = np.argwhere((shown != photo).any(-1))
    assert shown.shape == photo.shape
    assert changed.mean(0) == pytest.approx([0.3125 * 100, 0.8125 * 400], abs=3)
    assert (shown[:, :200] == photo[:, :200]).all()  # below half the threshold the photo stays as it is


def test_heat_grows_from_half_the_threshold():
    photo = np.full((8, 8, 3), 90, np.uint8)
    levels = [
        np.abs(heatmap(photo, np.full((8, 8), level, np.float32), 1.0).astype(int) - 90).mean()
        for level in (0.4, 0.8, 1.4)
    ]
    assert levels[0] == 0 and 0 < levels[1] < levels[2]


def test_heatmap_names_never_repeat():
    names = heatmap_names([Path("a/good/1.png"), Path("b/good/1.png"), Path("b/good/1.jpg"), Path("1.png")])
    assert list(names) == ["good_1.png", "good_1_2.png", "good_1_3.png", "1.png"]
    taken = heatmap_names(
        [Path("good/1.jpg"), Path("good/1.png"), Path("good/1_2.png"), Path("good/A.png"), Path("good/a.png")]
    )
    assert len({name.lower() for name in taken}) == 5


def test_a_broken_photo_is_named_before_anything_is_written(tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(TgvigError, match="torn.png"):
        check_photos([tmp_path / "torn.png"])
