"""Where the tests find real photos of parts, and how to get them: a test that needs them fails without, never skips."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from paths import ROOT

DATA = Path(os.environ.get("TGVIG_TEST_DATA") or ROOT.parent / "shared" / "data")

FOLDERS = {
    "bottle": "mvtec_ad_256/bottle",
    "transistor": "mvtec_ad_256/transistor",
    "tile": "magnetic_tile/tile",
    "hazelnut": "hazelnut_toy/hazelnut",
}

HOW_TO_GET = """Get the photos and point TGVIG_TEST_DATA to their folder:
  mvtec_ad_256/bottle, mvtec_ad_256/transistor
      MVTec AD (Bergmann et al. 2019) from https://www.mvtec.com/company/research/datasets/mvtec-ad,
      every photo and mask resized to 256 px
  magnetic_tile/tile
      magnetic tile surface defects (Huang et al. 2018), https://github.com/abin24/Magnetic-tile-defect-datasets.
  hazelnut_toy/hazelnut
      Intel's hazelnut_toy, which comes with anomalib, https://github.com/open-edge-platform/anomalib
each laid out as CATEGORY/train/good, CATEGORY/test/good, CATEGORY/test/DEFECT, CATEGORY/ground_truth/DEFECT."""


def category(name: str) -> Path:
    """The folder (MVTec layout) of bottle, transistor, tile or hazelnut.

    Raises:
        AssertionError: the photos are not on this machine; the message says how to get them.
    """
    folder = DATA / FOLDERS[name]
    assert (folder / "train" / "good").is_dir(), f"The photos of {name} are not in {folder}.\n{HOW_TO_GET}"
    return folder


def normals(name: str, n: int) -> list[Path]:
    """The first n photos of the category's train/good, sorted by name."""
    paths = sorted((category(name) / "train" / "good").iterdir())
    assert len(paths) >= n, f"{category(name)} holds {len(paths)} good photos, {n} are needed.\n{HOW_TO_GET}"
    return paths[:n]


def noise(seed: int, height: int = 160, width: int = 200) -> np.ndarray:
    """A made-up photo, height×width×3 uint8, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
