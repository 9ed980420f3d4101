"""Choices beside the straight way in steps 1 to 3: samples, folders, meanings of a name, own prompts, other sets."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import open_page
from photos import normals
from playwright.sync_api import Locator, Page, expect
from walking import begun, cells, entry, made, plot_texts, start, status, step

from tgvig_ui.parts.generations import settings_of, similarity
from tgvig_ui.parts.store import Store

OWN = "a clean bottle seen from above"


@pytest.fixture
def page(browser):
    """A fresh visitor."""
    page = open_page(browser)
    yield page
    page.context.close()


@pytest.fixture
def empty(page, app):
    """The visitor's page before there is a part."""
    page.goto(app.url)
    expect(page.locator("#banner")).to_contain_text("Models: embedded")
    return page


@pytest.fixture
def two(page, app):
    """The page of a part of two bottles."""
    part = Store(app.runs).new()
    part.add_photos(normals("bottle", 2))
    page.goto(f"{app.url}/?part={part.id}")
    expect(page.locator("#normals img")).to_have_count(2)
    return SimpleNamespace(page=page, part=part)


def test_a_sample_part_brings_its_photos_and_its_name(empty):
    empty.locator("#samples").get_by_label("hex nut").click()
    expect(empty.locator("#normals img")).to_have_count(5)
    step(empty, 2)
    expect(entry(empty, "object-name")).to_have_value("metal nut")


def test_a_typed_folder_is_read_and_a_wrong_one_is_named(empty, tmp_path):
    names = [Path(shutil.copy(photo, tmp_path / f"folder_{photo.name}")).name for photo in normals("bottle", 2)]
    empty.locator("#step-1").get_by_role("button", name="Photos in a folder of this computer").click()
    entry(empty, "normals-path").fill(str(tmp_path / "nowhere"))
    empty.locator("#take-path").click()
    expect(empty.get_by_test_id("toast-body")).to_contain_text("nowhere")
    expect(empty.locator("#normals img")).to_have_count(0)
    entry(empty, "normals-path").fill(str(tmp_path))
    empty.locator("#take-path").click()
    expect(empty.locator("#normals .caption-label")).to_have_text(names)


def test_how_parts_may_lie_survives_a_reload_and_stays_with_its_part(two):
    page, flips, turns = two.page, two.page.get_by_label("mirrored"), two.page.get_by_label("rotated by 90°")
    with page.expect_response("**/queue/join*"):
        flips.click()
    page.reload()
    expect(page.locator("#normals img")).to_have_count(2)
    expect(flips).to_be_checked()
    expect(turns).not_to_be_checked()
    assert (two.part.choices.flips, two.part.choices.turns) == (True, False)
    page.locator("#new-part").click()
    expect(page.locator("#normal-notes")).to_contain_text("No photos yet")
    expect(flips).not_to_be_checked()


def test_only_the_selected_photo_is_removed(two):
    page, second = two.page, two.part.photos()[1]
    page.locator("#remove-normal").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("No photo is selected")
    page.locator("#normals button:has(img)").first.click()
    expect(page.locator("#normals button.selected")).to_have_count(1)
    page.locator("#remove-normal").click()
    expect(page.locator("#normals img")).to_have_count(1)
    assert two.part.photos() == [second]


@pytest.fixture(scope="module")
def own(ranked, walk, browser, app):
    """A page of a part of its own, two bottles and their ranking: the page that walks stays as it is."""
    part, page = begun(app, walk.part), open_page(browser)
    part.add_photos(normals("bottle", 2)[1:])
    page.goto(f"{app.url}/?part={part.id}")
    step(page, 2)
    expect(cells(page, "prompt-table", 1)).not_to_have_count(0)
    yield SimpleNamespace(page=page, part=part)
    page.context.close()


def option(page: Page, dropdown: str, place: int) -> Locator:
    """An entry of a dropdown, counted from 0, once its list is open."""
    page.locator(f"#{dropdown} input").click()
    return page.get_by_role("option").nth(place)


def listed(page: Page) -> list[str]:
    """The prompts as the table shows them."""
    return [text.strip() for text in cells(page, "prompt-table", 1).all_inner_texts()]


def test_no_cell_can_be_edited(own):
    before = listed(own.page)
    cells(own.page, "prompt-table", 1).first.dblclick()
    own.page.keyboard.type("changed")
    expect(
        own.page.locator("#prompt-table [role=gridcell] :is(input, textarea, [contenteditable=true])")
    ).to_have_count(0)
    expect(entry(own.page, "prompt")).to_have_value(before[0])  # the click chose that row, and did nothing else
    assert listed(own.page) == before


def test_a_click_in_the_sorted_and_searched_table_chooses_what_it_says(own):
    page, head = own.page, own.page.locator("#prompt-table [role=columnheader][aria-colindex='2']")
    head.hover()
    head.get_by_label("Open cell menu").click()
    page.get_by_role("menuitem", name="Sort ascending").click()
    expect(head.get_by_label("Sorted ascending")).to_be_visible()
    scores = [float(text) for text in cells(page, "prompt-table", 2).all_inner_texts()]
    assert scores == sorted(scores) and scores[0] < scores[-1]
    page.locator("#prompt-table .search-input").fill("jug")
    expect(cells(page, "prompt-table", 1).filter(has_not_text="jug")).to_have_count(0)
    assert len(listed(page)) > 1
    last = listed(page)[-1]
    cells(page, "prompt-table", 1).last.click()
    expect(entry(page, "prompt")).to_have_value(last)
    assert own.part.choices.prompt == last


def test_a_chosen_prompt_tells_its_meaning_its_place_and_how_it_fits_each_photo(own):
    page = own.page
    chosen = next(p for p in made(own.part.folder, "ranking.json")["prompts"] if p["text"] == own.part.choices.prompt)
    detail = page.locator("#prompt-detail")
    expect(detail).to_contain_text(f"“{chosen['gloss']}.”")
    expect(detail).to_contain_text(f"Its place in WordNet: {' › '.join(chosen['place'])}.")
    page.get_by_role("tab", name="Chosen prompt, photo by photo").click()
    expect(plot_texts(page, "photo-bars", "ytick")).to_have_text([photo.name[5:] for photo in own.part.photos()])
    expect(page.locator("#photo-bars .barlayer .point")).to_have_count(2)


def test_another_meaning_ranks_other_prompts(own):
    page, before = own.page, made(own.part.folder, "ranking.json")
    page.reload()
    step(page, 2)
    wanted = next(place for place, sense in enumerate(before["senses"]) if sense["synset"] != before["sense"])
    option(page, "sense", wanted).click()
    status(page, "Ranking prompts: done.")
    after = made(own.part.folder, "ranking.json")
    assert after["sense"] == before["senses"][wanted]["synset"] == own.part.choices.sense
    assert {prompt["text"] for prompt in after["prompts"]} != {prompt["text"] for prompt in before["prompts"]}
    expect(entry(page, "prompt")).to_have_value(after["best"])
    expect(cells(page, "prompt-table", 1).first).to_contain_text(after["prompts"][0]["text"])
    definition = next(sense["definition"] for sense in after["senses"] if sense["synset"] == after["sense"])
    expect(page.locator("#sense input")).to_have_value(re.compile(re.escape(definition)))


@pytest.fixture(scope="module")
def finished(own):
    """The page with a prompt of one's own, whose generation was ended after an iteration."""
    page = own.page
    step(page, 2)
    entry(page, "prompt").fill(OWN)
    entry(page, "prompt").press("Enter")
    expect(page.locator("#prompt-detail")).to_contain_text("This is a prompt of your own.")
    start(page, 1, 3)
    page.locator("#finish").click()
    status(page, "Ended after an iteration, as you asked.")
    return own


def test_a_prompt_of_ones_own_is_generated_for(finished):
    expect(finished.page.locator("#generate-prompt")).to_contain_text(OWN)
    assert settings_of(finished.part, 1).prompt == OWN


def test_finish_keeps_the_set_of_the_running_iteration(finished):
    sets = len(similarity(finished.part, 1))
    assert 1 <= sets < 3
    expect(finished.page.locator("#set-gallery img")).to_have_count(1)
    expect(finished.page.locator("#curve-said")).to_contain_text(f"Set {finished.part.choices.chosen_set} is used")
    expect(finished.page.locator("#finish")).to_be_hidden()


@pytest.fixture(scope="module")
def continued(finished):
    """The same page after Continue: all three sets are there."""
    finished.page.locator("#continue-generate").click()
    expect(finished.page.locator("#status")).not_to_contain_text("as you asked")
    status(finished.page, "Generating images: done.")
    assert len(similarity(finished.part, 1)) == 3
    return finished


def test_another_set_than_the_best_is_used(continued):
    page, best = continued.page, continued.part.choices.chosen_set
    expect(page.locator("#set input")).to_have_value(re.compile(f"Set {best} .* best"))
    other = next(number for number in (1, 2, 3) if number != best)
    option(page, "set", other - 1).click()
    use = page.locator("#use-set")
    expect(use).to_have_text("Use this set")
    use.click()
    expect(use).to_have_text("This set is used")
    expect(use).to_be_disabled()
    expect(page.locator("#curve-said")).to_contain_text(f"Set {other} is used for training.")
    assert continued.part.choices.chosen_set == other


def test_an_image_is_thrown_out_and_taken_back_in(continued):
    page, out = continued.page, continued.page.locator("#leave-out")
    page.locator("#set-gallery button:has(img)").click()
    expect(out).to_have_text("Exclude image 1")
    out.click()
    expect(page.locator("#set-gallery .caption-label")).to_have_text(["excluded"])
    assert continued.part.choices.left_out == (0,)
    expect(out).to_have_text("Include image 1 again")
    out.click()
    expect(out).to_have_text("Exclude image 1")
    expect(page.locator("#set-gallery")).not_to_contain_text("excluded")
    assert continued.part.choices.left_out == ()
