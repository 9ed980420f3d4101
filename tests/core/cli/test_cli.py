"""The command line as a person and a program meet it: exit codes, --json, --quiet, Ctrl-C, one sentence for bad input."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main
from paths import NUT, ROOT
from photos import category, normals

from tgvig_core.cli import main as main_module
from tgvig_core.cli.main import main
from tgvig_core.cli.remedies import remedy
from tgvig_core.utils.errors import TgvigError


def tgvig(*arguments: object, timeout: int = 1200, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tgvig_core", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=os.environ | (env or {})
    )


@pytest.fixture
def here(monkeypatch, capsys):
    """The same command inside this process, which saves the seconds that its imports take: (exit code, out, err)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tgvig", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


SMALL = ["--pack", "embedded", "--images", 2, "--iterations", 1, "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run made by the command line, with nothing on standard output but one JSON document."""
    out = tmp_path_factory.mktemp("cli") / "run"
    done = tgvig("run", *normals("bottle", 2), "--object", "bottle", "--out", out, *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best_iteration"] == 1
    return out


def test_a_name_that_is_no_text_is_shown(trained, tmp_path):
    folder = os.fsencode(tmp_path / "odd")
    os.mkdir(folder)
    shutil.copy(normals("bottle", 3)[2], folder + b"/caf\xe9.png")
    strict = {"PYTHONIOENCODING": "utf-8:strict"}  # what most desktops' terminals are
    done = tgvig("inspect", trained / "model", tmp_path / "odd", "--out", tmp_path / "out", "--quiet", env=strict)
    assert done.returncode in (0, 1), done.stderr
    assert "caf\\udce9.png" in done.stdout


def test_inspect_says_good_and_defect_by_its_exit_code(trained, tmp_path, here):
    bottle = category("bottle")
    bad = tgvig("inspect", trained / "model", bottle / "test/broken_large/000.jpg", "--out", tmp_path / "bad", "--json")
    assert bad.returncode == 1, bad.stderr
    row = json.loads(bad.stdout)["images"][0]
    assert row["is_anomalous"] and row["display"] > 0.5 and Path(row["heatmap"]).is_file()
    table = (tmp_path / "bad" / "scores.csv").read_text().splitlines()
    assert table[0] == "path,score,display,threshold,is_anomalous,heatmap,error" and len(table) == 2
    code, out, _ = here("inspect", trained, normals("bottle", 1)[0], "--out", tmp_path / "good", "--quiet")
    assert code == 0 and out.startswith("good")


def test_inspect_names_a_photo_that_it_cannot_read_and_goes_on(trained, tmp_path, here):
    (tmp_path / "empty.png").write_bytes(b"")
    code, out, err = here(
        "inspect", trained, tmp_path / "empty.png", normals("bottle", 1)[0], "--out", tmp_path / "out", "--quiet"
    )
    assert code == 2 and "empty.png is empty" in err and "Traceback" not in err and out.startswith("good")
    rows = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    assert "empty.png is empty" in rows[0]["error"] and rows[0]["score"] is None and rows[1]["error"] == ""
    assert rows[1]["score"] < rows[1]["threshold"]


def test_inspect_that_cannot_run_leaves_2_and_nothing_behind(trained, tmp_path, here):
    photo, out = normals("bottle", 1)[0], tmp_path / "out"
    for arguments, said in (
        ((tmp_path, photo), "not a saved detector"),
        ((trained, tmp_path / "none.png"), "does not exist"),
        ((trained, photo, "--heatmaps", "some"), "no heatmaps 'some'"),
        ((trained, photo, "--watch"), "takes one folder"),
        ((trained, photo, "--format", "onnx"), "export a bundle"),
    ):
        code, _, err = here("inspect", *arguments, "--out", out)
        assert code == 2 and said in err and "Traceback" not in err
    assert not out.exists()


def test_the_command_in_a_bundle_makes_the_same_detector_again(trained, tmp_path, here):
    """From the bundle alone: its photos and its command; on the same machine byte for byte."""
    made = tmp_path / "bundle"
    code, out, err = here("export", trained, "--out", made, "--format", "torch", "--normals", "--json")
    assert code == 0, err
    arguments = shlex.split(json.loads(out)["command"])[1:]
    command = [sys.executable, "-m", "tgvig_core", *arguments, "--quiet"]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    cards = [json.loads((run / "model" / "model.json").read_text()) for run in (trained, made / "run")]
    assert cards[0]["sha256"] == cards[1]["sha256"] and cards[0]["calibration"] == cards[1]["calibration"]


def test_check_compares_the_pools_of_a_run_and_can_train_the_recommended_one(trained, tmp_path, here):
    run = shutil.copytree(trained, tmp_path / "run")
    code, out, err = here("check", run, "--use", "--json")
    assert code == 0, err
    found = json.loads(out)
    arms = [one["arm"] for one in found["advice"]["arms"]]
    assert arms == ["real", "augment", "augment:photometric", "augment:shifts", "tgvig"]
    recommended = found["advice"]["recommended"]
    assert recommended in arms and json.loads((run / "model/model.json").read_text())["arm"] == recommended
    assert found["result"] == json.loads((run / "result.json").read_text())
    code, _, err = here("check", tmp_path)
    assert code == 2 and "holds no run" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.jpg", "--object", "nut"], "nowhere.jpg"),
        (["run", NUT / "train/good/000.jpg", "--object", " "], "no name"),
        (["run", NUT / "train/good/000.jpg"], "--object"),
        (["run", NUT / "train/good/000.jpg", "--object", "nut", "--images", "0"], "0 images"),
        (["run", NUT / "train/good/000.jpg", "--object", "nut", "--false-alarm", "2"], "false-alarm"),
        (["run", NUT / "train/good/000.jpg", "--object", "nut", "--detector", "oracle"], "patchcore"),
        (["run", "--resume"], "holds no run"),
        (["run", "--resume", "--seed", "3", "--images", "4"], "leave out --seed, --images"),
    ],
)
def test_bad_input_is_one_sentence_with_exit_code_2(tmp_path, here, arguments, words):
    code, out, err = here(*arguments, "--out", tmp_path / "run")
    assert code == 2
    assert words in err and "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "run").exists()


def test_ctrl_c_leaves_a_run_that_resume_finishes(tmp_path):
    out = tmp_path / "run"
    arguments = ["run", *normals("bottle", 1), "--object", "bottle", "--out", out, "--pack", "embedded", "--images", 1,
                 "--iterations", 2, "--quiet"]  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "tgvig_core", *map(str, arguments)], cwd=ROOT,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    journal = out / "journal.jsonl"
    deadline = time.monotonic() + 1200
    while not (journal.exists() and '"iteration"' in journal.read_text()):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=1200)[1]
    assert process.returncode == 130 and f"tgvig run --resume --out {out}" in said
    assert not (out / "result.json").exists()
    done = tgvig("run", "--resume", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["similarity"]) == 2


def test_doctor_finds_the_embedded_pack_ready(here):
    code, out, _ = here("doctor", "--json")
    found = json.loads(out)
    assert code == 0 and found["ready"]
    assert all(file["here"] for file in found["packs"]["embedded"]["files"])
    assert "Ready." in here("doctor")[1]


def test_prompts_ranks_the_nut_of_the_hex_nut_sample(here):
    code, out, _ = here("prompts", NUT / "train" / "good", "--object", "nut", "--pack", "embedded", "--json")
    found = json.loads(out)
    assert code == 0 and found["notes"] == []
    scores = [row["score"] for row in found["prompts"]]
    assert scores == sorted(scores, reverse=True)
    assert {"nut.n.01", "nut.n.03"} <= {row["sense"]["synset"] for row in found["senses"]}


HELP = """
import sys
from tgvig_core.cli.main import main
sys.argv = ["tgvig", "--help"]
try:
    main()
finally:
    print(sorted({"torch", "gradio", "anomalib", "nltk", "transformers"} & set(sys.modules)))
"""


def test_help_loads_nothing_that_takes_seconds():
    done = subprocess.run([sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "inspect" in done.stdout and done.stdout.endswith("[]\n"), done


def test_commands_of_other_packages_are_asked_for_by_name(monkeypatch):
    """`tgvig serve` and `tgvig app`: the core knows no more of them than where they are."""
    asked = []
    monkeypatch.setattr(
        main_module.importlib, "import_module", lambda name: asked.append(name) or SimpleNamespace(main=asked.append)
    )
    monkeypatch.setattr(sys, "argv", ["tgvig", "serve", "bundle.zip", "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code and asked == ["tgvig_serve.command", ["bundle.zip", "--port", "0"]]


def test_a_package_that_is_not_installed_is_one_sentence(monkeypatch, capsys):
    def missing(name: str):
        raise ModuleNotFoundError("No module named 'gradio'", name="gradio")

    monkeypatch.setattr(main_module.importlib, "import_module", missing)
    monkeypatch.setattr(sys, "argv", ["tgvig", "app", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "tgvig: tgvig app needs gradio: pip install 'tgvig[app]'.\n"


def test_the_command_line_adds_its_option_to_an_error_of_the_core():
    assert remedy(TgvigError("There is no CUDA GPU.", setting="device")) == " (--device cpu)"
    assert remedy(TgvigError("There is no photo.")) == ""


def docs_commands() -> list[str]:
    """Every tgvig command of the quick start, in its order."""
    text = (ROOT / "docs" / "quick_start.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("tgvig ")]


def test_the_docs_commands_have_their_options():
    commands = docs_commands()
    assert {line.split()[1] for line in commands} == {
        "doctor", "prompts", "run", "check", "inspect", "export", "serve", "benchmark",
    }  # fmt: skip
    known = typer.main.get_command(main_module.app).commands
    for line in commands:
        name, *arguments = shlex.split(line.split("#")[0])[1:]
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= options or name == "serve", line


@pytest.mark.slow
def test_the_docs_commands_run(tmp_path, here, monkeypatch):
    """With fewer photos and images."""
    commands = docs_commands()
    shutil.copytree(ROOT / "assets" / "samples", tmp_path / "assets" / "samples")
    for photo in (tmp_path / "assets" / "samples").rglob("test/*/00[2-9].jpg"):
        photo.unlink()  # two of each kind
    monkeypatch.chdir(tmp_path)
    for line in (line for line in commands if not line.startswith("tgvig serve")):  # it never ends: test_serving_bundle
        line = re.sub(r"--iterations \d+", "--iterations 1", re.sub(r"--images \d+", "--images 2", line.split("#")[0]))
        arguments = shlex.split(line)[1:]
        code, _, err = here(*arguments)
        assert code in ((0, 1) if arguments[0] == "inspect" else (0,)), f"{line}: {err}"


@pytest.mark.parametrize("command", ["app", "serve"])
def test_a_command_of_another_package_names_the_extra_that_it_needs(here, monkeypatch, command):
    def lacks_a_library(arguments):
        raise ModuleNotFoundError("No module named 'webs'", name="webs")

    package = {"app": "tgvig_ui", "serve": "tgvig_serve"}[command]
    monkeypatch.setattr(f"{package}.command.main", lacks_a_library)
    assert here(command) == (2, "", f"tgvig: tgvig {command} needs webs: pip install 'tgvig[{command}]'.\n")
