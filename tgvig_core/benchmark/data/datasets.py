"""Data sets by name: MVTec AD, MVTec LOCO, BTAD, VisA, or any folder in MVTec AD's layout (Bergmann et al., CVPR 2019).

They are read from a path. Only `download=True` fetches one, by anomalib's own data module, where it is not there yet.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tgvig_core.benchmark.data.layouts import Category, Found, below, children, visa
from tgvig_core.utils.errors import TgvigError

__all__ = ["DATASETS", "Category", "read"]


@dataclass(frozen=True)
class _Source:
    """A data set.

    Attributes:
        find: its categories under a root.
        module: anomalib's data module that downloads it; empty where there is nothing to download.
        categories: all there are; empty where anybody may make one.
    """

    find: Callable[[str, Path], Found]
    module: str = ""
    categories: tuple[str, ...] = ()


_SOURCES = {
    "mvtec": _Source(
        children,
        "MVTecAD",
        tuple(
            "bottle cable capsule carpet grid hazelnut leather metal_nut pill screw tile toothbrush transistor wood "
            "zipper".split()
        ),
    ),
    "loco": _Source(
        children, "MVTecLOCO", ("breakfast_box", "juice_bottle", "pushpins", "screw_bag", "splicing_connectors")
    ),
    "btad": _Source(partial(children, good="ok"), "BTech", ("01", "02", "03")),
    "visa": _Source(
        visa,
        "Visa",
        tuple("candle capsules cashew chewinggum fryum macaroni1 macaroni2 pcb1 pcb2 pcb3 pcb4 pipe_fryum".split()),
    ),
    "folder": _Source(below),
}
DATASETS = tuple(_SOURCES)
"""The names that `read` knows."""


def read(
    dataset: str, root: Path, categories: Sequence[str] | None = None, download: bool = False
) -> tuple[Category, ...]:
    """Name the photos of a data set's categories; none is opened.

    Args:
        dataset: one of DATASETS.
        root: its folder, which holds the categories (`folder`: at any depth).
        categories: those wanted, in this order; None for all that are there, or with `download` for all there are.
        download: fetch what is missing into root first.

    Raises:
        TgvigError: there is no such data set, root or category, or it cannot be fetched; a category has no good photos,
            or a defect no mask.
    """
    source = _SOURCES.get(dataset)
    if source is None:
        raise TgvigError(f"There is no data set {dataset}: choose one of {', '.join(DATASETS)}.")
    if download:
        _fetch(dataset, source, root, categories or source.categories)
    if not root.is_dir():
        raise TgvigError(f"There is no folder {root}: give --root the folder of the data set {dataset}.")
    found = source.find(dataset, root)
    wanted = list(dict.fromkeys(categories or found))
    if not found:
        raise TgvigError(f"{root} holds no category of {dataset}, a folder with train and test inside: check --root.")
    for name in wanted:
        if name not in found:
            raise TgvigError(f"{root} holds no category {name}: choose among {', '.join(found)}.")
    return tuple(found[name]() for name in wanted)


def _fetch(dataset: str, source: _Source, root: Path, categories: Sequence[str]) -> None:
    """Let anomalib download what is missing. All of a data set comes in one archive."""
    if not source.module:
        raise TgvigError(f"The data set {dataset} is no published one: there is nothing to download, leave it out.")
    for name in categories:  # anomalib would fetch gigabytes to look for a misspelt one
        if name not in source.categories:
            raise TgvigError(f"{dataset} has no category {name}: choose among {', '.join(source.categories)}.")
    if dataset == "btad":
        _make_way(root, categories)
    module = getattr(
        importlib.import_module("anomalib.data"), source.module
    )  # brings Lightning: only who needs it waits
    for name in categories:
        try:
            module(root=root, category=name).prepare_data()
        except (OSError, ValueError, RuntimeError) as error:
            raise TgvigError(
                f"{dataset} could not be downloaded into {root} ({error}): bring it there by hand, then leave the "
                "download out."
            ) from error


def _make_way(root: Path, categories: Sequence[str]) -> None:
    """anomalib renames BTAD's unpacked folder to root; moved onto a folder that is there, it would end up inside."""
    if not root.is_dir() or all((root / name).is_dir() for name in categories):
        return
    try:
        root.rmdir()
    except OSError as error:
        raise TgvigError(
            f"{root} is not empty and BTAD is not in it: give --root a folder that is not there yet."
        ) from error
