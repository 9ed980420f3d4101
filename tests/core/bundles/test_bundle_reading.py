"""How a bundle's files are read: a large one is compared before it is held, and what swells is refused. No detector is needed."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import pytest

from tgvig_core.bundles import bundle as reading
from tgvig_core.bundles.bundle import Bundle, open_bundle
from tgvig_core.bundles.manifest import Manifest
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick

MODEL = "onnx/model.onnx"
WEIGHTS = bytes(range(256)) * 40


def contents(model: bytes, **listed: object) -> dict[str, bytes]:
    """A sound bundle around a model; `listed` is what the manifest says of it instead of the truth."""
    facts = {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)} | listed
    limits = {"threshold": 1.0, "pixel_threshold": 1.0, "steepness": 1.0, "words": ""}
    texts = dict.fromkeys(("created", "version", "meaning"), "")
    about = {"kind": "tgvig bundle", "format": 1, "object": None, "detector": {"size": 256}, "limits": limits}
    about |= texts | {"agreement": {}, "versions": {}, "models": {"onnx": MODEL}, "files": {MODEL: facts}}
    manifest = json.dumps(about).encode()
    sums = f"{hashlib.sha256(manifest).hexdigest()}  bundle.json\n".encode()
    return {"bundle.json": manifest, "checksums.sha256": sums, MODEL: model}


def folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def packed(target: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def refused(path: Path, words: str) -> None:
    with pytest.raises(TgvigError, match=words):
        open_bundle(path).read(MODEL)


@pytest.fixture
def held(monkeypatch) -> list[str]:
    """The names of the files that were held; over 1000 bytes counts as large."""
    names, whole = [], reading._bytes
    monkeypatch.setattr(reading, "HELD", 1000)
    monkeypatch.setattr(reading, "_bytes", lambda path, name, most: names.append(name) or whole(path, name, most))
    return names


@pytest.mark.parametrize("write", [folder, packed])
def test_a_large_file_is_held_only_where_it_is_the_one_that_is_listed(tmp_path, held, write) -> None:
    assert open_bundle(write(tmp_path / "sound", contents(WEIGHTS))).read(MODEL) == WEIGHTS
    assert MODEL in held
    held.clear()
    refused(write(tmp_path / "other", contents(WEIGHTS, sha256="0" * 64)), f"{MODEL} .* was changed or damaged")
    refused(write(tmp_path / "longer", contents(WEIGHTS, bytes=len(WEIGHTS) - 1)), "larger than it may be")
    assert MODEL not in held


def test_a_large_file_that_changes_after_it_was_compared_is_refused(tmp_path, held, monkeypatch) -> None:
    place, compared = folder(tmp_path / "sound", contents(WEIGHTS)), reading._sum

    def changed(path: Path, name: str, most: int) -> str:
        found = compared(path, name, most)
        (path / name).write_bytes(WEIGHTS[::-1])
        return found

    monkeypatch.setattr(reading, "_sum", changed)
    refused(place, "was changed or damaged")


def test_a_bundle_knows_the_checksum_of_its_manifest(tmp_path) -> None:
    files = contents(WEIGHTS)
    assert open_bundle(packed(tmp_path / "a.zip", files)).sha256 == hashlib.sha256(files["bundle.json"]).hexdigest()


def test_a_small_file_is_read_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "_sum", lambda *_: pytest.fail("read twice"))
    assert open_bundle(packed(tmp_path / "a.zip", contents(WEIGHTS))).read(MODEL) == WEIGHTS


def test_zeros_that_are_listed_as_they_are_do_not_swell(tmp_path, monkeypatch) -> None:
    """Their checksum is right, so that alone keeps nothing out; nor may the ZIP claim more packed bytes than it has."""
    path = packed(tmp_path / "zeros.zip", contents(bytes(3_000_000)))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", watched(zipfile.ZipExtFile.read))
    refused(path, "packed more tightly than a model can be")
    content = bytearray(path.read_bytes())
    at = content.rfind(MODEL.encode()) - 46 + 20  # its packed bytes in the ZIP's list
    content[at : at + 4] = struct.pack("<I", 2_000_000_000)
    path.write_bytes(content)
    refused(path, "packed more tightly than a model can be")


def watched(read):
    def never_much(self, n: int = -1) -> bytes:
        data = read(self, n)
        assert len(data) < 100_000, "unpacked"
        return data

    return never_much


def test_a_bank_that_is_half_zeros_is_read(tmp_path) -> None:
    model = WEIGHTS + bytes(len(WEIGHTS))
    assert open_bundle(packed(tmp_path / "a.zip", contents(model))).read(MODEL) == model
    assert open_bundle(packed(tmp_path / "b.zip", contents(bytes(5000)), zipfile.ZIP_STORED)).read(MODEL) == bytes(5000)


def test_a_length_below_nothing_is_refused(tmp_path) -> None:
    """A file asked for fewer than no bytes gives all that it has."""
    with pytest.raises(TgvigError, match="lacks files"):
        open_bundle(folder(tmp_path / "a", contents(WEIGHTS, bytes=-2)))


@pytest.mark.parametrize("count", [30_000, 70_000])  # from 65,536 on the list is one of ZIP64
def test_a_second_end_within_the_first_hides_no_long_list(tmp_path, monkeypatch, count) -> None:
    files = contents(WEIGHTS)
    path = packed(tmp_path / "a.zip", files | {f"n/{k}": b"" for k in range(count)}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[-14:-10] = b"PK\5\6"  # where the files are counted, which zipfile does not look at
    path.write_bytes(content)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("its list was read"))
    with pytest.raises(TgvigError) as caught:
        Bundle(path, Manifest.from_json(json.loads(files["bundle.json"]), path)).read(MODEL)
    assert "more files than a bundle" in str(caught.value)


def test_a_short_list_of_zip64_is_read(tmp_path, monkeypatch) -> None:
    """zipfile writes one for a bundle of over 2 GB."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    path = packed(tmp_path / "a.zip", contents(WEIGHTS), zipfile.ZIP_STORED)
    assert b"PK\6\7" in path.read_bytes()
    assert open_bundle(path).read(MODEL) == WEIGHTS
