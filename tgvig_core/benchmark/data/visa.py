"""VisA (Zou et al., ECCV 2022) as it is published, by its list of photos, or as anomalib lays it out in visa_pytorch."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

from tgvig_core.benchmark.data.category import Category, Found, layout
from tgvig_core.benchmark.data.mvtec import children
from tgvig_core.photos.labelled_folder import LabelledPhoto
from tgvig_core.utils.errors import TgvigError

SPLIT = Path("split_csv") / "1cls.csv"
"""VisA's list for training on good photos only; its columns are object, split, label, image, mask."""


@layout(
    "visa",
    title="VisA",
    module="Visa",
    categories=(
        "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2", "pcb3", "pcb4",
        "pipe_fryum",
    ),
)  # fmt: skip
def visa(dataset: str, root: Path) -> Found:
    """Its categories.

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
