"""What the HTTP API refuses: too large, too slow, no photo; one status and one sentence for each."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
import time
import zlib
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from photos import noise
from PIL import Image
from served import connected, plate, png, post, refused, reply, serving, soon

from tgvig_core.utils.errors import TgvigError
from tgvig_serve import connections
from tgvig_serve.bodies import UNNAMED, harmless
from tgvig_serve.running import listen
from tgvig_serve.settings import Settings

pytestmark = pytest.mark.quick

HEAD = b"POST /inspect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
LIMIT = 50_000


@pytest.fixture(scope="module")
def server():
    with serving(Settings(megabytes=LIMIT / 1e6, megapixels=0.02)) as running:
        yield running


def file_of(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=kind, **options)
    return file.getvalue()


def test_a_body_over_the_limit_is_refused_by_its_length_before_it_is_sent(server):
    with connected(server.url) as client:
        client.sendall(HEAD + b"Content-Length: 50001\r\n\r\n")  # and not a byte of it
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    refused(server.post(bytes(LIMIT + 1)), 413, "0.05 MB", "scale the photo down")
    refused(server.post(bytes(LIMIT)), 415)  # the limit itself is allowed


def test_a_chunked_body_is_cut_while_it_comes(server):
    def chunks() -> Iterator[bytes]:
        for _ in range(400):  # 13 MB
            yield bytes(0x8000)

    refused(post(f"{server.url}/inspect", content=chunks(), headers={"Content-Type": "image/png"}), 413)
    chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    with connected(server.url) as endless:
        endless.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        assert endless.recv(65536).startswith(b"HTTP/1.1 413 ")  # answered though the body never ends


def test_a_chunked_body_within_the_limit_is_read(server):
    content = plate(5)
    parts = (content[at : at + 7] for at in range(0, len(content), 7))
    answer = post(f"{server.url}/inspect", content=parts, headers={"Content-Type": "image/png"})
    assert answer.json()["score"] == 5


def test_a_form_over_the_limit_is_cut_too_and_never_lies_on_disk(server, monkeypatch):
    def forbidden(*given, **named):
        raise AssertionError("a photo was put on disk")

    monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)
    with serving(Settings(megabytes=5)) as larger:
        content = png(noise(1, 1000, 1000))  # 3 MB
        files = {"photo": ("a.png", content, "image/png")}
        assert post(f"{larger.url}/inspect", files=files).status_code == 200
        files = {"photo": ("a.png", content + bytes(2_500_000), "image/png")}
        refused(post(f"{larger.url}/inspect", files=files), 413)


def test_a_refused_upload_cannot_go_on_for_ever(server, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    end = time.monotonic() + 600
    with connected(server.url) as client, pytest.raises((BrokenPipeError, ConnectionResetError)):
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while time.monotonic() < end:
            client.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")
            time.sleep(0.01)


def test_headers_that_never_end_are_cut(server, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    end = time.monotonic() + 600
    with connected(server.url) as silent, connected(server.url) as drop:
        drop.sendall(b"GET /health HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() < end:
                time.sleep(0.1)
                drop.sendall(b"X-A: b\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert reply(silent) == b""


def test_a_kept_connection_serves_more_than_one_request(server, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 3)
    with connected(server.url) as client:  # a client library would connect again, and nobody would see it
        for pause in (3.5, 0):
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                part = client.recv(65536)
                assert part, "the connection was closed"
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 ")
            time.sleep(pause)  # longer than headers may take


def test_too_many_connections_are_closed(monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 300)  # nothing else closes a connection here
    with serving() as server:
        soon(lambda: not server.connections, what="the end of the connections that asked whether it is ready")
        monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
        with connected(server.url) as first, connected(server.url):
            soon(lambda: len(server.connections) == 2, what="the arrival of two connections")
            with connected(server.url) as third, contextlib.suppress(ConnectionResetError):
                assert reply(third) == b""
            first.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert reply(first).startswith(b"HTTP/1.1 200 ")  # those that were there first are served
        soon(lambda: server.get("/health").status_code == 200, what="an answer to the next connection")


def test_an_answer_that_nobody_reads_is_dropped(monkeypatch):
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.5)
    content = png(noise(1, 1500, 1500))  # 7 MB, and its heatmap as much: more than the sockets hold
    with serving() as server, connected(server.url) as client:
        client.sendall(HEAD + b"Accept: image/png\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        soon(lambda: 'path="/inspect",status="200"' in server.get("/metrics").text, what="the answer")
        soon(lambda: not [one for one in psutil.Process().net_connections() if one.laddr and one.status == "ESTABLISHED"
                          and one.laddr.port == client.getpeername()[1] and one.raddr.port == client.getsockname()[1]],
             what="the end of the connection")  # fmt: skip


def test_a_photo_that_dribbles_in_is_given_up():
    with serving(Settings(seconds=0.5)) as server, connected(server.url) as client:
        client.sendall(HEAD + b"Connection: close\r\nContent-Length: 5000\r\n\r\nabc")
        answer = reply(client)
        assert answer.startswith(b"HTTP/1.1 408 ") and b"did not arrive within 0.5 seconds" in answer
        soon(lambda: server.desk._taken == 0, what="the end of the request")


def test_what_is_no_http_gets_the_same_shape(server):
    for wrong in (
        b"hello\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
    ):
        with connected(server.url) as client:
            client.sendall(wrong)
            answer = reply(client)
            assert answer.startswith(b"HTTP/1.1 400 ") and answer.endswith(b'headers."}')


def test_what_is_no_photo_is_refused_by_name(server):
    good = plate(9)
    for content, status, words in (
        (b"", 400, ("empty", "0 bytes")),
        (b"hello, this is text", 415, ("known format", "save it as PNG")),
        (good[:-30], 422, ("damaged or cut short", "copy it again")),
        (good[:20], 422, ("damaged or cut short",)),
        (file_of(noise(1, 8, 8), "PNG"), 422, ("8×8 pixels", "larger photo")),
        (plate(1, 200, 200), 413, ("200×200 pixels", "0.02 megapixels")),
        (file_of(noise(1, 40, 40)[..., 0].astype(np.float32), "TIFF"), 422, ("floating-point",)),
    ):
        sentence = refused(server.post(content), status, *words)
        assert sentence.startswith(UNNAMED)
        named = post(f"{server.url}/inspect", files={"photo": ("../../etc/part 7.png", content)})
        assert refused(named, status, *words).startswith("part 7.png ")


def test_a_small_file_with_a_billion_pixels_is_refused_by_its_header(server):
    bomb = bytearray(plate(1))
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    refused(server.post(bytes(bomb)), 413, "megapixels")


def test_animated_photos_are_refused(server):
    frames = [Image.fromarray(noise(seed, 40, 40)) for seed in (1, 2)]
    file = io.BytesIO()
    frames[0].save(file, format="PNG", save_all=True, append_images=frames[1:])
    refused(server.post(file.getvalue()), 422, "2 pictures")


def test_other_ways_to_send_are_refused(server):
    refused(server.post(plate(1), kind="text/plain"), 415, "multipart field 'photo'", "Content-Type")
    refused(post(f"{server.url}/inspect"), 415)
    url, content = f"{server.url}/inspect", plate(1)
    refused(post(url, files={"picture": ("a.png", content)}), 400, "'photo'")
    refused(post(url, files={"x": ("a.png", content), "photo": ("a.png", content)}), 400, "one file")
    refused(post(url, data={"photo": "a.png"}, files={"x": ("a", b"")}), 400, "no file in a field named 'photo'")
    refused(server.post(b"--a\r\nrubbish", kind="multipart/form-data; boundary=a"), 400, "'photo'")
    refused(server.post(content, kind="multipart/form-data"), 400, "boundary")


def test_other_addresses_and_methods(server):
    refused(server.get("/nowhere"), 404, "/docs")
    wrong = server.get("/inspect")
    refused(wrong, 405, "/docs")
    assert wrong.headers["allow"] == "POST"


def test_names_of_clients_are_made_harmless():
    assert harmless("C:\\photos\\a.png") == "a.png" and harmless("a/b\n\x1b[31m.png") == "b[31m.png"
    assert harmless("") == harmless("a/") == harmless("\0") == UNNAMED and len(harmless("x" * 500)) == 80


def test_one_line_in_the_log_for_a_request_and_nothing_of_the_photo(server, caplog):
    caplog.set_level(logging.INFO, logger="tgvig_serve")

    def lines() -> list[str]:  # the fixtures' own requests may be logged late
        return [line for line in caplog.messages if "POST /inspect" in line or "/a" in line]

    post(f"{server.url}/inspect", files={"photo": ("secret-name.png", plate(200), "image/png")})
    soon(lambda: len(lines()) == 1, what="the first line of the log")  # it is written after the answer
    server.get("/a%0Ab?token=secret")
    soon(lambda: len(lines()) == 2, what="the second line of the log")
    assert re.fullmatch(r"POST /inspect 200 \d+ ms anomalous", lines()[0])
    assert re.fullmatch(r"GET /a%0Ab 404 \d+ ms ", lines()[1])


def test_a_bug_says_nothing_of_itself(server, monkeypatch):
    def broken(*given):
        raise RuntimeError("of /home/somebody")

    monkeypatch.setattr(server.desk, "_frame", broken)
    assert "somebody" not in refused(server.post(plate(1)), 500, "log")
    monkeypatch.undo()
    assert server.post(plate(1)).status_code == 200


def test_a_taken_port_is_one_sentence():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(TgvigError, match=f"Port {port} of 127.0.0.1 .*--port"):
            listen("127.0.0.1", port)
    with pytest.raises(TgvigError, match="--host"):
        listen("no.such.host.invalid", 1)
