"""Whether generated images reach what decides: whose patch the strangest patch of a test photo is compared with (PatchCore, Eq. 6).

    python -m tools.research.measure_reach --data DIR [--categories transistor tile] [--shots 1] [--seeds 1] [--most 40]

DIR holds categories in MVTec AD's layout, at any depth. For each arm: the image AUROC with the usual coreset and with all
patches in the bank, each with the share of test photos whose strangest patch has its nearest remembered one in an image
that joined the photos. With all patches no photo's patch makes room for a joined one, so that what is left of a
difference to `real` is due to the joined images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.cell import Bench, begun
from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.results.costs import Costs
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.registry import detector as detectors_by_name
from tgvig_core.packs import registry
from tgvig_core.photos.images import to_tensor
from tgvig_core.utils.progress import QUIET

ARMS = ("real", "augment", "tgvig", "tgvig-view")
EVERYTHING = PatchCoreSettings(coreset_least=10**9)


@torch.inference_mode()
def decided(detector: PatchCore, grids: Tensor, photos: int) -> tuple[Tensor, float]:
    """Of each test photo the largest distance s*, and the share that a joined image's patch decides.

    Args:
        grids: features of the test photos, N×side×side×D.
        photos: n, the first images of the pool that the detector was fitted on.
    """
    bank = detector.model.memory_bank
    largest, joined = [], 0
    for grid in grids:
        nearest, rows = torch.cdist(grid.flatten(0, 1), bank).min(1)
        largest.append(nearest.max())
        joined += int(detector.places[rows[nearest.argmax()], 0] >= photos)
    return torch.stack(largest), joined / len(grids)


def figures(bench: Bench, kind: str) -> dict[str, list[str]]:
    """By arm, with the coreset and with all patches: image AUROC and share, in percent."""
    backbone = registry.load_backbone(registry.PACKS["embedded"])
    detectors = [
        detectors_by_name.get(kind).build(backbone, bench.plan.size, settings=settings)
        for settings in (None, EVERYTHING)
    ]
    grids = detectors[0].features.grids(torch.stack([to_tensor(square) for square in bench.squares]))
    found: dict[str, list[str]] = {}
    for name in ARMS:
        pool = bench.generated.of(arm.get(name), Costs()).pool
        for detector in detectors:
            detector.fit(pool.images, pool.groups, bench.seed)
            scores, share = decided(detector, grids, len(bench.normals))
            auroc = roc_auc_score(bench.labels, scores)
            found.setdefault(name, []).append(f"{100 * auroc:.1f} ({100 * share:.0f})")
    return found


def main() -> None:
    """Print a Markdown table as its rows are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["transistor", "tile"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--most", type=int, default=40)
    o = parser.parse_args()
    plan = Plan("folder", str(o.data.absolute()), tuple(o.categories), tuple(o.shots), o.seeds, ARMS, most_tests=o.most)
    print(f"| part | photos | seed | detector | {' | '.join(f'{name} | all patches' for name in ARMS)} |")
    print("|" + "---|" * (4 + 2 * len(ARMS)))
    for draw in plan.draws():
        bench = begun(plan, draw, QUIET)
        for kind in detectors_by_name.names():
            cells = [cell for pair in figures(bench, kind).values() for cell in pair]
            print(f"| {draw.category} | {draw.shots} | {draw.seed} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
