"""Strangers who send the web app something: addresses to fetch, paths, calls of other sites, far too much, forged logins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.robustness.addresses import inside
from tests.robustness.asking import Asker, victim
from tests.robustness.row import Row
from tests.robustness.strangers import GIVEN, Scene
from tests.robustness.tally import Tally
from tgvig_ui.gradio_compat import UPLOAD


def rows(found: Scene, share: int = 1) -> Iterator[Row]:
    """All trials on one server; of the many alike only each `share`-th."""
    yield from fetching(found, share)
    yield other_sites(found)
    if found.mode in ("plain", "--host"):
        yield names(found)
    yield too_much(found)
    if found.mode == "--auth":
        yield login(found)


def fetching(found: Scene, share: int) -> Iterator[Row]:
    """The server is sent to another server, and to files of its own disk, by whatever names a photo."""
    asker, before = found.stranger, sorted(found.part.folder.parent.iterdir())
    with victim() as (port, asked):
        web = Tally(f"{found.mode}: the server sent to other servers (SSRF)")
        for address in inside(port)[::share]:
            for path in (f"/gradio_api/file={address}", f"/gradio_api/proxy={address}", f"/gradio_api/file/{address}"):
                answer = asker.get(path.replace(" ", "%20").replace("#", "%23"))
                web.saw(answer.refused, f"GET {path} → {answer.status}")
            for photo in ({"path": address}, {"path": address, "meta": {"_type": "gradio.FileData"}},
                          {"path": "x.png", "url": address, "meta": {"_type": "gradio.FileData"}}):  # fmt: skip
                said = asker.called("rank", [photo], "nut")
                web.saw("event: complete" not in said, f"rank {photo} → {said[:80]}")
        web.saw(not asked, f"the victim was asked for {asked[:3]}")
    yield web.row(figure="0 requests reached the victim")
    disk = Tally(f"{found.mode}: files of the server's disk given as uploaded photos")
    paths = ["/etc/passwd", "file:///etc/passwd", "/dev/stdin", "/proc/self/environ", str(found.secret)]
    paths += [f"../../{found.secret.name}", f"{found.secret}\0.png"]
    # who sits at the machine may name its photos by their paths
    paths += [str(found.part.folder / GIVEN[0])] if found.mode != "plain" else []
    for file in paths:
        marked, bare = {"path": file, "meta": {"_type": "gradio.FileData"}}, {"path": file}
        for photo in (marked, *((bare, file) if found.mode != "plain" else ())):
            said = asker.called("rank", [photo], "nut")
            disk.saw("event: complete" not in said and "root:x" not in said, f"rank {photo} → {said[:80]}")
    disk.saw(sorted(found.part.folder.parent.iterdir()) == before, "a part was begun")
    for name in (
        "../../../../tmp/climbed.png",
        "..\\..\\climbed.png",
        "/tmp/climbed.png",
        "a\0b.png",
        ".",
        "..",
        "x" * 5000,
        "%2e%2e%2fclimbed",
    ):
        answer = asker.uploaded(name, b"x")
        places = [Path(path).resolve() for path in json.loads(answer.body)] if answer.status == 200 else []
        right = all(_uploads(path) for path in places) if places else answer.refused
        disk.saw(right, f"upload {name[:40]!r} → {answer.status} {places}")
    yield disk.row()


def _uploads(path: Path) -> bool:
    """Whether a file lies where gradio keeps what was uploaded: FOLDER/<checksum>/NAME."""
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder()).resolve()
    return path.is_relative_to(folder) and len(path.relative_to(folder).parts) == 2


def other_sites(found: Scene) -> Row:
    """A page of another site in the same browser: it may not call, and reads nothing; a link to the page itself works."""
    tally = Tally(f"{found.mode}: another site's page in the person's browser")
    # gradio shares its answers with every site as soon as it is not called by a local name
    asker = Asker(found.owner.url, found.owner.headers | ({} if found.mode == "plain" else {"Host": "192.0.2.1"}))
    for asked in _from_another_site():
        for method, path, body in _calls(found):
            for kind in ({"Content_Type": "text/plain"}, {"Content_Type": "application/json"}, {}):
                answer = asker.ask(method, path, body, Origin="http://evil.example", **asked, **kind)
                closed = found.mode == "--public" or answer.status == 403
                shared = [name for name in answer.headers if name.startswith("access-control-allow-")]
                tally.saw(closed and not shared, f"{asked} {method} {path} → {answer.status} {shared}")
    answer = asker.ask("OPTIONS", UPLOAD, Origin="http://evil.example", Access_Control_Request_Method="POST")
    tally.saw("access-control-allow-origin" not in answer.headers, f"preflight → {answer.headers}")
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    tally.saw(asker.get("/", **link).status == 200, "a link to the page")
    framed = asker.get("/", **link | {"Sec_Fetch_Dest": "iframe"}).status
    tally.saw(framed == (200 if found.mode == "--public" else 403), f"the page in a frame → {framed}")
    return tally.row()


def _from_another_site() -> Iterator[dict[str, str]]:
    """What a browser says of such a call; to plain http elsewhere than on its own machine it says Origin alone."""
    yield {}
    for site in ("cross-site", "same-site"):
        yield {"Sec_Fetch_Site": site}
        yield {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}


def _calls(found: Scene) -> Iterator[tuple[str, str, bytes | None]]:
    """Those that tell something, or change it; not the login's end, which comes last of all."""
    for path in ("queue/join", "upload", "call/status", "run/status"):
        yield "POST", f"/gradio_api/{path}", b'{"data": []}'
    for path in ("/config", f"/gradio_api/file={found.part.folder}/{GIVEN[0]}", "/gradio_api/queue/status"):
        yield "GET", path, None


def names(found: Scene) -> Row:
    """A name that leads to this machine (DNS rebinding), where neither a login nor limits protect the server."""
    tally, asker = Tally(f"{found.mode}: a name that others pointed to this server"), found.owner
    foreign = (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::1].evil.example",
        "",
        "2130706433",
    )
    for host in (*foreign, "evil.example:7860", "evil.gradio.live"):
        for path in ("/", "/config", "/gradio_api/queue/join"):
            answer = asker.ask("POST" if path.endswith("join") else "GET", path, Host=host)
            tally.saw(answer.status in (0, 400, 403), f"Host {host!r} {path} → {answer.status}")
    own = ("localhost:7860", "127.0.0.1", "[::1]:7860", *(("192.0.2.1:7860",) if found.mode == "--host" else ()))
    for host in own:
        answer = asker.get("/config", Host=host)
        tally.saw(answer.status == 200, f"Host {host!r} → {answer.status}")
    return tally.row()


def too_much(found: Scene) -> Row:
    """More bytes than any person sends; the server still answers afterwards."""
    tally, asker = Tally(f"{found.mode}: requests that are far too large"), found.stranger
    join, long = "/gradio_api/queue/join", {"Content_Length": str(10**12)}
    for path in (join, UPLOAD, "/gradio_api/call/status", "/login"):
        tally.saw(asker.post(path, b"", **long).status in (401, 413), f"POST {path} of 1 TB")
    deep = b"[" * 1_000_000 + b"]" * 1_000_000
    for what, body in (
        ("5 MB", b'{"data": ["' + b"x" * 5_000_000 + b'"]}'),
        ("chunked 5 MB", iter([b"x" * 1_000_000] * 5)),
        ("deep", deep),
    ):
        answer = asker.post(join, body, Content_Type="application/json")
        tally.saw(answer.refused, f"POST {join} {what} → {answer.status}")
    for what, path, headers in (("long address", "/" + "x" * 200_000, {}), ("long header", "/", {"X": "x" * 200_000})):
        answer = asker.get(path, **headers)
        tally.saw(answer.refused, f"{what} → {answer.status}")
    if found.mode == "--public":
        tally.saw(asker.uploaded("large.png", b"x" * 11_000_000).status == 413, "an upload of 11 MB")
    tally.saw(asker.get("/config").status == 200, "the server answers no more")
    return tally.row()


def login(found: Scene) -> Row:
    """With --auth nothing but the page's frame is there before the login, nobody's token is told, no other site ends it."""
    tally = Tally(f"{found.mode}: without, or with a forged, login")
    cookie = found.stranger.headers.get("Cookie", "access-token-x=y")
    forged = ["", cookie[:-1], cookie + "x", cookie.split("=")[0] + "=", "access-token=anna", "user=anna"]
    closed = ["/config", f"/gradio_api/file={found.part.folder}/{GIVEN[0]}"]
    closed += [f"/gradio_api/{name}" for name in ("info", "openapi.json", "queue/status", "queue/data?session_hash=x")]
    closed += ["/gradio_api/heartbeat/x", "/gradio_api/upload_progress?upload_id=x"]
    for given in forged:
        for path in closed:
            answer = found.anybody.get(path, Cookie=given, Authorization="Bearer anna", X_Forwarded_User="anna")
            tally.saw(answer.status == 401, f"GET {path} with {given[:30]!r} → {answer.status}")
        for path in (
            "/gradio_api/queue/join",
            UPLOAD,
            "/gradio_api/call/status",
            "/gradio_api/cancel",
            "/gradio_api/run/status",
        ):
            answer = found.anybody.post(path, {"data": [found.part.id]}, Cookie=given)
            tally.saw(answer.status == 401, f"POST {path} with {given[:30]!r} → {answer.status}")
    for name, word in (
        ("anna", ""),
        ("anna", "second-word"),
        ("", ""),
        ("anna\0", "first-word"),
        ("' or 1=1 --", "x"),
        ("ANNA", "first-word"),
    ):
        try:
            found.anybody.logged_in(name, word)
            tally.saw(False, f"logged in as {name!r}")
        except (AssertionError, KeyError):
            tally.saw(True, "")
    for name in ("token", "token/", "user", "user/", "login_check"):
        answer = found.owner.get(f"/gradio_api/{name}")
        tally.saw(answer.status == 404, f"GET {name} → {answer.status}")
    answer = found.owner.get("/logout", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")
    tally.saw(
        answer.status == 403 and found.owner.get("/config").status == 200, f"another site's /logout → {answer.status}"
    )
    return tally.row()
