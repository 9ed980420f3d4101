"""How the tests move through the page: steps, fields, tables, the line about the job."""

import json
import shutil
from pathlib import Path

from browser import SLOW, App
from photos import normals
from playwright.sync_api import Locator, Page, expect

from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store

expect.set_options(timeout=SLOW)
JOB = 1_200_000
"""Milliseconds that a job may take: some seconds on two quiet cores; a wait ends as soon as it has ended."""
SHOWS = {1: "#normals", 2: "#prompt-table", 3: "#set-gallery", 4: "#train-result", 5: "#verdicts"}
"""Something that each step shows."""
STEPS = list(SHOWS)


def photos(*names: Path) -> list[str]:
    return [str(name) for name in names]


def step(page: Page, number: int) -> None:
    """Open one of the five steps by its tab; on a phone the last ones are behind the button with the dots."""
    row, tab = page.locator("#steps > .tab-wrapper"), page.locator(f"#step-{number}-button")
    expect(row.get_by_role("tab", selected=True)).to_have_count(1)
    if not tab.count():
        row.get_by_label("More tabs").click()
        tab = row.locator(".overflow-dropdown button").filter(has_text=f"{number} ")
    tab.click()
    expect(page.locator(f"#step-{number}")).to_be_visible()


def entry(page: Page, id: str) -> Locator:
    """The field of a text box or a number, also the one of a slider."""
    return page.locator(f"#{id} textarea, #{id} input[type=text], #{id} input[type=number]").first


def cells(page: Page, table: str, column: int) -> Locator:
    """The cells of one column of a table, counted from 1."""
    return page.locator(f"#{table} [role=gridcell][aria-colindex='{column}']")


def plot_texts(page: Page, plot: str, what: str) -> Locator:
    return page.locator(f"#{plot} .{what}")


def status(page: Page, words: str) -> None:
    """Wait until the line about the job says so; a job may take long on a busy machine."""
    expect(page.locator("#status")).to_contain_text(words, timeout=JOB)


def start(page: Page, images: int, iterations: int) -> None:
    step(page, 3)
    for name, value in (("images", images), ("iterations", iterations)):
        entry(page, name).fill(str(value))
        entry(page, name).press("Tab")
    page.locator("#start-generate").click()


def part_of(page: Page, app: App) -> Path:
    """The folder of the part that the page's address names."""
    page.wait_for_function("new URLSearchParams(location.search).get('part')")
    return app.runs / page.evaluate("new URLSearchParams(location.search).get('part')")


def made(part: Path, file: str) -> dict:
    return json.loads((part / file).read_text())


def begun(app: App, source: Path | None = None) -> Part:
    """A part of one bottle whose prompt is chosen already, as ranking leaves it."""
    part = Store(app.runs).new()
    part.add_photos(normals("bottle", 1))
    part.choose(object_name="bottle", prompt="a bottle with neck")
    if source:
        for name in ("ranking.json", "prompt_map.json", "prompts.csv"):
            shutil.copy(source / name, part.folder)
    return part
