"""Weights over a line that breaks, from a server of this machine: see tests/robustness/download.py."""

import pytest

from tests.robustness import download
from tests.robustness.breaking import breaking
from tgvig_core.packs.files import fetch
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext


@pytest.mark.parametrize("name", download.TRIALS)
def test_a_download_that_is_disturbed_ends_whole_or_in_a_sentence(name):
    assert download.tried({name: download.TRIALS[name]}) == {name: ""}


@pytest.mark.parametrize("name", ["hub gone", "hub wrong"])
def test_a_hub_that_breaks_off_or_sends_something_else_is_one_sentence(name):
    assert download.tried({name: download.HUB_TRIALS[name]}) == {name: ""}


def test_two_processes_do_not_write_the_same_download():
    """The second one asks while the first has half of the file."""
    with breaking(download.CONTENT) as server, download.place(server):
        said = []

        def progress(step: str, done: int, total: int) -> None:
            if not said:
                with pytest.raises(TgvigError, match="Another process fetches weights.ckpt") as refused:
                    fetch(download.weights(server), None)
                said.append(str(refused.value))

        assert fetch(download.weights(server), None, RunContext(progress)).stat().st_size == download.SIZE
        assert len(said) == 1 and server.sent == download.SIZE
