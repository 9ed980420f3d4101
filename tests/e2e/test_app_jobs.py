"""Jobs of the web app: Stop and Continue, several prompts at once, a server that is killed."""

import signal

import pytest
from browser import App, open_page
from playwright.sync_api import expect
from walking import JOB, begun, made, plot_texts, start, status, step

from tgvig_ui.parts.generations import similarity


def test_stop_keeps_what_is_there_and_continue_finishes(browser, app):
    part, page = begun(app), open_page(browser)
    page.goto(f"{app.url}/?part={part.id}")
    step(page, 3)
    expect(page.locator("#estimate")).to_contain_text("GB of memory")  # before anything is started
    start(page, 1, 3)
    expect(page.locator("#set-gallery img")).to_have_count(1, timeout=JOB)
    page.locator("#stop").click()
    status(page, "Generating images: stopped.")
    assert 1 <= len(similarity(part, 1)) < 3
    page.locator("#continue-generate").click()
    status(page, "Generating images: done.")
    assert len(similarity(part, 1)) == 3
    expect(page.locator("#continue-generate")).to_be_hidden()
    page.context.close()


def test_prompts_are_compared_side_by_side(ranked, walk, browser, app):
    part, page = begun(app, walk.part), open_page(browser)
    page.goto(f"{app.url}/?part={part.id}")
    step(page, 3)
    page.locator("#step-3").get_by_role("button", name="More choices").click()
    page.locator("#others").get_by_label("Worst").check()
    start(page, 2, 1)
    status(page, "Generating images: done.")
    worst = made(walk.part, "ranking.json")["worst"]
    rows = page.locator("#comparison tbody tr")
    expect(rows).to_have_count(2)
    for row, prompt in zip((rows.nth(0), rows.nth(1)), ("a bottle with neck", worst), strict=True):
        expect(row).to_contain_text(prompt)
        expect(row.locator("img")).to_have_count(2)
    for number in (1, 2):
        found = made(part.folder, f"generations/{number}/quality.json")
        measured = [f"{found['ssim']:.3f}", f"{found['psnr']:.1f}", f"{found['perceptual']:.3f}"]
        for place, text in enumerate(measured, 3):
            expect(rows.nth(number - 1).locator("td").nth(place)).to_have_text(text)
    expect(plot_texts(page, "curve", "scatterlayer .trace")).not_to_have_count(0)
    expect(page.locator("#generation")).to_be_visible()
    page.context.close()


@pytest.mark.slow
def test_a_killed_server_leaves_a_job_that_the_next_one_finishes(tmp_path, app, browser):
    own = App(tmp_path)
    try:
        part, page = begun(own.start()), open_page(browser)
        page.goto(f"{own.url}/?part={part.id}")
        start(page, 1, 3)
        expect(page.locator("#set-gallery img")).to_have_count(1, timeout=JOB)
        own.stop(signal.SIGKILL)
        assert 1 <= len(similarity(part, 1)) < 3 and made(part.folder, "job.json")["state"] == "running"
        page.context.close()  # a page that has lost its server reloads itself, at a time of its own choosing
        own.start()
        page = open_page(browser)
        page.goto(f"{own.url}/?part={part.id}")
        status(page, "Generating images: done.")
        assert len(similarity(part, 1)) == 3
        page.context.close()
    finally:
        own.stop()
