"""The report's tables against means worked out by hand."""

import pytest
from made_rows import changed, made_quality, made_row

from tgvig_core.benchmark.detectors.catalogue import detectors
from tgvig_core.benchmark.report import authors
from tgvig_core.benchmark.report.category_tables import all_figures, by_category
from tgvig_core.benchmark.report.paper_tables import ablation, image_quality, one_image
from tgvig_core.benchmark.report.tables import (
    arm_name,
    arms_of,
    change,
    detector_name,
    number,
    plain_views,
    settings,
    shots_of,
)
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.benchmark.results.statistics import Difference, Spread

pytestmark = pytest.mark.quick


def of_arms(category: str, arms: dict[str, tuple], **more) -> list[Row]:
    """A row for every arm and seed."""
    return [
        made_row(category, seed, arm, level, **more)
        for arm, levels in arms.items()
        for seed, level in enumerate(levels)
    ]


def line(table, *begins: str) -> dict[str, str]:
    """The cells of the row that begins so, by column; columns of one name are numbered."""
    (found,) = [row for row in table.rows if row[: len(begins)] == begins]
    names = [name if table.head.index(name) == place else f"{name}/2" for place, name in enumerate(table.head)]
    return dict(zip(names, found, strict=True))


def test_numbers_are_percent_with_their_spread():
    assert number(Spread(0.791, 0.006, 3)) == "79.1 ± 0.6"
    assert number(Spread(0.791, None, 1)) == "79.1" and number(None) == "–"
    assert number(Spread(12.34, 1.0, 2), 1, 2) == "12.34 ± 1.00"
    assert change(Difference(0.046, -0.004, 0.1, 5, "seeds")) == "+4.6 [-0.4, +10.0]" and change(None) == "–"


def test_arms_shots_and_detectors_have_their_order():
    rows = of_arms(
        "nut", dict.fromkeys(("tgvig-n100", "own", "tgvig", "tgvig-n20", "augment", "real", "tgvig-n1"), (0.5,))
    )
    assert arms_of(rows) == ["real", "augment", "tgvig", "tgvig-n1", "tgvig-n20", "tgvig-n100", "own"]
    assert arm_name("tgvig-n20") == "+ TGVIG, 20 images" and arm_name("tgvig-n1") == "+ TGVIG, 1 image"
    assert (
        arm_name("augment-n20") == "+ 20 plain augmented views" and arm_name("augment-n1") == "+ 1 plain augmented view"
    )
    assert shots_of([made_row("nut", 0, "real", 0.5, shots=shots) for shots in ("full", 5, 10, 1)]) == [
        1,
        5,
        10,
        "full",
    ]
    rows = [made_row("nut", 0, "real", 0.5, detector=name) for name in ("own", "winclip", "cflow", "patchcore")]
    assert list(settings(rows, "detector")) == [("patchcore",), ("cflow",), ("winclip",), ("own",)]


def test_a_detector_is_named_by_what_it_is():
    assert [detectors()[f"patchcore-{kind}"].title for kind in ("deep", "deep-unit", "fine")] == [
        "PatchCore, three layers", "PatchCore, three layers of unit length", "PatchCore, fine",
    ]  # fmt: skip
    assert detector_name("patchcore", "resnet18") == "PatchCore on resnet18"
    assert detector_name("winclip", "–") == detector_name("winclip", "") == "WinCLIP"


def test_every_arm_is_held_against_as_many_plain_views():
    pairs = {"augment-n10": ["tgvig-n10"], "augment-n100": ["tgvig-n100"],
             "augment-n1": ["tgvig-n1", "vqgan-clip", "vqgan-clip-word", "vqgan-clip-naive"],
             "augment": ["tgvig", "tgvig-notext", "tgvig-novariance", "tgvig-view", "tgvig-gated", "tgvig-word",
                         "tgvig-naive", "tgvig-worst"],
             None: ["real", "augment", "augment-n10", "own"]}  # fmt: skip
    assert {arm: plain_views(arm) for arms in pairs.values() for arm in arms} == {
        arm: plain for plain, arms in pairs.items() for arm in arms
    }


def test_table_1_is_one_photo_of_one_category():
    rows = of_arms(
        "hazelnut", {"real": (0.8, 0.9), "tgvig": (0.9, 1.0), "augment": (0.8, 0.8), "vqgan-clip": (0.5, 0.7)}
    )
    rows += of_arms("hazelnut", {"real": (0.1,), "vqgan-clip": (0.1,)}, shots=5)
    rows += of_arms("bottle", {"real": (0.1,), "tgvig": (0.1,)})  # nothing to compare with
    (table,) = one_image(rows)
    assert table.title == "Table 1. hazelnut (mvtec), 1 photo, PatchCore on resnet18"
    assert [row[0] for row in table.rows[:4]] == [
        "Original photos",
        "+ plain augmented views",
        "+ VQGAN-CLIP, ranked prompt",
        "+ TGVIG",
    ]
    ours = line(table, "+ TGVIG")
    assert (ours["Seeds"], ours["Image AUROC"]) == ("2", "95.0 ± 7.1")
    assert (ours["− real"], ours["− augment"]) == ("+10.0 [+10.0, +10.0]", "+15.0 [+10.0, +20.0]")
    assert (ours["Pixel AUROC"], ours["− real/2"]) == ("90.0 ± 0.0", "+0.0 [+0.0, +0.0]")
    assert (ours["Authors, image"], ours["Authors, pixel"]) == ("93.3", "94.6")
    assert line(table, "+ VQGAN-CLIP, ranked prompt")["− augment"] == "–"  # one image, against twenty views
    real = line(table, "Original photos")
    assert (real["Image AUROC"], real["− real"], real["Authors, image"]) == ("85.0 ± 7.1", "–", "88.3")
    assert real["− augment"] == "–"
    assert line(table, "Midjourney")["Authors, image"] == "82.7" and line(table, "Midjourney")["Image AUROC"] == "–"


def test_one_image_is_held_against_one_view():
    arms = {"real": (0.8, 0.8), "augment": (0.9, 0.9), "augment-n1": (0.7, 0.6), "vqgan-clip": (0.8, 0.8)}
    rows = of_arms("hazelnut", arms)
    (table,) = one_image(rows)
    assert line(table, "+ VQGAN-CLIP, ranked prompt")["− augment"] == "+15.0 [+10.0, +20.0]"
    assert line(table, "+ 1 plain augmented view")["− augment"] == "–"
    assert ablation(rows) == []  # one view is there for VQGAN-CLIP's sake, and no ablation


def test_of_another_category_the_authors_say_nothing_in_tables_1_and_2():
    rows = of_arms("bottle", {"real": (0.8,), "tgvig-word": (0.9,)}, quality=made_quality(0.5), prompt="a bottle")
    for (table,) in (one_image(rows), image_quality(rows)):
        assert not any("Authors" in name for name in table.head)


def test_table_2_is_quality_by_prompt():
    rows = []
    for seed, (real, word, best) in enumerate([(0.8, 0.7, 0.9), (0.8, 0.8, 0.9)]):
        rows += [
            made_row("hazelnut", seed, "real", real),
            made_row("hazelnut", seed, "tgvig", best, prompt="a hazelnut with cobnut", quality=made_quality(0.9)),
            made_row("hazelnut", seed, "tgvig-word", word, prompt="a hazelnut", quality=made_quality((0.4, 0.6)[seed])),
            # The same sets with another detector, which counts neither as more seeds nor in the AUROC.
            made_row("hazelnut", seed, "tgvig-word", 0.1, detector="cflow", quality=made_quality((0.4, 0.6)[seed])),
        ]
    (table,) = image_quality(rows)
    word = line(table, "+ TGVIG, only the word")
    assert (word["Prompt"], word["Seeds"], word["SSIM ↑"], word["PSNR ↑ dB"]) == (
        "a hazelnut", "2", "0.50 ± 0.14", "20.25 ± 0.00"
    )  # fmt: skip
    assert word["Perceptual ↓ (EfficientNet-Lite0)"] == "0.1250 ± 0.0000" and word["Diversity"] == "0.0625 ± 0.0000"
    assert (word["Image AUROC"], word["− real"], word["− augment"]) == ("75.0 ± 7.1", "-5.0 [-10.0, +0.0]", "–")
    assert word["Authors, IS"] == "1.62" and word["Authors, LPIPS"] == "984.15"
    best = line(table, "+ TGVIG")
    assert best["Image AUROC"] == "90.0 ± 0.0" and best["Authors, PSNR"] == "28.39"
    assert "PatchCore on resnet18" in table.note


def test_table_3_averages_categories_and_names_what_is_gained():
    arms = {"real": (0.7, 0.8), "tgvig-notext": (0.8, 0.8), "tgvig": (0.9, 0.9), "tgvig-n1": (0.7, 0.8),
            "tgvig-n50": (0.8, 0.9), "tgvig-novariance": (0.6, 0.7)}  # fmt: skip
    rows = of_arms("bottle", arms)
    rows += of_arms("cable", {arm: tuple(level - 0.2 for level in levels) for arm, levels in arms.items()})
    (table,) = ablation(rows)
    assert table.title == "Table 3. Ablation, mvtec, 1 photo, PatchCore on resnet18"
    assert [row[0] for row in table.rows] == [
        "Baseline", "Original photos",
        "1) Text prompt", "+ TGVIG without text", "+ TGVIG",
        "2) Number of generated images", "+ TGVIG, 1 image", "+ TGVIG, 50 images",
        "3) Variance", "+ TGVIG without variance", "+ TGVIG",
    ]  # fmt: skip
    base = line(table, "Original photos")  # of the seeds (0.7 + 0.5) / 2 and (0.8 + 0.6) / 2
    assert (base["Image AUROC"], base["Authors, image"]) == ("65.0 ± 7.1", "74.5 ± 1.6")
    first, second = [row for row in table.rows if row[0] == "+ TGVIG"]
    assert first[1:4] == second[1:4] == ("2", "80.0 ± 0.0", "+15.0 [+15.0, +15.0]")  # both categories gain the same
    assert (first[-2], second[-2]) == ("79.1 ± 0.6", "78.9 ± 0.5")
    assert line(table, "+ TGVIG without variance")["− real"] == "-10.0 [-10.0, -10.0]"
    assert line(table, "+ TGVIG, 50 images")["Authors, image"] == "78.5 ± 0.3"
    assert table.note.startswith("Mean over the 2 categories bottle, cable. ")
    assert ablation(of_arms("bottle", {"real": (0.5,), "tgvig": (0.5,)})) == []


def test_table_3_holds_numbers_of_images_against_as_many_views():
    arms = {"real": (0.7, 0.7), "augment": (0.8, 0.8), "augment-n50": (0.7, 0.6), "tgvig-n50": (0.8, 0.8),
            "tgvig-n100": (0.9, 0.9), "vqgan-clip": (0.7, None)}  # fmt: skip
    (table,) = ablation(of_arms("bottle", arms))
    names = [row[0] for row in table.rows]
    assert names[3:] == ["2) Number of generated images", "+ 50 plain augmented views", "+ TGVIG, 50 images",
                         "+ TGVIG, 100 images"]  # fmt: skip
    assert line(table, "+ TGVIG, 50 images")["− augment"] == "+15.0 [+10.0, +20.0]"
    assert line(table, "+ TGVIG, 100 images")["− augment"] == "–"
    assert line(table, "+ TGVIG, 100 images")["Seeds"] == "2"  # what the table does not show takes nothing from it


def test_averages_of_failed_categories_are_of_the_others_for_every_arm():
    # The review's case: TGVIG changes nothing, and fails where the photos alone do badly.
    rows = []
    for category, level in {"a": 0.9, "b": 0.9, "c": 0.5, "d": 0.5}.items():
        rows += of_arms(category, {"real": (level, level), "tgvig": (level, level)})
        rows += of_arms(category, {"tgvig-notext": (level, level)}, pixel_auroc=None if category == "a" else 0.9)
    short = {"image_auroc": None, "pixel_auroc": None, "error": "Memory is short."}
    rows = [changed(row, **short) if row.category in "cd" and row.arm == "tgvig" else row for row in rows]
    (image, pixel) = by_category(rows)
    for table, column in ((image, "Average"), (*ablation(rows), "Image AUROC")):
        for name in ("Original photos", "+ TGVIG"):
            found = [dict(zip(table.head, row, strict=True)) for row in table.rows if name in row]
            assert {one[column] for one in found} == {"90.0 ± 0.0"}
    missing = "c, d are left out, as no seed has them in every arm"
    assert image.note.startswith(f"Mean over the 2 categories a, b ({missing}).")
    assert pixel.note == "Mean over the category b alone (a, c, d are left out, as no seed has them in every arm)."
    (table,) = ablation(rows)
    assert table.note.startswith(
        f"Image AUROC: mean over the 2 categories a, b ({missing}); Pixel AUROC: mean over the"
    )
    assert line(image, "1 photo", "Original photos")["c"] == "50.0 ± 0.0"
    assert line(image, "1 photo", "+ TGVIG")["c"] == "–"
    (table,) = all_figures([changed(row, miss=row.image_auroc) for row in rows])
    assert table.rows[1][:3] == ("Original photos", "2", "90.0 ± 0.0") and "a, b" in table.note


def test_where_no_draw_has_every_arm_there_is_no_average():
    rows = of_arms("bottle", {"real": (0.8, 0.9), "tgvig": (0.9, None)}) + of_arms("cable", {"tgvig": (None, 0.9)})
    rows += of_arms("cable", {"real": (0.8, 0.9)})
    (image, _) = by_category(rows)
    ours = line(image, "1 photo", "+ TGVIG")
    assert (ours["Seeds"], ours["Average"], ours["− real"]) == ("0", "–", "–")
    assert (ours["bottle"], line(image, "1 photo", "Original photos")["bottle"]) == ("90.0", "80.0")
    assert image.note.startswith(
        "Mean over no category (bottle, cable are left out, as no seed has all of them in every arm)."
    )
    rows = [changed(row, arm="tgvig-notext", error="Memory is short.") for row in rows]
    (table,) = ablation(rows)
    assert table.note.startswith("Mean over no category. ")


def test_categories_stand_beside_the_authors():
    rows = of_arms("bottle", {"real": (0.8, 0.9), "tgvig": (0.9, 0.9)})
    rows += of_arms("screw", {"real": (0.4, 0.5), "tgvig": (0.5, None)})
    rows += of_arms("bottle", {"real": (1.0,)}, shots="full")
    image, pixel = by_category(rows)
    assert image.title == "Image AUROC, mvtec, PatchCore on resnet18" and pixel.title.startswith("Pixel AUROC")
    assert image.head == ("Photos", "Learned from", "Seeds", "Average", "− real", "− augment", "bottle", "screw")
    real, ours = line(image, "1 photo", "Original photos"), line(image, "1 photo", "+ TGVIG")
    # Seed 1 lacks TGVIG's screw: averages, the screws and the gains are of seed 0 alone, in every arm.
    assert (real["Average"], real["bottle"], real["screw"]) == ("60.0", "85.0 ± 7.1", "40.0")
    assert (ours["Seeds"], ours["Average"], ours["bottle"], ours["screw"]) == ("1", "70.0", "90.0 ± 0.0", "50.0")
    assert ours["− real"] == "+10.0 [+10.0, +10.0]"
    assert image.note.startswith(
        "1 photo: mean over the 2 categories bottle, screw; all photos: mean over the category bottle alone. The authors'"
    )
    theirs = line(image, "1 photo", "Authors' TGVIG")
    assert (theirs["Average"], theirs["bottle"], theirs["screw"]) == ("83.9", "100.0", "53.8")
    assert line(image, "all photos", "Authors' TGVIG")["Average"] == "97.8"
    assert not any("Authors' TGVIG" in row for row in pixel.rows)


def test_the_authors_of_other_detectors_give_averages_and_of_other_parts_nothing():
    (image, _) = by_category(of_arms("bottle", {"real": (0.8,)}, detector="cflow"))
    assert line(image, "1 photo", "Authors' TGVIG")["Average"] == "84.2"
    assert line(image, "1 photo", "Authors' TGVIG")["bottle"] == "–"
    for more in ({"detector": "winclip"}, {"category": "nut"}):
        (image, _) = by_category([changed(row, **more) for row in of_arms("bottle", {"real": (0.8,)})])
        assert len(image.rows) == 1


@pytest.mark.parametrize("dataset", ["folder", "visa"])
def test_of_another_data_set_with_the_same_names_the_authors_say_nothing(dataset):
    rows = []
    for category in ("hazelnut", "tile"):
        rows += of_arms(category, {"real": (0.8,), "tgvig": (0.9,), "tgvig-word": (0.9,), "tgvig-notext": (0.9,)},
                        dataset=dataset, quality=made_quality(0.5), prompt="a part")  # fmt: skip
    tables = [*one_image(rows), *image_quality(rows), *ablation(rows), *by_category(rows)]
    assert len(tables) == 7
    for table in tables:
        assert "uthors" not in f"{table.head} {table.rows} {table.note}"


def test_the_authors_averages_are_those_of_their_categories():
    for shots, figures in authors.CATEGORIES["patchcore"].items():
        assert len(figures) == 15
        assert sum(figures.values()) / 15 == pytest.approx(authors.AVERAGES["patchcore"][shots], abs=0.06)


def test_all_other_figures_have_their_unit():
    rows = [made_row("nut", seed, arm, 0.5, seconds=seconds, peak_mb=1000.0, miss=0.25)
            for seed in (0, 1) for arm, seconds in (("real", 10.0), ("tgvig", 70.0 + 20 * seed))]  # fmt: skip
    (table,) = all_figures(rows)
    assert [row[0] for row in table.rows if len(row) == 1] == [
        "Missed defects ↓",
        "Seconds a cell ↓",
        "Peak memory, MB ↓",
    ]
    assert table.rows[1] == ("Original photos", "2", "25.0 ± 0.0", "–", "–")
    assert table.rows[5] == ("+ TGVIG", "2", "80.0 ± 14.1", "+70.0 [+60.0, +80.0]", "–")
    assert table.rows[8][2] == "1000 ± 0"


def test_a_failed_cell_is_in_no_mean():
    rows = of_arms("bottle", {"real": (0.8, 0.8), "tgvig": (0.9, 0.1)})
    rows[-1] = changed(rows[-1], error="Memory is short.")
    (image, _) = by_category(rows)
    assert line(image, "1 photo", "+ TGVIG")["Average"] == "90.0"
