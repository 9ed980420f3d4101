"""What the command line shows: progress bars on standard error, tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from tgvig_core.cli.interrupts import stoppable
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import one_line
from tgvig_core.utils.progress import Progress, RunContext, silent

if TYPE_CHECKING:
    from tgvig_core.benchmark.results.rows import Row
    from tgvig_core.inspection.limits import Limits
    from tgvig_core.photos.quality_notes import PhotoNote
    from tgvig_core.runs.result import Result


class Bars:
    """A progress callback that draws a bar with the time left for every long step; nothing where it is quiet.

    Args:
        window: the last seconds that the time left is estimated from; they should hold several units.
    """

    def __init__(self, quiet: bool, window: float = 30.0) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        screen = Console(stderr=True)
        self.bars = None if quiet else RichProgress(*columns, console=screen, speed_estimate_period=window)
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        if self.bars is None:
            return silent
        self.bars.start()
        return self._show

    def __exit__(self, *error: object) -> None:
        if self.bars is not None:
            self.bars.stop()

    def _show(self, step: str, done: int, total: int) -> None:
        assert self.bars is not None  # handed out only where there are some
        if step not in self.tasks:
            self.tasks[step] = self.bars.add_task(step, total=total)
        self.bars.update(self.tasks[step], completed=done, total=total)


@contextmanager
def running(quiet: bool, window: float = 30.0) -> Iterator[RunContext]:
    """What a command hands to its long steps: a bar for each, and a stop by Ctrl-C or SIGTERM."""
    with stoppable() as stop, Bars(quiet, window) as progress:
        yield RunContext(progress, stop)


class Judged:
    """The verdicts of `tgvig inspect` as they come: a line each for a person, or one JSON document, never held as a whole."""

    def __init__(self, limits: Limits, words: str, out: Path, as_json: bool, quiet: bool) -> None:
        self.limits, self.words, self.out, self.as_json = limits, words, out, as_json
        self.bars, self.count = Bars(quiet or as_json), 0
        self.progress: Progress = silent

    def __enter__(self) -> Judged:
        self.progress = self.bars.__enter__()
        if self.as_json:
            head = strict_json.dumps({"threshold": self.limits.threshold, "about": self.words})
            print(f'{head[:-1]}, "images": [', end="")
        return self

    def row(self, row: dict) -> None:
        """Show a row of judgements.row_of."""
        self.count += 1
        if self.as_json:
            print("," * (self.count > 1), strict_json.dumps(row), sep="\n", end="")
        elif row["error"]:
            print(f"tgvig: {row['error']}", file=sys.stderr)
        else:
            found = "DEFECT" if row["is_anomalous"] else "good  "
            print(f"{found}  {row['display']:.2f}  ({row['score']:.3f})  {one_line(row['path'])}", flush=True)

    def waiting(self, folder: Path) -> None:
        """Before photos of a folder are waited for."""
        print(f"Waiting for photos in {folder}, Ctrl-C ends it.", file=sys.stderr)

    def __exit__(self, *error: object) -> None:
        self.bars.__exit__()
        if self.as_json:
            print("\n]}")
        elif self.count:
            print("0.5 is the threshold, 0.05 a typical good part; in brackets the raw score.")
            print(
                f"Threshold {self.limits.threshold:.3f}. {self.words}\nHeatmaps, scores.csv, scores.jsonl: {self.out}"
            )


def _plain_console(wrap: bool = False) -> Console:
    """A console that prints what it is given: a file's name may look like rich's markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=not wrap)


def show_doctor(found: dict) -> None:
    """The findings of `tgvig doctor` for a person."""
    out = _plain_console()
    device = found["device"]
    about = device.get("gpu") or f"{device['cores']} CPU cores"
    out.print(f"Python {found['python']}, device {device['name']} ({about}), {found['free_gb']} GB of disk free")
    for name, version in found["libraries"].items():
        out.print(f"  {'ok     ' if version else 'MISSING'} {name} {version or '— run: ' + found['install']}")
    for name, corpus in found["corpora"].items():
        out.print(f"  {'ok     ' if corpus['here'] else 'MISSING'} {name}: {corpus.get('where') or corpus['remedy']}")
    for name, pack in found["packs"].items():
        out.print(f"Pack {name}: {pack['title']}")
        for file in pack["files"]:
            state = "ok     " if file["here"] else "absent "
            out.print(f"  {state} {file['name']}, {file['megabytes']} MB, {file['licence']}, from {file['source']}")
            if "problem" in file:
                out.print(f"          {file['problem']}")
    if found["auto"]:
        out.print(f"--pack auto takes {found['auto']['pack']}: {found['auto']['reason']}.")
    formats = " or ".join(found["inspects"])
    none = 'No bundle can be inspected here: pip install "tgvig[openvino]" or "tgvig[onnx]".'
    out.print(f"Bundles can be inspected here as {formats}." if formats else none)
    out.print("Ready." if found["ready"] else f"Not ready to train: run {found['install']}.")


def show_prompts(
    choice, where: dict, notes: Sequence[PhotoNote], pack: str, caveat: str, top: int, as_json: bool
) -> None:
    """The ranked senses and prompts of `tgvig prompts`."""
    ranked = choice.ranked
    if as_json:
        value = {"pack": pack, "caveat": caveat, "notes": [f"{note.path}: {note.text}" for note in notes],
                 "lookup": choice.lookup.how, "sense": choice.sense,
                 "senses": [dataclasses.asdict(sense) for sense in choice.senses], "rule": ranked.rule_text,
                 "best": dataclasses.asdict(ranked.best), "worst": dataclasses.asdict(ranked.worst), "map": where,
                 "prompts": [dataclasses.asdict(prompt) for prompt in ranked.prompts[:top]]}  # fmt: skip
        print(strict_json.dumps(value, indent=2))
        return
    out = _plain_console(wrap=True)
    for note in notes:
        out.print(f"Note: {note.path}: {note.text}")
    out.print(f"Pack {pack}. {caveat}\n{choice.lookup.how}")
    for place, sense in enumerate(choice.senses):
        out.print(f"  {'→' if place == 0 else ' '} {sense.score:.3f} {sense.sense.synset}: {sense.sense.definition}")
    table = Table("cosine", "distance", "prompt", "relation", "kept", "meaning", title=f"Prompts. {ranked.rule_text}")
    for prompt in ranked.prompts[:top]:
        kept = "yes" if prompt.kept else f"no: {prompt.reason}"
        table.add_row(f"{prompt.score:.3f}", f"{prompt.distance:.3f}", prompt.text, prompt.relation, kept, prompt.gloss)
    out.print(table)
    for name in ("only_word", "naive", "worst"):
        prompt = getattr(ranked, name)
        out.print(f"To compare: {prompt.score:.3f} {prompt.text} ({name.replace('_', ' ')})")
    out.print(f"Best prompt (Eq. 1): {ranked.best.text}")


def show_result(result: Result, out: Path) -> None:
    """The summary of `tgvig run`."""
    console = _plain_console()
    for note in result.notes:
        where = f" Heatmap: {out / note.heatmap}" if note.heatmap else ""
        console.print(f"Note            {note.path}: {note.text}{where}")
    curve = "  ".join(f"{value:.3f}" for value in result.similarity)
    console.print(f"\nPack {result.pack} on {result.device}")
    console.print(f"Best prompt     {result.best_prompt}  (sense {result.sense or 'none'})")
    console.print(f"Similarity      {curve}  → set {result.best_iteration} fits best")
    console.print(f"Learned from    {TrainingSet.parse(result.arm).title}")
    console.print(f"Threshold       {result.threshold:.3f} (raw score). {result.false_alarm_estimate['words']}")
    if result.lift:
        console.print(f"Generation      {result.lift['words']}")
    if result.gate:
        console.print(f"Gate            {result.gate['words']}")
    if result.images:
        flagged = sum(image.is_anomalous for image in result.images)
        console.print(f"Inspected       {len(result.images)} photos, {flagged} called anomalous")
    shown = ("image_auroc", "pixel_auroc", "pro", "f1_max", "false_alarm", "miss")
    figures = [f"{name} {value:.3f}" for name in shown if (value := result.figures.get(name)) is not None]
    if figures:
        console.print("Figures         " + "  ".join(figures))
    console.print("Seconds         " + "  ".join(f"{name} {value:.1f}" for name, value in result.seconds.items()))
    console.print(
        f"Look at         {out / 'inspect'} (heatmaps), {out / 'sets'} (generated images), {out / 'result.json'}"
    )


def show_check(found: dict, folder: Path) -> None:
    """The summary of `tgvig check`."""
    console = _plain_console()
    advice, seen = found["advice"], found["detectability"]
    table = Table("what it learns from", "image AUROC", "difference", "90 % interval", title="Synthetic defects")
    for one in advice["arms"]:
        beside = (
            ("", "")
            if one["arm"] == "real"
            else (f"{one['difference']:+.3f}", f"{one['low']:+.3f} to {one['high']:+.3f}")
        )
        table.add_row(f"{TrainingSet.parse(one['arm']).title} ({one['arm']})", f"{one['auroc']:.3f}", *beside)
    console.print(table)
    for arm, words in found["gate"].items():
        console.print(f"Gate, {arm}: {words}")
    console.print(f"Recommended     {advice['recommended']}. {advice['words']}")
    console.print(f"The detector checked here learned from {TrainingSet.parse(found['arm']).title}:")
    for curve in seen["kinds"]:
        console.print(f"  {curve['words']}")
    console.print(f"Detectability   {seen['words']}\nAll figures     {folder / 'check.json'}")


def show_benchmark(rows: Sequence[Row], out: Path) -> None:
    """The summary of `tgvig benchmark`."""
    console = _plain_console()
    failures = [row for row in rows if row.error]
    for row in failures:
        console.print(f"tgvig: {one_line('/'.join(map(str, row.key[1:])))}: {row.error}")
    console.print(f"{len(rows) - len(failures)} of {len(rows)} cells have figures.")
    console.print(
        f"Look at         {out / 'report.html'} (or report.md), {out / 'results.csv'}, {out / 'results.json'}"
    )
