"""Starting the server: one for a folder of parts, a port that is free, options that exist; else a sentence and code 2."""

import socket
import subprocess
import sys

import pytest
from paths import ROOT

from tgvig_core.utils.errors import TgvigError
from tgvig_ui import launch
from tgvig_ui.launch import check_port
from tgvig_ui.parts.folder_lock import held

pytestmark = pytest.mark.quick

HOLDER = """
import sys, time
from pathlib import Path
from tgvig_ui.parts.folder_lock import held
with held(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other_server(tmp_path):
    """Another process that works in tmp_path/parts."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "parts")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def begun(monkeypatch):
    """Which servers were made; none is to be in these tests."""
    made: list = []
    monkeypatch.setattr(launch, "make", lambda *given: made.append(given))
    return made


def refused(monkeypatch, capsys, *options: str) -> str:
    """What a person reads who starts the app with these options."""
    monkeypatch.setattr(sys, "argv", ["app.py", *options])
    with pytest.raises(SystemExit) as ended:
        launch.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and said.startswith("tgvig: ") and "Traceback" not in said
    return said


def test_a_second_server_in_the_same_folder_is_refused_before_it_takes_up_a_job(
    other_server, begun, monkeypatch, capsys, tmp_path
):
    said = refused(monkeypatch, capsys, "--runs", str(tmp_path / "parts"), "--port", "0")
    assert str(tmp_path / "parts") in said and "--runs" in said and not begun


def test_a_killed_server_holds_nothing(other_server, tmp_path):
    with pytest.raises(TgvigError, match="Another tgvig server"), held(tmp_path / "parts"):
        pass
    other_server.kill()
    other_server.wait()
    with held(tmp_path / "parts"):
        pass
    with held(tmp_path / "parts"):  # nor one that has ended
        pass


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TgvigError, match="another --runs"), held(tmp_path / "file" / "parts"):
        pass


def test_a_taken_port_is_one_sentence_and_no_job_is_taken_up(begun, monkeypatch, capsys, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = refused(monkeypatch, capsys, "--runs", str(tmp_path), "--port", port)
    assert port in said and "--port" in said and not begun
    check_port(int(port))


def test_a_number_that_is_no_port_is_one_sentence():
    with pytest.raises(TgvigError, match="Port 70000"):
        check_port(70000)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pack", "typo"), "'typo': choose one of auto, embedded, paper, strong"),
        (("--device", "gpu"), "'gpu': choose one of auto, cpu, cuda"),
        (("--auth", "me"), "USER:PASSWORD"),
        (("--auth", "me:word", "--mcp"), "--mcp works without --auth only"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_at_the_start(begun, monkeypatch, capsys, tmp_path, options, words):
    assert words in refused(monkeypatch, capsys, "--runs", str(tmp_path / "parts"), *options)
    assert not begun and not (tmp_path / "parts").exists()


def test_a_name_that_is_none_is_refused_at_the_start(begun, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TGVIG_HOSTS", "http://nuts.example.org:80")
    assert "TGVIG_HOSTS holds" in refused(monkeypatch, capsys, "--runs", str(tmp_path / "parts")) and not begun
