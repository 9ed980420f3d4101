"""Steps 4 and 5 without a generated set: a detector from the photos alone, a labelled folder, and what each photo shows."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import open_page
from photos import category, normals
from playwright.sync_api import Page, expect
from walking import cells, entry, plot_texts, status, step

from tgvig_ui.parts.store import Store
from tgvig_ui.parts.trained import model_card

RATE = 2
"""Per cent of good parts that may be rejected; not what the page begins with."""


@pytest.fixture(scope="module")
def alone(browser, app):
    """The page of two bottles whose detector learned from them alone: there is neither a prompt nor a set."""
    part, page = Store(app.runs).new(), open_page(browser)
    part.add_photos(normals("bottle", 2))
    page.goto(f"{app.url}/?part={part.id}")
    expect(page.locator("#normals img")).to_have_count(2)
    step(page, 4)
    page.locator("#arm").get_by_label("Photos only").check()
    page.locator("#detector").get_by_label("PatchCore, fine").check()
    entry(page, "false-alarm").fill(str(RATE))
    entry(page, "false-alarm").press("Tab")
    page.locator("#train").click()
    status(page, "Training the detector: done.")
    yield SimpleNamespace(page=page, part=part)
    page.context.close()


def test_photos_alone_are_trained_on_as_was_asked(alone):
    said = alone.page.locator("#train-result")
    expect(said).to_contain_text("Trained on the photos only.")
    expect(said).to_contain_text(f"Set for {RATE}% false alarms from 2 photos")
    expect(said).to_contain_text(
        "PatchCore, fine, on the features of efficientnet_lite0 (blocks.2, blocks.4, blocks.6)."
    )
    card = model_card(alone.part)
    assert (card.saved.detector, card.calibration.false_alarm) == ("patchcore-fine", RATE / 100)
    expect(alone.page.locator("#to-inspect")).to_be_enabled()
    step(alone.page, 3)
    expect(alone.page.locator("#curve-said")).to_contain_text("No images yet.")


def copied(target: Path) -> Path:
    """A test folder in MVTec layout: two good bottles, two broken ones, and the masks of these."""
    for inside in ("test/good", "test/broken_large", "ground_truth/broken_large"):
        (target / inside).mkdir(parents=True)
        for file in sorted((category("bottle") / inside).iterdir())[:2]:
            shutil.copy(file, target / inside)
    return target / "test"


@pytest.fixture(scope="module")
def labelled(alone, tmp_path_factory):
    """The same page, with a labelled folder inspected that was typed as a path."""
    page = alone.page
    step(page, 5)
    page.locator("#step-5").get_by_role("button", name="Photos in a folder of this computer").click()
    entry(page, "tests-path").fill(str(copied(tmp_path_factory.mktemp("labelled"))))
    page.locator("#take-tests-path").click()
    expect(page.locator("#tests-count")).to_contain_text("4 photos to inspect.")
    page.locator("#inspect").click()
    status(page, "Inspecting photos: done.")
    expect(cells(page, "verdicts", 1)).to_have_count(4)
    return alone


def test_a_labelled_folder_gives_figures_and_a_roc_curve(labelled):
    summary = labelled.page.locator("#summary")
    for figure in ("Image AUROC", "Pixel AUROC", "PRO", "Best F1"):
        expect(summary).to_contain_text(re.compile(rf"{figure} [01]\.\d{{3}}"))
    auroc = re.search(r"Image AUROC (\S+)", summary.inner_text())[1]
    expect(plot_texts(labelled.page, "roc", "legendtext").first).to_have_text(f"AUROC {auroc} (0.5 is chance)")


def test_the_confusion_plot_counts_what_the_table_says_at_every_threshold(labelled):
    page, verdicts = labelled.page, cells(labelled.page, "verdicts", 2)
    words = ("Good, passed", "False alarm", "Missed defect", "Defect found")
    passed, alarm, missed, found = (page.locator("#confusion text").filter(has_text=word) for word in words)
    for text in (passed, alarm, missed, found):
        expect(text).to_have_count(1)
    expect(found).to_have_text(re.compile("^2"))
    entry(page, "threshold").fill("0.1")  # far below any photo's score
    entry(page, "threshold").press("Tab")
    expect(verdicts.filter(has_text="ANOMALOUS")).to_have_count(4)
    expect(alarm).to_have_text(re.compile("^2"))
    expect(passed).to_have_text(re.compile("^0"))
    page.locator("#reset-threshold").click()
    expect(verdicts.filter(has_text="ANOMALOUS")).not_to_have_count(4)
    expect(alarm).not_to_have_text(re.compile("^2"))


@pytest.fixture
def worst(labelled):
    """The page with the strangest photo looked at."""
    name = cells(labelled.page, "verdicts", 1).first
    name.click()
    expect(labelled.page.locator("#looked-at")).to_contain_text(name.inner_text().strip())
    return labelled.page


def show_as(page: Page, overlay: str) -> None:
    """Not `check`, which wants the state at once: a redraw on its way sets the former choice for a moment."""
    choice = page.locator("#overlay").get_by_label(overlay)
    choice.click()
    expect(choice).to_be_checked()


def test_overlay_and_strength_change_the_picture_and_not_the_photo(worst):
    photo, shown = worst.locator("#look img").nth(0), worst.locator("#look img").nth(1)
    expect(shown).to_have_attribute("src", re.compile("http"))
    own, heatmap = photo.get_attribute("src"), shown.get_attribute("src")
    show_as(worst, "Outline")
    expect(shown).not_to_have_attribute("src", heatmap)
    outline = shown.get_attribute("src")
    show_as(worst, "Both")
    expect(shown).not_to_have_attribute("src", re.compile(f"{re.escape(outline)}|{re.escape(heatmap)}"))
    show_as(worst, "Heatmap")
    expect(shown).to_have_attribute("src", heatmap)
    entry(worst, "opacity").fill("0.3")
    entry(worst, "opacity").press("Tab")
    expect(shown).not_to_have_attribute("src", heatmap)
    assert photo.get_attribute("src") == own


def test_a_pitch_turns_regions_into_millimetres(worst):
    size, pitch = cells(worst, "regions", 2).first, entry(worst, "pitch")
    width, height = map(int, re.match(r"(\d+) × (\d+) px$", size.inner_text().strip()).groups())
    pitch.fill("0,5")
    pitch.press("Enter")
    expect(size).to_contain_text(f"{width / 2:.2f} × {height / 2:.2f} mm")
    pitch.fill("wide")
    pitch.press("Enter")
    expect(worst.get_by_test_id("toast-body")).to_contain_text("is not a length in millimetres per pixel")
    worst.get_by_test_id("toast-close").click()
    expect(size).to_contain_text(f"{width / 2:.2f} × {height / 2:.2f} mm")


def test_why_here_shows_the_spot_and_a_good_one(worst):
    expect(worst.locator("#why img")).to_have_count(2)
    expect(worst.locator("#why .caption-label")).to_have_text(["this photo", re.compile(r"good image [12]$")])
    spot, good = (picture.get_attribute("src") for picture in worst.locator("#why img").all())
    assert spot != good


def test_an_unsure_photo_is_not_learned_from_and_one_marked_ok_is(labelled):
    page, decision = labelled.page, cells(labelled.page, "verdicts", 5).last
    name = cells(page, "verdicts", 1).last.inner_text().strip()
    cells(page, "verdicts", 1).last.click()
    expect(page.locator("#looked-at")).to_contain_text(name)
    page.keyboard.press("u")
    expect(decision).to_have_text("unsure")
    expect(page.locator("#learn")).to_be_hidden()
    page.keyboard.press("o")
    expect(decision).to_have_text("OK")
    page.locator("#learn").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("1 photo added to the good photos of step 1.")
    step(page, 1)
    expect(page.locator("#normals img")).to_have_count(3)
    learned, tests = labelled.part.photos()[-1], labelled.part.folder / "tests" / "test"
    assert learned.read_bytes() == (tests / name).read_bytes()
