"""The project as a library: what `import tgvig_core` offers and costs, and the docs' example as it stands there."""

import json
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from paths import NUT, ROOT
from PIL import Image

import tgvig_core as tgvig
from tgvig_core.runs.settings import RunSettings


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_public_name_is_there_and_documented():
    assert set(tgvig.__all__) <= set(dir(tgvig))
    for name in tgvig.__all__:
        found = getattr(tgvig, name)
        assert found.__name__ == name and found.__module__.startswith("tgvig_core.") and found.__doc__
    with pytest.raises(AttributeError, match="'tgvig_core' has no attribute 'nonsense'"):
        tgvig.nonsense  # noqa: B018


def test_no_public_name_is_hidden_by_a_file_of_the_same_name():
    files = {path.stem for path in (ROOT / "tgvig_core").glob("*.py")}
    assert not files & set(tgvig.__all__)


def test_the_import_loads_nothing_and_reading_a_bundle_no_torch():
    heavy = "print(sorted({'torch', 'numpy', 'gradio', 'typer'} & set(sys.modules)))"
    assert python(f"import sys, tgvig_core; {heavy}") == "[]"
    names = "tgvig.open_bundle, tgvig.load_inspector, tgvig.read_photo, tgvig.heatmap, tgvig.TgvigError"
    assert "torch" not in python(f"import sys, tgvig_core as tgvig; {names}; {heavy}")


def test_the_version_is_read_without_an_import():
    """As setuptools reads it: from the text, because torch is not there yet when a package is built."""
    text = (ROOT / "tgvig_core" / "__init__.py").read_text()
    assert re.search(r'^__version__ = "(.+)"$', text, re.M)[1] == tgvig.__version__


def test_run_gives_the_pipeline_what_the_command_line_gives_it(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("tgvig_core.runs.pipeline.start", lambda *values: given.append(values) or {"done": True})
    monkeypatch.chdir(NUT)
    assert tgvig.run("train/good/000.jpg", "nut", "out", test="test", seed=3, words=("steel",)) == {"done": True}
    ((settings, ctx),) = given
    assert settings == RunSettings((str(NUT / "train/good/000.jpg"),), "nut", "out", test=str(NUT / "test"), seed=3,
                                   words=("steel",))  # fmt: skip
    assert (settings.generating.images, settings.integrating.iterations, ctx.stop) == (20, 10, None)
    tgvig.run([NUT / "train/good"], "nut", tmp_path, images=3, iterations=2)
    assert len(given[1][0].photos) == 5 and given[1][0].generating.images == 3
    assert given[1][0].integrating.iterations == 2
    with pytest.raises(tgvig.TgvigError, match="no setting 'colour'"):
        tgvig.run("train/good/000.jpg", "nut", "out", colour="red")
    with pytest.raises(tgvig.TgvigError, match="seed: Input should be a valid integer, not 'three'"):
        tgvig.run("train/good/000.jpg", "nut", "out", seed="three")
    with pytest.raises(tgvig.TgvigError, match="nowhere.jpg"):
        tgvig.run("nowhere.jpg", "nut", "out")


def test_every_setting_of_the_method_is_reachable(monkeypatch):
    """Eq. 2 to 7: views, anchor, variance and flips; λ and the learning rate."""
    given = []
    monkeypatch.setattr("tgvig_core.runs.pipeline.start", lambda settings, ctx: given.append(settings))
    generating = tgvig.GeneratorSettings(views=4, anchor="view", variance=False, policy=tgvig.ViewPolicy(flips=True))
    integrating = tgvig.IntegratorSettings(3, update=tgvig.UpdateSettings(learning_rate=1e-4, vq_weight=0.5))
    tgvig.run(NUT / "train/good", "nut", "out", generating=generating, integrating=integrating)
    tgvig.run(NUT / "train/good", "nut", "out", images=2, iterations=1, generating=generating, integrating=integrating)
    assert (given[0].generating, given[0].integrating) == (generating, integrating)
    assert (given[1].generating.images, given[1].generating.anchor, given[1].integrating.iterations) == (2, "view", 1)
    assert given[1].integrating.update.vq_weight == 0.5


def example() -> str:
    """The block below "From Python" in the quick start."""
    section = (ROOT / "docs" / "quick_start.md").read_text().split("## From Python")[1]
    return re.search(r"```python\n(.*?)```", section, re.S)[1]


def test_the_docs_example_is_about_ten_lines():
    assert 8 <= sum(bool(line.strip()) for line in example().splitlines()) <= 12


@pytest.mark.slow
def test_the_docs_example_runs(tmp_path):
    shutil.copytree(ROOT / "assets" / "samples", tmp_path / "assets" / "samples")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", example()], cwd=tmp_path, capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")})  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.strip().splitlines()
    result = json.loads((tmp_path / "runs/nut/result.json").read_text())
    assert first == f"{result['best_prompt']} {result['false_alarm_estimate']['words']}"
    assert result["best_prompt"].startswith("a metal nut with ") and "from 2 photos" in first
    assert len(result["similarity"]) == 1 and len(list((tmp_path / "runs/nut/sets").rglob("*.png"))) == 2
    with zipfile.ZipFile(tmp_path / "runs/nut.zip") as bundle:
        about = json.loads(bundle.read("bundle.json"))
        assert set(about["models"]) == {"onnx"} and about["limits"]["threshold"] == result["threshold"]
    display, verdict, shape = re.fullmatch(r"(\d\.\d\d) (not good|good) (.*)", last).groups()
    assert (verdict, shape) == ("not good", "(256, 256)") and float(display) > 0.5  # rust


def test_a_heatmap_has_the_photos_own_size():
    pixels = np.asarray(Image.open(NUT / "test/rust/004.jpg"))[:200]
    assert tgvig.heatmap(pixels, np.ones((256, 256), np.float32), 1.0).shape == (200, 320, 3)
