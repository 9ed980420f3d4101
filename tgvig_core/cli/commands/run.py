"""`tgvig run`: the whole method (TGVIG, CVPR 2024) from the command line, with every setting of Eq. 1 to 7."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.cli.console import running, show_result
from tgvig_core.cli.options import (
    GENERATE,
    LEARN,
    PROMPT,
    TRAIN,
    Device,
    Json,
    MaybeName,
    MaybePhotos,
    ModelsDir,
    Pack,
    Quiet,
    Rule,
    Sense,
    Vocabulary,
    Words,
    split,
)
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.photos.view_policy import ViewPolicy
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped, TgvigError

DETECTORS = "; ".join(f"{name}: {one.title}" for name, one in detectors.entries().items())


def _option(panel: str, help: str, *names: str):
    return typer.Option(*names, help=help, rich_help_panel=panel)


def run(
    out: Annotated[Path, typer.Option(help="folder of the run")],
    images: MaybePhotos = None, object_name: MaybeName = None,
    test: Annotated[Path | None, typer.Option(help="photos to inspect; in MVTec layout also figures")] = None,
    pack: Pack = "auto", models_dir: ModelsDir = None, seed: int = 0, device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="finish the run in --out as it was begun")] = False,
    as_json: Json = False, quiet: Quiet = False,
    sense: Sense = None, vocabulary: Vocabulary = "relations", words: Words = "", rule: Rule = "robust",
    prompt: Annotated[str | None, _option(PROMPT, "P, your own prompt instead of the best ranked one")] = None,
    count: Annotated[int, _option(GENERATE, "M, generated images per iteration (the paper: 20)", "--images")] = 20,
    views: Annotated[int, _option(GENERATE, "N, views of a photo whose mean and variance are taken")] = GeneratorSettings.views,
    anchor: Annotated[str, _option(GENERATE, "E_d: mean of the views as in the paper, or view")] = GeneratorSettings.anchor,
    variance: Annotated[bool, _option(GENERATE, "Σ_d: predicted variance (Eq. 3), or the ablation (Eq. 2)")] = True,
    flips: Annotated[bool, _option(GENERATE, "good parts may appear mirrored")] = False,
    turns: Annotated[bool, _option(GENERATE, "good parts may appear rotated by 90°")] = False,
    degrees: Annotated[float, _option(GENERATE, "views are rotated by up to so many degrees")] = ViewPolicy.degrees,
    shift: Annotated[float, _option(GENERATE, "views are moved by up to this share of the side")] = ViewPolicy.shift,
    light: Annotated[float, _option(GENERATE, "views are lighter or darker by up to this share")] = ViewPolicy.light,
    iterations: Annotated[int, _option(LEARN, "L, iterations of the integrator")] = 10,
    text: Annotated[bool, _option(LEARN, "α: best set by text (Eq. 5), or the last set")] = True,
    steps: Annotated[int, _option(LEARN, "gradient steps before each set")] = UpdateSettings.steps,
    learning_rate: Annotated[float, _option(LEARN, "of Adam")] = UpdateSettings.learning_rate,
    vq_weight: Annotated[float, _option(LEARN, "λ of Eq. 7")] = UpdateSettings.vq_weight,
    perceptual_weight: Annotated[float, _option(LEARN, "of the perceptual term in L_vq")] = UpdateSettings.perceptual_weight,
    adversarial_weight: Annotated[float, _option(LEARN, "of the PatchGAN term in L_vq")] = UpdateSettings.adversarial_weight,
    adversarial_start: Annotated[int, _option(LEARN, "step from which the PatchGAN takes part")] = UpdateSettings.adversarial_start,
    update_views: Annotated[int, _option(LEARN, "views of a photo in a gradient step")] = UpdateSettings.views,
    update_images: Annotated[int, _option(LEARN, "n of Eq. 6, images drawn in a gradient step")] = UpdateSettings.images,
    crop: Annotated[int, _option(LEARN, "side in px of the window that a gradient step looks at")] = UpdateSettings.crop,
    detector: Annotated[str, _option(TRAIN, DETECTORS)] = "patchcore",
    arm: Annotated[str, _option(TRAIN, "what the detector learns from: tgvig, real, augment and others")] = "tgvig",
    false_alarm: Annotated[float, _option(TRAIN, "target false-alarm rate, a share of the good parts")] = 0.05,
    context: typer.Context = None,  # type: ignore[assignment]  # typer gives it
) -> None:  # fmt: skip
    """The whole method: photos to prompts, generated images, a detector, scores and heatmaps."""
    from tgvig_core.generation.integrator import IntegratorSettings
    from tgvig_core.photos.inputs import expand_inputs
    from tgvig_core.runs import pipeline
    from tgvig_core.runs.settings import RunSettings

    if resume:
        _check_resumed(context)
        work: Callable = lambda ctx: pipeline.resume(out, device, ctx)  # noqa: E731
    else:
        if not images or not object_name:
            raise TgvigError("Give photos of good parts and --object NAME (or --resume to finish the run in --out).")
        policy = ViewPolicy(degrees, shift, light, flips, turns)
        update = UpdateSettings(steps, update_views, update_images, crop, learning_rate, vq_weight, perceptual_weight,
                                adversarial_weight, adversarial_start)  # fmt: skip
        settings = RunSettings(
            tuple(str(path.absolute()) for path in expand_inputs(images)), object_name, str(out),
            test=str(test.absolute()) if test else None, sense=sense, vocabulary=vocabulary, words=split(words), rule=rule,
            prompt=prompt, pack=pack, models_dir=str(models_dir.absolute()) if models_dir else None, detector=detector,
            seed=seed, device=device, false_alarm=false_alarm, arm=arm,
            generating=GeneratorSettings(count, views, anchor, variance, policy),
            integrating=IntegratorSettings(iterations, text, update),
        )  # fmt: skip
        work = lambda ctx: pipeline.start(settings, ctx)  # noqa: E731
    try:
        with running(quiet or as_json) as ctx:
            result = work(ctx)
    except Stopped:
        print(f"Stopped. Finish it with: tgvig run --resume --out {out}", file=sys.stderr)
        raise typer.Exit(130) from None
    print(strict_json.dumps(result.as_json(), indent=2)) if as_json else show_result(result, out)


def _check_resumed(context: typer.Context) -> None:
    """A run is finished as it was begun: an option that would be ignored is refused.

    Raises:
        TgvigError: an option of a new run beside --resume.
    """
    allowed = ("out", "resume", "device", "as_json", "quiet")
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in allowed
        and (source := context.get_parameter_source(parameter.name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise TgvigError(
            f"--resume finishes a run as it was begun: leave out {', '.join(given)}, or start a new run in another --out."
        )
