"""The files of a model pack: where they lie, how they are fetched, and that each is the file it was before.

The compact VQGAN ships with its sha256 (utils/checksums.py). The publishers' checksums of the other files are used where they
are published (OpenAI's CLIP, through open_clip); elsewhere none is invented: size and keys are checked, the sha256 of the
first file that was seen is recorded, and from then on enforced.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from http.client import HTTPException
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from tgvig_core.utils import strict_json
from tgvig_core.utils.checksums import check_shipped, sha256
from tgvig_core.utils.downloads import download
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS, cache_dir, keep
from tgvig_core.utils.hub import hub_answers, hub_copy
from tgvig_core.utils.memory import NOTES
from tgvig_core.utils.progress import QUIET, RunContext

HUB_FILE = "model.safetensors"


@dataclass(frozen=True)
class PackFile:
    """One file of a pack.

    Attributes:
        name: file name in the models folder.
        what: what it is.
        source: the address, "hub: " and a repository with timm's weights, or the package it comes from.
        licence: of the weights.
        megabytes: about how large.
        sha256: published checksum, None where the publisher gives none.
    """

    name: str
    what: str
    source: str
    licence: str
    megabytes: int
    sha256: str | None = None

    @property
    def repository(self) -> str:
        """The hub's repository, "" where the file comes from elsewhere."""
        return self.source.removeprefix("hub: ") if self.source.startswith("hub: ") else ""

    @property
    def package(self) -> str:
        """The installed package that brings it, "" where it comes from elsewhere."""
        return self.source.removeprefix("package ") if self.source.startswith("package ") else ""


def package_version(name: str) -> str | None:
    """The installed version of a package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def models_folders(models_dir: Path | None) -> list[Path]:
    """Where files are looked for: the given folder (or $TGVIG_MODELS_DIR), then this machine's cache."""
    given = models_dir or (Path(os.environ["TGVIG_MODELS_DIR"]) if os.environ.get("TGVIG_MODELS_DIR") else None)
    if given is not None and not given.expanduser().is_dir():
        raise TgvigError(f"There is no models folder {given}: create it, or name none.", setting="models_dir")
    return [folder.expanduser() for folder in (given, cache_dir() / "models") if folder is not None]


def local_file(file: PackFile, models_dir: Path | None) -> Path | None:
    """The file where it lies on this machine, checked against its known checksum; None where it is not there.

    Raises:
        TgvigError: the file is not the one that was published, or seen first, under this name.
    """
    found = ASSETS / file.name if file.source == "assets/" else None
    if found is None:
        found = next(
            (folder / file.name for folder in models_folders(models_dir) if (folder / file.name).is_file()), None
        )
    if found is None and file.repository:
        found = hub_copy(file.repository, HUB_FILE)
    if found is None or not found.is_file():
        return None
    if file.source == "assets/":
        check_shipped(found)
    else:
        enforce(file.name, found, file.sha256)
    return found


def enforce(name: str, found: Path | None, published: str | None = None) -> None:
    """Refuse a file that is not the published one, or else not the one that was seen first under this name.

    Raises:
        TgvigError: another checksum.
    """
    if found is None:
        return
    if expected := published or _recorded().get(name):
        _compare(found, expected)
    else:
        _record(name, sha256(found))


def _compare(found: Path, expected: str) -> None:
    if (seen := sha256(found)) != expected:
        raise TgvigError(
            f"{found} has the wrong checksum ({seen[:12]}… instead of {expected[:12]}…): it is damaged or another file. "
            f"Delete it and fetch it again; if it was replaced on purpose, take its line out of {_ledger()}."
        )


def _ledger() -> Path:
    return cache_dir() / "models" / "checksums.json"


def _recorded() -> dict[str, str]:
    try:
        return strict_json.loads(_ledger().read_text())
    except (OSError, ValueError):
        return {}


def _record(name: str, seen: str) -> None:
    try:
        keep(_ledger(), (strict_json.dumps(_recorded() | {name: seen}, indent=2) + "\n").encode())
    except OSError as error:  # the file itself is as good as before
        NOTES.warning(
            "The checksum of %s is not kept in %s (%s): set TGVIG_CACHE.", name, _ledger().parent, error.strerror
        )


def fetch(file: PackFile, models_dir: Path | None, ctx: RunContext = QUIET) -> Path:
    """The file, downloaded into the cache where it is not on this machine yet.

    Raises:
        TgvigError: no address, no answer, or a download that broke off or is far too small.
        Stopped: the stop event was set.
    """
    found = local_file(file, models_dir)
    if found:
        return found
    if file.repository:
        return _fetch_from_hub(file, models_dir)
    if not file.source.startswith(("https://", "file://")):
        raise TgvigError(
            f"{file.name} ({file.what}) is missing; it belongs in assets/: take the project's files again."
        )
    target = cache_dir() / "models" / file.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir() / f"{file.name}.lock", timeout=0):
            download(file.source, target, 0.5e6 * file.megabytes, ctx)
    except Timeout:
        raise TgvigError(f"Another process fetches {file.name} just now: wait until it has ended.") from None
    except (OSError, HTTPException) as error:
        raise TgvigError(
            f"{file.name} ({file.megabytes} MB, {file.what}) could not be fetched ({error}): try again, bring it by hand into "
            "a models folder, or use the pack embedded.",
            setting="models_dir",
        ) from error
    return local_file(file, models_dir) or target


def _fetch_from_hub(file: PackFile, models_dir: Path | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        if not hub_answers():
            raise OSError("the hub does not answer")
        path = Path(hf_hub_download(file.repository, HUB_FILE))
    except Exception as error:  # beside the hub's own errors those of the HTTP library that it uses this year
        raise TgvigError(
            f"{file.name} ({file.megabytes} MB, {file.what}) could not be fetched from the hub ({error}): bring it by "
            "hand into a models folder under that name, or use the pack embedded.",
            setting="models_dir",
        ) from error
    if re.fullmatch("[0-9a-f]{64}", path.resolve().name):  # of a large file the hub's cache is named by its sha256
        _compare(path, path.resolve().name)
    return local_file(file, models_dir) or path
