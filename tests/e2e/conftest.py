"""One page that walks through the steps: each fixture takes it one further, uploaded to inspected; test_app.py comes first."""

import shutil
from types import SimpleNamespace

import pytest
from browser import open_page
from photos import category, normals
from playwright.sync_api import Page, expect
from walking import cells, entry, part_of, photos, start, status, step


@pytest.fixture(scope="session")
def walk(app, browser):
    """The page that walks, and what it asked for on the way."""
    page = open_page(browser)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url)
    yield SimpleNamespace(page=page, asked=asked)
    page.context.close()


@pytest.fixture(scope="session")
def uploaded(walk, app) -> Page:
    page = walk.page
    page.locator("#upload-normals input[type=file]").set_input_files(photos(*normals("bottle", 2)))
    expect(page.locator("#normals img")).to_have_count(2)
    walk.part = part_of(page, app)
    return page


@pytest.fixture(scope="session")
def ranked(uploaded) -> Page:
    step(uploaded, 2)
    entry(uploaded, "object-name").fill("bottle")
    uploaded.locator("#find-prompts").click()
    status(uploaded, "Ranking prompts: done.")
    expect(entry(uploaded, "prompt")).not_to_have_value("")  # the step is drawn by a call of its own, after that line
    expect(cells(uploaded, "prompt-table", 1)).not_to_have_count(0)
    return uploaded


@pytest.fixture(scope="session")
def generating(ranked) -> Page:
    start(ranked, 4, 2)
    expect(ranked.locator("#status .tg-running")).to_contain_text("Generating images")
    return ranked


@pytest.fixture(scope="session")
def generated(generating) -> Page:
    status(generating, "Generating images: done.")
    return generating


@pytest.fixture(scope="session")
def trained(generated) -> Page:
    step(generated, 4)
    generated.locator("#train").click()
    status(generated, "Training the detector: done.")
    return generated


@pytest.fixture(scope="session")
def inspected(trained, tmp_path_factory) -> Page:
    folder, given = tmp_path_factory.mktemp("tests"), []
    for kind in ("good", "broken_large"):
        for number, file in enumerate(sorted((category("bottle") / "test" / kind).iterdir())[:2]):
            given.append(shutil.copy(file, folder / f"{kind}_{number}{file.suffix}"))
    step(trained, 5)
    trained.locator("#upload-tests input[type=file]").set_input_files(photos(*given))
    expect(trained.locator("#tests-count")).to_contain_text("4 photos to inspect.")
    trained.locator("#inspect").click()
    status(trained, "Inspecting photos: done.")
    expect(cells(trained, "verdicts", 1)).to_have_count(4)  # the table is drawn by a call of its own, after that line
    return trained
