"""The wheel as strangers get it: what it holds, and that it works where nothing of the checkout is.

The libraries of this environment stand in for those that pip would bring where they are gigabytes (torch, gradio); the part
that inspects without torch is installed for real, into an empty environment.
"""

from __future__ import annotations

import email
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tarfile
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from browser import free_port
from paths import NUT, ROOT

from tgvig_core import __version__

NO_CHECKOUT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
"""The environment of what runs: nothing points to the checkout."""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder with the source distribution and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Warning:" not in done.stderr, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def inside(wheel) -> dict[str, bytes]:
    """The wheel's files, by name."""
    with zipfile.ZipFile(wheel) as held:
        return {name: held.read(name) for name in held.namelist()}


def in_the_checkout() -> set[str]:
    """What of the checkout belongs into the wheel, by its name there: the three packages and assets, as git knows them."""
    known = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "tgvig_*", "assets"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.splitlines()  # fmt: skip
    there = [name for name in known if (ROOT / name).is_file()]
    return {name.replace("assets/", "tgvig_assets/", 1) if name.startswith("assets/") else name for name in there}


def test_it_holds_every_file_of_the_packages_and_assets_and_nothing_else(inside):
    about = {name for name in inside if name.split("/")[0].endswith(".dist-info")}
    assert set(inside) - about == in_the_checkout()


def test_the_source_distribution_holds_the_same(built, inside):
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as held:
        names = {name.partition("/")[2] for name in held.getnames()}
    assert {name.replace("tgvig_assets/", "assets/", 1) for name in in_the_checkout()} <= names


def test_its_metadata_says_what_it_is_needs_and_where_to_read_on(inside):
    (text,) = [content for name, content in inside.items() if name.endswith(".dist-info/METADATA")]
    about = email.message_from_bytes(text)
    assert about["Version"] == __version__ and about["License-Expression"] == "Apache-2.0"
    assert about["Description-Content-Type"] == "text/markdown"
    assert about.get_payload().startswith("# ") and "sdk_version" not in about.get_payload()  # not the Space's block
    wanted = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    assert wanted and not [line for line in wanted if line.startswith(("torch", "gradio"))]
    assert {"train", "app", "export", "serve", "benchmark", "ray", "docs"} <= set(about.get_all("Provides-Extra"))
    assert about.get_all("Project-URL")


def environment(folder: Path, wheel: Path) -> Path:
    """An environment with the wheel alone, whose other packages are this one's. Returns its folder of programs.

    What a .pth file names comes behind the environment's own packages, and the .pth files there are not read: tgvig is the
    wheel's, whatever this environment's tgvig is.
    """
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet", "--no-deps",
               "--no-index", str(wheel)]  # fmt: skip
    subprocess.run(command, check=True, env=NO_CHECKOUT)
    return folder / "bin"


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    return environment(tmp_path_factory.mktemp("installed") / "venv", wheel)


def run(*command: str | Path, folder: Path, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """A program in a folder, with what it says."""
    given = [str(word) for word in command]
    return subprocess.run(given, cwd=folder, env=NO_CHECKOUT | (variables or {}), capture_output=True, text=True)


def test_everything_is_imported_from_the_wheel(programs, tmp_path):
    code = ("import json, tgvig_core, tgvig_ui, tgvig_serve; from tgvig_core.utils.folders import ASSETS; "
            "print(json.dumps([tgvig_core.__file__, tgvig_ui.__file__, tgvig_serve.__file__, str(ASSETS)]))")  # fmt: skip
    done = run(programs / "python", "-c", code, folder=tmp_path)
    places = json.loads(done.stdout)
    assert all(Path(place).is_relative_to(programs.parent) for place in places), places


def test_doctor_finds_all_that_the_wheel_brings(programs, tmp_path):
    done = run(programs / "tgvig", "doctor", "--json", folder=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["ready"], done.stdout
    assert all(file["here"] for file in found["packs"]["embedded"]["files"])
    assert found["install"] == 'pip install "tgvig[train]"'  # there is no Makefile


def test_the_app_serves_its_first_page_and_ends_when_it_is_asked_to(programs, tmp_path):
    port, log = free_port(), tmp_path / "log"
    command = [programs / "tgvig", "app", "--port", str(port), "--runs", tmp_path / "parts", "--pack", "embedded"]
    with log.open("wb") as said:
        process = subprocess.Popen(list(map(str, command)), cwd=tmp_path, env=NO_CHECKOUT, stdout=said, stderr=said)
    try:
        while not (page := first_page(port)):
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.2)
        shown = json.loads(get(port, "/config"))
        assert "window.gradio_config" in page and shown["title"].startswith("tgvig")
        assert "hex nut" in json.dumps(shown)  # of the wheel's assets
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 0, log.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def get(port: int, path: str) -> str:
    """What the app answers, as a browser on this machine would read it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        assert answer.status == 200
        return answer.read().decode()


def first_page(port: int) -> str:
    """ "" while nobody listens."""
    try:
        return get(port, "/")
    except OSError:
        return ""


@pytest.fixture(scope="module")
def without_torch(wheel, tmp_path_factory) -> Path:
    """The programs of an empty environment after `pip install tgvig[serve,openvino]`, and onnxruntime."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, symlinks=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet",
               "-c", str(ROOT / "constraints.txt"), f"{wheel}[serve,openvino,onnx]"]  # fmt: skip
    done = subprocess.run(command, env=NO_CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "bin"


@pytest.mark.slow
def test_what_inspects_is_installed_without_torch(without_torch, tmp_path):
    here = {path.name for path in without_torch.parent.glob("lib/python3*/site-packages/*")}
    assert {"tgvig_core", "tgvig_assets", "fastapi", "openvino"} <= here
    assert not {"torch", "gradio", "transformers", "anomalib", "timm"} & here
    assert run(without_torch / "tgvig", "--help", folder=tmp_path).returncode == 0
    done = run(without_torch / "tgvig", "doctor", folder=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert 'MISSING torch — run: pip install "tgvig[train]"' in done.stdout
    assert "Bundles can be inspected here as onnx or openvino." in done.stdout
    done = run(
        without_torch / "tgvig", "run", NUT / "train/good/000.jpg", "--object", "nut", "--out", "x", folder=tmp_path
    )
    assert done.returncode == 2 and 'pip install "tgvig[train]"' in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def taken_home(programs, tmp_path_factory) -> Path:
    """The bundle of a small run of the sample part, both made with the installed wheel."""
    folder = tmp_path_factory.mktemp("run")
    photo = NUT / "train/good/000.jpg"
    for command in (("run", photo, "--object", "metal nut", "--images", "1", "--iterations", "1", "--pack", "embedded",
                     "--out", "run", "--quiet"), ("export", "run", "--out", "bundle", "--quiet")):  # fmt: skip
        done = run(programs / "tgvig", *command, folder=folder)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder / "bundle"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_bundle_is_inspected_without_torch_as_it_is_with_it(programs, without_torch, taken_home, tmp_path, format):
    photos, seen = sorted((NUT / "test/good").iterdir()), {}
    for name, place in ((format, without_torch), ("torch", programs)):
        done = run(place / "tgvig", "inspect", taken_home, *photos, "--out", tmp_path / name, "--format", name, "--json",
                   folder=tmp_path)  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        seen[name] = [image["score"] for image in json.loads(done.stdout)["images"]]
    assert len(seen[format]) == len(photos) == 5 and seen[format] == pytest.approx(seen["torch"], rel=1e-3)


@pytest.mark.slow
def test_the_model_server_is_imported_without_torch(without_torch, tmp_path):
    code = "import sys, tgvig_serve.app, tgvig_serve.running; print('torch' in sys.modules)"
    done = run(without_torch / "python", "-c", code, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
