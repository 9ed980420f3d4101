"""`tgvig inspect`: photos judged by a trained detector. On an ONNX or OpenVINO bundle no torch is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgvig_core.cli.console import Judged
from tgvig_core.cli.interrupts import stoppable
from tgvig_core.cli.options import Json, Quiet
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

if TYPE_CHECKING:
    from tgvig_core.inspection.inspector import Inspector

Format = Annotated[str, typer.Option("--format", help="of a bundle: auto, openvino, onnx or torch")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda (torch only)")]


def inspect(
    model: Annotated[Path, typer.Argument(help="a bundle (folder or ZIP), or the folder of a run or its model/")],
    images: Annotated[list[str], typer.Argument(metavar="IMG_OR_DIR...", help="photos to inspect: files, folders or globs")],
    out: Annotated[Path, typer.Option(help="folder for scores.csv, scores.jsonl and heatmaps")],
    watch: Annotated[bool, typer.Option("--watch", help="inspect what arrives in one folder, until Ctrl-C")] = False,
    heatmaps: Annotated[str, typer.Option(help="all, anomalous or none")] = "all",
    format: Format = "auto", threads: Annotated[int, typer.Option(min=0, help="of the computation; 0: all cores")] = 0,
    device: Device = "auto", as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Score photos with a trained detector. Exit code 0: all good, 1: a defect found, 2: a photo could not be judged."""
    from tgvig_core.inspection.inspector import HEATMAPS
    from tgvig_core.inspection.verdict_log import opened
    from tgvig_core.photos.inputs import expand_inputs
    from tgvig_core.storage.run_folder import writing

    if heatmaps not in HEATMAPS:
        raise TgvigError(f"There are no heatmaps {heatmaps!r}: choose one of {', '.join(HEATMAPS)}.")
    if watch and as_json:
        raise TgvigError(f"--watch never ends, so it prints no JSON document: follow {out / 'scores.jsonl'} instead.")
    folder, paths = (_one_folder(images), []) if watch else (None, expand_inputs(images))
    inspector, words = _opened(model, format, device, threads or None)
    with (
        stoppable() as stop,
        writing(out),
        opened(out, inspector.limits, go_on=watch) as judged,
        Judged(inspector.limits, words, out, as_json, quiet) as show,
    ):
        if folder:
            _watch(inspector, folder, out, heatmaps, judged.add, RunContext(show.progress, stop), show)
        else:
            _inspect(inspector, paths, out, heatmaps, judged.add, RunContext(show.progress, stop), show)
    raise typer.Exit(judged.exit_code)


def _opened(model: Path, format: str, device: str, threads: int | None) -> tuple[Inspector, str]:
    """The detector, and how sure its threshold is."""
    from tgvig_core.bundles.bundle import is_bundle, open_bundle
    from tgvig_core.bundles.runtimes import load_inspector
    from tgvig_core.inspection.inspector import Inspector

    if is_bundle(model):
        bundle = open_bundle(model)
        return load_inspector(bundle, format, device, threads), bundle.about.limits.words
    from tgvig_core.fitting.words import of_calibration
    from tgvig_core.runs.card import load_model
    from tgvig_core.utils.device import device_of

    if format not in ("auto", "torch"):
        raise TgvigError(
            f"{model} is a run, which has no format {format!r}: export a bundle of it first (tgvig export)."
        )
    folder = model / "model" if (model / "model").is_dir() else model
    detector, card = load_model(folder, device_of(device))
    return Inspector(detector, card.calibration.limits), of_calibration(card.calibration)


def _inspect(
    inspector: Inspector, paths: list[Path], out: Path, heatmaps: str, keep: Callable, ctx: RunContext, show: Judged
) -> None:
    from tgvig_core.inspection.inspector import heatmap_names, judged

    named = zip(paths, heatmap_names(paths), strict=True)
    found = judged(inspector, named, out / "heatmaps", heatmaps, ctx)
    for verdict in ctx.track(found, "Inspecting the photos", len(paths)):
        show.row(keep(verdict))


def _one_folder(images: list[str]) -> Path:
    if len(images) != 1 or not Path(images[0]).is_dir():
        raise TgvigError(
            f"--watch takes one folder, not {', '.join(images)}: name the folder that the photos arrive in."
        )
    return Path(images[0]).resolve()  # however it is spelt: its photos are known by their paths


def _watch(
    inspector: Inspector, folder: Path, out: Path, heatmaps: str, keep: Callable, ctx: RunContext, show: Judged
) -> None:
    """Until the stop event is set; what an earlier command wrote into `out` is not inspected again."""
    from tgvig_core.inspection.inspector import judged
    from tgvig_core.inspection.verdict_log import lines_of
    from tgvig_core.inspection.watched_folder import arriving, heatmap_name

    known = ((Path(row["path"]), (row["bytes"], row["modified_ns"])) for row in lines_of(out) if "bytes" in row)
    show.waiting(folder)
    assert ctx.stop is not None  # `running` gives one
    for photos in arriving(folder, known, ctx.stop):
        named = [(path, heatmap_name(path, stamp)) for path, stamp in photos]
        try:
            found = judged(inspector, named, out / "heatmaps", heatmaps, ctx)
            for verdict, (_, stamp) in zip(found, photos, strict=False):
                show.row(keep(verdict, bytes=stamp[0], modified_ns=stamp[1]))
        except Stopped:  # the way this ends
            return
