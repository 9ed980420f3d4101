"""A trained detector as a bundle: every format checked against the detector itself on the run's photos before it leaves.

The folder is written beside and renamed; a ZIP likewise. Nothing in it is pickled.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tgvig_core.bundles.bundle import Bundle
from tgvig_core.bundles.description import described, nameless
from tgvig_core.bundles.manifest import MODELS, Agreement, BundledFile, Manifest, ReferencePhoto
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_core.bundles.wishes import Wishes
from tgvig_core.bundles.writers import write_onnx, write_openvino
from tgvig_core.detectors.abilities import Exportable
from tgvig_core.detectors.base import Detector
from tgvig_core.photos.images import read_photo, to_square
from tgvig_core.reports import pdf
from tgvig_core.reports.audit import write_audit
from tgvig_core.runs.card import ModelCard, load_model
from tgvig_core.storage.run_folder import Run, writing
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

SCORE_TOLERANCE, MAP_TOLERANCE = 1e-3, 1e-2
"""Largest differences that an export may have, relative to the score and to the map's highest value."""
LEAST_SCORE = 0.05
"""Share of the threshold below which scores need not agree any closer."""
COMPARED = 8
"""Photos on which the formats are compared, each in three forms."""


def export(
    run: Path, out: Path, wishes: Wishes | None = None,
    ctx: RunContext = QUIET,
) -> Path:  # fmt: skip
    """Write the bundle of a run's detector and return its path.

    A detector that is not Exportable leaves in torch's format only, whatever else was wished; see `without_graph`.

    Args:
        run: folder of a run with a trained detector. out: a new folder, or a new file that ends with .zip.

    Raises:
        TgvigError: there is no detector, out is taken or cannot be written to, a library is missing, the detector has none of
            the formats, or an exported model does not give the detector's own scores.
        Stopped: the stop event was set; nothing is left.
    """
    wishes = wishes or Wishes()
    if out.exists():
        raise TgvigError(f"{out} is there already: choose another place for the bundle.", setting="out")
    if not (run / "config.json").is_file() or not (run / "model").is_dir():
        raise TgvigError(f"{run} holds no trained detector: give the folder of a finished run.")
    opened, config = Run.open(run)
    detector, card = load_model(run / "model")
    if not isinstance(detector, Exportable):
        if "torch" not in wishes.formats:
            raise TgvigError(f"{without_graph(card.saved.detector, wishes.formats)} Choose the format torch.")
        wishes = replace(wishes, formats=("torch",))
    photos = _photos(config, wishes.with_normals)
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with writing(out.parent):
            for older in out.parent.glob(f".{glob.escape(out.name)}.*.part*"):  # of an export that was killed
                shutil.rmtree(older) if older.is_dir() else older.unlink()
            draft.mkdir(parents=True)
            _fill(draft, opened, config, detector, card, photos, wishes, ctx)
            _put(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def _fill(
    draft: Path, run: Run, config: dict, detector: Detector, card: ModelCard, photos: list[Path], wishes: Wishes,
    ctx: RunContext,
) -> None:  # fmt: skip
    """All files of the bundle."""
    about = described(run, config, detector, card, wishes)
    steps = len(wishes.formats) + 2
    for step, name in enumerate(wishes.formats):
        ctx.progress("Writing the bundle", step, steps)
        ctx.check()
        _write_format(name, detector, run.folder / "model", draft)
    if wishes.with_normals:
        _copy_normals(photos, about.normals, draft)
    (draft / "config.json").write_text(strict_json.dumps(nameless(config), indent=2) + "\n", encoding="utf-8")
    ctx.progress("Writing the bundle", steps - 2, steps)
    agreement = _agreement(Bundle(draft, _with_files(about, draft)), detector, photos, wishes)
    about = about.model_copy(update={"agreement": agreement})
    ctx.check()
    ctx.progress("Writing the bundle", steps - 1, steps)
    _write_words(draft, about)
    _write_report(draft, run, _with_files(about, draft))
    about = _with_files(about, draft)
    (draft / "bundle.json").write_text(strict_json.dumps(about.as_json(), indent=2) + "\n", encoding="utf-8")
    lines = [f"{file.sha256}  {name}\n" for name, file in _listed(draft).items()]
    (draft / "checksums.sha256").write_text("".join(lines), encoding="utf-8")
    ctx.progress("Writing the bundle", steps, steps)


def _write_format(name: str, detector: Detector, model: Path, draft: Path) -> None:
    (draft / name).mkdir(exist_ok=True)
    if name == "torch":
        for file in MODELS["torch"]:
            shutil.copy(model / Path(file).name, draft / file)
    elif isinstance(detector, Exportable):
        _write_graph(name, detector, draft)


def _write_graph(name: str, detector: Exportable, draft: Path) -> None:
    target = draft / MODELS[name][0]
    if name == "onnx":
        write_onnx(detector, target)
    elif (draft / MODELS["onnx"][0]).exists():
        write_openvino(draft / MODELS["onnx"][0], target)
    else:
        passing = target.with_suffix(".onnx")
        write_onnx(detector, passing)
        write_openvino(passing, target)
        passing.unlink()


def without_graph(detector: str, formats: Sequence[str]) -> str:
    """The sentence on formats that a detector which is not Exportable does not leave in; empty where there are none.

    Args:
        detector: its name. formats: those that were wished.
    """
    graphs = [name for name in formats if name != "torch"]
    return f"The detector {detector} has no {' or '.join(graphs)} form, only torch's own." if graphs else ""


def _photos(config: dict, needed: bool) -> list[Path]:
    """The run's good photos that are still what they were.

    Args:
        needed: whether all of them have to be.

    Raises:
        TgvigError: one that is needed is gone or was changed.
    """
    found = []
    for path, sha256 in zip(map(Path, config["settings"]["photos"]), config["photos_sha256"], strict=True):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            found.append(path)
        elif needed:
            raise TgvigError(
                f"The good photo {path.name} was removed or changed since the training: leave the good photos out of the "
                "bundle, put it back, or train again."
            )
    return found


def _copy_normals(photos: Sequence[Path], names: Sequence[ReferencePhoto], draft: Path) -> None:
    (draft / "normals").mkdir()
    for path, named in zip(photos, names, strict=True):
        shutil.copyfile(path, draft / str(named.file))


def _agreement(bundle: Bundle, detector: Detector, photos: Sequence[Path], wishes: Wishes) -> dict[str, Agreement]:
    """The largest differences between each format and the detector, on photos and on spoiled copies of them.

    Raises:
        TgvigError: one is beyond its tolerance.
    """
    given = [to_square(read_photo(path).pixels, detector.size) for path in photos[:COMPARED]]
    if not given:  # every photo is gone: what is compared is arithmetic, any picture will do
        given = [np.random.default_rng(0).integers(0, 256, (detector.size, detector.size, 3), dtype=np.uint8)]
    squares = np.stack(given)
    squares = np.concatenate([squares, squares[:, ::-1, ::-1], 255 - squares])  # seen, turned by half, and very strange
    scores, maps = detector.look(squares)
    least = LEAST_SCORE * bundle.limits.threshold  # a patch that is remembered exactly scores rounding errors only
    found = {}
    for name in wishes.formats:
        own_scores, own_maps = load_inspector(bundle, name, "cpu").scorer.look(squares)
        score = float((np.abs(own_scores - scores) / np.maximum(scores, least)).max())
        map = float(np.abs(own_maps - maps).max() / maps.max())
        if not (score <= SCORE_TOLERANCE and map <= MAP_TOLERANCE):
            raise TgvigError(
                f"The {name} model scores differently (by {score:.2g}, heatmap {map:.2g}): leave that format out and tell us."
            )
        found[name] = Agreement(score=score, map=map, photos=len(squares))
    return found


def _listed(draft: Path) -> dict[str, BundledFile]:
    """Every file that is there."""
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    return {
        path.relative_to(draft).as_posix(): BundledFile(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size
        )
        for path in files
    }


def _with_files(about: Manifest, draft: Path) -> Manifest:
    return about.model_copy(update={"files": _listed(draft)})


def _write_words(draft: Path, about: Manifest) -> None:
    """LICENCES.md and README.txt."""
    rows = "".join(f"| {row.what} | {row.licence} | {row.source} |\n" for row in about.licences)
    (draft / "LICENCES.md").write_text(f"| what | licence | source |\n|---|---|---|\n{rows}", encoding="utf-8")
    (draft / "README.txt").write_text(
        f"Detector for: {about.object or 'a part without a name'}\n\n{about.meaning}\n\n"
        f"{about.limits.words}\n\nInspect photos:\n    tgvig inspect BUNDLE PHOTOS --out DIR\n"
        "Serve over HTTP:\n    tgvig serve BUNDLE\nCheck the files:\n    sha256sum -c checksums.sha256\n\n"
        f"Made by:\n    {about.command}\n", encoding="utf-8",
    )  # fmt: skip


def _write_report(draft: Path, run: Run, about: Manifest) -> None:
    """report.html, and report.pdf where the extra `pdf` is installed."""
    write_audit(run.folder, about, draft / "report.html")
    if pdf.available():
        pdf.write_pdf(draft / "report.html", draft / "report.pdf")


def _put(draft: Path, out: Path) -> None:
    """The finished bundle at its place, all at once."""
    if out.suffix.lower() != ".zip":
        os.replace(draft, out)
        return
    part = draft.with_suffix(".zip")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in sorted(draft.rglob("*")):
                zipped.write(path, path.relative_to(draft).as_posix())
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
