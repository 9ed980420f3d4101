"""A broken bottle among the normals is named; real good photos are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from photos import category, noise, normals

from tgvig_core.backbones import EFFICIENTNET_LITE0
from tgvig_core.detectors import PatchCore, ScoreSet
from tgvig_core.images import NormalSet, Photo, read_normals
from tgvig_core.odd_one import odd_ones
from tgvig_core.photo_report import PhotoNote


class Known:
    """A detector whose leave-one-out scores are given."""

    size = 32

    def __init__(self, *scores: float) -> None:
        self.scores = scores

    def score(self, images: torch.Tensor, leave_out: int) -> ScoreSet:
        assert images.shape == (1, 3, 32, 32)
        return ScoreSet(torch.tensor([self.scores[leave_out]]), torch.zeros(1, 32, 32))


def notes_on(*scores: float) -> tuple[PhotoNote, ...]:
    photos = tuple(Photo(Path(f"{at}.png"), noise(at), "") for at in range(len(scores)))
    return odd_ones(Known(*scores), NormalSet(photos))


def test_the_factor_is_taken_of_the_others_median() -> None:
    """Median of 1, 2 and 3 is 2; 1.7 times that is 3.4. The odd one itself has no say."""
    assert notes_on(1, 2, 3.39, 3) == ()
    (note,) = notes_on(1, 2, 3.41, 3)
    assert (note.path.name, note.kind) == ("2.png", "odd")
    assert note.text.startswith(
        "2.png does not look like the other photos: its score against them is 3.4, theirs is 2.0."
    )


def test_of_two_photos_neither_is_odd() -> None:
    assert notes_on(1, 9) == () and len(notes_on(1, 1, 9)) == 1


def noted(paths: list[Path]) -> list[str]:
    photos = read_normals(paths)
    detector = PatchCore(EFFICIENTNET_LITE0)
    detector.fit(photos.tensor(256), range(len(paths)))
    return [f"{note.path.parent.name}/{note.path.name}" for note in odd_ones(detector, photos)]


def test_a_broken_bottle_among_good_ones_is_named() -> None:
    broken = category("bottle") / "test" / "broken_large" / "000.jpg"
    assert noted([*normals("bottle", 2), broken, *normals("bottle", 4)[2:]]) == ["broken_large/000.jpg"]


@pytest.mark.parametrize("name", ["bottle", "transistor", "tile"])
def test_good_photos_are_not_named(name: str) -> None:
    assert noted(normals(name, 5)) == []
