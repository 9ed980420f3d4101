"""A part of `make torture`'s corpus through every door: read right, or refused in one sentence, quickly and leaving nothing."""

from __future__ import annotations

import os
import re
import shutil
import struct
import sys
import threading
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made_files import png16
from photos import normals
from PIL import Image
from served import refused, serving

from tests.robustness import corpus_broken, doors
from tests.robustness.corpus import SEED, Case, cases
from tests.robustness.corpus_bombs import BOMBS, LIMIT
from tests.robustness.corpus_bundles import bundles
from tests.robustness.doors import Outcome, forget_peak, memory
from tests.robustness.input import MEGABYTES, fault, judged, pixels_of, written
from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.photos import decoder_guard
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask
from tgvig_core.photos.reading import decode_bytes, pixel_count
from tgvig_core.utils.errors import TgvigError
from tgvig_serve.settings import Settings
from tgvig_ui.parts.store import Store


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return list(cases(quick=True))


@pytest.fixture(scope="module")
def some(corpus, tmp_path_factory) -> dict[Path, Case]:
    """Some of every kind, as files."""
    chosen, seen = [], Counter()
    for case in corpus:
        seen[case.kind] += 1
        if seen[case.kind] <= 3 or (case.kind == BOMBS and len(case.content) < 5e6 and seen[case.kind] % 4 == 0):
            chosen.append(case)
    small = [case for case in chosen if case.kind != LIMIT]
    return written(small, tmp_path_factory.mktemp("corpus") / "files")


def test_the_corpus_is_large_seeded_and_of_every_kind(corpus) -> None:
    assert len(corpus) >= 500 and len({case.name for case in corpus}) == len(corpus)
    assert len({case.kind for case in corpus}) >= 12
    again = {case.name: case.content for case in corpus_broken.cases(np.random.default_rng((SEED, 2)))}
    assert len(again) > 250 and all(again.get(case.name, case.content) == case.content for case in corpus)


def test_every_file_is_read_right_or_refused_in_a_sentence(corpus) -> None:
    before = forget_peak()
    wrong = [(case.name, said) for case in corpus if (said := fault(case, pixels_of(case)))]
    assert wrong == []
    assert memory("VmHWM") - before < MEGABYTES


def test_a_wrong_outcome_is_seen() -> None:
    """The judge itself: what is read though it must not be, misread, slow, or left behind."""
    case = Case("x", "a.png", b"", "refused")
    assert fault(case, Outcome("a.png", False, "a.png is empty", 0.1, 1)) == ""
    assert "read" in fault(case, Outcome("a.png", True, "", 0.1, 1))
    assert "2.1 s" in fault(case, Outcome("a.png", False, "a.png", 2.1, 1))
    assert "1001 MB" in fault(case, Outcome("a.png", False, "a.png", 0.1, 1001))
    assert fault(case, Outcome("a.png", False, "a.png", 0.1, 1, "left a folder")) == "left a folder"
    good = Case("x", "b.png", png16(1, [32896]), "read", np.full((40, 40, 3), 128, np.uint8))
    assert fault(good, pixels_of(good)) == ""
    assert "differs by 1" in fault(good, pixels_of(Case("x", "b.png", good.content, "read", good.pixels + np.uint8(1))))
    row = judged("two", [(case, Outcome("a.png", True, "", 0.1, 1)), (good, pixels_of(good))])
    assert (row.tried, row.right) == (2, 1) and "a.png" in row.figure


@pytest.mark.parametrize("door", ["upload", "command"])
def test_a_file_through_a_door(some, bundle, tmp_path, door) -> None:
    found = list(doors.through(door, bundle, tmp_path, iter(some)))
    wrong = [(some[Path(one.file)].name, said) for one in found if (said := fault(some[Path(one.file)], one))]
    assert wrong == [] and len(found) == len(some) and any(one.read for one in found)


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a door changes in this process."""
    import gradio

    from tgvig_core.bundles import runtimes

    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(gradio, "Warning", gradio.Warning)
    monkeypatch.setattr(runtimes, "load_inspector", runtimes.load_inspector)


def test_a_file_over_http(some) -> None:
    with serving(Settings(megabytes=100)) as server:
        for path, case in some.items():
            answer = server.post(path.read_bytes())
            if answer.status_code == 200:
                assert case.expected != "refused", case.name
                if case.pixels is not None:
                    assert (answer.json()["height"], answer.json()["width"]) == case.pixels.shape[:2]
            else:
                assert case.expected != "read", (case.name, answer.text)
                assert answer.status_code in (400, 413, 415, 422), (case.name, answer.text)
                sentence = refused(answer, answer.status_code)
                assert sentence.startswith("The photo ") or "over the limit" in sentence


def test_a_hostile_bundle_is_refused_or_gives_the_sound_ones_score(bundle, tmp_path) -> None:
    (folder := tmp_path / "bundles").mkdir()
    wrong, before = [], forget_peak()
    for path, expected in bundles(bundle, folder, quick=True):
        try:
            opened = open_bundle(path)
            for name in opened.about.files:
                if name.startswith("onnx/"):
                    opened.read(name)
            outcome = "read"
        except TgvigError as error:
            outcome = "refused"
            if str(path) not in str(error):
                wrong.append((path.name, str(error)))
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if expected not in ("either", outcome) and not path.name.startswith("model_"):  # which no runtime loads
            wrong.append((path.name, outcome))
    assert wrong == []
    assert memory("VmHWM") - before < MEGABYTES
    assert not (folder.parent / "climbed.txt").exists() and not Path("/tmp/climbed.txt").exists()


def test_a_bundles_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    ended = threading.Event()

    def ask() -> None:
        with pytest.raises(TgvigError, match="not a bundle"):
            open_bundle(tmp_path / "a.zip")
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert ended.wait(600)


def test_a_pipe_among_the_photos_is_named_and_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    counted: list[int] = []
    thread = threading.Thread(target=lambda: counted.append(pixel_count(tmp_path / "pipe.png")), daemon=True)
    thread.start()
    thread.join(600)
    assert counted == [0]


def test_the_pixels_are_counted_by_the_header_alone(tmp_path, monkeypatch) -> None:
    Image.new("RGB", (70, 40)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no photo")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    assert pixel_count(tmp_path / "a.png") == 2800 and pixel_count(tmp_path / "b.png") == 0


def test_a_mask_with_too_many_pixels_is_a_sentence(tmp_path) -> None:
    data = bytearray(png16(1, [0]))
    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "m.png").write_bytes(data)
    with pytest.raises(TgvigError, match="mask .*m.png cannot be read"):
        read_mask(LabelledPhoto(tmp_path / "a.png", True, (tmp_path / "m.png",)), 64)


def test_signed_bytes_have_no_known_white(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((40, 40), -1, np.int8), photometric="minisblack")
    with pytest.raises(TgvigError, match="signed numbers without a known white"):
        decode_bytes("a.tif", (tmp_path / "a.tif").read_bytes())


def test_a_large_camera_jpeg_with_everything_in_it_is_read(tmp_path) -> None:
    """The limits are far from what cameras write: a thumbnail, a profile in parts, progressive, a film behind the picture."""
    rng, exif = np.random.default_rng(8), Image.Exif()
    exif[274], exif[37500] = 6, rng.bytes(40_000)
    picture = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.jpg", progressive=True, exif=exif, icc_profile=rng.bytes(500_000))
    content = (tmp_path / "a.jpg").read_bytes() + rng.bytes(3_000_000)  # holds \xff\xda some 46 times
    assert content.count(b"\xff\xda") > decoder_guard.SCANS
    assert decode_bytes("a.jpg", content)[0].shape == (400, 300, 3)


def test_a_long_name_of_folder_and_photo_is_no_hindrance(bundle, tmp_path) -> None:
    folder = tmp_path / ("ä" * 120)
    folder.mkdir()
    file = folder / f"{'ö' * 120}.png"
    file.write_bytes(normals("bottle", 1)[0].read_bytes())
    code, out, err = doors.command(["inspect", str(bundle), str(file), "--out", str(tmp_path / "out"), "--quiet"])
    assert code in (0, 1), err
    assert re.search(r"0\.\d\d", out)


def test_an_uploaded_photo_without_an_extension_is_not_lost(tmp_path) -> None:
    for place, kind in enumerate(("PNG", "JPEG", "TIFF", "BMP", "WEBP")):
        picture = np.random.default_rng(place).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"camera {place}", kind)
    part = Store(tmp_path / "parts").new()
    part.add_photos(sorted(tmp_path.glob("camera *")))
    suffixes = [path.suffix for path in part.photos()]
    assert suffixes == [".png", ".jpg", ".tif", ".bmp", ".webp"]


def test_the_zip_of_a_bundle_may_be_listed_by_its_own_end(bundle, tmp_path) -> None:
    """The guard of the ZIP's list lets a real one through, with the longest comment that a ZIP may have."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for path in bundle.rglob("*"):
            zipped.write(path, path.relative_to(bundle).as_posix())
        zipped.comment = b"x" * 65_535
    assert open_bundle(tmp_path / "a.zip").about == open_bundle(bundle).about
