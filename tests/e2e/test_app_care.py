"""The web app beside its straight way: accessibility, phones, links, uploads that cannot be used."""

import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import open_page
from photos import normals
from playwright.sync_api import Page, expect
from walking import SHOWS, STEPS, cells, photos, step


def axe_found(page: Page) -> list[str]:
    """Critical faults of the page as it is."""
    violations = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in violations if v["impact"] == "critical"]


@pytest.mark.parametrize("number", STEPS)
def test_no_step_has_a_critical_fault_of_accessibility(inspected, number):
    step(inspected, number)
    assert axe_found(inspected) == []


@pytest.fixture(scope="module")
def phone(inspected, walk, browser, app):
    page = open_page(browser, 390, 844)
    page.goto(f"{app.url}/?part={walk.part.name}")
    expect(page.locator("#status")).not_to_be_empty()
    yield page
    page.context.close()


@pytest.mark.parametrize("number", STEPS)
def test_nothing_is_wider_than_a_phone(phone, number):
    step(phone, number)
    expect(phone.locator(SHOWS[number]).first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_link_opens_its_part_where_it_was_left(inspected, walk, browser, app):
    page = open_page(browser)
    page.goto(f"{app.url}/?part={walk.part.name}")
    expect(page.locator("#steps").get_by_role("tab").nth(4)).to_have_attribute("aria-selected", "true")
    expect(cells(page, "verdicts", 1)).to_have_count(4)
    page.context.close()


def test_a_step_that_a_person_opens_wins_over_the_one_that_the_page_would_open(inspected, walk, browser, app):
    page = open_page(browser)
    page.goto(f"{app.url}/?part={walk.part.name}", wait_until="commit")
    page.locator("#step-2-button").click()  # before the page knows which part it shows
    expect(cells(page, "prompt-table", 1)).not_to_have_count(0)
    expect(page.locator("#step-2")).to_be_visible()
    page.context.close()


def test_a_new_part_is_empty_and_the_recent_one_comes_back_with_its_link(inspected, walk, browser, app):
    page = open_page(browser)
    page.goto(f"{app.url}/?part={walk.part.name}")
    expect(cells(page, "verdicts", 1)).to_have_count(4)
    page.locator("#new-part").click()
    expect(page.locator("#normal-notes")).to_contain_text("No photos yet")
    page.wait_for_function("!new URLSearchParams(location.search).has('part')")
    page.locator("#recent input").click()
    page.get_by_role("option", name=re.compile("bottle")).last.click()
    page.wait_for_function("new URLSearchParams(location.search).has('part')")
    expect(page.locator("#normals img")).not_to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("id", ["000000000000", "../../etc/passwd"])
def test_an_unknown_link_opens_an_empty_page(browser, app, id):
    page = open_page(browser)
    page.goto(f"{app.url}/?part={id}")
    expect(page.locator("#banner")).to_contain_text("Models: embedded")
    expect(page.locator("#normal-notes")).to_contain_text("No photos yet")
    expect(page.locator("#to-prompts")).to_be_disabled()
    page.context.close()


def bad_files(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Uploads that cannot be used, and a word of the sentence that says so."""
    empty_, text, copy = folder / "empty.png", folder / "text.png", folder / "copy.jpg"
    empty_.write_bytes(b"")
    text.write_text("This is no picture.")
    shutil.copy(normals("bottle", 1)[0], copy)
    twice = photos(*normals("bottle", 1), copy)
    return {"empty": (photos(empty_), "empty.png"), "text": (photos(text), "text.png"), "twice": (twice, "copy.jpg")}


@pytest.mark.parametrize("kind", ["empty", "text", "twice"])
def test_a_bad_upload_is_one_sentence_and_the_page_goes_on(browser, app, tmp_path, kind):
    given, words = bad_files(tmp_path)[kind]
    page = open_page(browser)
    page.goto(app.url)
    expect(page.locator("#banner")).to_contain_text("Models: embedded")
    upload = page.locator("#upload-normals input[type=file]")
    upload.set_input_files(given)
    said = page.get_by_test_id("toast-body")
    expect(said).to_have_count(1)
    expect(said).to_contain_text(words)
    assert "Traceback" not in said.inner_text()
    expect(page.locator("#normals img")).to_have_count(0)
    page.get_by_test_id("toast-close").click()
    expect(said).to_have_count(0)
    page.locator("#upload-normals input[type=file]").set_input_files(photos(*normals("bottle", 1)))
    expect(page.locator("#normals img")).to_have_count(1)
    page.context.close()
