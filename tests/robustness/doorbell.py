"""Strangers at the HTTP API (`tgvig serve` with a token): addresses, headers, tokens, methods, sizes, photos that are no photos."""

from __future__ import annotations

from collections.abc import Iterator

from tests.robustness.addresses import everywhere, gradios, inside
from tests.robustness.asking import Asker, victim
from tests.robustness.row import Row
from tests.robustness.tally import Tally

TOKEN = "let-me-in-0123456789"
GUARDED = ("/about", "/metrics", "/docs", "/openapi.json", "/inspect")


def rows() -> Iterator[Row]:
    """All trials on a server with a small model of its own."""
    from served import plate, serving

    from tgvig_serve.settings import Settings

    with serving(Settings(token=TOKEN, megabytes=1)) as server:
        stranger, known = Asker(server.url), Asker(server.url, {"Authorization": f"Bearer {TOKEN}"})
        yield paths(stranger, known)
        yield tokens(stranger, known)
        yield bodies(known, plate(30))


def _named(answer) -> bool:
    """Refused in the API's one shape, or closed without a word."""
    return answer.status == 0 or (answer.refused and answer.text.startswith('{"error":'))


def paths(stranger: Asker, known: Asker) -> Row:
    """No file and no address but its own, without and with the token."""
    tally = Tally("HTTP API: files and addresses that are none of its own, other methods")
    for path in everywhere("/etc/passwd"):
        for asker, status in ((stranger, 401), (known, 404)):
            answer = asker.get(path)
            right = answer.status in (status, 400) and _named(answer) and b"root:x:" not in answer.body
            tally.saw(right or path == "/?deep_link=", f"GET {path} → {answer.status}")
    for _, path in gradios():
        if path not in ("/openapi.json",):
            tally.saw(_named(answer := known.get(path)), f"GET {path} → {answer.status}")
    for path in (*GUARDED, "/health", "/ready"):
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "INSPECT"):
            answer = known.ask(method, path)
            tally.saw(_named(answer), f"{method} {path} → {answer.status}")
    return tally.row()


def tokens(stranger: Asker, known: Asker) -> Row:
    """Nothing but the two states without the token, however it is forged or the address is disguised."""
    tally = Tally("HTTP API: without, or with a forged, token")
    forged = ("", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN.upper()}", f"Basic {TOKEN}", TOKEN,
              f"Bearer x, Bearer {TOKEN}", "Bearer null", "Bearer " + "x" * 5000)  # fmt: skip
    tricks = [{name: "/health"} for name in ("X_Original_URL", "X_Rewrite_URL", "X_Forwarded_Prefix")]
    tricks += [{"X_Forwarded_For": "127.0.0.1"}, {"X_HTTP_Method_Override": "GET"}, {"Host": "localhost"}]
    tricks += [{"Cookie": f"token={TOKEN}"}]
    for path in GUARDED:
        given = [{"Authorization": text} for text in forged]
        for headers in (*given, *tricks):
            answer = stranger.get(path, **headers)
            tally.saw(answer.status == 401 and _named(answer), f"GET {path} with {str(headers)[:60]} → {answer.status}")
    disguised = [
        f"/about?token={TOKEN}",
        "//about",
        "/./about",
        "/health/../about",
        "/health/..%2fabout",
        "/About",
        "/about/",
    ]
    disguised += ["/about;/health", "/health%2f..%2fabout", "http://x/health/../about", "/health#/../about"]
    for path in (*disguised, "/health\\..\\about"):
        answer = stranger.get(path)
        tally.saw(
            answer.status in (0, 400, 401, 404) and b"threshold" not in answer.body, f"GET {path} → {answer.status}"
        )
    for path in ("/health", "/ready"):
        tally.saw(stranger.get(path).text == '{"status":"ok"}', f"{path} says more than that it is well")
    tally.saw(known.get("/about").status == 200, "the right token is refused")
    return tally.row()


def bodies(known: Asker, photo: bytes) -> Row:
    """Bodies that are too large, no photo, or point elsewhere; then a photo, which is still answered."""
    tally = Tally("HTTP API: bodies too large, no photos, or addresses in their place (SSRF)")
    kind = {"Content_Type": "image/png"}
    for what, body in (("2 MB", b"x" * 2_000_000), ("chunked 2 MB", iter([b"x" * 100_000] * 20)), ("empty", b"")):
        answer = known.post("/inspect", body, **kind)
        tally.saw(_named(answer), f"{what} → {answer.status}")
    tally.saw(known.post("/inspect", b"", Content_Length=str(10**12), **kind).status == 413, "1 TB announced")
    with victim() as (port, asked):
        for address in (*inside(port), "file:///etc/passwd", "/etc/passwd"):
            form = f'--xx\r\nContent-Disposition: form-data; name="photo"\r\n\r\n{address}\r\n--xx--\r\n'.encode()
            svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>'.encode()
            drawn, formed = {"Content_Type": "image/svg+xml"}, {"Content_Type": "multipart/form-data; boundary=xx"}
            for body, headers in ((address.encode(), kind), (svg, drawn), (form, formed), ({"url": address}, {})):
                answer = known.post("/inspect", body, **headers)
                tally.saw(_named(answer) and b"root:x:" not in answer.body, f"{str(body)[:60]} → {answer.status}")
        tally.saw(not asked, f"the victim was asked for {asked[:3]}")
    answer = known.post("/inspect", photo, **kind)
    tally.saw(answer.status == 200 and b'"score":30.0' in answer.body, f"a photo afterwards → {answer.status}")
    return tally.row(figure="0 requests reached the victim")
