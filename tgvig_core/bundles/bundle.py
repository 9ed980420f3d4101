"""A bundle: what leaves this project. A folder or a ZIP with the detector in one or several formats, and bundle.json.

Whatever is read is compared with its SHA-256 first, and what was compared is what is used: nothing is unpacked. The
checksums tell a damaged bundle, not a forged one: for that compare the ZIP's own SHA-256 with the sender's.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tgvig_core.bundles.manifest import Manifest
from tgvig_core.inspection.limits import Limits
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError

MOST_BYTES, MOST_WORDS, MOST_LISTED = 2_000_000_000, 10_000_000, 1_000_000
"""Bytes of one file in a bundle, of bundle.json or checksums.sha256, and of a ZIP's list of files (some 10,000)."""
HELD, BLOCK = 64_000_000, 1 << 20
"""Bytes of a file that are held before they are compared; a larger one is first compared, a block at a time."""
MOST_PACKED = 100
"""How many times a file may be larger than in the ZIP. Zeros are 1028 times; weights are 1.1, and the most that was measured in
a bundle is 16 (OpenVINO's XML)."""
DAMAGED = (OSError, KeyError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile)
"""What reading a missing, damaged, encrypted or strangely compressed file raises."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle.

    Attributes:
        path: the folder or the ZIP. about: bundle.json. sha256: of bundle.json; it holds all other checksums. Empty while the
            bundle is being made.
    """

    path: Path
    about: Manifest
    sha256: str = ""

    @property
    def limits(self) -> Limits:
        """What verdicts rest on."""
        return self.about.limits.for_verdicts

    @property
    def size(self) -> int:
        """S, side of the frame in px."""
        return self.about.detector.size

    @property
    def formats(self) -> tuple[str, ...]:
        """Those that it holds, in the order of FORMATS."""
        return self.about.formats

    def read(self, name: str) -> bytes:
        """The bytes of a file of the bundle.

        Raises:
            TgvigError: it is not listed, missing, or not what bundle.json says.
        """
        listed = self.about.files.get(name)
        if listed is None:
            raise TgvigError(f"{self.path} lists no file {name}: export the detector again.")
        try:
            most = min(listed.bytes, MOST_BYTES)
            right = most <= HELD or _sum(self.path, name, most) == listed.sha256
            data = _bytes(self.path, name, most) if right else b""
        except DAMAGED as error:
            raise TgvigError(f"{name} cannot be read from {self.path} ({error}): copy the bundle again.") from error
        # Compared (again) as it is used: the file may have been changed in between.
        if not right or hashlib.sha256(data).hexdigest() != listed.sha256:
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
        manifest = _bytes(path, "bundle.json", MOST_WORDS)
        sums = _bytes(path, "checksums.sha256", MOST_WORDS).decode()
        found = strict_json.loads(manifest)
        if not isinstance(found, dict) or "kind" not in found:
            raise ValueError("it does not say what it is")
    except DAMAGED as error:
        raise TgvigError(
            f"{path} is not a bundle, or damaged: give the folder or ZIP that `tgvig export` wrote."
        ) from error
    lines = [line for line in sums.split("\n") if line]
    if f"{hashlib.sha256(manifest).hexdigest()}  bundle.json" not in lines:
        raise TgvigError(f"bundle.json in {path} was changed or damaged (SHA-256): copy the bundle again.")
    about = Manifest.from_json(found, path)
    listed = {f"{file.sha256}  {name}" for name, file in about.files.items()}
    if any(line not in listed and not line.endswith("  bundle.json") for line in lines):
        raise TgvigError(f"checksums.sha256 in {path} was changed or damaged: copy the bundle again.")
    return Bundle(path, about, hashlib.sha256(manifest).hexdigest())


def is_bundle(path: Path) -> bool:
    """Whether a path is meant as a bundle, whole or not."""
    return path.suffix.lower() == ".zip" or (path / "bundle.json").exists()


def _bytes(path: Path, name: str, most: int) -> bytes:
    """At most so many bytes of a file of the bundle; nothing of what a ZIP or a folder claims is believed beyond that."""
    with _opened(path, name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError("it is larger than it may be")
    return data


def _sum(path: Path, name: str, most: int) -> str:
    """The SHA-256 of such a file, of which no more than a block is held."""
    found, done = hashlib.sha256(), 0
    with _opened(path, name) as file:
        while block := file.read(BLOCK):
            found.update(block)
            done += len(block)
            if done > most:
                raise ValueError("it is larger than it may be")
    return found.hexdigest()


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    if path.is_dir():
        inside = (path / name).resolve()
        if not inside.is_relative_to(path.resolve()):
            raise ValueError("it lies outside the bundle")
        if not inside.is_file():  # a pipe would be waited for
            raise FileNotFoundError(f"there is no file {name}")
        with inside.open("rb") as file:
            yield file
        return
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file")
    with path.open("rb") as packed:
        _check_directory(packed)
        with zipfile.ZipFile(packed) as zipped:
            _check_packing(zipped.getinfo(name), path.stat().st_size)
            with zipped.open(name) as file:
                yield file


def _check_directory(packed: IO[bytes]) -> None:
    """A ZIP's list of files is read whole when it is opened: a million names would take seconds (APPNOTE.TXT, 4.3.16).

    The list's record is found by zipfile itself: with more than one that looks like it, another search finds another one.
    """
    end = zipfile._EndRecData(packed)  # type: ignore[attr-defined]
    if end and end[zipfile._ECD_SIZE] > MOST_LISTED:  # type: ignore[attr-defined]
        raise ValueError("it holds more files than a bundle")


def _check_packing(file: zipfile.ZipInfo, there: int) -> None:
    """Refuse a file that a few bytes swell into; a ZIP may also claim more packed bytes than are there."""
    if file.file_size > MOST_PACKED * min(file.compress_size, there):
        raise ValueError("it is packed more tightly than a model can be")
