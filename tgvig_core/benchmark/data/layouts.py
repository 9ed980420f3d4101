"""How data sets lie on disk: MVTec AD's layout (Bergmann et al., CVPR 2019), BTAD's, and VisA's split list.

Masks are matched by name. anomalib's listers are not used for that: those of MVTec AD and LOCO match by sorted order (and
LOCO's fails with pandas 3), BTAD's takes every mask for a PNG. tests/test_benchmark_datasets.py compares where both can read.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tgvig_core.photos.images import expand_inputs
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_test_folder
from tgvig_core.utils.errors import TgvigError

SPLIT = Path("split_csv") / "1cls.csv"
"""VisA's list for training on good photos only; its columns are object, split, label, image, mask."""


@dataclass(frozen=True)
class Category:
    """One part of a data set.

    Attributes:
        dataset: its name on the command line. name: the category's own.
        train: good photos in natural order, at least one.
        test: labelled photos; the defective ones have masks where the data set has any.
    """

    dataset: str
    name: str
    train: tuple[Path, ...]
    test: tuple[LabelledPhoto, ...]


Found = dict[str, Callable[[], Category]]
"""What reads each category that was found, by name: naming them all takes no reading."""


def children(dataset: str, root: Path, good: str = "good") -> Found:
    """The folders directly inside root that hold train and test."""
    inside = sorted(entry for entry in root.iterdir() if _is_category(entry))
    return {folder.name: partial(_read, dataset, folder.name, folder, good) for folder in inside}


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


def visa(dataset: str, root: Path) -> Found:
    """VisA (Zou et al., ECCV 2022) as it is published, by its list, or as anomalib lays it out in visa_pytorch.

    Raises:
        TgvigError: the list cannot be read.
    """
    ready = root / "visa_pytorch"
    if ready.is_dir() or not (root / SPLIT).is_file():
        return children(dataset, ready if ready.is_dir() else root)
    try:
        with (root / SPLIT).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        names = sorted({row["object"] for row in rows})
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise TgvigError(f"VisA's list {root / SPLIT} cannot be read ({error}): fetch it again.") from error
    return {name: partial(_listed, dataset, name, root, [r for r in rows if r["object"] == name]) for name in names}


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


def _listed(dataset: str, name: str, root: Path, rows: list[dict[str, str]]) -> Category:
    train, test = [], []
    for row in rows:
        path, defective = root / row["image"], row["label"] != "normal"
        if row["split"] == "train" and not defective:
            train.append(_there(path, root))
        elif row["split"] == "test":
            test.append(LabelledPhoto(_there(path, root), defective, _mask(row, root) if defective else ()))
    if not train:
        raise TgvigError(f"The category {name} has no good photos to train on: {root / SPLIT} names none.")
    return Category(dataset, name, tuple(sorted(train)), tuple(sorted(test, key=lambda photo: photo.path)))


def _mask(row: dict[str, str], root: Path) -> tuple[Path, ...]:
    if not row["mask"]:
        raise TgvigError(f"{root / SPLIT} names no mask of the defect {row['image']}: add it there.")
    return (_there(root / row["mask"], root),)


def _there(path: Path, root: Path) -> Path:
    if not path.is_file():
        raise TgvigError(f"{path} is missing, though {root / SPLIT} names it: unpack VisA again.")
    return path
