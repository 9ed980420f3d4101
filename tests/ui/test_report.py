"""The report holds everything it shows, says what it was given, and lets no file name become part of the page."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import photos
import pytest
from PIL import Image

from tgvig_core.photos.images import save_png
from tgvig_core.reports.pages import environment
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.report import ReportFacts, ReportPhoto, write_report

pytestmark = pytest.mark.quick

HOSTILE = "<script>alert('1')<script> & \"2\".png"
EVIL = "<i>\"M8\" & 'more'</i>"


def drawn(similarity: list[float], best: int) -> str:
    """The curve's SVG."""
    return environment().get_template("drawings.html").module.curve_svg(similarity, best)


class Page(HTMLParser):
    """What a browser makes of the page: its tags, the attributes that fetch something, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.fetched, self.alts, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        self.alts += [value for name, value in attrs if name == "alt"]

    def handle_data(self, data):
        self.text += data


def photo(folder: Path, name: str, score: float, anomalous: bool, **more) -> ReportPhoto:
    file = folder / name
    save_png(photos.noise(int(score * 10), 600, 900), file)
    save_png(photos.noise(1, 900, 300), folder / f"heat{score}.png")
    return ReportPhoto(
        file,
        name,
        score,
        score / (1 + score),
        anomalous,
        more.get("decision"),
        folder / f"heat{score}.png",
        more.get("regions", ()),
    )


@pytest.fixture
def facts(tmp_path) -> ReportFacts:
    sets = []
    for number in range(14):
        sets.append(tmp_path / f"set{number}.png")
        save_png(photos.noise(number, 256, 256), sets[-1])
    shown = (
        photo(tmp_path, "low.png", 0.5, False, decision="OK"),
        photo(tmp_path, HOSTILE, 3.25, True, decision=EVIL, regions=("12 × 8 px", EVIL)),
        photo(tmp_path, "middle.png", 2.0, False),
    )
    return ReportFacts(
        title=EVIL, part=EVIL, date="2026-07-30", pack="embedded", device="cpu", learned=EVIL, prompt=EVIL,
        similarity=(0.2, 0.25, 0.24), best_set=2, set_images=tuple(sets), threshold=2.5,
        threshold_words="Set for 5% false alarms from 3 photos.", photos=shown,
        figures={"image_auroc": 0.934, "false_alarm": 0.05, "pro": None},
    )  # fmt: skip


@pytest.fixture
def written(facts, tmp_path) -> str:
    write_report(tmp_path / "report.html", facts)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_report_asks_nothing_of_any_network(written):
    page = Page(written)
    words = re.sub(r"base64,[^\"]+", "", written)  # four letters of a picture's data can be any
    assert "http" not in words and "url(" not in words and "@import" not in words
    assert page.fetched and all(source.startswith("data:image/jpeg;base64,") for source in page.fetched)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


def test_names_and_words_are_shown_to_the_letter(written):
    page = Page(written)
    assert "script" not in page.tags and "i" not in page.tags
    assert HOSTILE in page.text and page.text.count(EVIL) == 7  # title twice, part, learned, prompt, decision, region
    assert f"Photo {HOSTILE}" in page.alts


def test_pictures_decode_and_are_small(written):
    images = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'base64,([^"]+)"', written)]
    for image in images:
        image.load()
    assert len(images) == 12 + 2 * 3
    assert {image.size for image in images} == {(240, 240), (480, 320), (160, 480)}


def test_a_picture_is_that_of_its_file(tmp_path, facts):
    pixels = np.zeros((40, 80, 3), dtype=np.uint8) + np.array([200, 60, 20], dtype=np.uint8)
    save_png(pixels, facts.photos[0].path)
    write_report(tmp_path / "r.html", replace(facts, photos=facts.photos[:1], set_images=()))
    data = re.search(r'base64,([^"]+)"', (tmp_path / "r.html").read_text()).group(1)
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert seen.shape == (40, 80, 3) and np.abs(seen.astype(int) - pixels).max() <= 3


def test_photos_come_worst_first_with_verdict_score_decision_and_regions(written):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", written[written.index("Photos, highest score first") :]))
    scores = [float(score) for score in re.findall(r"raw score (\d+\.\d+)", text)]
    assert scores == [3.25, 2.0, 0.5]
    assert re.findall(r"\b(ANOMALOUS|GOOD)\b", text) == ["ANOMALOUS", "GOOD", "GOOD"]
    assert "Own decision: OK" in text and "12 × 8 px" in text


def test_the_facts_are_told(written):
    text = Page(written).text
    for said in ("1 of 3 photos called anomalous.", "embedded", "cpu", "2.500 raw, shown as 0.5",
                 "Set for 5% false alarms from 3 photos.", "Set 2: 12 of 14 generated images", "0.934", "5.0%"):  # fmt: skip
        assert said in text
    assert "PRO" not in text  # it could not be measured


def test_without_labels_there_is_no_section_about_them(tmp_path, facts):
    write_report(tmp_path / "r.html", replace(facts, figures={}, photos=(), similarity=(), set_images=()))
    text = (tmp_path / "r.html").read_text()
    assert "Against the labels" not in text and "<svg" not in text and "No photo was inspected." in text


def test_the_curve_rises_where_the_similarity_does():
    svg = drawn([0.2, 0.25, 0.24], 2)
    places = [tuple(map(float, pair.split(","))) for pair in re.search(r'points="([^"]+)"', svg).group(1).split()]
    (x1, y1), (x2, y2), (x3, y3) = places
    assert x1 < x2 < x3 and y2 < y3 < y1  # in SVG up is less
    assert (y1 - y3) / (y1 - y2) == pytest.approx(0.8, abs=0.01)
    assert f'cx="{x2}" cy="{y2}" r="7"' in svg
    assert ">0.200<" in svg and ">0.250<" in svg
    assert 'r="7"' in drawn([0.3], 1)


def test_a_photo_that_is_gone_leaves_a_sentence(tmp_path, facts):
    facts.photos[1].path.unlink()
    write_report(tmp_path / "r.html", facts)
    assert f"Photo {HOSTILE} cannot be read any more." in Page((tmp_path / "r.html").read_text()).text


def test_names_that_are_no_text_can_be_written(tmp_path, facts):
    odd = replace(facts.photos[0], path=Path("caf\udce9.png"), name="caf\udce9.png")
    write_report(tmp_path / "r.html", replace(facts, photos=(odd,)))
    assert "caf?.png" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path, facts):
    (tmp_path / "file").write_text("")
    with pytest.raises(TgvigError, match="Choose a writable folder"):
        write_report(tmp_path / "file" / "report.html", facts)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(TgvigError, match="cannot be written"):
        write_report(tmp_path / "report.html", facts)
    assert not list(tmp_path.glob(".*.draft"))
