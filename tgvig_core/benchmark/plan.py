"""What `tgvig benchmark` measures: a plan, its draws of normal photos, and the cells that share a draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tgvig_core import __version__
from tgvig_core.benchmark.detectors.catalogue import takes_backbone
from tgvig_core.utils.errors import TgvigError

FULL = "full"
"""All good photos of a category; None in a Cell."""
KEY = ("dataset", "category", "shots", "seed", "arm", "detector", "backbone")
Key = tuple[str, str, int | str, int, str, str, str]
"""The values of KEY, which tell a cell from all others."""
SHARED = ("dataset", "root", "pack", "size", "images", "iterations", "training", "most_tests", "version")
"""Settings that every cell of one results folder shares: figures under others could not be compared."""


@dataclass(frozen=True, order=True)
class Draw:
    """Which photos are the normals. Every arm and detector of a draw sees the same ones and the same test photos.

    Attributes:
        shots: how many; None for all good photos.
        seed: of the draw and of everything random after it.
    """

    dataset: str
    category: str
    shots: int | None
    seed: int


@dataclass(frozen=True)
class Cell:
    """One figure of the tables: what the detector learned from in a draw, and which detector."""

    draw: Draw
    arm: str
    detector: str
    backbone: str

    @property
    def key(self) -> Key:
        """What tells its row from all others."""
        draw = self.draw
        shots = FULL if draw.shots is None else draw.shots
        return draw.dataset, draw.category, shots, draw.seed, self.arm, self.detector, self.backbone

    def named(self) -> dict[str, str | int]:
        """The first columns of its row."""
        return dict(zip(KEY, self.key, strict=True))


NO_BACKBONE = "–"
"""Of a detector with weights of its own: it has one cell, whatever the backbones."""


@dataclass(frozen=True)
class Plan:
    """All that is to be measured.

    Attributes:
        dataset, root, categories: see data/datasets.py; the categories are named one by one.
        shots: None for all good photos.
        seeds: 0 to seeds − 1.
        arms, detectors, backbones: names in their registries.
        images, iterations: M and L of every generated set but those of the arms that vary M.
        size: side of the square frame in px.
        training: short, or published: how long the detectors that are trained step by step are.
        pack: whose encoder and generator make the images. models_dir: files brought by hand.
        device: auto, cpu or cuda.
        most_tests: at most so many good and so many defective test photos of a category, evenly picked; None for all.
        names: what categories are called, "CATEGORY=NAME", where the folder's name is no name of the part.
        version: of this project; another one's detectors may be others.
    """

    dataset: str
    root: str
    categories: tuple[str, ...]
    shots: tuple[int | None, ...] = (1, 5)
    seeds: int = 3
    arms: tuple[str, ...] = ("real", "augment", "tgvig")
    detectors: tuple[str, ...] = ("patchcore",)
    backbones: tuple[str, ...] = ("efficientnet_lite0",)
    images: int = 20
    iterations: int = 5
    size: int = 256
    pack: str = "embedded"
    models_dir: str | None = None
    device: str = "auto"
    most_tests: int | None = None
    names: tuple[str, ...] = ()
    training: str = "short"
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("categories", "shots", "arms", "detectors", "backbones"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise TgvigError(f"The {name} {', '.join(map(str, given)) or 'of an empty list'} cannot be measured: "
                                 "name each once, and at least one.")  # fmt: skip
        if strange := [name for name in self.names if name.split("=")[0] not in self.categories or "=" not in name]:
            raise TgvigError(f"{strange[0]!r} names no category: write CATEGORY=NAME, such as 01='plastic part'.")
        numbers = [("seeds", self.seeds), ("images", self.images), ("iterations", self.iterations)]
        numbers += [("shots", shots) for shots in self.shots if shots is not None]
        numbers += [("test photos", self.most_tests)] if self.most_tests is not None else []
        for what, number in numbers:
            if number < 1:
                raise TgvigError(f"{number} {what} cannot be measured: give 1 or more.")

    def called(self, category: str) -> str:
        """W°, the name of a category's part: what --names says, or the folder's name with spaces."""
        given = dict(name.split("=", 1) for name in self.names)
        return given.get(category, category.rsplit("/", 1)[-1].replace("_", " "))

    def draws(self) -> Iterator[Draw]:
        """Seed by seed, so that a run that is stopped early has a whole table of fewer seeds."""
        for seed in range(self.seeds):
            for category in self.categories:
                for shots in self.shots:
                    yield Draw(self.dataset, category, shots, seed)

    def cells(self, draw: Draw) -> tuple[Cell, ...]:
        """The cells of a draw; arms next to each other, as those of one kind share their generated sets."""
        return tuple(
            Cell(draw, arm, detector, backbone)
            for arm in self.arms
            for detector in self.detectors
            for backbone in (self.backbones if takes_backbone(detector) else (NO_BACKBONE,))
        )

    def as_json(self) -> dict:
        """Plain values for plan.json."""
        return asdict(self)


def shots_of(words: Sequence[str]) -> tuple[int | None, ...]:
    """Numbers of normal photos as a person writes them: "1", "5", "full".

    Raises:
        TgvigError: one is neither a number nor "full".
    """
    if strange := [word for word in words if word != FULL and not word.isdecimal()]:
        raise TgvigError(f"{strange[0]!r} is no number of photos: give numbers from 1 on, or {FULL}.")
    return tuple(None if word == FULL else int(word) for word in words)
