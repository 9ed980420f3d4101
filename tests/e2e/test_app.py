"""The web app as a person meets it: the real server, headless Chromium, real photos of bottles, from upload to report."""

import csv
import io
import re
import zipfile
from pathlib import Path

from browser import open_page
from playwright.sync_api import Page, expect
from walking import cells, entry, made, plot_texts, step

from tgvig_ui.parts.generations import similarity
from tgvig_ui.parts.part import Part


def test_an_upload_shows_the_photos_and_what_they_are_like(uploaded):
    expect(uploaded.locator("#normal-notes")).to_contain_text("The photos look fine")
    expect(uploaded.locator("#normal-notes")).to_contain_text("3 to 5 are better")
    expect(uploaded.locator("#to-prompts")).to_be_enabled()


def test_prompts_are_ranked_and_the_best_is_filled_in(ranked):
    best = entry(ranked, "prompt").input_value()
    assert best.startswith("a bottle with ")
    assert cells(ranked, "prompt-table", 1).first.inner_text().strip().startswith("a bottle with ")
    scores = [float(text) for text in cells(ranked, "prompt-table", 2).all_inner_texts()]
    assert len(scores) > 5 and scores == sorted(scores, reverse=True)
    expect(ranked.locator("#prompt-detail")).to_contain_text("It fits your photos best (Eq. 1 of the paper).")
    expect(plot_texts(ranked, "prompt-bars", "ytick")).not_to_have_count(0)


def test_a_click_in_the_table_chooses_that_prompt_in_every_tab(ranked, walk, browser, app):
    other = open_page(browser)
    other.goto(f"{app.url}/?part={walk.part.name}")
    step(other, 2)
    third = cells(ranked, "prompt-table", 1).nth(2)
    wanted = third.inner_text().strip()
    assert entry(ranked, "prompt").input_value() != wanted
    third.click()
    for page in (ranked, other):
        expect(entry(page, "prompt")).to_have_value(wanted)
    assert made(walk.part, "part.json")["prompt"] == wanted
    other.context.close()


def test_a_refresh_in_mid_run_finds_the_part_and_its_running_job_again(generating, walk):
    generating.reload()
    expect(generating.locator("#status .tg-running")).to_contain_text("Generating images")
    expect(generating.locator("#stop")).to_be_visible()
    assert walk.part.name in generating.url
    expect(generating.locator("#generate-prompt")).to_contain_text(made(walk.part, "part.json")["prompt"])
    step(generating, 3)
    expect(entry(generating, "images")).to_have_value("4")  # as asked for, not as the page proposes
    expect(entry(generating, "iterations")).to_have_value("2")


def test_generation_shows_its_curve_and_the_images_of_the_best_set(generated, walk):
    curve = similarity(Part(walk.part), 1)
    assert len(curve) == 2
    expect(plot_texts(generated, "curve", "point")).not_to_have_count(0)
    expect(generated.locator("#set-gallery img")).to_have_count(4)
    best = curve.index(max(curve)) + 1
    expect(generated.locator("#curve-said")).to_contain_text(f"Set {best} is used for training.")
    expect(generated.locator("#stop")).to_be_hidden()


def test_an_image_is_compared_with_the_photo_and_left_out(generated, walk):
    generated.locator("#set-gallery button:has(img)").first.click()
    expect(generated.locator("#compare img")).to_have_count(2)
    generated.locator("#leave-out").click()
    expect(generated.locator("#set-gallery")).to_contain_text("excluded")
    assert made(walk.part, "part.json")["left_out"] == [0]


def test_training_tells_its_threshold_in_words(trained, walk):
    card = made(walk.part, "generations/1/model/model.json")
    said = trained.locator("#train-result")
    expect(said).to_contain_text(f"Scores above {card['calibration']['threshold']:.2f} are called anomalous.")
    expect(said).to_contain_text("without the 1 you excluded" if card["left_out"] else "the photos and generated set")


def test_verdicts_come_worst_first_and_both_broken_bottles_lead(inspected):
    names = [text.strip() for text in cells(inspected, "verdicts", 1).all_inner_texts()]
    scores = [float(text) for text in cells(inspected, "verdicts", 3).all_inner_texts()]
    assert len(names) == 4 and scores == sorted(scores, reverse=True)
    assert all("broken_large" in name for name in names[:2]) and all("good" in name for name in names[2:])
    assert [text.strip() for text in cells(inspected, "verdicts", 2).all_inner_texts()][:2] == ["ANOMALOUS"] * 2


def test_a_moved_threshold_changes_the_verdicts_and_comes_back(inspected):
    anomalous = cells(inspected, "verdicts", 2).filter(has_text="ANOMALOUS")
    before = anomalous.count()
    entry(inspected, "threshold").fill("1")
    entry(inspected, "threshold").press("Tab")
    expect(anomalous).to_have_count(4)
    expect(inspected.locator("#summary")).to_contain_text("You moved the threshold")
    inspected.locator("#reset-threshold").click()
    expect(anomalous).to_have_count(before)


def test_a_photo_shows_where_and_why_and_takes_decisions_by_keyboard(inspected, walk):
    worst = cells(inspected, "verdicts", 1).first
    name = worst.inner_text().strip()
    worst.click()
    expect(inspected.locator("#look img")).to_have_count(2)
    expect(cells(inspected, "regions", 2).first).to_contain_text(" px")
    expect(inspected.locator("#why img")).to_have_count(2)
    for key, decision in (("o", "OK"), ("n", "NG")):
        inspected.keyboard.press(key)
        expect(cells(inspected, "verdicts", 5).first).to_have_text(decision)
    assert made(walk.part, "part.json")["decisions"] == {name: "NG"}


def download(page: Page, button: str) -> bytes:
    with page.expect_download() as found:
        page.locator(f"#{button}").click()
    return Path(found.value.path()).read_bytes()


def test_downloads_hold_scores_heatmaps_and_a_report_of_one_file(inspected, walk):
    rows = list(csv.DictReader(io.StringIO(download(inspected, "csv").decode())))
    scores = [float(row["score"]) for row in rows]
    assert len(rows) == 4 and scores == sorted(scores, reverse=True)
    assert all((row["is_anomalous"] == "True") == (float(row["score"]) > float(row["threshold"])) for row in rows)
    archive = zipfile.ZipFile(io.BytesIO(download(inspected, "zip")))
    assert len(archive.namelist()) == 4 and archive.testzip() is None
    assert all(archive.read(name).startswith(b"\x89PNG") for name in archive.namelist())
    report = download(inspected, "report").decode()
    assert report.lstrip().lower().startswith("<!doctype html") and "Inspection of bottle" in report
    assert all(row["photo"] in report for row in rows) and "data:image/" in report
    assert not re.search(r"(src|href)=[\"']?https?://", report)


def test_the_walk_asks_nobody_but_the_app(inspected, walk, app):
    assert len(walk.asked) > 50
    assert {url for url in walk.asked if not url.startswith((f"{app.url}/", "data:", "blob:"))} == set()
