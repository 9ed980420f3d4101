"""A bundle: what leaves this project. A folder or a ZIP with the detector in one or several formats, and bundle.json.

Whatever is read is compared with its SHA-256 first, and what was compared is what is used: nothing is unpacked. The
checksums tell a damaged bundle, not a forged one: for that compare the ZIP's own SHA-256 with the sender's.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from tgvig_core.errors import TgvigError
from tgvig_core.inspection import Limits

FORMAT, KIND = 1, "tgvig bundle"
MODELS = {
    "torch": ("torch/model.json", "torch/model.safetensors"),
    "onnx": ("onnx/model.onnx",),
    "openvino": ("openvino/model.xml", "openvino/model.bin"),
}
"""Files of each format; the first is its entry."""
FORMATS = tuple(MODELS)
MOST_BYTES = 2_000_000_000
"""Of one file in a bundle."""
DAMAGED = (OSError, KeyError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What reading a missing, damaged, encrypted or strangely compressed file raises."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle.

    Attributes:
        path: the folder or the ZIP. about: bundle.json.
    """

    path: Path
    about: dict

    @property
    def limits(self) -> Limits:
        """What verdicts rest on."""
        return Limits.of(self.about["limits"])

    @property
    def size(self) -> int:
        """S, side of the frame in px."""
        return int(self.about["detector"]["size"])

    @property
    def formats(self) -> tuple[str, ...]:
        """Those that it holds, in the order of FORMATS."""
        return tuple(name for name in FORMATS if name in self.about["models"])

    def read(self, name: str) -> bytes:
        """The bytes of a file of the bundle.

        Raises:
            TgvigError: it is not listed, missing, or not what bundle.json says.
        """
        listed = self.about["files"].get(name)
        if listed is None:
            raise TgvigError(f"{self.path} lists no file {name}: export the detector again.")
        try:
            data = _bytes(self.path, name)
        except DAMAGED as error:
            raise TgvigError(f"{name} cannot be read from {self.path} ({error}): copy the bundle again.") from error
        if hashlib.sha256(data).hexdigest() != listed["sha256"]:
            raise TgvigError(f"{name} in {self.path} was changed or damaged (SHA-256): copy the bundle again.")
        return data


def open_bundle(path: str | Path) -> Bundle:
    """A bundle, its manifest checked; files are checked as they are read.

    Args:
        path: the folder or the ZIP.

    Raises:
        TgvigError: it is no bundle, or one of another version.
    """
    path = Path(path)
    try:
        manifest, sums = _bytes(path, "bundle.json"), _bytes(path, "checksums.sha256").decode()
        about = json.loads(manifest)
        known = about["kind"] == KIND
    except (*DAMAGED, TypeError) as error:
        raise TgvigError(
            f"{path} is not a bundle, or damaged: give the folder or ZIP that `tgvig export` wrote."
        ) from error
    lines = [line for line in sums.split("\n") if line]
    if f"{hashlib.sha256(manifest).hexdigest()}  bundle.json" not in lines:
        raise TgvigError(f"bundle.json in {path} was changed or damaged (SHA-256): copy the bundle again.")
    if not known or about.get("format") != FORMAT:
        raise TgvigError(
            f"{path} is a bundle of format {about.get('format')}, this version reads {FORMAT}: export again."
        )
    bundle = Bundle(path, about)
    try:
        listed = {f"{facts['sha256']}  {name}" for name, facts in about["files"].items()}
        complete = (
            bundle.limits and bundle.size > 0 and all(set(MODELS[n]) <= set(about["files"]) for n in bundle.formats)
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise TgvigError(f"bundle.json in {path} lacks {error}: export the detector again.") from error
    if not complete or not bundle.formats:
        raise TgvigError(f"{path} holds no whole model: export the detector again.")
    if any(line not in listed and not line.endswith("  bundle.json") for line in lines):
        raise TgvigError(f"checksums.sha256 in {path} was changed or damaged: copy the bundle again.")
    return bundle


def is_bundle(path: Path) -> bool:
    """Whether a path is meant as a bundle, whole or not."""
    return path.suffix.lower() == ".zip" or (path / "bundle.json").exists()


def _bytes(path: Path, name: str) -> bytes:
    if path.is_dir():
        inside = (path / name).resolve()
        if not inside.is_relative_to(path.resolve()):
            raise ValueError("it lies outside the bundle")
        return inside.read_bytes()
    with zipfile.ZipFile(path) as zipped:
        if zipped.getinfo(name).file_size > MOST_BYTES:
            raise ValueError("it is too large")
        return zipped.read(name)
