"""The whole method on real photos with the embedded pack: contract, determinism by seed, stop, kill and resume."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from photos import category, normals

from tgvig_core.cli.console import show_result
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.photos.images import read_normals
from tgvig_core.runs import pipeline
from tgvig_core.runs.result import Result
from tgvig_core.runs.settings import RunSettings
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

CONTRACT = {
    "pack", "device", "seconds", "best_prompt", "sense", "similarity", "best_iteration", "threshold",
    "false_alarm_estimate", "lift", "images", "image_auroc", "pixel_auroc", "pro", "f1_max", "false_alarm", "miss",
}  # fmt: skip


@pytest.fixture(scope="session")
def small_test(tmp_path_factory) -> Path:
    """Three good and three broken bottles with their masks, in MVTec layout."""
    root, source = tmp_path_factory.mktemp("bottle"), category("bottle")
    for kind in ("good", "broken_large"):
        (root / "test" / kind).mkdir(parents=True)
        for file in sorted((source / "test" / kind).iterdir())[:3]:
            shutil.copy(file, root / "test" / kind)
    shutil.copytree(source / "ground_truth" / "broken_large", root / "ground_truth" / "broken_large")
    return root / "test"


def settings(out: Path, test: Path | None = None, **changes) -> RunSettings:
    values = RunSettings(
        tuple(map(str, normals("bottle", 2))), "bottle", str(out), test=str(test) if test else None, pack="embedded",
        device="cpu", generating=GeneratorSettings(images=4),
        integrating=IntegratorSettings(3, update=UpdateSettings(steps=1)),
    )  # fmt: skip
    return replace(values, **changes)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_test) -> tuple[Path, Result]:
    """One run that several tests look at."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, pipeline.start(settings(out, small_test))


def test_the_result_has_every_field_of_the_contract(finished):
    out, result = finished
    written = json.loads((out / "result.json").read_text())
    assert written.keys() >= CONTRACT
    assert written == result.as_json() and Result.from_json(written, out) == result
    assert result.pack == "embedded" and result.sense.startswith("bottle.n.")
    assert result.best_prompt.startswith("a bottle with ")
    assert len(result.similarity) == 3
    assert result.similarity[result.best_iteration - 1] == max(result.similarity)
    assert {"compare", "prompts", "generate", "train", "inspect"} == result.seconds.keys()
    assert all(
        0 <= result.figures[name] <= 1
        for name in ("image_auroc", "pixel_auroc", "pro", "f1_max", "false_alarm", "miss")
    )


def test_broken_bottles_are_found_with_two_photos(finished):
    _, result = finished
    assert result.figures["image_auroc"] == 1.0 and result.figures["miss"] == 0.0
    assert result.figures["pixel_auroc"] > 0.9
    broken = [row for row in result.images if "broken" in row.path]
    assert len(broken) == 3
    assert all(row.is_anomalous == (row.score > result.threshold) for row in result.images)
    assert all(row.is_anomalous == (row.display > 0.5) for row in result.images)


def test_the_folder_holds_all_that_the_design_names(finished):
    out, result = finished
    assert sorted(path.name for path in (out / "sets").iterdir()) == ["001", "002", "003"]
    assert len(list((out / "sets" / "002").glob("*.png"))) == 4
    assert all((out / row.heatmap).is_file() for row in result.images)
    header = (out / "prompts.csv").read_text().splitlines()[0]
    assert header.split(",")[:4] == ["rank", "prompt", "word", "relation"]
    assert (out / "model" / "model.safetensors").is_file()
    shown = json.loads((out / "prompt_map.json").read_text())
    assert len(shown["photos"]) == 2 and shown["prompts"][0]["prompt"] == result.best_prompt
    events = [json.loads(line)["event"] for line in (out / "journal.jsonl").read_text().splitlines()]
    assert events[0] == "start" and events[-1] == "done" and events.count("iteration") == 3


def test_generated_bottles_look_like_their_photo(finished):
    """After one step on two photos a set is 18 dB near its photo; further steps bring it nearer (Eq. 6)."""
    out, _ = finished
    photos = read_normals(normals("bottle", 2)).tensor(256)
    first, last = (
        10 * torch.log10(4 / (Run(out).load_set(n)[::2] - photos[0]).square().mean((1, 2, 3))) for n in (1, 3)
    )
    assert first.min() > 18
    assert last.mean() > first.mean()


def sets(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((out / "sets").rglob("*.png"))]


def test_same_seed_same_images_other_seed_others(finished, tmp_path):
    out, result = finished
    shorter = IntegratorSettings(1, update=UpdateSettings(steps=1))
    again = pipeline.start(settings(tmp_path / "again", integrating=shorter))
    assert sets(tmp_path / "again") == sets(out)[:4] and again.similarity == result.similarity[:1]
    pipeline.start(settings(tmp_path / "other", seed=1, integrating=shorter))
    assert sets(tmp_path / "other") != sets(out)[:4]


def test_a_stop_inside_an_iteration_keeps_the_finished_sets_and_resume_ends_as_if_nothing_had_been(finished, tmp_path):
    out, result = finished
    stop = threading.Event()

    def progress(step: str, done: int, total: int) -> None:
        if step.startswith("Iteration 3"):
            stop.set()

    with pytest.raises(Stopped):
        pipeline.start(settings(tmp_path / "run"), RunContext(progress, stop))
    assert sorted(path.name for path in (tmp_path / "run" / "sets").iterdir()) == ["001", "002"]
    resumed = pipeline.resume(tmp_path / "run")
    assert resumed.similarity == pytest.approx(result.similarity, abs=1e-6)
    assert sets(tmp_path / "run") == sets(out) and resumed.threshold == result.threshold


def test_a_kill_9_loses_the_running_iteration_at_most(finished, tmp_path):
    out, result = finished
    run = tmp_path / "run"
    code = (
        "import sys; from test_pipeline import settings; from pathlib import Path; "
        "from tgvig_core.runs import pipeline; pipeline.start(settings(Path(sys.argv[1])))"
    )
    seen = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen([sys.executable, "-c", code, str(run)], env=os.environ | {"PYTHONPATH": seen})
    journal = run / "journal.jsonl"
    deadline = time.monotonic() + 1200
    while not (journal.exists() and journal.read_text().count('"iteration"') >= 2):
        assert process.poll() is None and time.monotonic() < deadline, "the run ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(list((run / "sets").glob("00?")))
    assert before >= 2
    resumed = pipeline.resume(run)
    assert resumed.similarity == pytest.approx(result.similarity, abs=1e-6)
    assert sets(run) == sets(out)


def test_a_finished_run_gives_its_result_again(finished):
    out, result = finished
    assert pipeline.resume(out) == result


def test_an_odd_photo_is_told_before_anything_is_learned_and_a_resumed_run_compares_only_once(tmp_path, capsys):
    broken = category("bottle") / "test" / "broken_large" / "000.jpg"
    photos = tuple(map(str, [*normals("bottle", 3), broken]))
    out, heatmap, stop, steps = tmp_path / "run", "odd/broken_large_000.png", threading.Event(), []

    def progress(step: str, done: int, total: int) -> None:
        steps.append(step)
        if step == "Choosing the patches to remember":  # training has begun
            stop.set()

    short = settings(
        out, photos=photos, prompt="a bottle", integrating=IntegratorSettings(1, update=UpdateSettings(steps=1))
    )
    with pytest.raises(Stopped):
        pipeline.start(short, RunContext(progress, stop))
    told = f"Unlike the other photos, see {out / heatmap}"
    learning = next(at for at, step in enumerate(steps) if step.startswith("Iteration 1"))
    assert steps.index("Comparing the photos") < steps.index(told) < learning
    assert (out / heatmap).is_file() and not (out / "model").exists()
    written, steps[:] = (out / heatmap).stat().st_mtime_ns, []
    result = pipeline.resume(out, ctx=RunContext(lambda step, done, total: steps.append(step)))
    assert "Comparing the photos" not in steps and (out / heatmap).stat().st_mtime_ns == written
    (note,) = [note for note in result.notes if note.kind == "odd"]
    assert note.path == str(broken) and note.heatmap == heatmap
    assert [row["odd"] for row in Run(out).events("compared")] == [[heatmap]]
    show_result(result, out)
    assert f"Heatmap: {out / heatmap}" in capsys.readouterr().out


def test_changed_photos_are_not_resumed(tmp_path):
    photo = tmp_path / "good.jpg"
    shutil.copy(normals("bottle", 1)[0], photo)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        pipeline.start(settings(tmp_path / "run", photos=(str(photo),)), ctx=RunContext(stop=stop))
    shutil.copy(normals("bottle", 2)[1], photo)
    with pytest.raises(TgvigError, match="have changed"):
        pipeline.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"object_name": "  "}, "no name"),
        ({"object_name": "qwrtzpf"}, "WordNet relates no word"),
        ({"sense": "bottle.n.99"}, "bottle.n.01"),
        ({"vocabulary": "dreams"}, "relations, wordnet, words"),
        ({"pack": "gold"}, "embedded"),
        ({"device": "tpu"}, "auto, cpu or cuda"),
        ({"photos": ("nowhere.jpg",)}, "nowhere.jpg"),
        ({"test": "nowhere"}, "nowhere"),
        ({"rule": "none"}, "rule"),
    ],
)
def test_bad_input_is_one_sentence_and_makes_no_folder(tmp_path, changes, words):
    with pytest.raises(TgvigError, match=words):
        pipeline.start(settings(tmp_path / "run", **changes))  # some are refused by the settings already
    assert not (tmp_path / "run").exists()


def test_ablation_arms_run_without_text_variance_and_with_views_as_anchor(tmp_path):
    short = IntegratorSettings(2, text=False, update=UpdateSettings(steps=1))
    generating = GeneratorSettings(images=2, anchor="view", variance=False)
    result = pipeline.start(settings(tmp_path / "run", generating=generating, integrating=short))
    assert result.best_iteration == 2
    assert result.figures == {} and result.images == ()
