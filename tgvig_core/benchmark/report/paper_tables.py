"""The paper's Tables 1, 2 and 3 from one's own rows (Lee and Choi, CVPR 2024), with the authors' figures beside."""

from __future__ import annotations

from collections.abc import Sequence

from tgvig_core.benchmark.report import authors
from tgvig_core.benchmark.report.tables import (
    AUGMENT,
    NOTHING,
    REAL,
    Table,
    arm_name,
    arms_of,
    averaged,
    copies,
    detector_name,
    is_mvtec,
    mean_over,
    measured,
    number,
    over_any,
    seeds,
    settings,
    shots_name,
)
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.benchmark.results.statistics import over_seeds

PROMPTS = ("tgvig-word", "tgvig-naive", "tgvig-worst")
DRAWN_TO = ("vqgan-clip-word", "vqgan-clip-naive", "vqgan-clip")
OF_ONE = (REAL, AUGMENT, "augment-n1", *DRAWN_TO, *PROMPTS, "tgvig")
WITHOUT = ("tgvig-notext", "tgvig-novariance", "tgvig-view")
"""What Table 3 takes out; the other ablation is the number of images."""
AUROCS = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC"}
_AUROCS = tuple(column for name in AUROCS.values() for column in (name, "− real", "− augment"))


def one_image(rows: Sequence[Row]) -> list[Table]:
    """Table 1: one photo of one category, original against every way to generate more of it."""
    single = [row for row in rows if row.shots == 1 and row.arm in OF_ONE]
    found = []
    for (dataset, category, detector, backbone), group in settings(
        single, "dataset", "category", "detector", "backbone"
    ).items():
        arms = arms_of(group)
        if not {*DRAWN_TO, *PROMPTS}.isdisjoint(arms):
            found.append(_one_image(dataset, category, detector, backbone, group, arms))
    return found


def _one_image(dataset: str, category: str, detector: str, backbone: str, rows: list[Row], arms: list[str]) -> Table:
    beside = category == authors.HAZELNUT and detector == "patchcore" and is_mvtec(rows)
    lines = [
        (arm_name(arm), seeds(rows, arm, "image_auroc"), *_aurocs(rows, arm),
         *(authors.TABLE_1.get(arm, (NOTHING, NOTHING)) if beside else ()))
        for arm in arms
    ]  # fmt: skip
    if beside:
        lines += [(name, *[NOTHING] * 7, *theirs) for name, theirs in authors.TABLE_1_OTHERS.items()]
    return Table(
        f"Table 1. {category} ({dataset}), 1 photo, {detector_name(detector, backbone)}",
        ("Method", "Seeds", *_AUROCS, *(("Authors, image", "Authors, pixel") if beside else ())),
        tuple(lines),
        f"The authors' VQGAN-CLIP of the last kind was given a caption of the photo. {authors.CAVEAT}"
        if beside
        else "",
    )


def image_quality(rows: Sequence[Row]) -> list[Table]:
    """Table 2: quality of the generated images by prompt."""
    arms = [arm for arm in OF_ONE if arm != REAL]
    made = [row for row in rows if row.arm in (*arms, REAL)]
    found = []
    for (dataset, category, shots), group in settings(made, "dataset", "category", "shots").items():
        with_quality = [row for row in group if row.quality and not row.error]
        if with_quality:
            found.append(_image_quality(dataset, category, shots, group, arms_of(with_quality)))
    return found


def _image_quality(dataset: str, category: str, shots: int | str, rows: list[Row], arms: list[str]) -> Table:
    (detector, backbone), judged = next(iter(settings(rows, "detector", "backbone").items()))
    trunks = sorted({row.quality.trunk for row in rows if row.quality})
    beside = category == authors.HAZELNUT and shots == 1 and is_mvtec(rows)
    lines = [
        (arm_name(arm), _prompt(rows, arm), *_quality(rows, arm), *measured(judged, arm, "image_auroc"),
         *(authors.TABLE_2.get(arm, [NOTHING] * 4) if beside else ()))
        for arm in arms
    ]  # fmt: skip
    theirs = ("Authors, IS", "Authors, SSIM", "Authors, PSNR", "Authors, LPIPS")
    return Table(
        f"Table 2. {category} ({dataset}), {shots_name(shots)}: quality of the generated images",
        ("Method", "Prompt", "Seeds", "IS ↑", "SSIM ↑", "PSNR ↑ dB", f"Perceptual ↓ ({', '.join(trunks)})", "Diversity",
         "Image AUROC", "− real", "− augment", *(theirs if beside else ())),
        tuple(lines),
        "The perceptual distance has LPIPS' form on another trunk without its learned weights: compare it within this table "
        f"only. Original photos have none of this. AUROC: {detector_name(detector, backbone)}."
        + (f" {authors.CAVEAT}" if beside else ""),
    )  # fmt: skip


def _quality(rows: list[Row], arm: str) -> tuple[str, ...]:
    figures = {"inception_score": 2, "ssim": 2, "psnr": 2, "perceptual": 4, "diversity": 4}
    spreads = [(over_seeds(rows, arm, f"quality.{name}"), digits) for name, digits in figures.items()]
    return str(spreads[0][0].seeds if spreads[0][0] else 0), *(number(found, 1, digits) for found, digits in spreads)


def _prompt(rows: list[Row], arm: str) -> str:
    prompts = sorted({row.prompt for row in rows if row.arm == arm and row.prompt})
    return " · ".join(prompts) if len(prompts) < 4 else f"{' · '.join(prompts[:2])} and {len(prompts) - 2} others"


def ablation(rows: Sequence[Row]) -> list[Table]:
    """Table 3: what text, variance and the number of images contribute."""
    found = []
    for (dataset, shots, detector, backbone), group in settings(
        rows, "dataset", "shots", "detector", "backbone"
    ).items():
        arms = arms_of(group)
        if any(f"tgvig-n{copies(arm)}" == arm or arm in WITHOUT for arm in arms):
            found.append(_ablation(dataset, shots, detector, backbone, group, arms))
    return found


def _ablation(
    dataset: str, shots: int | str, detector: str, backbone: str, rows: list[Row], arms: list[str]
) -> Table:  # fmt: skip
    beside = detector == "patchcore" and is_mvtec(rows)
    blocks = {
        "Baseline": {REAL: REAL, AUGMENT: AUGMENT},
        "1) Text prompt": {"tgvig-notext": "tgvig-notext", "tgvig": "text"},
        "2) Number of generated images": {arm: arm for arm in arms if f"tgvig-n{copies(arm)}" in arms},
        "3) Variance": {"tgvig-novariance": "tgvig-novariance", "tgvig": "variance"},
        "4) Around the views' mean or around single views": {"tgvig-view": "tgvig-view", "tgvig": ""},
    }
    shown = {arm for block in blocks.values() for arm in block}
    rows = [row for row in rows if row.arm in shown]
    lines: list[tuple[str, ...]] = []
    for title, block in blocks.items():
        here = {arm: theirs for arm, theirs in block.items() if arm in arms}
        if here and set(here) != {"tgvig"}:
            lines.append((title,))
            lines += [_ablation_line(rows, arm, theirs, beside) for arm, theirs in here.items()]
    return Table(
        f"Table 3. Ablation, {dataset}, {shots_name(shots)}, {detector_name(detector, backbone)}",
        ("Component", "Seeds", *_AUROCS, *(("Authors, image", "Authors, pixel") if beside else ())),
        tuple(lines),
        mean_over({name: averaged(rows, figure) for figure, name in AUROCS.items() if over_any(rows, figure)})
        + (" The authors do not say of which categories and how many photos their table is." if beside else ""),
    )


def _ablation_line(rows: list[Row], arm: str, theirs: str, beside: bool) -> tuple[str, ...]:
    known = authors.TABLE_3.get(theirs, (NOTHING, NOTHING)) if beside else ()
    return arm_name(arm), seeds(rows, arm, "image_auroc"), *_aurocs(rows, arm), *known


def _aurocs(rows: list[Row], arm: str) -> tuple[str, ...]:
    return tuple(cell for figure in AUROCS for cell in measured(rows, arm, figure))
