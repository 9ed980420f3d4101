"""The categories of a data set by the name of its layout (Bergmann et al., CVPR 2019).

They are read from a path. Only `download=True` fetches one, by anomalib's own data module, where it is not there yet.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from tgvig_core.benchmark.data.category import Category, layout
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.registry import Entry


def read(
    dataset: str, root: Path, categories: Sequence[str] | None = None, download: bool = False
) -> tuple[Category, ...]:
    """Name the photos of a data set's categories; none is opened.

    Args:
        dataset: a name of the registry `layout`.
        root: its folder, which holds the categories (`folder`: at any depth).
        categories: those wanted, in this order; None for all that are there, or with `download` for all there are.
        download: fetch what is missing into root first.

    Raises:
        TgvigError: there is no such layout, root or category, or it cannot be fetched; a category has no good photos,
            or a defect no mask.
    """
    entry = layout.entry(dataset)
    if download:
        _fetch(entry, root, categories or entry.facts.get("categories", ()))
    if not root.is_dir():
        raise TgvigError(f"There is no folder {root}: give the folder of the data set {dataset}.", setting="root")
    found = layout.get(dataset)(dataset, root)
    wanted = list(dict.fromkeys(categories or found))
    if not found:
        raise TgvigError(
            f"{root} holds no category of {dataset}, a folder with train and test inside: give another one.",
            setting="root",
        )
    for name in wanted:
        if name not in found:
            raise TgvigError(f"{root} holds no category {name}: choose among {', '.join(found)}.")
    return tuple(found[name]() for name in wanted)


def _fetch(entry: Entry, root: Path, categories: Sequence[str]) -> None:
    """Let anomalib download what is missing. All of a data set comes in one archive."""
    dataset, known = entry.name, entry.facts.get("categories", ())
    if not known:
        raise TgvigError(f"The data set {dataset} is no published one: there is nothing to download, leave it out.")
    for name in categories:  # anomalib would fetch gigabytes to look for a misspelt one
        if name not in known:
            raise TgvigError(f"{dataset} has no category {name}: choose among {', '.join(known)}.")
    if entry.facts.get("renamed"):
        _make_way(entry, root, categories)
    anomalib = importlib.import_module("anomalib.data")  # brings Lightning: only who needs it waits
    for name in categories:
        try:
            getattr(anomalib, entry.facts["module"])(root=root, category=name).prepare_data()
        except (OSError, ValueError, RuntimeError) as error:
            raise TgvigError(
                f"{dataset} could not be downloaded into {root} ({error}): bring it there by hand, then leave the "
                "download out."
            ) from error


def _make_way(entry: Entry, root: Path, categories: Sequence[str]) -> None:
    """anomalib renames the unpacked folder to root; moved onto a folder that is there, it would end up inside."""
    if not root.is_dir() or all((root / name).is_dir() for name in categories):
        return
    try:
        root.rmdir()
    except OSError as error:
        raise TgvigError(
            f"{root} is not empty and {entry.title} is not in it: give a folder that is not there yet.", setting="root"
        ) from error
