"""A category of a data set (Bergmann et al., CVPR 2019), and the registry of the layouts in which data sets lie on disk.

    @layout("mvtec", title="MVTec AD", module="MVTecAD", categories=("bottle", …))
    def mvtec(dataset: str, root: Path) -> Found: ...

A layout is a function from a data set's name and its folder to what reads each category. Its facts: `module`, anomalib's data
module that downloads it, `categories`, all there are (both left out where anybody may make one), and `renamed`, True where
that module renames what it has unpacked to the data set's folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from tgvig_core.photos.labelled_folder import LabelledPhoto


@dataclass(frozen=True)
class Category:
    """One part of a data set.

    Attributes:
        dataset: its layout's name. name: the category's own.
        train: good photos in natural order, at least one.
        test: labelled photos; the defective ones have masks where the data set has any.
    """

    dataset: str
    name: str
    train: tuple[Path, ...]
    test: tuple[LabelledPhoto, ...]


Found = dict[str, Callable[[], Category]]
"""What reads each category that was found, by name: naming them all takes no reading."""

layout: Registry[Callable[[str, Path], Found]] = Registry("layout", "tgvig_core.benchmark.data")
