"""Many requests at once: scored together, each with its own answer; too many, too slow or left are told so or dropped."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import psutil
import pytest
from paths import ROOT
from served import PATIENCE, connected, get, plate, png, post, serving, soon

from tgvig_serve.settings import Settings


@pytest.fixture
def pool():
    with ThreadPoolExecutor(40) as threads:
        yield threads


def test_requests_at_once_are_scored_together_and_each_gets_its_own_answer(pool):
    with serving(Settings(batch=8)) as server:
        server.hold()
        first = pool.submit(server.post, plate(255))
        server.scoring()  # this one is alone in its batch; the others arrive meanwhile
        answers = [pool.submit(server.post, plate(red)) for red in range(24)]
        soon(lambda: len(server.desk._batcher) == 24)
        server.inspector.gate.set()
        assert [answer.result().json()["score"] for answer in answers] == list(range(24))
        assert first.result().json()["score"] == 255
        assert server.inspector.batches == [1, 8, 8, 8]


def test_one_that_the_model_fails_on_spoils_no_other(pool):
    blue = png(np.full((48, 48, 3), (0, 0, 255), dtype=np.uint8))
    with serving() as server:
        server.hold()
        first = pool.submit(server.post, plate(1))
        server.scoring()
        bad, good = pool.submit(server.post, blue), pool.submit(server.post, plate(9))
        soon(lambda: len(server.desk._batcher) == 2)
        server.inspector.gate.set()
        assert first.result().status_code == 200 and good.result().json()["score"] == 9
        assert bad.result().status_code == 500 and "not a number" in bad.result().json()["error"]
        assert server.inspector.batches == [1, 2, 1, 1]


def test_more_than_the_places_are_told_to_come_later(pool):
    with serving(Settings(places=3)) as server:
        server.hold()
        held = [pool.submit(server.post, plate(red)) for red in (1, 2, 3)]
        soon(lambda: server.desk._taken == 3)
        late = server.post(plate(4))
        assert late.status_code == 503 and late.headers["retry-after"] == "1"
        assert "3 places" in late.json()["error"]
        assert server.get("/health").status_code == 200
        server.inspector.gate.set()
        assert [answer.result().status_code for answer in held] == [200] * 3
        soon(lambda: server.desk._taken == 0, what="the end of the requests")
        assert server.post(plate(4)).status_code == 200


def test_what_is_not_scored_in_time_says_so_and_is_dropped(pool):
    with serving(Settings(seconds=3)) as server:
        server.hold()
        first = pool.submit(server.post, plate(1))
        server.scoring()
        second = pool.submit(server.post, plate(2))
        for answer in (first.result(), second.result()):
            assert answer.status_code == 504 and "3 seconds" in answer.json()["error"]
        soon(lambda: server.desk._taken == 0 and len(server.desk._batcher) == 0, what="the end of both requests")
        server.inspector.gate.set()
        assert server.post(plate(3)).json()["score"] == 3
        assert server.inspector.batches == [1, 1]  # the second was never scored


def test_a_client_that_left_is_not_computed_for(pool):
    with serving() as server:
        server.hold()
        first = pool.submit(server.post, plate(1))
        server.scoring()
        body = plate(2)
        with connected(server.url) as leaving:
            leaving.sendall(b"POST /inspect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                            b"Content-Length: %d\r\n\r\n%s" % (len(body), body))  # fmt: skip
            soon(lambda: len(server.desk._batcher) == 1)
        soon(lambda: len(server.desk._batcher) == 0 and server.desk._taken == 1)
        server.inspector.gate.set()
        assert first.result().status_code == 200
        assert server.post(plate(3)).status_code == 200 and server.inspector.batches == [1, 1]
        counted = 'tgvig_requests_total{path="/inspect",status="499"} 1.0'
        soon(lambda: counted in server.get("/metrics").text, what="the count of the one that left")


SERVER = """
import sys
sys.path[:0] = ["tests/helpers"]
from served import MeanRed, bundle
from tgvig_serve.app import build
from tgvig_serve.running import listen, run
from tgvig_serve.settings import Settings
class Held(MeanRed):
    def judge(self, squares):
        if self.batches and "hold" in sys.argv:
            sys.stdin.readline()
        return super().judge(squares)
taken = listen("127.0.0.1", 0)
print(taken.getsockname()[1], flush=True)
run(taken, "127.0.0.1", lambda stop: build(bundle(), Held, Settings(), stop), Settings())
print("ended", flush=True)
"""
"""Holds, when it is told to, every batch after the first until a line is written to it."""


@contextlib.contextmanager
def process_of_its_own(*arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A ready server in another process, and its address."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, *arguments], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        soon(lambda: get(f"{url}/ready").status_code == 200, what="readiness")
        yield process, url
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_memory_stays_flat():
    photo = plate(30, 1000, 1000)
    with process_of_its_own() as (process, url), httpx.Client(limits=httpx.Limits(max_connections=8)) as client:

        def ask(number: int) -> int:
            headers = {"Content-Type": "image/png", "Accept": "*/*" if number % 4 else "image/png"}
            return client.post(f"{url}/inspect", content=photo, headers=headers, timeout=PATIENCE).status_code

        def many(count: int) -> int:
            with ThreadPoolExecutor(8) as threads:
                assert set(threads.map(ask, range(count))) == {200}
            return psutil.Process(process.pid).memory_info().rss

        before = many(100)
        assert many(300) - before < 45e6  # one photo kept of every ten requests would be 90 MB


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_finishes_what_it_took_in(pool, number):
    with process_of_its_own("hold") as (process, url):
        answer = pool.submit(post, f"{url}/inspect", content=plate(77), headers={"Content-Type": "image/png"})
        idle = connected(url)
        soon(lambda: "tgvig_places_taken 1.0" in get(f"{url}/metrics").text, what="the photo's arrival")
        process.send_signal(number)
        soon(lambda: closed(url), what="the end of new connections")
        assert not answer.done()
        said, log = process.communicate("go on\n", timeout=PATIENCE)
        assert answer.result().json()["score"] == 77
        assert process.returncode == 0 and said == "ended\n" and "Traceback" not in log
        assert "POST /inspect 200" in log and log.count("POST /inspect") == 1
        idle.close()


def closed(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        connected(url).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_model_that_cannot_be_loaded_ends_the_server():
    failing = SERVER.replace("build(bundle(), Held,", "build(bundle(), lambda: 1 / 0,")
    ended = subprocess.run([sys.executable, "-c", failing], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 1 and "ZeroDivisionError" in ended.stderr and "ended" not in ended.stdout
