"""Bundles that are damaged or hostile, made from a sound one: ZIPs that break off, climb out or swell, and manifests that lie."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.robustness.corpus import SEED
from tgvig_core.bundles.manifest import Manifest

FLIPS = 30
NEEDED = tuple(name for name, field in Manifest.model_fields.items() if field.is_required())
"""What whoever inspects or serves reads in bundle.json."""


def files_of(bundle: Path) -> dict[str, bytes]:
    """The contents of a bundle's folder, of its models only ONNX."""
    kept = ("bundle.json", "checksums.sha256", "onnx/model.onnx")
    return {name: (bundle / name).read_bytes() for name in kept}


def zipped(target: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            swells = len(content) > 10_000_000 and not any(content[:1000])
            archive.writestr(name, content, zipfile.ZIP_DEFLATED if swells else zipfile.ZIP_STORED)
    return target


def forged(files: dict[str, bytes], change: Callable[[dict], object]) -> dict[str, bytes]:
    """With another manifest and the checksums that belong to it, as somebody who means it would write them."""
    about = json.loads(files["bundle.json"])
    manifest = json.dumps(change(about) or about).encode()
    return _signed(files | {"bundle.json": manifest})


def _signed(files: dict[str, bytes]) -> dict[str, bytes]:
    line = f"{hashlib.sha256(files['bundle.json']).hexdigest()}  bundle.json\n"
    return files | {"checksums.sha256": line.encode()}


def bundles(sound: Path, folder: Path, quick: bool = False) -> Iterator[tuple[Path, str]]:
    """Each with what must become of it: refused, or either (then the score is the sound one's).

    Args:
        sound: a bundle's folder with ONNX. folder: where they are written. quick: fewer flips, and bombs of megabytes.
    """
    files = files_of(sound)
    yield zipped(folder / "sound.zip", files), "read"
    yield from _damaged(files, folder, 4 if quick else FLIPS)
    yield from _hostile_zips(files, folder, 50 if quick else 1)
    yield from _manifests(files, folder)
    yield from _folders(sound, folder)


def _damaged(files: dict[str, bytes], folder: Path, flips: int) -> Iterator[tuple[Path, str]]:
    whole, rng = zipped(folder / "whole.zip", files).read_bytes(), np.random.default_rng(SEED)
    for share in (0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999):
        (cut := folder / f"cut_{share}.zip").write_bytes(whole[: int(len(whole) * share)])
        yield cut, "refused"
    for at in range(flips):
        spoiled, most = bytearray(whole), len(whole)
        for place in rng.integers(0 if at % 2 else most - 2000, most, 3):
            spoiled[place] ^= 1 << rng.integers(8)
        (flipped := folder / f"flip_{at}.zip").write_bytes(spoiled)
        yield flipped, "either"
    for name in ("bundle.json", "checksums.sha256", "onnx/model.onnx"):
        yield (
            zipped(folder / f"without_{Path(name).stem}.zip", {k: v for k, v in files.items() if k != name}),
            "refused",
        )
        changed = files | {name: files[name][:-9] + b"\0" * 9}
        must = "either" if name == "checksums.sha256" else "refused"  # another file's line
        yield zipped(folder / f"changed_{Path(name).stem}.zip", changed), must


def _hostile_zips(files: dict[str, bytes], folder: Path, less: int) -> Iterator[tuple[Path, str]]:
    climbing = {"../../climbed.txt": b"out", "/tmp/climbed.txt": b"out", "..\\climbed.txt": b"out"}
    yield zipped(folder / "climbs.zip", files | climbing), "either"
    moved = {f"../{name}": content for name, content in files.items()}
    yield zipped(folder / "climbs_all.zip", moved), "refused"
    for name in ("bundle.json", "checksums.sha256"):
        yield zipped(folder / f"swells_{Path(name).stem}.zip", files | {name: bytes(1_000_000_000 // less)}), "refused"
    yield zipped(folder / "swells_model.zip", files | {"onnx/model.onnx": bytes(1_500_000_000 // less)}), "refused"
    yield from _swelling(files, folder, bytes(1_500_000_000 // less))
    many = files | {f"n/{k}": b"" for k in range(60_000)}
    for name, listed in (("many", many), ("many_more", many | {f"m/{k}": b"" for k in range(60_000)})):
        whole = zipped(folder / f"{name}.zip", listed)
        content = bytearray(whole.read_bytes())
        yield whole, "refused"
        content[-14:-10] = b"PK\5\6"  # a second end within the first, where the files are counted: nobody reads that
        (hidden := folder / f"{name}_ends.zip").write_bytes(content)
        yield hidden, "refused"
    content = bytearray(zipped(folder / "locked.zip", files).read_bytes())
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # as if encrypted
        at = content.find(sign)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(sign, at + 1)
    (folder / "locked.zip").write_bytes(content)
    yield folder / "locked.zip", "refused"
    for name, content in {
        "text": b"no zip",
        "end": b"PK\5\6" + bytes(18),
        "end_large": b"PK\5\6" + b"\xff" * 18,
    }.items():
        (folder / f"{name}.zip").write_bytes(content)
        yield folder / f"{name}.zip", "refused"
    (folder / "folder.zip").mkdir()
    yield folder / "folder.zip", "refused"
    os.mkfifo(folder / "pipe.zip")
    yield folder / "pipe.zip", "refused"
    yield folder / "gone.zip", "refused"


def _swelling(files: dict[str, bytes], folder: Path, zeros: bytes) -> Iterator[tuple[Path, str]]:
    """Zeros that the manifest lists as they are; once the ZIP claims more packed bytes than it has."""

    def listed(about: dict) -> None:
        about["files"]["onnx/model.onnx"] = {"sha256": hashlib.sha256(zeros).hexdigest(), "bytes": len(zeros)}

    packed = zipped(folder / "swells_listed.zip", forged(files | {"onnx/model.onnx": zeros}, listed))
    content = bytearray(packed.read_bytes())
    yield packed, "refused"
    at = content.rfind(b"onnx/model.onnx") - 46 + 20  # in the ZIP's list (APPNOTE.TXT, 4.3.12)
    content[at : at + 4] = struct.pack("<I", 2_000_000_000)
    (claims := folder / "swells_claimed.zip").write_bytes(content)
    yield claims, "refused"


def _manifests(files: dict[str, bytes], folder: Path) -> Iterator[tuple[Path, str]]:
    def put(*keys: str, value: object) -> Callable[[dict], None]:
        def change(about: dict) -> None:
            inside = about
            for key in keys[:-1]:
                inside = inside[key]
            inside[keys[-1]] = value

        return change

    changes: dict[str, Callable[[dict], object]] = {}
    for key in (*NEEDED, "kind", "format"):
        changes[f"no_{key}"] = lambda about, key=key: about.pop(key) and None
        for name, value in {"list": [1], "text": "x", "number": 1e999, "null": None}.items():
            changes[f"{name}_{key}"] = put(key, value=value)
    for key in ("threshold", "pixel_threshold", "steepness", "words"):
        for name, value in {
            "nan": float("nan"),
            "inf": float("inf"),
            "zero": 0,
            "less": -1,
            "huge": 10**400,
            "list": [],
        }.items():
            changes[f"{name}_{key}"] = put("limits", key, value=value)
    for name, value in {"nan": float("nan"), "huge": 10**9, "less": -256, "half": 0.5, "text": "256"}.items():
        changes[f"size_{name}"] = put("detector", "size", value=value)
    changes["bytes_none"] = put("files", "onnx/model.onnx", "bytes", value=-2)
    changes["bytes_less"] = put("files", "onnx/model.onnx", "bytes", value=3)
    changes["models_other"] = put("models", value={"pickle": "model.pkl"})
    changes["climbs"] = put("files", "../x", value={"sha256": "0" * 64, "bytes": 1})
    harmless = {"climbs", "null_object", "text_object", "text_created", "text_version", "text_meaning"}
    for name, change in changes.items():
        yield (
            zipped(folder / f"manifest_{name}.zip", forged(files, change)),
            "either" if name in harmless else "refused",
        )
    for name, text in {
        "deep": b"[" * 200_000,
        "list": b"[]",
        "text": b'"x"',
        "nothing": b"",
        "bytes": b"\xff\xfe\0",
        "number": b"9" * 5000,
    }.items():
        yield zipped(folder / f"json_{name}.zip", _signed(files | {"bundle.json": text})), "refused"
    for name, content in {
        "empty": b"",
        "noise": bytes(range(256)) * 40,
        "half": files["onnx/model.onnx"][:5000],
    }.items():
        listed = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        own = forged(files | {"onnx/model.onnx": content}, put("files", "onnx/model.onnx", value=listed))
        yield zipped(folder / f"model_{name}.zip", own), "refused"


def _folders(sound: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Folders: what a link or a pipe stands for is not followed."""
    for name in ("pipe", "link", "directory", "large"):
        target = folder / f"folder_{name}"
        for inside in files_of(sound):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sound / inside, target / inside)
        file = target / ("onnx/model.onnx" if name == "link" else "bundle.json")
        file.unlink()
        if name == "pipe":
            os.mkfifo(file)
        elif name == "link":
            file.symlink_to(sound / "onnx/model.onnx")
        elif name == "directory":
            file.mkdir()
        else:
            with file.open("wb") as wide:
                wide.truncate(3_000_000_000)
        yield target, "refused"
