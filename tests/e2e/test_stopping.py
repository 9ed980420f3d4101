"""What ends the server from outside: Ctrl-C, `docker stop` and a service manager, each cleanly and without a word about it."""

import signal
import subprocess

import pytest
from browser import App


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_app_with_0_also_where_it_came_ignored(number, tmp_path, monkeypatch):
    """A shell that starts something in the background has it ignore SIGINT; a container's first process as well."""
    app, plain = App(tmp_path), subprocess.Popen

    def ignoring(command, **given):
        return plain(["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command], **given)

    monkeypatch.setattr(subprocess, "Popen", ignoring)
    try:
        app.start()
        app.process.send_signal(number)
        assert app.process.wait(600) == 0, app.log.read_text()[-3000:]
        assert "Traceback" not in app.log.read_text()
    finally:
        app.stop(signal.SIGKILL)
