"""Strangers who look around on the running web app: every address, every file in every disguise, other people's parts."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.helpers.paths import ROOT
from tests.robustness.addresses import NEEDED, everywhere, gradios, through
from tests.robustness.asking import Answer, Asker
from tests.robustness.row import Row
from tests.robustness.tally import Tally
from tgvig_core.storage.run_folder import MODEL_FORMAT
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import ID, Store

MODES = {
    "plain": (),
    "--host": ("--host", "0.0.0.0"),
    "--public": ("--public",),
    "--auth": ("--auth", "anna:first-word", "--auth", "ben:second-word"),
}
"""How the app is started; in the last one Ben is the stranger and the part is Anna's."""
GUESSES = 300
HELD_BACK = ("part.json", "job.json", "owner", "generations/1/config.json", "generations/1/model/model.json",
             "generations/1/model/model.safetensors", "photos/0001_page.html", "thumbs/.draft.png", "bundles/latest.json",
             "bundles/.draft.zip", "generations/1/inspect/scores.json")  # fmt: skip
"""Of a part: what nobody is given, not even its owner."""
GIVEN = ("photos/0000_nut.png", "thumbs/nut.jpg", "generations/1/sets/001/000.png", "bundles/nut.zip", "bundles/nut.html",
         "generations/1/inspect/heatmaps/nut.png", "generations/1/inspect/downloads/0a1b/report.html",
         "generations/1/inspect/downloads/0a1b/scores.csv", "tests/test/0000_nut.png")  # fmt: skip
"""What the page shows or offers to its owner."""


@dataclass(frozen=True)
class Scene:
    """A server with somebody's part on it, and a file that is no business of the server.

    Attributes:
        stranger: who asks. owner: whose part it is; where nobody logs in, whoever knows its id.
        part: the part. secret: a photo beside the folder of parts. mark: bytes that are in every file of both.
    """

    mode: str
    stranger: Asker
    owner: Asker
    anybody: Asker
    part: Part
    secret: Path
    mark: bytes

    def told(self, answer: Answer) -> bool:
        """Whether an answer gives something away, or the server failed."""
        return (
            self.mark in answer.body
            or b"root:x:" in answer.body
            or b"requires-python" in answer.body
            or answer.status >= 500
        )


def scene(mode: str, url: str, runs: Path) -> Scene:
    """Put the part and the secret on the disk of a running server."""
    mark = f"geheim{secrets.token_hex(8)}".encode()
    login = mode == "--auth"
    part = Store(runs, user=(lambda: "anna") if login else None).new()
    for name in (*GIVEN, *HELD_BACK):
        file = part.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name != "owner" and name != "part.json":
            _marked(file, mark)
    card = {"format": MODEL_FORMAT, "arm": "real", "mark": mark.decode()}
    (part.folder / "generations/1/model/model.json").write_text(json.dumps(card | {"calibration": {"threshold": 1.0}}))
    part.choose(object_name=mark.decode(), prompt=f"a {mark.decode()}")
    (part.folder / "job.json").write_text(
        json.dumps({"kind": "rank", "state": "done", "arguments": {}, "message": mark.decode()})
    )
    secret = runs.parent / "secret.png"
    _marked(secret, mark)
    anybody = Asker(url)
    owner, stranger = (
        (anybody.logged_in("anna", "first-word"), anybody.logged_in("ben", "second-word"))
        if login
        else (anybody, anybody)
    )
    return Scene(mode, stranger, owner, anybody, part, secret, mark)


def _marked(file: Path, mark: bytes) -> None:
    """A file of its kind with the mark in it."""
    if file.suffix in (".png", ".jpg"):
        Image.new("RGB", (64, 64), (90, 120, 90)).save(file)
        with file.open("ab") as end:
            end.write(mark)
    else:
        file.write_bytes(b"<script>alert(1)</script>" + mark)


def rows(found: Scene, share: int = 1) -> Iterator[Row]:
    """All trials on one server; of the many alike only each `share`-th."""
    yield addresses(found)
    yield files(found, share)
    yield from parts(found, share)


def addresses(found: Scene) -> Row:
    """Every route of gradio that the page does not need is closed, with and without a login."""
    tally = Tally(f"{found.mode}: gradio's addresses that the page does not need")
    extra = [(method, path) for path in ("/docs", "/redoc", "/openapi.json", "/gradio_api/mcp/", "/gradio_api/mcp/sse",
             "//gradio_api/info", "/gradio_api//info", "/GRADIO_API/info", "/gradio_api/info;x")
             for method in ("GET", "POST")]  # fmt: skip
    unusual = [(method, path) for path in ("/", "/gradio_api/upload", "/gradio_api/queue/join")
               for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND")]  # fmt: skip
    for method, path in (*gradios(), *extra, *unusual):
        if (method, path) in NEEDED:
            continue
        answer = found.stranger.ask(method, path)
        tally.saw(answer.status == 404, f"{method} {path} → {answer.status}")
    return tally.row()


def files(found: Scene, share: int) -> Row:
    """No file of the machine comes out, however its path is written."""
    tally = Tally(f"{found.mode}: files of the machine, in every disguise")
    targets = (
        "/etc/passwd",
        "/proc/self/environ",
        str(found.secret),
        str(ROOT / "pyproject.toml"),
    )
    shown = found.part.folder / "photos"
    for number, target in enumerate(targets):
        for path in [*everywhere(target), *through(shown, target)][number % share :: share]:
            answer = found.stranger.get(path)
            tally.saw(not found.told(answer) and (answer.refused or _page(answer)), f"GET {path} → {answer.status}")
    return tally.row()


def _page(answer: Answer) -> bool:
    """The page itself, which `/?deep_link=…` gives whatever stands there."""
    return answer.status in (200, 301, 307) and b"root:x:" not in answer.body


def parts(found: Scene, share: int) -> Iterator[Row]:
    """Other people's parts, and what nobody is to have of one's own."""
    base = f"/gradio_api/file={found.part.folder}"
    own = Tally(f"{found.mode}: a part's own pictures and files for its owner")
    for name in GIVEN:
        answer = found.owner.get(f"{base}/{name}")
        right = (
            answer.status == 200
            and found.mark in answer.body
            and answer.headers.get("x-content-type-options") == "nosniff"
        )
        html = "html" in answer.headers.get("content-type", "")
        own.saw(
            right and (not html or "sandbox" in answer.headers.get("content-security-policy", "")),
            f"{name} → {answer.status}",
        )
    yield own.row()
    held = Tally(f"{found.mode}: what of a part nobody is given")
    root = found.part.folder.parent
    others = [root / ".server.lock", root / f".expired-{found.part.id}" / "photos" / "0000_nut.png", root]
    _marked_expired(others[1], found.mark)
    for path in (
        *(f"{base}/{name}" for name in HELD_BACK),
        base,
        f"{base}/",
        *(f"/gradio_api/file={path}" for path in others),
    ):
        for asker in (found.owner, found.stranger):
            answer = asker.get(path)
            held.saw(answer.refused and not found.told(answer), f"GET {path} → {answer.status}")
    yield held.row()
    yield guessed(found, share)
    if found.mode == "--auth":
        yield others_part(found, share)


def _marked_expired(file: Path, mark: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    _marked(file, mark)


def guessed(found: Scene, share: int) -> Row:
    """Ids are 128 random bits: none is guessed, and a wrong one is told from no other."""
    tally = Tally(f"{found.mode}: ids that are guessed or climb")
    tally.saw(len(found.part.id) == 32 and ID.fullmatch(found.part.id), f"{found.part.id} is not 128 bits")
    near = [found.part.id[:-1] + digit for digit in "0123456789abcdef" if not found.part.id.endswith(digit)]
    odd = ["", ".", "..", "../" + found.part.id, found.part.id + "/", found.part.id + "\n", found.part.id.upper(),
           f".expired-{found.part.id}", "*", found.part.id + "\0", "0" * 12, "%2e%2e"]  # fmt: skip
    for id in (*near[::share], *odd, *(secrets.token_hex(16) for _ in range(3))):
        said = found.stranger.called("status", id)
        tally.saw("event: error" in said and found.mark.decode() not in said, f"status {id!r} → {said[:80]}")
    for _ in range(GUESSES // share):
        path = f"/gradio_api/file={found.part.folder.parent}/{secrets.token_hex(16)}/photos/0000_nut.png"
        answer = found.stranger.get(path)
        tally.saw(answer.status == 403, f"GET {path} → {answer.status}")
    return tally.row(figure="128 bits from secrets.token_hex")


def others_part(found: Scene, share: int) -> Row:
    """Ben knows Anna's id, and gets nothing of her part, changes nothing, and is told what a wrong id is told."""
    tally, id, mark = Tally("--auth: another user's part, its id known"), found.part.id, found.mark.decode()
    before = _fingerprint(found.part.folder)
    for name in (*GIVEN, *HELD_BACK):
        answer = found.stranger.get(f"/gradio_api/file={found.part.folder}/{name}")
        tally.saw(answer.refused and not found.told(answer), f"{name} → {answer.status}")
    calls = {
        "status": [id],
        "result": [id],
        "start": [id, 2, 1, 0, ""],
        "check": [id, False],
        "export": [id, None, False],
        "inspect": [id, []],
    }
    for name, data in calls.items():
        said, wrong = (found.stranger.called(name, *given) for given in (data, [secrets.token_hex(16), *data[1:]]))
        tally.saw("event: error" in said and said == wrong and mark not in said, f"{name} → {said[:120]}")
    for number, data in [*_events(found, id)][::share]:
        for query in ("", f"?part={id}"):
            said = found.stranger.event(number, secrets.token_hex(6), data, query)
            tally.saw(mark not in said, f"event {number}{query} → {said[:120]}")
    tally.saw(_fingerprint(found.part.folder) == before, "the part was changed")
    mine = found.owner.called("status", id)
    tally.saw(mark in mine, f"its owner is not told: {mine[:120]}")  # else all this would hold for an empty answer
    return tally.row()


def _events(found: Scene, id: str) -> Iterator[tuple[int, list]]:
    """Every event of the page, with the id wherever a value may be given."""
    config = json.loads(found.stranger.get("/config").body)
    kinds = {part["id"]: part["type"] for part in config["components"]}
    for event in config["dependencies"]:
        if event["backend_fn"]:
            yield event["id"], [_given(kinds[number], id) for number in event["inputs"]]


def _given(kind: str, id: str) -> object:
    if kind in ("slider", "number"):
        return 2
    return {"browserstate": [id], "checkbox": False, "checkboxgroup": [], "file": None, "gallery": None}.get(kind, id)


def _fingerprint(folder: Path) -> str:
    """Of all that is in a folder but the note that it was looked at."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "seen"):
        found.update(f"{path}\0".encode() + path.read_bytes())
    return found.hexdigest()
