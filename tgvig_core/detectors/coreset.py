"""k-center greedy selection (Sener and Savarese, ICLR 2018, arXiv 1708.00489) as PatchCore uses it: its picks, with less looking.

Written plainly, every pick is compared with every row: N·K distances, and all features pass through memory for each pick.
Here the same row is chosen every time (but for rounding among equals), by three observations.

- A row's distance to its nearest pick only falls, so an old value bounds it from above (lazy greedy, Minoux 1978). Among
  the BLOCK rows with the largest values, all up to date, the greedy choice is that of the whole set until even the best
  of them falls below the largest old value outside. BLOCK rows fit a cache.
- A row is brought up to date only when its old value nears the largest of all, then with all picks since at once, which is
  a product of matrices. A row that lies near a pick early is never looked at again.
- Rows are grouped in cells around the first picks m. If ‖m − c‖ ≥ ‖m − f‖ + ‖f − own pick‖, then c is no nearer to f than
  f's own pick is (triangle inequality, Elkan, ICML 2003): such picks are passed over for the whole cell.

Distances are ‖f‖² − 2 f·c + ‖c‖² about the features' mean, formed for a few rows at a time: no second copy of the features.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tgvig_core.utils.progress import QUIET, RunContext

BLOCK = 2048
"""Rows among which the greedy choice is made."""
CELL = 1024
"""Rows in a cell, in the mean."""
ROWS, PICKS = 512, 256
"""Sides of a product of matrices."""
NEAR = 0.95
"""Rows whose old value exceeds this share of the largest distance are brought up to date together."""
WORTH = 0.5
"""Cells are used where they leave a smaller share of the comparisons."""
ROUNDING = 1e-5
"""More than float32 loses, relative to the squares that a distance is formed of."""


@torch.inference_mode()
def select(features: Tensor, count: int, seed: int = 0, ctx: RunContext = QUIET) -> Tensor:
    """Indices of `count` rows such that the farthest row from its nearest pick is as near as greedy choice makes it.

    Args:
        features: N×D float32.
        count: picks wanted; all N rows where count ≥ N.
        seed: chooses the first pick.

    Returns:
        min(count, N) different indices, int64, in order of choice.

    Raises:
        Stopped: the stop event was set.
    """
    total = len(features)
    if count >= total:
        return torch.arange(total, device=features.device)
    first = int(torch.randint(total, (1,), generator=torch.Generator().manual_seed(seed)))
    order = _Search(features, count).order(first)
    steps = ctx.track(range(count), "Choosing the patches to remember", count)
    return torch.tensor([next(order) for _ in steps], dtype=torch.int64, device=features.device)


class _Search:
    """The state of one selection of K picks.

    Attributes:
        nearest: for each row its squared distance to the nearest of the first `seen` picks; -inf where it is a pick.
        picks, norms: the picks' features about the mean, K×D, and their squared lengths, of which `made` are filled.
        cell, reach: for each row which of the first picks it lies nearest to, and its distance to that.
        between: squared distances, less what rounding may add, of the cells' centres to the picks, cells×K.
    """

    def __init__(self, features: Tensor, count: int) -> None:
        self.features, self.mean = features, features.mean(0)
        self.nearest = torch.full_like(features[:, 0], torch.inf)
        self.seen = torch.zeros_like(self.nearest, dtype=torch.int64)
        self.picks, self.norms, self.made = features.new_empty(count, features.shape[1]), features.new_empty(count), 0
        self.cell, self.reach = torch.zeros_like(self.seen), torch.zeros_like(self.nearest)
        self.between, self.filled = features.new_empty(len(features) // CELL, count), 0

    def order(self, first: int) -> Iterator[int]:
        """Rows without end, each the farthest from all before it."""
        yield first
        self._keep(self.features[first] - self.mean)
        self.nearest[first] = -torch.inf
        block = min(BLOCK, len(self.features) - 1)
        while True:
            values, rows = self.nearest.topk(block + 1)
            limit = values[-1].item()  # nothing outside the block is farther
            if (self.seen[rows[:-1]] < self.made).any():
                self._refresh(limit * NEAR**2)
            else:
                yield from self._greedy(rows[:-1], values[:-1], limit)

    def _greedy(self, rows: Tensor, values: Tensor, limit: float) -> Iterator[int]:
        """The plain algorithm among a few rows, up to date, while the farthest of all is one of them."""
        features = self.features[rows] - self.mean
        norms, values = features.square().sum(1), values.clone()
        distance = torch.empty_like(values)
        value, place = values.max(0)
        while value.item() >= limit:
            row = int(place)
            yield int(rows[row])
            self._keep(features[row])
            torch.mv(features, features[row], out=distance)  # f·c
            distance.mul_(-2).add_(norms).add_(norms[row]).clamp_min_(0)
            torch.minimum(values, distance, out=values)
            values[row] = -torch.inf  # rounding must not let a row be picked twice
            value, place = values.max(0)
        self.nearest[rows], self.seen[rows] = values, self.made

    def _keep(self, centre: Tensor) -> None:
        self.picks[self.made], self.norms[self.made] = centre, centre.square().sum()
        self.made += 1

    def _refresh(self, level: float) -> None:
        """Bring the rows up to date whose old value is `level` or more."""
        rows = torch.nonzero((self.nearest >= level) & (self.seen < self.made))[:, 0]
        by_cell = self._cells_help(rows)
        group = self.cell[rows] if by_cell else self.seen[rows]
        order = (group * (self.made + 1) + self.seen[rows]).argsort(stable=True)
        sizes = group[order].unique_consecutive(return_counts=True)[1].tolist()
        for together in rows[order].split(sizes):
            for part in together.split(ROWS):
                self._compare(part, by_cell)

    def _compare(self, rows: Tensor, by_cell: bool) -> None:
        """Bring some rows up to date, all of one cell or all as old; the first is the oldest."""
        new = torch.arange(self.seen[rows[0]].item(), self.made, device=rows.device)
        if by_cell:
            bound = self._bounds(rows).max()
            new = new[self.between[self.cell[rows[0]], new[0] : self.made] < bound]
        features, nearest = self.features[rows].sub_(self.mean), self.nearest[rows]
        norms = features.square().sum(1)
        for part in new.split(PICKS) if len(new) else ():
            products = torch.addmm(self.norms[part], features, self.picks[part].T, alpha=-2)
            nearest = torch.minimum(nearest, products.amin(1).add_(norms).clamp_min_(0))
        self.nearest[rows], self.seen[rows] = nearest, self.made

    def _bounds(self, rows: Tensor) -> Tensor:
        """Squared distances of picks to the cells' centres from which on they change nothing in these rows."""
        return (self.reach[rows] + self.nearest[rows].clamp_min(0).sqrt()).square_().mul_(1 + ROUNDING)

    def _cells_help(self, rows: Tensor) -> bool:
        """Whether the triangle inequality spares most comparisons of these rows. Makes the cells when it is time."""
        cells = len(self.between)
        if not 0 < cells <= self.made:
            return False
        if not self.filled:
            self._divide()
        new = slice(self.filled, self.made)
        products = torch.mm(self.picks[:cells], self.picks[new].T).mul_(-2)
        norms = self.norms[:cells, None] + self.norms[new]
        self.between[:, new], self.filled = products.add_(norms, alpha=1 - ROUNDING), self.made
        bounds = self.reach.new_zeros(cells).scatter_reduce_(0, self.cell[rows], self._bounds(rows), "amax")
        left = (self.between[:, : self.made] < bounds[:, None]).sum(1)
        return left[self.cell[rows]].sum().item() < WORTH * len(rows) * self.made

    def _divide(self) -> None:
        """Give every row the nearest of the first picks as its cell."""
        centres, norms = self.picks[: len(self.between)], self.norms[: len(self.between)]
        for rows in torch.arange(len(self.features), device=self.cell.device).split(ROWS):
            features = self.features[rows] - self.mean
            self.cell[rows] = torch.addmm(norms, features, centres.T, alpha=-2).argmin(1)
            self.reach[rows] = torch.linalg.vector_norm(features - centres[self.cell[rows]], dim=1)
