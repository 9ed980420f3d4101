"""The documentation: it builds without a warning, links lead somewhere, and a page asks no other server for anything."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from browser import open_page
from paths import ROOT
from playwright.sync_api import expect

DOCS = ROOT / "docs"
MESSAGES = "\n".join(
    path.read_text()
    for name in ("tgvig_core", "tgvig_ui", "tools")
    for path in sorted((ROOT / name).rglob("*.[ps][yh]"))
)
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Resources(HTMLParser):
    """What a browser fetches for a page by itself, and whether a link is one of those."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "next", "prev"):
            return  # told, not fetched
        if values.get(FETCHED.get(tag, "")):
            self.found.append(values[FETCHED[tag]])


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server of files that does not tell what it serves."""

    def log_message(self, *_):
        """Say nothing."""


def build(root: Path, folder: Path) -> subprocess.CompletedProcess:
    """As `make docs` does it, into another folder. (With --quiet, --strict would not count the warnings.)"""
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # the theme's notice about its own future
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_page_that_is_not_listed_and_links_that_lead_nowhere_stop_the_build(tmp_path):
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "docs/extra.md").write_text("# Extra\n\n[no](nowhere.md) [nor](scores.md#nothing)\n")
    done = build(tmp_path, tmp_path / "site")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "Aborted with 3 warnings" in said
    assert all(words in said for words in ("extra.md", "nowhere.md", "#nothing"))


def test_every_page_of_docs_is_in_the_navigation_and_built(site):
    sections = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [page for section in sections for pages in section.values() for page in pages]
    listed = [page if isinstance(page, str) else next(iter(page.values())) for page in pages]
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md"))
    for page in listed:
        text = (site / page).with_suffix(".html").read_text()
        assert len(re.findall(r"<h1[ >]", text)) == 1, page


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        parser = Resources()
        parser.feed(page.read_text())
        assert parser.found, page
        for address in parser.found:
            assert not re.match(r"(\w+:)?//", address), f"{page.name}: {address}"
            if page.name != "404.html":  # which may be shown for any address, and so begins at the root
                assert (page.parent / address.split("?")[0].split("#")[0]).is_file(), f"{page.name}: {address}"
        assert "mermaid" not in page.read_text()  # the theme would fetch its script
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text()), style


def test_a_browser_asks_this_site_alone_and_the_search_finds(site, browser):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked, page = [], open_page(browser)
    try:
        page.on("request", lambda request: asked.append(request.url))
        here = f"http://127.0.0.1:{server.server_port}/"
        for name in ("method", "scores"):
            page.goto(f"{here}{name}.html")
        page.locator("input.md-search__input").click()
        page.locator("input.md-search__input").press_sequentially("false alarms")  # the search listens to keys
        expect(page.locator(".md-search-result__item").first).to_be_visible()
    finally:
        page.context.close()
        server.shutdown()
        server.server_close()
    assert len(asked) > 10 and all(address.startswith((here, "data:", "blob:")) for address in asked), asked


@pytest.mark.parametrize("file", ["README.md", *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md")))])
def test_relative_links_lead_to_files_also_outside_the_site(file):
    text = re.sub(r"```.*?```", "", (ROOT / file).read_text(), flags=re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (ROOT / file).parent / path if path else ROOT / file
        assert target.exists(), f"{file}: {link}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            slugs = [re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads]
            assert anchor in slugs, f"{file}: {link}"


def quoted() -> list[str]:
    """The words by which docs/troubleshooting.md names messages: the first column of its tables."""
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "troubleshooting.md").read_text(), re.M)
    return [words for row in rows for words in re.findall(r"`([^`]+)`", row)]


def test_troubleshooting_names_many_messages():
    assert len(quoted()) >= 25


@pytest.mark.parametrize("words", quoted())
def test_troubleshooting_quotes_messages_that_exist(words):
    joined = re.sub(r'"\s*\n\s*f?"', "", MESSAGES)  # sentences that run over several lines
    assert words in joined


def test_the_page_on_weights_names_every_file_of_every_pack():
    from tgvig_core.packs.registry import PACKS

    text = (DOCS / "weights.md").read_text()
    files = [file for name in ("paper", "strong") for file in PACKS[name].files]
    for file in files:
        (row,) = (line for line in text.splitlines() if f"`{file.name}`" in line)
        assert f"{file.megabytes} MB" in row and (not file.repository or file.repository in row)


def test_the_pictures_are_small():
    assert all(path.stat().st_size < 420_000 for path in DOCS.iterdir() if path.suffix in (".jpg", ".png"))
