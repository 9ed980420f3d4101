"""How well a labelled test folder is told apart, on raw scores: AUROC, AP, F1-max, PRO (Bergmann et al., IJCV 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from anomalib.metrics import AUPRO
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from torch import Tensor

PRO_LIMIT = 0.3


def image_metrics(scores: Sequence[float], labels: Sequence[bool], threshold: float | None) -> dict[str, float | None]:
    """image_auroc, image_ap (average precision), f1_max, and false_alarm and miss rates at the threshold, all in [0, 1].

    Args:
        labels: True for defective. A figure that needs both kinds (or the missing kind) is None.
        threshold: a raw score; None where there is none, and no rates either.
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    both = truth.any() and not truth.all()
    return {
        "image_auroc": float(roc_auc_score(truth, values)) if both else None,
        "image_ap": float(average_precision_score(truth, values)) if both else None,
        "f1_max": _f1_max(truth, values) if both else None,
        "false_alarm": _share(values[~truth] > threshold) if threshold is not None else None,
        "miss": _share(values[truth] <= threshold) if threshold is not None else None,
    }


def _share(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _f1_max(truth: np.ndarray, values: np.ndarray) -> float:
    precision, recall, _ = precision_recall_curve(truth, values)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())


def pixel_metrics(maps: Tensor, masks: Tensor) -> dict[str, float | None]:
    """pixel_auroc, pixel_ap (average precision) and pro (area under the per-region overlap up to 30 % false positives,
    scaled to 1).

    Args:
        maps: N×S×S raw maps. masks: N×S×S bool, True on the defect.
    """
    if not masks.any() or masks.all():
        return {"pixel_auroc": None, "pixel_ap": None, "pro": None}
    overlap = AUPRO(["maps", "masks"], fpr_limit=PRO_LIMIT)
    both = SimpleNamespace(maps=maps, masks=masks.to(torch.int64))
    overlap.update(both)  # type: ignore[arg-type]  # it reads the two fields named above, of whatever has them
    truth, values = masks.flatten().numpy(), maps.flatten().numpy()
    return {
        "pixel_auroc": float(roc_auc_score(truth, values)),
        "pixel_ap": float(average_precision_score(truth, values)),
        "pro": float(overlap.compute()),
    }
