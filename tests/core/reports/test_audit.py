"""The audit report of a real run: every number is the run's own, what was excluded is named, nothing is fetched."""

import base64
import csv
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.request import OpenerDirector

import pytest
from photos import normals
from PIL import Image

from tgvig_core.bundles.manifest import Manifest
from tgvig_core.fitting.words import how_found
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.reports import pdf
from tgvig_core.reports.audit import write_audit
from tgvig_core.reports.audit_facts import read_facts
from tgvig_core.reports.drawings import axis
from tgvig_core.reports.pages import environment, words_of
from tgvig_core.reports.pdf import write_pdf
from tgvig_core.runs import pipeline
from tgvig_core.runs.card import ModelCard
from tgvig_core.runs.settings import RunSettings
from tgvig_core.utils.errors import TgvigError

HOSTILE = "<script>alert('1')</script> & \"M8\""
FILES = {"torch/model.json": "a" * 64, "onnx/model.onnx": "b" * 64}


class Page(HTMLParser):
    """What a browser makes of the page: its tags, what it would fetch, its text without the style."""

    def __init__(self, file: Path):
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.tags, self.fetched, self.text = [], [], ""
        self.feed(self.html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.text += data + " "


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run on two bottles that lie in a folder of their own: three images, two sets."""
    folder = tmp_path_factory.mktemp("audit")
    for file in normals("bottle", 2):
        shutil.copy(file, folder)
    settings = RunSettings(
        tuple(map(str, sorted(folder.glob("*.jpg")))), "bottle", str(folder / "run"), pack="embedded", device="cpu",
        generating=GeneratorSettings(images=3), integrating=IntegratorSettings(2, update=UpdateSettings(steps=1)),
    )  # fmt: skip
    pipeline.start(settings)
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy that a test may change; its photos are copies, too."""
    shutil.copytree(finished, tmp_path / "copy")
    change(
        tmp_path / "copy" / "run" / "config.json",
        settings=lambda held: held | {"photos": [str(path) for path in sorted((tmp_path / "copy").glob("*.jpg"))]},
    )
    return tmp_path / "copy" / "run"


def read(file: Path) -> dict:
    return json.loads(file.read_text())


def change(file: Path, **changes) -> dict:
    """Change entries of a JSON file, each by a value or by what a function makes of the one there."""
    held = read(file)
    held |= {key: value(held[key]) if callable(value) else value for key, value in changes.items()}
    file.write_text(json.dumps(held))
    return held


def about(run: Path, **changes) -> dict:
    """A bundle.json as tgvig_core.bundles.description writes it."""
    card = read(run / "model" / "model.json")
    found = {
        "created": "2026-07-30T12:00:00+0000", "object": "bottle", "version": "7.8.9", "limits": card["calibration"],
        "meaning": "Larger is stranger.", "models": {"torch": "torch/model.json", "onnx": "onnx/model.onnx"},
        "detector": {"name": "patchcore", "backbone": card["backbone"], "layers": card["layers"], "size": 256, "bank": 1234},
        "input": {"colour": "RGB", "shape": ["N", 3, "S", "S"]}, "outputs": {"scores": ["N"]},
        "agreement": {"onnx": {"score": 1.5e-6, "map": 2.5e-6, "photos": 6}}, "command": "tgvig run photos --seed 0",
        "by_hand": ["Somebody looked twice."], "versions": {"torch": "2.99"},
        "licences": [{"what": "EfficientNet", "licence": "Apache-2.0", "source": "timm"}],
        "files": {name: {"sha256": sha, "bytes": 1234567} for name, sha in FILES.items()},
    }  # fmt: skip
    return found | changes


def written(run: Path, **changes) -> Page:
    write_audit(run, Manifest.model_validate(about(run, **changes)), run.parent / "report.html")
    return Page(run.parent / "report.html")


def check_json(run: Path) -> dict:
    """A check of this very detector, in the form that tgvig_core.runs.steps.check writes."""
    shares = [
        {"at": at, "found": found, "trials": 4, "share": found / 4, "low": 0.1, "high": 0.9}
        for at, found in ((0.2, 1), (1.0, 4))
    ]
    sizes = [share | {"at": at} for share, at in zip(shares, (8.0, 64.0), strict=True)]
    kind = {"kind": "dent", "name": "dents", "strengths": shares, "sizes": sizes, "words": "Dents are found from 1 on."}
    arms = [{"arm": "real", "auroc": 0.9, "difference": 0.0, "low": 0.0, "high": 0.0, "sure": False},
            {"arm": "augment", "auroc": 0.932, "difference": 0.032, "low": -0.01, "high": 0.07, "sure": False}]  # fmt: skip
    found = {
        "model": ModelCard.read(run / "model").id, "arm": "tgvig",
        "detectability": {"kinds": [kind], "unseen": [], "words": "Dents: mostly found."},
        "advice": {"arms": arms, "recommended": "real", "words": "No difference could be shown."},
    }  # fmt: skip
    (run / "check.json").write_text(json.dumps(found))
    return found


def test_every_photo_is_there_with_its_checksum(run):
    page = written(run)
    for path, sha in zip(sorted(run.parent.glob("*.jpg")), read(run / "config.json")["photos_sha256"], strict=True):
        assert page.text.count(path.name) == 2 and page.text.count(sha) == 1 and f"{sha[:12]}…" in page.text


def test_a_photo_that_was_changed_or_is_gone_is_not_shown_as_what_was_learned_from(run):
    first, second = sorted(run.parent.glob("*.jpg"))
    before = written(run).tags.count("img")
    first.unlink()
    Image.new("RGB", (64, 64)).save(second)
    page = written(run)
    assert page.tags.count("img") == before - 2
    assert "no longer there" in page.text and "has been changed since" in page.text


def test_the_pictures_are_those_of_the_chosen_set(run):
    page = written(run)
    pictures = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'base64,([^"]+)"', page.html)]
    assert [picture.size for picture in pictures] == [(256, 256)] * 2 + [(160, 160)] * 3
    best = read(run / "result.json")["best_iteration"]
    wanted = Image.open(run / "sets" / f"{best:03d}" / "000.png").convert("L").resize((1, 1), Image.Resampling.BOX)
    seen = pictures[2].convert("L").resize((1, 1), Image.Resampling.BOX)
    assert abs(seen.getpixel((0, 0)) - wanted.getpixel((0, 0))) <= 1


def test_the_prompt_says_how_it_was_chosen(run):
    result = read(run / "result.json")
    page, count = written(run), len((run / "prompts.csv").read_text().splitlines()) - 1
    assert f"<q>{result['best_prompt']}</q>" in page.html and f"fits the photos best of {count} prompts" in page.text
    assert f"Sense of the name: {result['sense']}." in page.text
    rows = list(csv.DictReader((run / "prompts.csv").read_text().splitlines()))
    for row in rows[:5]:
        assert f"{row['prompt']} {row['score']}" in page.text
    change(run / "prompt.json", prompt=rows[7]["prompt"])
    assert f"A person chose it: number 8 of {count}" in written(run).text
    change(run / "prompt.json", prompt="a brown bottle")
    assert f"A person wrote it: it is none of {count}" in written(run).text


def test_what_was_excluded_is_marked_with_its_reason(run):
    reason = (
        "Its distance to the nearest real photo, 61.2, is above the 47.9 that is 2 times what a good photo may have."
    )
    card = read(run / "model" / "model.json")
    card["gate"]["images"][0] |= {"kept": False, "distance": 61.2}
    card["gate"]["limit"] = 47.9
    change(run / "model" / "model.json", gate=card["gate"], left_out=[0, 2])
    page = written(run)
    assert "1 of 3 images were learned from" in page.text
    assert f"Image 1. The gate excluded it: {reason} A person excluded it." in page.text
    assert "Image 3. A person excluded it." in page.text and "Image 2." not in page.text
    assert page.html.count('<figure class="out">') == 2


def test_an_arm_that_takes_some_images_of_another_set_is_told(run):
    change(run / "model" / "model.json", arm="tgvig:1:2", left_out=[])
    page = written(run)
    assert "Set 1: 2 of 3 images were learned from" in page.text
    assert "Image 3. Only the first 2 images were to be learned from." in page.text


def test_the_calibration_is_that_of_the_card(run):
    found, page = read(run / "model" / "model.json")["calibration"], written(run)
    for said in (f"{found['threshold']:.6g} raw: above it a photo", f"{found['pixel_threshold']:.6g} raw: above it a spot",
                 f"{found['typical']:.6g} raw: half", f"k = {found['steepness']:.6g}", "5.00% of the good parts",
                 f"{found['low']:.2%} to {found['high']:.2%}", found["words"]):  # fmt: skip
        assert said in page.text
    assert how_found(2, 0.05) in page.text and "before it was moved" not in page.text
    assert f"shown as 0.05 typical good part {found['typical']:.3f} raw" in page.text


def test_a_moved_threshold_stands_beside_the_calibrated_one(run):
    found = read(run / "model" / "model.json")["calibration"]
    moved = found | {"threshold": 99.5, "words": "The threshold was moved by hand."}
    change(run / "result.json", image_auroc=0.9, false_alarm=0.125, miss=0.375)
    assert "37.5" in written(run).text
    page = written(run, limits=moved)
    assert "37.5" not in page.text and "12.5" not in page.text  # shares at the threshold of before
    assert "measured before the threshold was moved" in page.text and "Image AUROC 0.900" in page.text
    assert "99.5 raw: above it a photo is called anomalous" in page.text
    assert f"before it was moved {found['threshold']:.6g} raw" in page.text


def test_the_axis_has_its_marks_where_the_scores_are():
    drawn = axis(30.0, 15.0, 4.2479)  # k = ln 19 / ln 2: half the threshold is shown as 0.05
    assert (drawn.typical.x - 8) / (drawn.threshold.x - 8) == pytest.approx(0.5)
    assert (drawn.threshold.x - 8) / (480 - 16) == pytest.approx(30 / 45)
    svg = environment().get_template("drawings.html").module.axis_svg(30.0, 15.0, 4.2479)
    ticks = [float(x) for x in re.findall(r'<path d="M([\d.]+) ', svg)]
    assert ticks == pytest.approx([drawn.typical.x, drawn.threshold.x], abs=0.05)
    assert "shown as 0.05" in svg and "shown as 0.5<" in svg and "15.000 raw" in svg


@pytest.mark.parametrize(
    ("photos", "rate", "said", "unsaid"),
    [
        (1, 0.05, "20 unseen views of it", "cross-fitting"),
        (4, 0.05, "Each photo was scored against a memory bank that was made without it", "conformal"),
        (20, 0.05, "One fifth of the photos after the other", "conformal"),
        # 41 photos are left out by fifths, of which one is scored: 9 photos, and 10 · 0.3 = 3 are above
        (41, 0.3, "9 of the photos, a fifth,", "law of good scores"),
        (41, 0.3, "number 7 of these 9 scores", "law of good scores"),
        (40, 0.1, "number 37 of these 40 scores", "law of good scores"),
    ],
)
def test_how_the_threshold_was_found(photos, rate, said, unsaid):
    assert said in how_found(photos, rate) and unsaid not in how_found(photos, rate)


def test_without_a_check_the_report_names_the_command(run):
    page = written(run)
    assert "No check was made of what this detector misses. To make one: tgvig check RUN" in page.text
    assert 'class="shares"' not in page.html


def test_the_check_is_shown_kind_by_kind(run):
    check_json(run)
    page = written(run)
    assert "Dents: mostly found." in page.text and "Dents are found from 1 on." in page.text
    assert "Dents 1 of 4 10% to 90% 4 of 4" in page.text  # by strength
    assert "Dents 8 px 1 of 4 10% to 90% 64 px 4 of 4" in page.text  # by size
    assert "the photos and plain copies of them 0.932 +0.032 -0.010 to +0.070" in page.text
    assert "tgvig check RUN" not in page.text
    assert re.findall(r"rgb\(([\d ]+)\)", page.html)[:2] == ["250 234 222", "198 225 243"]  # a quarter, all


def test_a_check_of_another_detector_is_not_shown(run):
    check_json(run)
    change(run / "model" / "model.json", calibration=lambda held: held | {"threshold": held["threshold"] * 1.1})
    page = written(run)
    assert "is of another detector than this one" in page.text and "Dents" not in page.text


def test_what_generation_changed_and_the_figures_are_told(run):
    page = written(run)
    assert read(run / "result.json")["lift"]["words"] in page.text
    assert "No labelled photos were inspected with this run." in page.text
    change(run / "result.json", image_auroc=0.876, miss=0.25, pro=None, images=[{}] * 8)
    page = written(run)
    assert "Image AUROC 0.876" in page.text and "Missed defects 25.0%" in page.text and "PRO" not in page.text
    assert "Measured on 8 inspected photos." in page.text


def test_files_versions_licences_command_and_what_was_done_by_hand_are_listed(run):
    page = written(run)
    for name, sha in FILES.items():
        assert f"{name} 1,234,567 {sha}" in page.text
    for said in ("tgvig run photos --seed 0", "Somebody looked twice.", "torch 2.99", "EfficientNet Apache-2.0 timm",
                 "onnx 1.5e-06 2.5e-06", "bank 1234", "colour RGB", "shape N, 3, S, S", "Version of tgvig 7.8.9"):  # fmt: skip
        assert said in page.text


def test_no_name_becomes_part_of_the_page_and_nothing_is_fetched(run):
    page = written(
        run, object=HOSTILE, meaning=HOSTILE, command=HOSTILE, by_hand=[HOSTILE], versions={HOSTILE: HOSTILE},
        licences=[{"what": HOSTILE, "licence": HOSTILE, "source": HOSTILE}], files={HOSTILE: {"sha256": "c", "bytes": 1}},
        input={HOSTILE: [HOSTILE]}, created=HOSTILE,
    )  # fmt: skip
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert (
        page.text.count(HOSTILE) == 15
    )  # title, head, part, created, meaning, input 2, command, hand, version 2, licence 3, file
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.fetched)
    words = re.sub(r"base64,[^\"]+", "", page.html)
    assert "url(" not in words and "@import" not in words and "http" not in words


def test_a_run_of_the_app_that_lacks_files_is_told_of_without_them(run):
    for name in ("prompt.json", "prompts.csv", "result.json"):
        (run / name).unlink()
    change(run / "config.json", settings=lambda held: held | {"prompt": "a brown bottle"})
    page = written(run, command="", versions={}, licences=[], files={}, agreement={}, input={}, by_hand=[])
    assert "<q>a brown bottle</q>" in page.html and "no ranking of prompts is kept with this run" in page.text
    assert "No command is recorded." in page.text and page.text.count("Not recorded.") == 4
    assert "Done by hand, which no command repeats Nothing." in page.text


def test_an_inspection_in_the_app_gives_its_figures(run):
    (run / "result.json").unlink()
    (run / "inspect").mkdir(exist_ok=True)
    (run / "inspect" / "scores.json").write_text(json.dumps({"images": [{}] * 4, "figures": {"f1_max": 0.75}}))
    assert "Measured on 4 inspected photos. Best F1 0.750" in written(run).text


def test_a_detector_of_the_photos_alone_has_no_prompt(run):
    change(run / "model" / "model.json", arm="real", best_iteration=None, gate=None, lift=None)
    page = written(run)
    assert "learned from the photos only: no prompt and no generated image has a part in it." in page.text
    assert "What it changed" not in page.text and page.tags.count("img") == 2


def test_a_run_without_a_detector_has_no_report(run):
    (run / "model" / "model.json").unlink()
    with pytest.raises(TgvigError, match="no detector yet"):
        read_facts(run, {})


def test_values_are_written_as_people_do():
    assert words_of({"a": [1, 2.5], "b": True, "c": None}) == "a: 1, 2.5; b: yes; c: "


def test_the_pdf_has_pages_and_fetches_nothing(run, monkeypatch):
    check_json(run)
    written(run)
    report, target = run.parent / "report.html", run.parent / "report.pdf"
    asked, open_ = [], OpenerDirector.open
    monkeypatch.setattr(
        OpenerDirector, "open", lambda *given, **named: asked.append(given[1]) or open_(*given, **named)
    )
    report.write_text(
        report.read_text().replace("<h2>", '<img src="http://example.org/a.png"><img src="a.png"><h2>', 1)
    )
    write_pdf(report, target)
    assert len(asked) == 5 and all(request.full_url.startswith("data:") for request in asked)
    assert not list(run.parent.glob(".*.draft"))
    data = target.read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")


def test_the_pdf_cuts_no_picture_or_short_table_and_numbers_its_pages(run):
    from weasyprint import HTML
    from weasyprint.formatting_structure.boxes import TableBox

    check_json(run)
    written(run)
    pages = HTML(run.parent / "report.html").render().pages
    assert len(pages) > 2 and all(round(page.width / page.height, 2) == 0.71 for page in pages)  # A4: 210/297
    tables = [box for page in pages for box in page._page_box.descendants() if isinstance(box, TableBox)]
    short = [box for box in tables if set((box.element.get("class") or "").split()) & {"facts", "short", "shares"}]
    assert len(short) == len({id(box.element) for box in short}) > 5  # a table that was cut has a box on each page
    for page, of in zip(pages, range(1, len(pages) + 1), strict=True):
        words = [box.text for box in page._page_box.descendants() if hasattr(box, "text")]
        assert f"{of} / {len(pages)}" in "".join(words)
        pictures = [box for box in page._page_box.descendants() if box.element_tag == "img" and box.height]
        assert all(box.position_y + box.height < page.height - 60 for box in pictures)


def test_without_weasyprint_the_command_that_brings_it_is_named(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(TgvigError, match=r"tgvig\[pdf\].*apt-get install libpango") as refused:
        write_pdf(run / "report.html", run / "report.pdf")
    assert str(refused.value) == pdf.MISSING and not (run / "report.pdf").exists()
