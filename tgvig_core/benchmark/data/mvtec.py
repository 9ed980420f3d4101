"""MVTec AD's layout (Bergmann et al., CVPR 2019), which MVTec LOCO and BTAD share, and so may any folder of one's own.

A category is a folder with train/good, test/good, test/DEFECT and ground_truth/DEFECT. Masks are matched by name. anomalib's
listers are not used for that: those of MVTec AD and LOCO match by sorted order (and LOCO's fails with pandas 3), BTAD's takes
every mask for a PNG. tests/benchmark/test_benchmark_datasets.py compares where both can read.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path

from tgvig_core.benchmark.data.category import Category, Found, layout
from tgvig_core.photos.inputs import expand_inputs
from tgvig_core.photos.labelled_folder import read_test_folder
from tgvig_core.utils.errors import TgvigError


@layout(
    "mvtec",
    title="MVTec AD",
    module="MVTecAD",
    categories=(
        "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw", "tile",
        "toothbrush", "transistor", "wood", "zipper",
    ),
)  # fmt: skip
@layout(
    "loco",
    title="MVTec LOCO AD",
    module="MVTecLOCO",
    categories=("breakfast_box", "juice_bottle", "pushpins", "screw_bag", "splicing_connectors"),
)
def mvtec(dataset: str, root: Path) -> Found:
    """The folders directly inside root that hold train and test."""
    return children(dataset, root)


def children(dataset: str, root: Path, good: str = "good") -> Found:
    """The same, where good photos lie in folders of another name."""
    inside = sorted(entry for entry in root.iterdir() if _is_category(entry))
    return {folder.name: partial(_read, dataset, folder.name, folder, good) for folder in inside}


@layout("btad", title="BTAD", module="BTech", categories=("01", "02", "03"), renamed=True)
def btad(dataset: str, root: Path) -> Found:
    """What is good is called ok, what is not is called ko."""
    return children(dataset, root, good="ok")


@layout("folder", title="any folder in MVTec AD's layout", order=1)
def below(dataset: str, root: Path) -> Found:
    """The folders at any depth that hold train and test, root itself among them.

    A name that several of them bear is told apart by its path below root.
    """
    folders = []
    for place, inner, _ in os.walk(root):
        if _is_category(Path(place)):
            folders.append(Path(place))
            inner.clear()
        inner[:] = sorted(name for name in inner if not name.startswith("."))
    borne = Counter(folder.name for folder in folders)
    names = [folder.name if borne[folder.name] == 1 else folder.relative_to(root).as_posix() for folder in folders]
    return {name: partial(_read, dataset, name, folder, "good") for name, folder in zip(names, folders, strict=True)}


def _is_category(folder: Path) -> bool:
    return (folder / "train").is_dir() and (folder / "test").is_dir()


def _read(dataset: str, name: str, folder: Path, good: str) -> Category:
    """A category in MVTec AD's layout; a validation folder, as LOCO has it, is used for nothing."""
    normals = folder / "train" / good
    if not normals.is_dir():
        raise TgvigError(f"The category {name} has no good photos to train on: put them into {normals}.")
    if not (folder / "test" / good).is_dir():
        raise TgvigError(f"The category {name} has no good photos to test: put them into {folder / 'test' / good}.")
    return Category(dataset, name, tuple(expand_inputs([normals])), read_test_folder(folder / "test", good))
