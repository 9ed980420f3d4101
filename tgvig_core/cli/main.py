"""The command line `tgvig` (also `python -m tgvig_core`). Exit codes: 0 good, 1 a defect found by `inspect`, 2 could not run.

Heavy libraries are imported inside the commands, so that `tgvig --help` answers at once.
"""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.cli import line_commands
from tgvig_core.cli.commands import benchmark as benchmarking
from tgvig_core.cli.console import running, show_check, show_doctor, show_prompts, show_result
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.packs.registry import choices
from tgvig_core.prompting.registry import outlier_rule, vocabulary
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.memory import is_short, too_short

DETECTORS = "; ".join(f"{name}: {one.title}" for name, one in detectors.entries().items())
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
                  help="Few-shot anomaly detection from one to a few photos of good parts (TGVIG, CVPR 2024).")  # fmt: skip

Photos = Annotated[list[str], typer.Argument(metavar="IMG...", help="photos of good parts: files, folders or globs")]
MaybePhotos = Annotated[
    list[str] | None, typer.Argument(metavar="IMG...", help="photos of good parts: files, folders or globs")
]
Name = Annotated[str, typer.Option("--object", help='what the part is called, e.g. "metal nut"')]
MaybeName = Annotated[str | None, typer.Option("--object", help='what the part is called, e.g. "metal nut"')]
SenseOption = Annotated[
    str | None, typer.Option("--sense", help="WordNet sense, e.g. bottle.n.01; left out: the best by the image")
]
Vocabulary = Annotated[str, typer.Option(help=f"where the words come from: {', '.join(vocabulary.names())}")]
Words = Annotated[str, typer.Option(help="your own words for the part, separated by commas")]
Rule = Annotated[str, typer.Option(help=f"outlier rule of Eq. 1: {', '.join(outlier_rule.names())}")]
PackOption = Annotated[str, typer.Option("--pack", help=f"models: {', '.join(choices())}")]
ModelsDir = Annotated[Path | None, typer.Option(help="folder with model files brought by hand (or TGVIG_MODELS_DIR)")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output, nothing else there")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bars")]


@app.command()
def doctor(models_dir: ModelsDir = None, as_json: Json = False) -> None:
    """What is here, what is missing, and the one command that brings it."""
    from tgvig_core.cli.doctor import examine

    found = examine(models_dir)
    print(strict_json.dumps(found, indent=2)) if as_json else show_doctor(found)
    raise typer.Exit(0 if found["ready"] else 2)


@app.command()
def prompts(
    images: Photos, object_name: Name, sense: SenseOption = None, vocabulary: Vocabulary = "relations", words: Words = "",
    rule: Rule = "robust", top: Annotated[int, typer.Option(help="how many to show")] = 20, pack: PackOption = "auto",
    models_dir: ModelsDir = None, device: Device = "auto", as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Rank prompts for a part by its photos (Eq. 1)."""
    from tgvig_core.packs import registry
    from tgvig_core.photos.images import read_normals
    from tgvig_core.photos.quality_notes import report
    from tgvig_core.runs.settings import SIZE, RunSettings
    from tgvig_core.runs.steps.prompt import choose_prompt, map_of
    from tgvig_core.utils.device import device_of

    settings = RunSettings(
        tuple(images), object_name, "", sense=sense, vocabulary=vocabulary, words=_split(words), rule=rule
    )
    normals = read_normals(images)
    chosen, reason = registry.choose(pack, models_dir)
    with running(quiet or as_json) as ctx:
        encoder = registry.load_encoder(chosen, models_dir, device_of(device))
        embeddings = encoder.encode_images(normals.tensor(SIZE))
        choice = choose_prompt(settings, encoder, embeddings, ctx)
        where = map_of(choice.ranked, encoder, embeddings)
    show_prompts(choice, where, report(normals), f"{chosen.name} ({reason})", encoder.caveat, top, as_json)


@app.command()
def run(
    out: Annotated[Path, typer.Option(help="folder of the run")],
    images: MaybePhotos = None, object_name: MaybeName = None,
    test: Annotated[Path | None, typer.Option(help="photos to inspect; in MVTec layout also figures")] = None,
    sense: SenseOption = None, vocabulary: Vocabulary = "relations", words: Words = "", rule: Rule = "robust",
    prompt: Annotated[str | None, typer.Option(help="your own prompt instead of the best ranked one")] = None,
    pack: PackOption = "auto", models_dir: ModelsDir = None,
    count: Annotated[int, typer.Option("--images", help="generated images per iteration (the paper: 20)")] = 20,
    iterations: Annotated[int, typer.Option(help="iterations of the integrator")] = 10,
    anchor: Annotated[str, typer.Option(help="mean of the views as in the paper, or view")] = "mean",
    variance: Annotated[bool, typer.Option(help="predicted variance (Eq. 3), or the ablation (Eq. 2)")] = True,
    text: Annotated[bool, typer.Option(help="best set by text (Eq. 5), or the last set")] = True,
    flips: Annotated[bool, typer.Option(help="good parts may appear mirrored")] = False,
    turns: Annotated[bool, typer.Option(help="good parts may appear turned by quarter turns")] = False,
    detector: Annotated[str, typer.Option(help=DETECTORS)] = "patchcore",
    arm: Annotated[str, typer.Option(help="what the detector learns from: tgvig, real, augment and others")] = "tgvig",
    false_alarm: Annotated[float, typer.Option(help="share of good parts that may be called anomalous")] = 0.05,
    seed: int = 0, device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="finish the run in --out as it was begun")] = False,
    as_json: Json = False, quiet: Quiet = False, context: typer.Context = None,
) -> None:  # fmt: skip
    """The whole method: photos to prompts, generated images, a detector, scores and heatmaps."""
    from tgvig_core.generation.integrator import IntegratorSettings
    from tgvig_core.generation.settings import GeneratorSettings
    from tgvig_core.photos.inputs import expand_inputs
    from tgvig_core.photos.views import ViewPolicy
    from tgvig_core.runs import pipeline
    from tgvig_core.runs.settings import RunSettings

    if resume:
        _check_resumed(context)
        work: Callable = lambda ctx: pipeline.resume(out, device, ctx)  # noqa: E731
    else:
        if not images or not object_name:
            raise TgvigError("Give photos of good parts and --object NAME (or --resume to finish the run in --out).")
        settings = RunSettings(
            tuple(str(path.absolute()) for path in expand_inputs(images)), object_name, str(out),
            test=str(test.absolute()) if test else None, sense=sense, vocabulary=vocabulary, words=_split(words), rule=rule,
            prompt=prompt, pack=pack, models_dir=str(models_dir.absolute()) if models_dir else None, detector=detector,
            seed=seed, device=device, false_alarm=false_alarm, arm=arm,
            generating=GeneratorSettings(count, anchor=anchor, variance=variance, policy=ViewPolicy(flips=flips, turns=turns)),
            integrating=IntegratorSettings(iterations, text),
        )  # fmt: skip
        work = lambda ctx: pipeline.start(settings, ctx)  # noqa: E731
    try:
        with running(quiet or as_json) as ctx:
            result = work(ctx)
    except Stopped:
        print(f"Stopped. Finish it with: tgvig run --resume --out {out}", file=sys.stderr)
        raise typer.Exit(130) from None
    print(strict_json.dumps(result.as_json(), indent=2)) if as_json else show_result(result, out)


app.command()(line_commands.inspect)
app.command()(line_commands.export)
app.command()(line_commands.serve)
app.command(context_settings=benchmarking.SETTINGS)(benchmarking.benchmark)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a finished run")],
    thorough: Annotated[bool, typer.Option("--thorough", help="also other generated sets and fewer images")] = False,
    use: Annotated[bool, typer.Option("--use", help="then train again from what is recommended, and inspect")] = False,
    device: Device = "auto", as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Does generation help on this part, and which defects would be missed? Tried with synthetic defects."""
    from tgvig_core.runs import pipeline
    from tgvig_core.runs.steps import check

    try:
        with running(quiet or as_json) as ctx:
            found = check.check_run(folder, thorough, device, ctx)
            recommended = found["advice"]["recommended"]
            result = pipeline.use(folder, recommended, device, ctx) if use else None
    except Stopped:
        print(
            f"Stopped. The same command goes on, or finish the run: tgvig run --resume --out {folder}", file=sys.stderr
        )
        raise typer.Exit(130) from None
    if as_json:
        print(strict_json.dumps(found | ({"result": result.as_json()} if result else {}), indent=2))
        return
    show_check(found, folder)
    if result:
        show_result(result, folder)


def _check_resumed(context: typer.Context) -> None:
    """A run is finished as it was begun: an option that would be ignored is refused.

    Raises:
        TgvigError: an option of a new run beside --resume.
    """
    allowed = ("out", "resume", "device", "as_json", "quiet")
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in allowed and context.get_parameter_source(parameter.name).name == "COMMANDLINE"
    ]
    if given:
        raise TgvigError(
            f"--resume finishes a run as it was begun: leave out {', '.join(given)}, or start a new run in another --out."
        )


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def main() -> None:
    """Entry point: a TgvigError is one sentence on standard error and exit code 2."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # the libraries' notes about their own parts
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of a damaged photo, which gets its sentence
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except TgvigError as error:
        print(f"tgvig: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except Stopped:
        print("Stopped.", file=sys.stderr)
        raise SystemExit(130) from None
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("tgvig"):
            traceback.print_exc()
        else:  # an installation that only inspects
            print(f'tgvig: This needs {error.name}: pip install "tgvig[train]".', file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:  # exit code 1 means a defect: a bug must not be taken for one
        if is_short(error):
            print(f"tgvig: {too_short(error, 'this')}", file=sys.stderr)
        else:
            traceback.print_exc()
        raise SystemExit(2) from None
