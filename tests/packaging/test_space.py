"""The app as a Hugging Face Space starts it: its files, its environment, a disk on which only some folders may be written."""

import os
import re
import subprocess
import sys
import tomllib

import gradio
import pytest
import yaml
from browser import ROOT, App, free_port, open_page
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from made_parts import photo_files
from open_clip.pretrained import get_pretrained_cfg
from packaging.requirements import Requirement
from packaging.version import Version
from playwright.sync_api import expect
from served import soon
from typer.testing import CliRunner
from walking import cells, photos, step

from tgvig_core.packs import registry
from tgvig_core.reports import pdf
from tgvig_ui import launch
from tgvig_ui.security.visitors import Limits

README = (ROOT / "README.md").read_text(encoding="utf-8")
ZERO_GPU_TORCH = ("2.8.0", "2.11.0")
"""The oldest and newest torch that ZeroGPU supports."""
GUARD = """
import os, sys
ALLOWED = tuple(os.environ["TGVIG_TEST_ALLOWED"].split(os.pathsep)) + ("/dev/", "/proc/")
PLACES = {"os.mkdir": (0,), "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,), "os.link": (1,), "os.symlink": (1,),
          "os.truncate": (0,), "os.chmod": (0,), "os.utime": (0,)}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def refuse(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        written = [path] if isinstance(flags, int) and flags & WRITES else []
    else:
        written = [arguments[place] for place in PLACES.get(event, ())]
    for path in written:
        if isinstance(path, (str, bytes, os.PathLike)):
            whole = os.path.abspath(os.fsdecode(path))
            if not whole.startswith(ALLOWED):
                print("REFUSED", event, whole, file=sys.stderr, flush=True)
                raise PermissionError(13, "not on a Space", whole)

sys.addaudithook(refuse)
"""


def front_matter() -> dict:
    found = re.match(r"---\n(.*?)\n---\n", README, re.DOTALL)
    assert found, "the block must stand at the very top"
    return yaml.safe_load(found[1])


def requirements(file: str) -> dict[str, Requirement]:
    lines = (ROOT / file).read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {entry.name: entry for entry in found}


def test_the_readme_configures_a_space():
    about = front_matter()
    assert about["sdk"] == "gradio" and about["license"] == "apache-2.0"
    assert (ROOT / about["app_file"]).is_file()
    assert len(about["short_description"]) <= 60
    assert about["python_version"] == "3.12"  # a string: a number such as 3.10 would become 3.1
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {about["colorFrom"], about["colorTo"]} <= colours
    assert about["suggested_hardware"] == "cpu-basic"
    assert set(about) <= {
        "title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "short_description",
        "license", "pinned", "suggested_hardware", "startup_duration_timeout", "tags", "models",
    }  # fmt: skip


def test_its_gradio_is_one_that_the_requirements_allow_and_the_tests_run_on():
    version = front_matter()["sdk_version"]
    assert Version(version) in requirements("requirements.txt")["gradio"].specifier
    assert Version(version) == Version(gradio.__version__)


def test_its_models_are_those_that_the_packs_fetch_from_the_hub():
    clips = [
        get_pretrained_cfg(*pack.encoder_model)["hf_hub"].strip("/")
        for pack in registry.PACKS.values()
        if pack.encoder == "clip"
    ]
    backbones = [
        f"timm/{pack.backbone}" for pack in registry.PACKS.values() if pack.backbone_file.source.startswith("hub")
    ]
    assert set(front_matter()["models"]) == {*clips, *backbones}


def test_what_spaces_installs_first_suits_zerogpu_and_the_requirements():
    first, then = requirements("pre-requirements.txt"), requirements("requirements.txt")
    assert set(first) == {"torch", "torchvision"}
    for name, entry in first.items():
        (pin,) = entry.specifier
        assert pin.operator == "==" and Version(pin.version) in then[name].specifier
        if name == "torch":
            assert Version(ZERO_GPU_TORCH[0]) <= Version(pin.version) <= Version(ZERO_GPU_TORCH[1])
    assert "spaces" not in then  # a Space brings its own


def test_wordnet_comes_with_the_debian_packages():
    assert {"wordnet-base", "wordnet-sense-index"} <= set((ROOT / "packages.txt").read_text().split())


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What `serve` would have served, and where."""
    seen: dict = {}

    class Page:
        def launch(self, **options):
            seen.update(options)

    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "SPACE_ID", "TGVIG_PUBLIC", "TGVIG_PACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(launch, "_page", lambda server: seen.update(server=server) or Page())
    monkeypatch.setattr(launch.Service, "warm_up", lambda self: None)

    def serve(*options: str, **variables: str) -> dict:
        app = launch.typer.Typer()
        app.command()(launch.serve)
        found = CliRunner().invoke(app, list(options), env=variables)
        assert found.exit_code == 0, found.output + repr(found.exception)
        return seen

    return serve


def test_a_space_says_where_to_listen_and_is_public(started):
    port = free_port()
    told = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port)}
    seen = started(**told, SPACE_ID="me/tgvig", TGVIG_PACK="embedded")
    assert (seen["server_name"], seen["server_port"], seen["max_file_size"]) == ("0.0.0.0", port, "10mb")
    server = seen["server"]
    assert server.limits == Limits() and server.store.hours == 24 and not server.local
    assert server.service.options.pack == "embedded" and seen["ssr_mode"] is False


def test_at_home_nothing_is_limited_and_nothing_expires(started):
    port = free_port()
    seen = started("--port", str(port))
    server = seen["server"]
    assert (seen["server_name"], seen["server_port"], seen["max_file_size"]) == ("127.0.0.1", port, "100mb")
    assert server.limits is None and server.store.hours is None and server.local


def test_limits_can_be_asked_for_and_a_private_space_can_do_without(started):
    port = str(free_port())
    server = started("--public", "--expire-hours", "2", "--port", port)["server"]
    assert server.limits.hours == server.store.hours == 2 and not server.local
    server = started("--port", port, SPACE_ID="me/tgvig", TGVIG_PUBLIC="0")["server"]
    assert server.limits is None and server.store.hours is None
    assert started("--expire-hours", "3", "--port", port)["server"].store.hours == 3


class Space(App):
    """`python app.py` without options, in the environment of a Space."""

    def arguments(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        folder = self.log.parent
        for name in ("home", "tmp", "guard"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "guard" / "sitecustomize.py").write_text(GUARD)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {
            "SYSTEM": "spaces", "SPACE_ID": "me/tgvig", "SPACE_HOST": "me-tgvig.hf.space",
            "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(self.port),
            "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "TGVIG_PACK": "embedded",
            "PYTHONPATH": str(folder / "guard"), "PYTHONDONTWRITEBYTECODE": "1",
            "TGVIG_TEST_ALLOWED": os.pathsep.join([str(folder / "home"), str(folder / "tmp")]),
        }  # fmt: skip


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    app = Space(tmp_path_factory.mktemp("space"))
    app.runs = app.log.parent / "home" / ".cache" / "tgvig" / "parts"
    try:
        yield app.start()
    finally:
        app.stop()


@pytest.fixture(scope="module")
def example(space, browser):
    """The page of a visitor who opened the finished example."""
    page = open_page(browser)
    page.goto(space.url)
    expect(page.locator("#limits-photos")).to_contain_text("up to 5 photos of 12 megapixels and 10 MB each")
    page.locator("#ready").click()
    expect(page.locator("#step-5")).to_be_visible()
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def ranked(space, tmp_path_factory):
    """A program's connection, and the part whose prompts it had ranked."""
    client = Client(space.url, verbose=False)
    (photo,) = photo_files(tmp_path_factory.mktemp("ranked"), 0)
    id = client.predict([handle_file(str(photo))], "nut", api_name="/rank")
    soon(lambda: client.predict(id, api_name="/status")["state"] == "done", 300, "the end of the ranking")
    return client, id


def test_a_visitor_looks_at_the_finished_example_and_a_stranger_does_not_see_it(example, space, browser):
    page = example
    expect(page.locator("#status")).to_contain_text("This is a finished example")
    expect(page.locator("#summary")).to_contain_text(re.compile(r"\d+ of 20 photos are reported as anomalous"))
    expect(cells(page, "verdicts", 2).first).to_contain_text("ANOMALOUS")
    expect(page.locator("#look img")).to_have_count(2)
    expect(page.locator("#why img")).to_have_count(2)  # the detector is whole: it found the nearest good spot
    expect(page.locator("#recent")).to_be_visible()
    step(page, 3)
    expect(page.locator("#set-gallery img")).to_have_count(8)
    expect(page.locator("#images input[type=number]")).to_have_attribute("max", str(Limits().images))
    stranger = open_page(browser)
    stranger.goto(space.url)
    expect(stranger.locator("#normal-notes")).to_contain_text("No photos yet.")
    expect(stranger.locator("#recent")).to_be_hidden()
    stranger.context.close()


def test_a_visitor_is_refused_what_is_over_the_limits(space, ranked, browser, tmp_path):
    six = photo_files(tmp_path / "given", *range(6))
    page = open_page(browser)
    page.goto(space.url)
    expect(page.locator("#banner")).to_contain_text("Models:")
    page.locator("#upload-normals input[type=file]").set_input_files(photos(*six))
    expect(page.locator(".toast-body")).to_contain_text("6 photos are more than the 5 of good parts")
    expect(page.locator("#normals img")).to_have_count(0)
    page.goto(f"{space.url}/?part={'0' * 12}")
    expect(page.locator("#gone")).to_contain_text("nobody looks at for 24 hours are removed")
    page.context.close()
    client, id = ranked
    with pytest.raises(AppError, match="9 iterations.*more than the 8.*make app"):
        client.predict(id, 4, 9, 0, "a nut", api_name="/start")


def test_nothing_was_written_outside_the_allowed_folders(space, example, ranked):
    expect(example.locator("#look img")).to_have_count(2)
    said = space.log.read_text()
    assert [line for line in said.splitlines() if line.startswith("REFUSED")] == [], said[-2000:]
    assert any(space.runs.iterdir()) and (space.log.parent / "home" / ".cache" / "tgvig").is_dir()


def test_the_guard_itself_refuses(space, tmp_path):
    code = f"open({str(tmp_path / 'file')!r}, 'w')"
    found = subprocess.run([sys.executable, "-c", code], env=space.environment(), capture_output=True, text=True)
    assert found.returncode == 1 and "REFUSED open" in found.stderr and not (tmp_path / "file").exists()


@pytest.mark.parametrize("extra", ["onnx", "openvino", "pdf"])
def test_a_space_installs_what_take_it_home_needs_in_the_ranges_of_the_extras(extra):
    installed = requirements("requirements.txt")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    assert wanted and [str(installed.get(Requirement(line).name)) for line in wanted] == [
        str(Requirement(line)) for line in wanted
    ]
    for repeated in ("packages", "requirements"):
        held = [set((ROOT / f"{repeated}{kind}.txt").read_text().splitlines()) for kind in ("", "-dev")]
        assert held[0] & held[1] == set()


def test_the_pango_of_pdf_reports_comes_with_the_debian_packages():
    wanted = pdf.MISSING.split("apt-get install ")[1].rstrip(".").split()
    assert len(wanted) == 3 and set(wanted) <= set((ROOT / "packages.txt").read_text().split())
