"""The command `tgvig serve` on a bundle that was really exported: the answers are those of the library; no torch, no gradio."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from photos import category, normals
from served import get, post, soon

from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_core.inspection.regions import regions
from tgvig_core.photos.images import from_square, read_photo

SERVE = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "gradio", "tgvig_ui"):
            raise ImportError(f"{name} is not to be imported")
sys.meta_path.insert(0, Blocker())
from tgvig_core.cli.main import main
sys.argv[0] = "tgvig"
main()
"""


@pytest.fixture(scope="module")
def url(bundle):
    """The command, started as a person does, but unable to import torch."""
    command = [sys.executable, "-c", SERVE, "serve", str(bundle), "--port", "0", "--threads", "1", "--format", "onnx"]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE)
    first = process.stderr.readline()
    log: list[str] = [first]
    reader = threading.Thread(target=lambda: log.extend(process.stderr))
    reader.start()
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert address, first
        soon(lambda: get(f"{address[0]}/ready").status_code == 200, 120, "readiness")
        yield address[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 0
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()
    assert not any("Traceback" in line for line in log)


def test_the_answers_are_those_of_the_library(bundle, url):
    paths = [*normals("bottle", 4)[2:], *sorted((category("bottle") / "test" / "broken_large").iterdir())[:3]]
    photos = [read_photo(path) for path in paths]
    inspector = load_inspector(open_bundle(bundle), "onnx", threads=1)
    expected = inspector.findings([photo.pixels for photo in photos])

    def ask(path: Path) -> dict:
        with path.open("rb") as file:
            return post(f"{url}/inspect", files={"photo": (path.name, file)}).json()

    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(ask, paths))
    assert {finding.is_anomalous for finding in expected} == {True, False}
    for answer, finding, photo in zip(answers, expected, photos, strict=True):
        assert answer["score"] == pytest.approx(finding.score, rel=1e-4)
        assert answer["display"] == pytest.approx(finding.display, rel=1e-3)
        assert answer["is_anomalous"] is finding.is_anomalous and answer["sha256"] == photo.sha256
        own = from_square(finding.map, *photo.pixels.shape[:2])
        above = regions(own, inspector.limits.pixel_threshold) if finding.is_anomalous else ()
        assert len(answer["regions"]) == len(above) and bool(above) is finding.is_anomalous
        for got, region in zip(answer["regions"], above, strict=True):
            assert got["peak"] == pytest.approx(region.peak, rel=1e-3)
            assert np.abs(np.subtract([got["x"], got["y"]], [region.x, region.y])).max() <= 1


def test_about_is_the_bundles_own(bundle, url):
    about = open_bundle(bundle).about
    found = get(f"{url}/about").json()
    assert found["object"] == "bottle" and found["meaning"] == about.meaning
    assert found["limits"] == about.limits.as_json()
    assert found["agreement"] == about.as_json()["agreement"]
    assert json.dumps(about.command) not in json.dumps(found)


def test_the_identity_is_the_checksum_of_bundle_json(bundle, url):
    digest = hashlib.sha256((bundle / "bundle.json").read_bytes()).hexdigest()
    assert get(f"{url}/about").json()["bundle"] == digest[:16]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "is not a bundle"),
        (["BUNDLE", "--format", "tflite"], "holds no format"),
        (["BUNDLE", "--timeout", "0"], "seconds 0 is out of range"),
        (["BUNDLE", "--token-file", "nowhere"], "token cannot be read"),
    ],
)
def test_what_cannot_be_served_is_one_sentence_and_code_2(bundle, arguments, words):
    given = [str(bundle) if argument == "BUNDLE" else argument for argument in arguments]
    command = [sys.executable, "-m", "tgvig_core", "serve", *given, "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and last.startswith("tgvig: ") and words in last and "Traceback" not in done.stderr
