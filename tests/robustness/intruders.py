"""Intruders: strangers at the web app in its four modes, at the HTTP API, and with bundles and weights that were tampered with."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.paths import ROOT
from tests.robustness import artefacts, doorbell, senders, strangers
from tests.robustness.row import Row


def rows() -> Iterator[Row]:
    """All trials, each mode on a server of its own."""
    sys.path[:0] = [str(ROOT / "tests" / "helpers")]
    from browser import running
    from made_runs import photos_run

    from tgvig_core.bundles.export import export
    from tgvig_core.bundles.wishes import Wishes

    for mode, options in strangers.MODES.items():
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), *options) as app:
            found = strangers.scene(mode, app.url, app.runs)
            yield from strangers.rows(found)
            yield from senders.rows(found)
    yield from doorbell.rows()
    with tempfile.TemporaryDirectory() as folder:
        run = photos_run(Path(folder) / "run")
        bundle = export(run, Path(folder) / "bundle", Wishes(with_normals=True))
        (Path(folder) / "work").mkdir()
        yield from artefacts.rows(bundle, run, Path(folder) / "work")
