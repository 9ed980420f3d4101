"""How long the web app lets people wait: first page, one photo to its first heatmap, page updates, return after a refresh.

    python -m tools.benchmarks.app [--skip-heatmap]

Everything is driven through the page in headless Chromium, with the bundled rendered part and a server of its own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, Request, expect

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))  # the app in a process of its own, as the browser tests have it

from browser import App, chromium, open_page  # noqa: E402

from tgvig_core.photos.images import read_photo, save_png, to_square  # noqa: E402
from tgvig_core.runs.settings import SIZE  # noqa: E402
from tgvig_core.storage.run_folder import Run  # noqa: E402
from tgvig_ui.parts.part import Part  # noqa: E402
from tgvig_ui.parts.store import Store  # noqa: E402

PART = ROOT / "assets" / "samples" / "hex_nut"
PATIENCE = 300_000
SETS, IMAGES = 50, 20
"""1000 generated images, in the most sets that the page makes of its default size."""
SETTLED_MS = 2500
"""Milliseconds that a page has had for itself before it is refreshed."""
UPDATES = 60
STARTS = 5


def main() -> None:
    """Measure once and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-heatmap", action="store_true", help="leave out the longest measurement")
    o = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        app = App(Path(folder))
        try:
            starts = [first_page(app, open_page(browser)) for _ in range(STARTS)]
            rows = [
                (
                    f"process start to first page, {min(starts):.2f} to {max(starts):.2f}",
                    statistics.median(starts),
                    "5 s",
                )
            ]
            page = open_page(browser)
            page.set_default_timeout(PATIENCE)
            page.goto(app.url)
            if not o.skip_heatmap:
                rows.append(("1 photo to first heatmap, 20 × 5 images", heatmap(page), "120 s"))
            part = crowded(app)
            page.goto(f"{app.url}/?part={part.id}")
            rows += [(f"page back after a refresh, {SETS} sets of {IMAGES} images", back(page, part), "1 s")]
            rows += updates(page)
        finally:
            app.stop()
    print("| what | measured | goal |\n|---|---|---|")
    for what, seconds, goal in rows:
        print(f"| {what} | {seconds:.2f} s | {goal} |")


def first_page(app: App, page: Page) -> float:
    """From starting the process until a browser that never saw the page shows the first step."""
    app.stop()
    began = time.perf_counter()
    app.start()
    page.goto(app.url)
    page.locator("#upload-normals").wait_for()
    seconds = time.perf_counter() - began
    page.context.close()
    return seconds


def heatmap(page: Page) -> float:
    """From giving one photo until the heatmap of one test photo is there, with the settings that the page proposes."""
    began = time.perf_counter()
    page.locator("#upload-normals input[type=file]").set_input_files(str(PART / "train" / "good" / "000.jpg"))
    expect(page.locator("#normals img")).to_have_count(1)
    page.locator("#to-prompts").click()
    field(page, "object-name").fill("metal nut")
    page.locator("#find-prompts").click()
    said(page, "Ranking prompts: done.")
    page.locator("#to-generate").click()
    page.locator("#start-generate").click()
    said(page, "Generating images: done.")
    page.locator("#to-train").click()
    page.locator("#train").click()
    said(page, "Training the detector: done.")
    page.locator("#to-inspect").click()
    page.locator("#upload-tests input[type=file]").set_input_files(str(PART / "test" / "scratch" / "000.jpg"))
    page.locator("#inspect:enabled").click()
    page.locator("#look img").first.wait_for()
    return time.perf_counter() - began


def crowded(app: App) -> Part:
    """A part whose first generation holds many images, as a long run leaves them."""
    part = Store(app.runs).new()
    part.add_photos([PART / "train" / "good" / "000.jpg"])
    part.choose(object_name="metal nut", prompt="a metal nut with thread", generation=1, chosen_set=1)
    pictures = square_pictures(part.folder.parent.parent)
    run = Run.create(part.generation(1), {"settings": {"integrating": {"iterations": SETS}, "prompt": "a metal nut"}})
    for number in range(1, SETS + 1):
        folder = run.folder / "sets" / f"{number:03d}"
        folder.mkdir(parents=True)
        for image in range(IMAGES):
            shutil.copy(pictures[image % len(pictures)], folder / f"{image:04d}.png")
        run.journal("iteration", number=number, similarity=0.3 + number / 1000)
    return part


def square_pictures(folder: Path) -> list[Path]:
    """Good photos in the frame of generated images."""
    made = []
    for photo in sorted((PART / "train" / "good").glob("*.jpg")):
        made.append(folder / f"{photo.stem}.png")
        save_png(to_square(read_photo(photo).pixels, SIZE), made[-1])
    return made


SHOWN = """() => new Promise((done) => {
  const look = () => {
    const image = document.querySelector('#set-gallery img');
    image && image.complete && image.naturalWidth ? done(performance.now()) : requestAnimationFrame(look);
  };
  look();
})"""


def back(page: Page, part: Part) -> float:
    """From a refresh until a generated image is drawn again, by the page's own clock; the median of seven."""
    page.locator("#set-gallery img").first.wait_for()
    expect(page.locator("#banner")).not_to_contain_text("Looking for models")  # the server has done its own start
    times = []
    for _ in range(7):
        page.wait_for_timeout(SETTLED_MS)
        page.reload(wait_until="commit")
        times.append(page.evaluate(SHOWN) / 1000)
    assert part.id in page.url
    return statistics.median(times)


def updates(page: Page) -> list[tuple[str, float, str]]:
    """Round trips of the page's timer while a generation runs."""
    times: list[float] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/gradio_api/run/" in request.url:
            times.append(request.timing["responseEnd"] / 1000)

    for id, count in (("images", 4), ("iterations", SETS)):  # long enough for all updates
        page.locator(f"#{id} input[type=number]").fill(str(count))
        page.locator(f"#{id} input[type=number]").press("Tab")
    page.locator("#start-generate").click()
    expect(page.locator("#status .tg-running")).to_contain_text("Iteration 1 of")
    page.on("requestfinished", note)
    deadline = time.monotonic() + PATIENCE / 1000
    while len(times) < UPDATES and time.monotonic() < deadline:
        page.wait_for_timeout(500)
    page.locator("#stop").click()
    said(page, "Generating images: stopped.")
    cuts = statistics.quantiles(times, n=20)
    what = f"page update while a generation runs, {len(times)} of them"
    return [(f"{what}, median", statistics.median(times), "–"), (f"{what}, p95", cuts[-1], "–")]


def field(page: Page, id: str):
    """The text field of a component."""
    return page.locator(f"#{id} textarea, #{id} input").first


def said(page: Page, words: str) -> None:
    """Wait for a sentence of the status line."""
    expect(page.locator("#status")).to_contain_text(words)


if __name__ == "__main__":
    main()
