"""The whole method (Lee and Choi, CVPR 2024) from Python, with the command line's defaults: run it, check it, take it home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tgvig_core.bundles.export import export
from tgvig_core.bundles.manifest import FORMATS
from tgvig_core.bundles.wishes import Wishes
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.photos.inputs import expand_inputs
from tgvig_core.runs import pipeline
from tgvig_core.runs.result import Result
from tgvig_core.runs.settings import RunSettings
from tgvig_core.utils.progress import QUIET, RunContext
from tgvig_core.utils.typed import fitting


def run(
    photos: str | Path | Sequence[str | Path], object_name: str, out: str | Path, *, test: str | Path | None = None,
    images: int | None = None, iterations: int | None = None, generating: GeneratorSettings | None = None,
    integrating: IntegratorSettings | None = None, ctx: RunContext = QUIET, **others: Any,
) -> Result:  # fmt: skip
    """Photos to prompt, generated sets, a detector, scores and heatmaps, as `tgvig run` does it.

    Args:
        photos: of good parts: files, folders or patterns.
        object_name: W°, what the part is called, such as "metal nut".
        out: folder of the run, new or empty.
        test: folder of photos to inspect; in MVTec AD's layout it also gives figures.
        images: M, generated images per iteration, 1 to 1000; None takes that of `generating` (20).
        iterations: L, 1 to 1000; None takes that of `integrating` (10).
        generating: Eq. 2 and 3: views, anchor, variance, how a good part may differ.
        integrating: Eq. 4 to 7: text, and in `update` λ, learning rate and the other weights.
        ctx: told how far each step is; its stop event ends the run within a batch.
        others: further fields of RunSettings: prompt, sense, words, pack, models_dir, seed, device, detector, false_alarm, ...

    Returns:
        What RUN/result.json holds: best_prompt, similarity (a value per set), best_iteration, threshold,
        false_alarm_estimate, seconds, notes, and with `test` every photo's score, display (0 to 1) and verdict.

    Raises:
        TgvigError: something given cannot be used. Stopped: the stop event was set; `resume(out)` finishes the run.
    """
    given = [photos] if isinstance(photos, str | Path) else photos
    generating, integrating = generating or GeneratorSettings(), integrating or IntegratorSettings()
    if images is not None:
        generating = replace(generating, images=images)
    if iterations is not None:
        integrating = replace(integrating, iterations=iterations)
    with fitting("see the fields of RunSettings"):
        settings = RunSettings(
            tuple(str(path.absolute()) for path in expand_inputs(given)), object_name, str(out),
            test=str(Path(test).absolute()) if test is not None else None, generating=generating, integrating=integrating,
            **others,
        )  # fmt: skip
    return pipeline.start(settings, ctx)


def resume(run: str | Path, device: str = "auto", ctx: RunContext = QUIET) -> Result:
    """Finish a run that was stopped or killed; a finished one gives its result again.

    Args:
        run: its folder.
        device: another device than the run began on ("auto" keeps the run's own).

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    return pipeline.resume(Path(run), device, ctx)


def export_bundle(
    run: str | Path, out: str | Path, formats: Sequence[str] = FORMATS, *, with_normals: bool = False,
    ctx: RunContext = QUIET,
) -> Path:  # fmt: skip
    """Write the bundle of a run's detector, as `tgvig export` does, and return its path.

    Args:
        run: folder of a finished run.
        out: a new folder, or a new file that ends with .zip.
        formats: some of torch, onnx and openvino.
        with_normals: whether the good photos go along.

    Raises:
        TgvigError, Stopped: see export.export.
    """
    return export(Path(run), Path(out), Wishes(tuple(formats), with_normals), ctx)
