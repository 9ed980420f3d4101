"""Views of a normal: what may differ does, by no more than allowed, and nothing else."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from small import photo_tensor, seeded
from torch import Tensor

from tgvig_core.photos.views import ViewPolicy, views

STILL = ViewPolicy(degrees=0, shift=0, light=0)
SIDE = 64


def blob(x: float, y: float) -> Tensor:
    """A soft bright dot at (x, y) px from the centre, on black."""
    at = torch.arange(SIDE) + 0.5 - SIDE / 2
    dot = torch.exp(-((at[None, :] - x) ** 2 + (at[:, None] - y) ** 2) / 8)
    return (dot * 2 - 1).expand(3, -1, -1)


def centres(made: Tensor) -> Tensor:
    """Where the dots are: N×2 as (x, y) px from the centre."""
    weight = (made[:, 0] + 1).clamp(min=0)
    at = torch.arange(SIDE) + 0.5 - SIDE / 2
    total = weight.sum((1, 2))
    return torch.stack([(weight.sum(1) * at).sum(1) / total, (weight.sum(2) * at).sum(1) / total], 1)


def test_the_generator_decides() -> None:
    photo = photo_tensor("transistor", 1, SIDE)[0]
    policy = ViewPolicy(flips=True, turns=True)
    first, again, other = (views(photo, 4, policy, seeded(seed)) for seed in (3, 3, 4))
    assert first.shape == (4, 3, SIDE, SIDE)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.01)
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in itertools.combinations(first, 2))


def test_the_global_generator_is_not_used() -> None:
    before = torch.random.get_rng_state()
    views(blob(3, 4), 2, ViewPolicy(), seeded())
    assert torch.equal(before, torch.random.get_rng_state())


def test_zero_policy_gives_the_image_back() -> None:
    photo = photo_tensor("bottle", 1, SIDE)[0]
    torch.testing.assert_close(views(photo, 3, STILL, seeded()), photo.expand(3, -1, -1, -1), rtol=0, atol=1e-4)


def kinds(policy: ViewPolicy) -> set[tuple[int, bool]]:
    """Which of the eight positions (quarter turns, mirrored or not) 200 views of a still picture take."""
    picture = photo_tensor("transistor", 1, SIDE)[0]
    eight = {(k, m): (picture.flip(2) if m else picture).rot90(k, (1, 2)) for k in range(4) for m in (False, True)}
    found = set()
    for view in views(picture, 200, policy, seeded(1)):
        fits = [kind for kind, wanted in eight.items() if torch.allclose(view, wanted, atol=1e-3)]
        assert len(fits) == 1
        found.add(fits[0])
    return found


def test_flips_and_turns_only_when_allowed() -> None:
    still = {"degrees": 0, "shift": 0, "light": 0}
    turned = {(k, False) for k in range(4)}
    assert kinds(STILL) == {(0, False)}
    assert kinds(ViewPolicy(**still, turns=True)) == turned
    # left–right is (0, mirrored), both ways are half a turn, up–down is half a turn of left–right
    assert kinds(ViewPolicy(**still, flips=True)) == {(0, False), (0, True), (2, False), (2, True)}
    assert kinds(ViewPolicy(**still, flips=True, turns=True)) == turned | {(k, True) for k in range(4)}


def test_values_stay_in_range() -> None:
    board = (torch.arange(SIDE)[:, None] // 3 + torch.arange(SIDE) // 3) % 2 * 2.0 - 1
    made = views(board.expand(3, -1, -1), 20, ViewPolicy(10, 0.1, 0.5), seeded())
    assert float(made.min()) == -1 and float(made.max()) == 1


def test_a_dot_moves_by_the_shift_at_most() -> None:
    made = views(blob(5, -7), 300, ViewPolicy(degrees=0, shift=0.1, light=0), seeded())
    moved = centres(made) - torch.tensor([5.0, -7.0])
    for axis in (0, 1):
        assert float(moved[:, axis].abs().max()) <= 0.1 * SIDE + 0.05
        assert float(moved[:, axis].min()) < -0.09 * SIDE and float(moved[:, axis].max()) > 0.09 * SIDE


def test_a_dot_turns_by_the_angle_at_most_and_keeps_its_radius() -> None:
    made = centres(views(blob(18, 0), 300, ViewPolicy(degrees=10, shift=0, light=0), seeded()))
    angle = torch.atan2(made[:, 1], made[:, 0]) * 180 / math.pi
    assert float(angle.abs().max()) <= 10.2
    assert float(angle.min()) < -9 and float(angle.max()) > 9
    torch.testing.assert_close(made.norm(dim=1), torch.full((300,), 18.0), rtol=0, atol=0.15)


def test_default_policy_keeps_a_dot_within_shift_plus_rotation() -> None:
    policy = ViewPolicy(light=0)
    made = centres(views(blob(18, 12), 200, policy, seeded(2)))
    radius = math.hypot(18, 12)
    allowed = math.sqrt(2) * policy.shift * SIDE + radius * 2 * math.sin(math.radians(policy.degrees) / 2)
    assert float((made - torch.tensor([18.0, 12.0])).norm(dim=1).max()) <= allowed + 0.05


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, -0.2, 0.2), (-1.0, -1.0, -0.9), (-0.5, -0.65, -0.35)])
def test_light_changes_by_contrast_about_black_and_brightness(value: float, low: float, high: float) -> None:
    """(v + 1)·c − 1 + b with c in 1 ± 0.1, b in ± 0.1: v = 0 moves by 0.2 at most, −0.5 by 0.15; black is cut at −1."""
    made = views(torch.full((3, 8, 8), value), 500, ViewPolicy(0, 0, 0.1), seeded()).mean((1, 2, 3))
    assert low - 1e-5 <= float(made.min()) <= low + 0.02
    assert high - 0.02 <= float(made.max()) <= high + 1e-5


def test_the_border_is_never_black() -> None:
    made = views(torch.ones(3, SIDE, SIDE), 50, ViewPolicy(degrees=15, shift=0.2, light=0), seeded())
    assert float(made.min()) > 0.999
