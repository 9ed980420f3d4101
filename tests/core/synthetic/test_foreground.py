"""Where the part is: on photos with a background, on textures without one, and on made images with known parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from photos import category
from small import photo_tensor, seeded
from torch import Tensor

from tgvig_core.synthetic.foreground import otsu, part_mask


def disc(side: int, radius: float, row: float = 0.5, column: float = 0.5) -> Tensor:
    """side×side bool; radius and centre as shares of the side."""
    at = (torch.arange(side) + 0.5) / side
    return (at[:, None] - row) ** 2 + (at - column) ** 2 < radius**2


def agreement(found: Tensor, wanted: Tensor) -> float:
    """Intersection over union."""
    return float((found & wanted).sum() / (found | wanted).sum())


@pytest.mark.parametrize("side", [64, 200])
@pytest.mark.parametrize(("part", "ground"), [(-0.6, 0.7), (0.5, -0.9)])
def test_a_disc_on_a_noisy_ground_is_found(side: int, part: float, ground: float) -> None:
    wanted = disc(side, 0.3)
    image = torch.where(wanted, part, ground) + 0.1 * torch.randn(3, side, side, generator=seeded())
    assert agreement(part_mask(image.clamp(-1, 1)), wanted) > 0.95


def test_holes_belong_to_the_part_and_things_beside_it_do_not() -> None:
    wanted = disc(128, 0.3)
    drawn = (wanted & ~disc(128, 0.05)) | disc(128, 0.04, 0.1, 0.1)  # a hole in it, a dot beside it
    found = part_mask(torch.where(drawn, -0.8, 0.8).expand(3, -1, -1))
    assert agreement(found, wanted) > 0.95 and found[64, 64] and not found[13, 13]


def test_two_parts_of_like_size_are_both_found() -> None:
    wanted = disc(128, 0.18, 0.3, 0.3) | disc(128, 0.15, 0.7, 0.7)
    assert agreement(part_mask(torch.where(wanted, 0.6, -0.6).expand(3, -1, -1)), wanted) > 0.9


def made_without_background() -> list[Tensor]:
    slope = torch.linspace(-1, 1, 96).expand(3, 96, 96)
    return [torch.zeros(3, 96, 96), slope, torch.rand(3, 96, 96, generator=seeded()) * 2 - 1]


@pytest.mark.parametrize("image", made_without_background(), ids=["flat", "slope", "noise"])
def test_what_has_no_background_is_part_all_over(image: Tensor) -> None:
    assert part_mask(image).all()


def test_a_weak_contrast_is_no_part() -> None:
    assert part_mask(torch.where(disc(96, 0.3), 0.05, 0.0).expand(3, -1, -1)).all()


def test_magnetic_tiles_fill_their_photos() -> None:
    assert all(part_mask(photo).all() for photo in photo_tensor("tile", 12, 128))


def test_bottles_are_found_as_what_is_not_white() -> None:
    for photo in photo_tensor("bottle", 4, 256):
        assert agreement(part_mask(photo), disc(256, 0.445)) > 0.95  # seen from above, all at one place


def test_the_transistors_body_is_found_and_its_board_is_not() -> None:
    for photo in photo_tensor("transistor", 6, 256):
        found = part_mask(photo)
        assert found[60:110, 95:150].float().mean() > 0.99
        assert 0.1 < found.float().mean() < 0.25 and not found[:, :40].any() and not found[:, -40:].any()


def test_hazelnuts_cover_a_third() -> None:
    count = len(list((category("hazelnut") / "train" / "good").iterdir()))
    shares = [float(part_mask(photo).float().mean()) for photo in photo_tensor("hazelnut", min(6, count), 128)]
    assert all(0.2 < share < 0.4 for share in shares)


def test_otsus_threshold_lies_between_two_classes() -> None:
    values = np.array([0.0] * 30 + [0.1] * 30 + [0.9] * 20 + [1.0] * 20)
    threshold, separation = otsu(values)
    assert 0.1 < threshold <= 0.9
    # σ_B² = 0.6 · 0.4 · 0.9², and 0.0025 within each class, by hand
    assert separation == pytest.approx(0.1944 / (0.1944 + 0.0025), abs=0.01)


def test_equal_values_do_not_separate() -> None:
    assert otsu(np.full(10, 0.3)) == (0.3, 0.0)
