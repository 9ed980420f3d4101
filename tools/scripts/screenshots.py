"""Pictures of the web app for docs/: the five steps with the bundled rendered part, and the last one on a phone.

    python -m tools.scripts.screenshots [--out docs]

A server of its own is started; nothing but the bundled part is shown, which is free to publish.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))  # the app in a process of its own, as the browser tests have it

from browser import App, chromium, open_page, running  # noqa: E402

PATIENCE = 900_000
WIDE, PHONE = (1440, 1000), (390, 844)
TALLEST = 1700
"""Pixels of height that a picture keeps: what is below is cut."""
IMAGES, ITERATIONS = "12", "4"
COLOURS = 200
DRAWN = """(tallest) => [...document.images].every(
  (image) => image.complete || !image.checkVisibility() || image.getBoundingClientRect().top > tallest)"""
"""Pictures of other steps, or farther down, are not loaded before somebody gets there."""


def main() -> None:
    """Walk through the steps and save each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    o = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as app, chromium() as browser:
        page = open_page(browser, *WIDE)
        page.set_default_timeout(PATIENCE)
        walk(page, app, o.out)
        phone = open_page(browser, *PHONE)
        phone.goto(page.url)
        phone.locator("#look").scroll_into_view_if_needed()  # pictures far below are not loaded before
        phone.locator("#look img").first.wait_for()
        save(phone, o.out / "app-6-phone.png", PHONE[1] * 2)


def walk(page: Page, app: App, out: Path) -> None:
    """The five steps, each saved when it is done."""
    page.goto(app.url)
    expect(page.locator("#banner")).to_contain_text("Models:")
    page.get_by_label("hex nut").check()
    expect(page.locator("#normals img")).to_have_count(5)
    save(page, out / "app-1-photos.png")
    page.locator("#to-prompts").click()
    page.locator("#find-prompts").click()
    said(page, "Ranking prompts: done.")
    save(page, out / "app-2-prompt.png")
    page.locator("#to-generate").click()
    for id, value in (("images", IMAGES), ("iterations", ITERATIONS)):
        page.locator(f"#{id} input[type=number]").fill(value)
        page.locator(f"#{id} input[type=number]").press("Tab")
    page.locator("#start-generate").click()
    said(page, "Generating images: done.")
    page.locator("#set-gallery button:has(img)").first.click()
    page.locator("#compare img").first.wait_for()
    save(page, out / "app-3-generate.png")
    page.locator("#to-train").click()
    page.locator("#train").click()
    said(page, "Training the detector: done.")
    page.locator("#check").click()
    said(page, "Checking the detector: done.")
    page.locator("#check-advised .tg-note").wait_for()
    save(page, out / "app-4-train.png")
    page.locator("#to-inspect").click()
    page.locator("#sample-tests").click()
    page.locator("#inspect:enabled").click()
    said(page, "Inspecting photos: done.")
    page.locator("#why img").first.wait_for()
    save(page, out / "app-5-inspect.png")


def said(page: Page, words: str) -> None:
    """Wait for a sentence of the line about the job."""
    expect(page.locator("#status")).to_contain_text(words)


def save(page: Page, file: Path, tallest: int = TALLEST) -> None:
    """The page from its top, in few colours so that the file is small."""
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_function(DRAWN, arg=tallest)
    page.wait_for_timeout(1500)  # plots and the slider move into place
    image = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, tallest)))
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}  {image.width} × {image.height} px  {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
