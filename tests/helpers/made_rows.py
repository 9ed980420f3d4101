"""Rows of a benchmark as results.json has them, of given figures."""

from __future__ import annotations

from tgvig_core.benchmark.results.rows import Row


def made_row(category: str, seed: int, arm: str, auroc: float | None, **more) -> Row:
    """A row of one photo with PatchCore; pixel AUROC is 0.9 and all else that is not given is missing."""
    return Row(**{
        "dataset": "mvtec", "category": category, "shots": 1, "seed": seed, "arm": arm, "detector": "patchcore",
        "backbone": "resnet18", "image_auroc": auroc, "pixel_auroc": 0.9, "pack": "embedded", "images": 20, "iterations": 10,
        "shots_used": [], "machine": "a bench", "date": "2026-11-22", "versions": {"torch": "2.15.0"},
    } | more)  # fmt: skip


def changed(row: Row, **values: object) -> Row:
    """The row with other values, checked."""
    return Row(**row.as_json() | values)


def made_quality(ssim: float, trunk: str = "EfficientNet-Lite0") -> dict:
    """Quality of a set; all but the SSIM is the same."""
    return {
        "inception_score": 1.5,
        "ssim": ssim,
        "psnr": 20.25,
        "perceptual": 0.125,
        "diversity": 0.0625,
        "trunk": trunk,
    }
