"""The Dockerfile without a Docker engine: linted, its steps replayed in a clean folder, its CMD started as its user.

Stand-ins are told from the real thing in `STAND_INS`: apt-get only simulates, pip checks against this environment without
a network, useradd and the owner of folders are left out. Shell, python, grep, xargs, compileall and the app are real.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from browser import free_port
from dockerfile import Step, expanded, kept, line_of, pairs, stages, steps
from gradio_client import Client, handle_file
from paths import ROOT
from served import serving

TEXT = (ROOT / "Dockerfile").read_text()
RULES = (ROOT / ".dockerignore").read_text()
HADOLINT = Path(sys.executable).with_name("hadolint")
USER = 1000
ABSOLUTE = re.compile(r"(?<![\w./-])/(?:data|tmp|app|var/lib/apt/lists)\b")
"""How the image's own paths begin: they are put below the clean folder."""

STAND_INS = {
    "apt-get": 'case "$*" in update*) ;; *) exec /usr/bin/apt-get --simulate "$@" ;; esac',
    "pip": f"""case " $* " in
  *" -e "*) exec {shlex.quote(sys.executable)} -m pip "$@" --dry-run --no-index --no-build-isolation ;;
  *) exec {shlex.quote(sys.executable)} -m pip "$@" --dry-run --no-index ;; esac""",
    "python": f'exec {shlex.quote(sys.executable)} "$@"',
    "useradd": 'echo "$@" > "$BUILT/useradd"',
    "install": 'while [ "$1" != -d ]; do shift; done; shift; echo "$@" > "$BUILT/install"; exec mkdir -p "${@:5}"',
}

AUDIT = """
import os, sys
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.utime", "os.rmdir"}
log = os.open(os.environ["WRITTEN_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
def hook(event, values):
    if event == "open":
        path, mode, flags = values
        if not isinstance(path, (str, bytes)) or not (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        paths = [path]
    elif event in CHANGES:
        paths = [value for value in values[:2] if isinstance(value, (str, bytes))]
    else:
        return
    for path in paths:
        os.write(log, (os.path.abspath(os.fsdecode(path)) + "\\n").encode())
sys.addaudithook(hook)
"""


@dataclass
class Image:
    """What a replay of the Dockerfile has left."""

    root: Path
    base: str
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    settings: dict[str, Step] = field(default_factory=dict)  # CMD, HEALTHCHECK, VOLUME, ...
    ran: list[str] = field(default_factory=list)

    def here(self, path: str) -> str:
        """A text with the image's paths put below the clean folder."""
        return ABSOLUTE.sub(lambda found: f"{self.root}{found[0]}", path)

    @property
    def folder(self) -> Path:
        return Path(self.here(self.workdir))

    def shell_environment(self, build: dict[str, str]) -> dict[str, str]:
        """Of a RUN step."""
        home = self.root / "home"
        own = {name: self.here(value) for name, value in self.environment.items()}
        path = f"{self.root}/stand-ins:{os.environ['PATH']}"
        return os.environ | build | own | {"PATH": path, "HOME": str(home), "BUILT": str(self.root / "built")}


def replay(root: Path, **arguments: str) -> Image:
    """All steps of the line of stages that the build arguments choose, below the folder root."""
    base, line = line_of(TEXT, arguments)
    image, build = Image(root, base), {}
    for name in ("stand-ins", "built", "home", "tmp"):
        (root / name).mkdir()
    for name, text in STAND_INS.items():
        (root / "stand-ins" / name).write_text(f"#!/bin/bash\n{text}\n")
        (root / "stand-ins" / name).chmod(0o755)
    for step in line:
        if step.name == "WORKDIR":
            image.workdir = step.text
            image.folder.mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY":
            copy(image, step)
        elif step.name == "ARG":
            build |= {name: arguments.get(name, value) for name, value in pairs(step).items()}
        elif step.name == "ENV":
            image.environment |= {name: expanded(value, image.environment) for name, value in pairs(step).items()}
        elif step.name == "USER":
            image.user = step.text
        elif step.name == "RUN":
            done = subprocess.run(["sh", "-c", image.here(step.text)], cwd=image.folder, capture_output=True, text=True,
                                  env=image.shell_environment(build), timeout=1200)  # fmt: skip
            assert done.returncode == 0, f"RUN {step.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            image.ran.append(step.text)
        else:
            image.settings[step.name] = step
    return image


def copy(image: Image, step: Step) -> None:
    """COPY of files, or of the whole context, as .dockerignore lets it."""
    *sources, target = step.words
    allowed, into = kept(ROOT, RULES), image.folder / target
    for source in sources:
        chosen = [path for path in allowed if source in (".", str(path))]
        assert chosen, f"COPY {source}: .dockerignore leaves it out"
        for path in chosen:
            placed = into / (path if source == "." else path.name)  # a file that is named goes right into the target
            placed.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, placed)


@pytest.fixture(scope="module")
def image():
    """The CPU image, built once; in a folder that user 1000 may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield replay(Path(folder))


def test_hadolint_finds_nothing_and_nothing_is_hidden_from_it():
    done = subprocess.run([HADOLINT, "--disable-ignore-pragma", "--failure-threshold", "style", "--format", "json", "-"],
                          input=TEXT, capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_hadolint_is_awake():
    done = subprocess.run([HADOLINT, "--format", "json", "-"], input="FROM debian\nRUN cd /x && sudo y\n",
                          capture_output=True, text=True)  # fmt: skip
    assert {"DL3003", "DL3004", "DL3006"} <= {found["code"] for found in json.loads(done.stdout)}


@pytest.mark.slow
def test_the_replayed_build_ran_every_step_with_its_stand_ins(image):
    assert image.base.startswith("python:3.12-slim") and image.user == str(USER)
    assert len(image.ran) == sum(step.name == "RUN" for step in steps(TEXT))
    assert (image.root / "built/useradd").read_text().split()[:2] == ["--uid", str(USER)]
    assert (image.root / "built/install").read_text().split() == ["-o", "tgvig", "-g", "tgvig", image.here("/data")]
    for source in image.folder.glob("tgvig_*/**/*.py"):  # an unprivileged user could not write them
        assert list(source.parent.glob(f"__pycache__/{source.stem}.*.pyc")), source


@pytest.mark.slow
def test_no_weights_are_fetched_unless_a_pack_is_named(image):
    assert not [path for path in (image.root / "data").rglob("*") if path.is_file()]
    fetching = next(step for step in image.ran if "packs.load" in step)
    for pack, code, words in (("embedded", 0, ""), ("none-such", 1, "There is no pack 'none-such'")):
        done = subprocess.run(["sh", "-c", image.here(fetching)], cwd=image.folder, capture_output=True, text=True,
                              env=image.shell_environment({"FETCH_PACK": pack}))  # fmt: skip
        assert done.returncode == code and words in done.stderr, done.stderr


@pytest.mark.slow
def test_the_cuda_variant_differs_by_what_the_driver_needs(image):
    found = stages(TEXT, {"VARIANT": "cuda"})
    assert found[""].base == "cuda" and found["cuda"].base == found["cpu"].base == "base"
    base, line = line_of(TEXT, {"VARIANT": "cuda"})
    environment = {name: value for step in line if step.name == "ENV" for name, value in pairs(step).items()}
    assert base == image.base
    assert set(environment.items()) - set(image.environment.items()) == {
        ("NVIDIA_VISIBLE_DEVICES", "all"), ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility")}  # fmt: skip


@pytest.mark.slow
def test_the_image_holds_every_package_and_asset_and_nothing_private(image):
    held = {path.relative_to(image.folder) for path in image.folder.rglob("*") if path.is_file()}
    held = {path for path in held if "__pycache__" not in path.parts and not path.parts[0].endswith(".egg-info")}
    tops = {path.parts[0] for path in held}
    packages = {path.name for path in ROOT.glob("tgvig_*") if (path / "__init__.py").is_file()}
    assert len(packages) >= 2
    project = {"README.md", "LICENSE", "packages.txt", "pyproject.toml", "requirements.txt", "setup.py"}
    assert tops == packages | project | {"app.py", "assets", "tools"}
    assert {str(path) for path in held if path.parts[0] == "tools"} == {"tools/scripts/make_requirements.py"}
    for name in packages | {"assets"}:
        inside = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*") if path.is_file()}
        assert {path for path in inside if "__pycache__" not in path.parts} == {p for p in held if p.parts[0] == name}


@functools.cache
def started_as() -> dict:
    """How to start a process as the image's user; as oneself where that is not allowed, or where Python lies in a
    folder that this user may not enter."""
    user = {"user": USER, "group": USER, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import torch"], check=True, capture_output=True, **user)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return user


@pytest.fixture(scope="module")
def container(image, tmp_path_factory):
    """The image's CMD, started as its user with its environment alone: (process, url, files that it wrote)."""
    port, audit = str(free_port()), image.root / "audit"
    audit.mkdir()
    (audit / "sitecustomize.py").write_text(AUDIT)
    (audit / "written").touch()
    for path in (image.root / "data", image.root / "home", image.root / "tmp", audit / "written"):
        os.chown(path, USER, USER) if started_as() else None
    environment = {name: image.here(value) for name, value in image.environment.items()}
    environment |= {"PATH": f"{image.root}/stand-ins:/usr/bin:/bin", "HOME": str(image.root / "home"),
                    "TMPDIR": str(image.root / "tmp"), "PYTHONPATH": str(audit), "WRITTEN_LOG": str(audit / "written")}  # fmt: skip
    command = [image.here(word).replace("7860", port) for word in image.settings["CMD"].words]
    log = tmp_path_factory.mktemp("container") / "log"
    # SIGINT comes ignored, as from a shell that starts something in the background: the app has to see to it itself
    command = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=image.folder, env=environment, stdout=file, stderr=file, **started_as())
    assert "--start-period=" in image.settings["HEALTHCHECK"].text  # Docker's patience; the test has more
    deadline = time.monotonic() + 1200
    try:
        assert not healthy(image, port)  # nobody listens yet
        while not healthy(image, port):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"never healthy: {log.read_text()[-3000:]}"
            time.sleep(0.5)
        yield process, f"http://127.0.0.1:{port}", audit / "written"
    finally:
        process.kill()
        process.wait()


def healthy(image: Image, port: str) -> bool:
    """What the HEALTHCHECK says of whoever listens on a port."""
    text = image.settings["HEALTHCHECK"].text
    check = [word.replace("7860", port) for word in json.loads(text[text.index("[") :])]
    done = subprocess.run(check, env=image.shell_environment({}), capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


class Broken(http.server.BaseHTTPRequestHandler):
    """A server in trouble."""

    def do_GET(self):  # noqa: N802  (http.server's name for it)
        self.send_error(500)

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.slow
def test_the_health_check_also_knows_the_model_server_and_a_server_in_trouble(image):
    with serving() as server:
        assert healthy(image, server.url.rsplit(":", 1)[1])
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as broken:
        threading.Thread(target=broken.serve_forever, daemon=True).start()
        assert not healthy(image, str(broken.server_port))
        broken.shutdown()


@pytest.mark.slow
def test_the_cmd_turns_healthy_works_and_writes_below_its_volumes_and_home_alone(container, image):
    process, url, written = container
    client = Client(url, verbose=False, httpx_kwargs={"timeout": None})
    photo = ROOT / "assets/samples/hex_nut/train/good/000.jpg"
    part = client.predict([handle_file(str(photo))], "metal nut", api_name="/rank")
    deadline = time.monotonic() + 1200
    while client.predict(part, api_name="/status")["state"] != "done":
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.5)
    (volume,) = (Path(image.here(volume)) for volume in image.settings["VOLUME"].words)
    paths = {Path(line) for line in written.read_text().splitlines()}
    for own in ("runs", "nltk_data"):  # the part; WordNet
        assert any(path.is_relative_to(volume / own) for path in paths)
    allowed = (volume, image.root / "home", image.root / "tmp", Path("/dev"), Path("/proc"))
    assert {path for path in paths if not any(path.is_relative_to(place) for place in allowed)} == set()


@pytest.mark.slow
def test_what_docker_stop_sends_ends_the_app_cleanly(container, image):
    process, url, _ = container
    process.send_signal(signal.Signals[image.settings["STOPSIGNAL"].text])
    assert process.wait(600) == 0  # for a test that fails rather than hangs: nothing is said about how long it takes
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", int(url.rsplit(":", 1)[1])))


@pytest.mark.slow
def test_the_port_is_the_one_that_is_served(image):
    assert image.settings["EXPOSE"].text == "7860"
    assert "0.0.0.0" in image.settings["CMD"].words and "7860" in image.settings["CMD"].words
