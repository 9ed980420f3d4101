"""k-center greedy against the plain algorithm in numpy: the same picks, no repeats, no copy of the features, fewer distances."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from small import photo_tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tgvig_core.detectors import coreset
from tgvig_core.detectors.coreset import select
from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext


def rows(total: int, width: int, offset: float = 0.0) -> torch.Tensor:
    return torch.randn(total, width, generator=torch.Generator().manual_seed(1)) + offset


def plain(features: np.ndarray, count: int, first: int) -> list[int]:
    """Sener and Savarese's algorithm 1 as it is written: the row farthest from its nearest pick, again and again."""
    features, picks = features.astype(np.float64), [first]
    nearest = np.linalg.norm(features - features[first], axis=1)
    while len(picks) < count:
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(features - features[picks[-1]], axis=1))
    return picks


def radius(features: np.ndarray, picks: list[int]) -> float:
    """How far the farthest row is from its nearest pick."""
    features = features.astype(np.float64)
    nearest = np.full(len(features), np.inf)
    for pick in picks:
        nearest = np.minimum(nearest, np.linalg.norm(features - features[pick], axis=1))
    return float(nearest.max())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_picks_are_those_of_the_plain_algorithm(seed: int) -> None:
    features = rows(200, 8)
    picks = select(features, 50, seed).tolist()
    assert picks == plain(features.numpy(), 50, picks[0])


def test_by_hand_on_a_line() -> None:
    """From 0 the farthest is 10; then 4 (4 from 0) before 7 (3 from 10); then 7."""
    line = torch.tensor([[0.0], [1.0], [4.0], [7.0], [10.0], [9.5]])
    orders = {select(line, 5, seed).tolist()[0]: select(line, 5, seed).tolist() for seed in range(30)}
    assert orders.keys() == {0, 1, 2, 3, 4, 5}  # the seed chooses the first pick, and every row can be it
    assert orders[0] == [0, 4, 2, 3, 1]


def test_the_seed_decides() -> None:
    features = rows(200, 8)
    assert torch.equal(select(features, 20, 5), select(features, 20, 5))
    assert len({int(select(features, 1, seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_covers_as_well_as_the_exact_choice(offset: float) -> None:
    """With an offset ‖f‖² is far larger than the distances, which is where the short formula loses digits."""
    features = rows(3000, 48, offset)
    picks = select(features, 300).tolist()
    assert len(set(picks)) == 300
    exact = radius(features.numpy(), plain(features.numpy(), 300, picks[0]))
    assert radius(features.numpy(), picks) <= 1.05 * exact


@pytest.mark.parametrize("count", [6, 7, 1000])
def test_all_rows_where_so_many_are_wanted(count: int) -> None:
    assert select(rows(6, 3), count).tolist() == [0, 1, 2, 3, 4, 5]


def test_rows_that_are_all_equal() -> None:
    picks = select(torch.full((40, 5), 0.3), 12).tolist()
    assert len(set(picks)) == 12 and all(0 <= pick < 40 for pick in picks)


def test_copies_come_after_everything_else() -> None:
    """Ten different rows, each four times: the first ten picks are ten different ones, then no row comes twice."""
    features = rows(10, 6).repeat(4, 1)
    picks = select(features, 25).tolist()
    assert {pick % 10 for pick in picks[:10]} == set(range(10))
    assert len(set(picks)) == 25


def test_the_stop_event_ends_it() -> None:
    stop, seen = threading.Event(), []

    def progress(step: str, done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            stop.set()

    with pytest.raises(Stopped):
        select(rows(50, 4), 10, 0, RunContext(progress, stop))
    assert seen == [(0, 10), (1, 10), (2, 10), (3, 10)]


class Largest(TorchDispatchMode):
    """Remembers the most values that any operation's result has."""

    values = 0

    def __torch_dispatch__(self, func, kinds, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.values = max(self.values, result.numel())
        return result


def test_no_second_copy_of_the_features_is_made() -> None:
    features = rows(100_000, 64)
    with Largest() as largest:
        select(features, 120)
    assert 100_000 <= largest.values <= 3 * 100_000  # N×D would be 6 400 000


def clusters(total: int, width: int, centres: int) -> torch.Tensor:
    """Groups of unequal size and spread far from zero, as a part's patches are."""
    generator = torch.Generator().manual_seed(2)
    where = torch.randn(centres, width, generator=generator) * 10 + 20
    group = (torch.rand(total, generator=generator).square() * centres).long()
    spread = torch.rand(centres, generator=generator)[group, None] * 2
    return where[group] + torch.randn(total, width, generator=generator) * spread


def distances_of_picks(features: np.ndarray, picks: list[int]) -> np.ndarray:
    """How far every pick was from its nearest earlier one, in float64."""
    features, nearest, far = features.astype(np.float64), np.full(len(features), np.inf), []
    for pick, following in zip(picks, picks[1:], strict=False):
        nearest = np.minimum(nearest, ((features - features[pick]) ** 2).sum(1))
        far.append(nearest[following])
    return np.sqrt(far)


@pytest.mark.parametrize("worth", [0.0, 1.0])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_picks_are_the_plain_ones_with_cells_and_without(
    monkeypatch: pytest.MonkeyPatch, worth: float, offset: float
) -> None:
    monkeypatch.setattr(coreset, "WORTH", worth)
    monkeypatch.setattr(coreset, "CELL", 256)
    monkeypatch.setattr(coreset, "BLOCK", 200)
    features = clusters(12_000, 8, 60) + offset
    picks = select(features, 600).tolist()
    exact = plain(features.numpy(), 600, picks[0])
    assert len(set(picks)) == 600
    np.testing.assert_allclose(
        distances_of_picks(features.numpy(), picks), distances_of_picks(features.numpy(), exact), rtol=1e-4
    )
    assert len(set(picks) & set(exact)) >= 597  # rows as far as each other but for rounding may change places


def test_cells_spare_comparisons_where_rows_lie_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The products of matrices, counted: with cells far fewer, and the same picks."""
    monkeypatch.setattr(coreset, "CELL", 256)
    monkeypatch.setattr(coreset, "BLOCK", 500)
    counts, picks = [], []
    for worth in (0.0, 1.0):
        monkeypatch.setattr(coreset, "WORTH", worth)
        with Products() as products:
            picks.append(select(clusters(10_240, 8, 60), 500))
        counts.append(products.values)
    assert counts[1] < 0.7 * counts[0]
    assert set(picks[0].tolist()) == set(picks[1].tolist())


def test_rows_near_a_pick_are_not_looked_at_again() -> None:
    """Half of all distances at most are formed, those among the few candidates aside; plainly all are."""
    with Products() as products:
        select(clusters(10_240, 8, 60), 500)
    assert 0 < products.values < 0.5 * 10_240 * 500


class Products(TorchDispatchMode):
    """Counts the values of the products of matrices that have something added to."""

    values = 0

    def __torch_dispatch__(self, func, kinds, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.addmm.default:
            self.values += result.numel()
        return result


@pytest.mark.parametrize("category", ["bottle", "tile"])
def test_real_patches_are_chosen_as_by_the_plain_algorithm(category: str) -> None:
    """8 photos at 128 px; copies of a photo, as when somebody gives it twice, change nothing until all else is picked."""
    images = photo_tensor(category, 8, 128)
    features = PatchFeatures(EFFICIENTNET_LITE0, 128).grids(torch.cat([images, images[:2]])).flatten(0, 2)
    picks = select(features, 256).tolist()
    exact = plain(features.numpy(), 256, picks[0])
    np.testing.assert_allclose(
        distances_of_picks(features.numpy(), picks), distances_of_picks(features.numpy(), exact), rtol=1e-4
    )
    assert radius(features.numpy(), picks) == pytest.approx(radius(features.numpy(), exact), rel=1e-4)


def test_rows_on_a_grid_where_most_distances_are_equal() -> None:
    """Which of equally far rows comes first is open; none is then nearer than the farthest was."""
    grid = torch.cartesian_prod(torch.arange(60.0), torch.arange(60.0))
    picks = select(grid, 900).tolist()
    far = distances_of_picks(grid.numpy(), picks)
    nearest = np.full(len(grid), np.inf)
    for place, pick in enumerate(picks[:-1]):
        nearest = np.minimum(nearest, np.linalg.norm(grid.numpy() - grid.numpy()[pick], axis=1))
        assert far[place] == pytest.approx(nearest.max(), rel=1e-4)
    assert len(set(picks)) == 900
