"""The report on disk: both texts, the figures, and how the page looks on a telephone."""

import base64
import io
import re

import numpy as np
import pytest
from browser import open_page
from made_rows import changed, made_quality, made_row
from PIL import Image

from tgvig_core.benchmark.report import figures, report
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.errors import TgvigError

CURVE = [0.2, 0.25, 0.24, 0.27, 0.26]
CATEGORIES = "bottle cable capsule hazelnut metal_nut".split()


def many_rows() -> list[Row]:
    """Two data sets, two detectors, one and five photos, three seeds, most arms; a figure grows with its arm."""
    arms = "real augment vqgan-clip tgvig-word tgvig-worst tgvig-notext tgvig-novariance tgvig tgvig-n10".split()
    rows = []
    for dataset, names in (("mvtec", CATEGORIES), ("btad", ["01", "02"])):
        for place, category in enumerate(names):
            for detector, shots, seed in np.ndindex(2, 2, 3):
                for rank, arm in enumerate(arms):
                    made = arm not in ("real", "augment")
                    level = 0.6 + 0.02 * rank + 0.03 * place + 0.01 * seed + 0.05 * shots
                    rows.append(made_row(
                        category, seed, arm, level, dataset=dataset, detector=("patchcore", "cflow")[detector],
                        shots=(1, 5)[shots], pro=level - 0.1, miss=1 - level, seconds=10.0 + rank, peak_mb=900.0,
                        quality=made_quality(0.5 + 0.01 * rank) if made else None,
                        similarity=[value + 0.01 * seed for value in CURVE] if made else None,
                        prompt=f"a {category} with {arm}" if made else None,
                    ))  # fmt: skip
    said = "Memory is short | <b>close</b> other programs."
    rows[-1] = changed(rows[-1], image_auroc=None, pixel_auroc=None, error=said)
    return rows


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a report."""
    out = tmp_path_factory.mktemp("out")
    report.write(many_rows(), out)
    return out


def test_the_page_needs_nothing_beside_it(written):
    page = (written / "report.html").read_text()
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)
    sources = re.findall(r'<img [^>]*src="([^"]*)"', page)
    assert len(sources) == len(list((written / "figures").glob("*.png"))) > 4
    for source in sources:
        image = Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,"))))
        assert image.format == "PNG" and image.width > 400
        assert len(np.unique(np.asarray(image.convert("L")))) > 10  # not blank


def test_both_texts_hold_every_table_and_the_figures(written):
    page, text = ((written / name).read_text() for name in ("report.html", "report.md"))
    titles = re.findall(r"^### (.*)$", text, re.M)
    assert page.count("<table>") + page.count("<img") == len(titles) and len(set(titles)) == len(titles)
    for begins in ("Table 1. hazelnut", "Table 2. bottle", "Table 3. Ablation", "Figure 4. mvtec", "Figure 5. btad",
                   "Figure 7. bottle", "Figure 8. mvtec", "Image AUROC, mvtec, CFlow"):  # fmt: skip
        assert any(title.startswith(begins) for title in titles), begins
    links = re.findall(r"\]\((.*?)\)", text)
    assert links and all((written / link).is_file() for link in links)
    for row in re.findall(r"^\| .*$", text, re.M):
        assert row.endswith(" |")
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert all(len({len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}) == 1 for block in blocks)


def test_failed_cells_are_listed_with_their_sentence(written):
    page, text = ((written / name).read_text() for name in ("report.html", "report.md"))
    count = len(many_rows())
    assert f"1 of {count} cells" in text and f"{count - 1} measured, 1 failed" in page
    assert "Memory is short | &lt;b&gt;close&lt;/b&gt; other programs." in page and "<b>" not in page
    assert "Memory is short \\| <b>close" in text


def test_what_is_missing_is_said_and_how_to_fill_it(tmp_path):
    report.write([made_row("bottle", 0, "real", 0.8)], tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text.count("Nothing to show yet: it needs") == 5  # Tables 1 to 3, other figures, pictures
    assert "tgvig-novariance" in text and "None." in text and "torch 2.15.0" in text
    with pytest.raises(TgvigError, match="holds no row"):
        report.write([], tmp_path)
    with pytest.raises(TgvigError, match="cannot be written into"):
        (tmp_path / "file").write_text("")
        report.write([made_row("bottle", 0, "real", 0.8)], tmp_path / "file")


def test_rows_that_all_failed_make_a_report_of_their_errors(tmp_path):
    report.write([made_row("bottle", 0, "tgvig", None, pixel_auroc=None, error="Memory is short.")], tmp_path)
    assert "1 of 1 cells" in (tmp_path / "report.md").read_text()


def test_figure_8_draws_every_seed_once_and_marks_its_best():
    rows = [row for row in many_rows() if row.dataset == "btad" and row.shots == 1 and not row.error]
    ((name, figure, *_),) = figures._similarity(rows)
    assert name == "figure-8-btad-1"
    first = figure.axes[0].lines
    assert len(first) == 6  # three seeds, a line and a dot each, though two detectors have them
    assert list(first[0].get_ydata()) == CURVE and list(first[0].get_xdata()) == [1, 2, 3, 4, 5]
    assert (list(first[1].get_xdata()), list(first[1].get_ydata())) == ([4], [0.27])


def test_figure_4_shows_what_gains_most():
    rows = []
    for category, gain in zip("abcdefg", (0.0, 0.1, 0.3, 0.2, -0.1, 0.15, 0.05), strict=True):
        rows += [made_row(category, seed, "real", 0.5) for seed in (0, 1)]
        rows += [made_row(category, seed, "tgvig", 0.5 + gain) for seed in (0, 1)]
    assert figures._most_improved(rows) == ["c", "d", "f", "b", "g"]
    ((_, figure, *_),) = figures._gains(rows)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([50.0, 60.0])  # real, then TGVIG: a mean gain of 0.1


def test_figure_4_leaves_out_a_detector_that_saw_no_generated_set():
    rows = [made_row("a", seed, arm, 0.5) for seed in (0, 1) for arm in ("real", "tgvig")]
    alone = [made_row("a", seed, "real", 0.5, detector="patchcore-anomalib") for seed in (0, 1)]
    ((_, figure, _, caption),) = figures._gains(rows + alone)
    assert len(figure.axes) == 2 and "anomalib" not in caption
    assert list(figures._gains(alone)) == []


def test_bars_of_all_arms_are_of_the_same_draws():
    rows = []
    for category, level, ours in (("a", 0.9, (0.9, 0.9)), ("b", 0.5, (None, None)), ("c", 0.7, (None, 0.8))):
        for seed in (0, 1):
            rows += [made_row(category, seed, "real", level), made_row(category, seed, "tgvig", ours[seed])]
    ((_, figure, _, caption),) = figures._gains(rows)
    # Seed 1 alone has both a and c with both arms: (90 + 70) / 2 and (90 + 80) / 2.
    assert [bar.get_height() for bar in figure.axes[0].patches] == pytest.approx([80.0, 85.0])
    assert "the 2 categories a, c (b is left out" in caption
    assert figures._most_improved(rows) == ["c", "a"]


def test_the_settings_say_what_the_figures_rest_on():
    rows = [
        made_row("bottle", 0, "real", 0.8, images=None, size=256, tgvig="1.2.0", test_good=20, test_defective=63),
        made_row("bottle", 0, "tgvig", 0.8, images=20, size=256, tgvig="1.2.0", test_good=20, test_defective=63),
        made_row("screw", 0, "tgvig-n100", 0.8, images=100, size=256, tgvig="1.2.0", test_good=41, test_defective=119),
        made_row("screw", 1, "tgvig-n100", None, images=100, size=256, tgvig="1.2.0", error="Memory is short."),
        made_row("screw", 0, "real", 0.8, detector="cflow", images=None, size=256, training="short", test_good=41,
                 test_defective=119),
        made_row("screw", 0, "real", 0.8, detector="winclip", backbone="–", images=None, size=256),
    ]  # fmt: skip
    about, tested = report.sections(rows, [])[0].parts
    said = dict(about.rows)
    assert said["Images a set"] == "20 (tgvig), 100 (tgvig-n100)"
    assert said["Side of the frame, px"] == "256" and said["TGVIG"] == "1.2.0" and said["Training"] == "short (cflow)"
    assert said["Backbones"] == "resnet18 (patchcore, cflow), – (winclip)"
    assert tested.rows == (("mvtec", "bottle", "20", "63"), ("mvtec", "screw", "41", "119")) and tested.note == ""
    about, tested = report.sections([changed(row, most_tests=30, training=None) for row in rows], [])[0].parts
    assert "At most 30 good and as many defective" in tested.note and "Training" not in dict(about.rows)


def test_how_to_read_it_says_what_is_averaged():
    for words in ("the same draws", "every arm", "augment-n10 for tgvig-n10", "augment-n1 for vqgan-clip"):
        assert words in report.READING


@pytest.mark.parametrize("width", [390, 1440])
def test_wide_tables_scroll_in_their_own_box(written, browser, width):
    page = open_page(browser, width)
    page.goto((written / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    boxes = page.evaluate("[...document.querySelectorAll('.scroll')].map(box => [box.scrollWidth, box.clientWidth])")
    page.context.close()
    assert len(boxes) > 10 and (width > 1000 or any(inner > outer for inner, outer in boxes))
