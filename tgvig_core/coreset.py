"""k-center greedy selection (Sener and Savarese, ICLR 2018, arXiv 1708.00489) as PatchCore uses it, with flat memory.

anomalib's KCenterGreedy forms the whole N×d difference for every pick. Here ‖f − c‖² = ‖f‖² − 2 f·c + ‖c‖² goes into
one buffer of N values that every pick reuses, so the memory is the features' own plus three times N values.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from tgvig_core.progress import Progress, silent, track


@torch.inference_mode()
def select(
    features: Tensor, count: int, seed: int = 0, progress: Progress = silent, stop: threading.Event | None = None
) -> Tensor:
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
    norms = torch.linalg.vector_norm(features, dim=1).square_()  # ‖f‖², without a second copy of the features
    nearest = torch.full_like(norms, torch.inf)  # squared distance of every row to its nearest pick
    distance = torch.empty_like(norms)  # the one buffer
    pick = torch.randint(total, (1,), generator=torch.Generator().manual_seed(seed)).to(features.device)
    picks = torch.empty(count, dtype=torch.int64, device=features.device)
    for place in track(range(count), "Choosing the patches to remember", count, progress, stop):
        picks[place] = pick[0]
        centre = features[pick[0]]
        torch.mv(features, centre, out=distance)  # f·c
        distance.mul_(-2).add_(norms).add_(norms[pick[0]])
        torch.minimum(nearest, distance, out=nearest)
        nearest[pick[0]] = -torch.inf  # rounding must not let a row be picked twice
        pick = nearest.argmax().unsqueeze(0)
    return picks
