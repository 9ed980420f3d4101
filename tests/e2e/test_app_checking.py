"""Step 4's check in the browser: plots and words that a refresh keeps, Stop, the synthetic defects; on a phone, too."""

import json
import re
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import open_page
from photos import normals
from playwright.sync_api import expect
from walking import entry, plot_texts, status, step

from tgvig_ui.parts.store import Store
from tgvig_ui.parts.trained import check_of


@pytest.fixture(scope="module")
def trained(browser, app):
    """The page of two bottles whose detector learned from them alone."""
    part, page = Store(app.runs).new(), open_page(browser)
    part.add_photos(normals("bottle", 2))
    page.goto(f"{app.url}/?part={part.id}")
    expect(page.locator("#normals img")).to_have_count(2)
    step(page, 4)
    expect(page.locator("#check")).to_be_disabled()
    page.locator("#arm").get_by_label("Photos only").check()
    page.locator("#train").click()
    status(page, "Training the detector: done.")
    expect(page.locator("#check-said")).to_contain_text("Not checked yet.")
    yield SimpleNamespace(page=page, part=part)
    page.context.close()


@pytest.fixture(scope="module")
def checked(trained):
    page = trained.page
    page.locator("#check").click()
    expect(page.locator("#status .tg-running")).to_contain_text("Checking the detector")
    page.locator("#stop").click()
    status(page, "Checking the detector: stopped.")
    assert check_of(trained.part) is None
    expect(page.locator("#check-result")).to_be_hidden()
    page.locator("#check").click()
    status(page, "Checking the detector: done.")
    return trained


def test_a_stopped_check_leaves_nothing_and_a_finished_one_shows_what_it_found(checked):
    page, found = checked.page, check_of(checked.part)
    kinds = found["detectability"]["kinds"]
    expect(page.locator("#check-missed")).to_contain_text(found["detectability"]["words"])
    expect(page.locator("#check-advised")).to_contain_text(found["advice"]["words"].split(". ")[0])
    counts = [f"{share['found']}/{share['trials']}" for kind in kinds for share in kind["strengths"]]
    expect(plot_texts(page, "check-strengths", "heatmap-label")).to_have_text(counts)
    expect(plot_texts(page, "check-advice", "ytick")).to_have_count(len(found["advice"]["arms"]) - 1)
    page.locator("#check-words").get_by_role("button").click()
    expect(page.locator("#check-kinds li")).to_have_text([kind["words"] for kind in kinds])
    assert [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] == "critical"] == []


def test_defects_are_shown_beside_the_good_photo_and_judged(checked):
    page = checked.page
    page.locator("#defects").get_by_role("button", name="See the synthetic defects").click()
    pictures = page.locator("#defect-pictures img")
    expect(pictures).to_have_count(2)
    expect(page.locator("#defect-verdict")).to_contain_text(re.compile(r"score \d+\.\d\d, threshold"))
    spoiled = pictures.nth(1).get_attribute("src")
    page.locator("#defect-another").click()
    expect(pictures.nth(1)).not_to_have_attribute("src", spoiled)
    page.locator("#defect-kind input").click()
    page.get_by_role("option", name="Dents").click()
    expect(page.locator("#defect-what")).to_contain_text("bump or hollow")
    entry(page, "defect-size").fill("40")
    entry(page, "defect-size").press("Tab")
    chosen = ("dent", 40, 1)
    for _ in range(3000):  # until the server has written what the page sent
        choices = json.loads((checked.part.folder / "part.json").read_text())
        if (choices["defect_kind"], choices["defect_size"], choices["defect_place"]) == chosen:
            break
        page.wait_for_timeout(100)
    assert (choices["defect_kind"], choices["defect_size"], choices["defect_place"]) == chosen


def test_a_refresh_on_a_phone_shows_the_same_and_nothing_is_wider(checked, browser, app):
    page, found = open_page(browser, 390, 844), check_of(checked.part)
    page.goto(f"{app.url}/?part={checked.part.id}")
    expect(page.locator("#status")).not_to_be_empty()
    step(page, 4)
    expect(page.locator("#check-missed")).to_contain_text(found["detectability"]["words"])
    expect(plot_texts(page, "check-strengths", "heatmap-label").first).to_be_visible()
    page.locator("#defects").get_by_role("button", name="See the synthetic defects").click()
    expect(page.locator("#defect-pictures img")).to_have_count(2)
    expect(page.locator("#defect-what")).to_contain_text("bump or hollow")
    expect(entry(page, "defect-size")).to_have_value("40")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def test_a_new_training_takes_the_check_away(checked):
    page = checked.page
    page.locator("#train").click()
    status(page, "Training the detector: done.")
    expect(page.locator("#check-said")).to_contain_text("Not checked yet.")
    assert check_of(checked.part) is None
