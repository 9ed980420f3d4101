"""Checks the bundled sample parts as shipped: counts, masks, sizes and the index (nothing is rendered)."""

import json

import numpy as np
import pytest
from paths import ROOT
from PIL import Image, ImageFilter

pytestmark = pytest.mark.quick

SAMPLES = ROOT / "assets" / "samples"
PARTS = json.loads((SAMPLES / "parts.json").read_text(encoding="utf-8"))["parts"]
NAMES = [part["name"] for part in PARTS]
DEFECTIVE = [
    (part["name"], defect["name"], number) for part in PARTS for defect in part["defects"] for number in range(5)
]


def pixels(path):
    """A picture as an array."""
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("name", NAMES)
def test_counts(name):
    """5 normals, 5 good test photos, 3 kinds of defect with 5 photos and 5 masks each."""
    folder = SAMPLES / name
    defects = next([d["name"] for d in part["defects"]] for part in PARTS if part["name"] == name)
    assert len(list((folder / "train" / "good").glob("*.jpg"))) == 5
    assert sorted(p.name for p in (folder / "test").iterdir()) == sorted(["good", *defects])
    assert sorted(p.name for p in (folder / "ground_truth").iterdir()) == sorted(defects)
    assert len(defects) == 3
    for group in (folder / "test").iterdir():
        assert sorted(p.name for p in group.iterdir()) == [f"{k:03d}.jpg" for k in range(5)]


@pytest.mark.parametrize("name, defect, number", DEFECTIVE)
def test_mask(name, defect, number):
    """Each mask is binary, of the photo's size, neither empty nor too large."""
    photo = pixels(SAMPLES / name / "test" / defect / f"{number:03d}.jpg")
    mask = pixels(SAMPLES / name / "ground_truth" / defect / f"{number:03d}_mask.png")
    assert mask.dtype == np.uint8 and mask.shape == photo.shape[:2]
    assert set(np.unique(mask)) == {0, 255}
    assert 0.0005 <= (mask > 0).mean() <= 0.30


@pytest.mark.parametrize("name, defect, number", DEFECTIVE)
def test_mask_lies_on_the_defect(name, defect, number):
    """Inside the mask the photo has something that its near surroundings have not: colour, contrast or edges."""
    photo = pixels(SAMPLES / name / "test" / defect / f"{number:03d}.jpg").astype(float)
    mask = Image.open(SAMPLES / name / "ground_truth" / defect / f"{number:03d}_mask.png")
    inside, close, wide = (np.asarray(mask.filter(ImageFilter.MaxFilter(size))) > 0 for size in (3, 5, 13))
    middle = np.median(photo[wide & ~close], axis=0)
    assert np.abs(photo[inside] - middle).mean() > 4.0


def test_photos_differ():
    """No photo is shipped twice."""
    photos = [path.read_bytes() for path in SAMPLES.rglob("*.jpg")]
    assert len(photos) == 25 * len(PARTS) == len(set(photos))


def test_index():
    """parts.json names what is there, in plain words."""
    assert len(PARTS) >= 2
    for part in PARTS:
        assert part["object"] and part["title"] and part["description"].endswith(".")
        assert (SAMPLES / part["train"]).is_dir() and (SAMPLES / part["test"]).is_dir()
        assert all(defect["description"] for defect in part["defects"])
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir()} == set(NAMES)


def test_size():
    """The samples stay a small download."""
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 15e6
