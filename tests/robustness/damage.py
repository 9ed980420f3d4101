"""Files that vanish from a run or are damaged in it: it is finished as undisturbed, or one sentence says what to do."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.robustness.disk import half_done, row
from tests.robustness.forked import child
from tests.robustness.row import Row
from tests.robustness.said import no_sentence, resume
from tests.robustness.small_run import SmallRun, drafts

SEED = 6
LISTS = ("prompts.csv", "prompt_map.json")
"""What a person looks at and no step reads: it is not made again."""
NOISE = bytes(random.Random(SEED).randrange(256) for _ in range(300))


def unfinished(small: SmallRun, out: Path) -> Path:
    """A copy of the undisturbed run that lacks its last file only."""
    shutil.copytree(small.reference, out)
    (out / "result.json").unlink()
    return out


def healed(small: SmallRun, out: Path, harm: Callable[[Path], None], *names: str, listed: str = "") -> str:
    """Do harm to a run and resume it.

    Args:
        names: what a refusal has to name; the remedy, deleting that, is then tried, too.
        listed: which of LISTS was harmed and may still lack.
    """
    harm(out)
    ended = child(lambda: resume(out))
    if isinstance(ended.value, dict) and ended.value["code"] == 2 and names:
        if wrong := no_sentence(ended, *names):
            return wrong
        remedy = out / names[0]
        shutil.rmtree(remedy) if remedy.is_dir() else remedy.unlink()
        ended = child(lambda: resume(out))
    if not (isinstance(ended.value, dict) and ended.value["code"] == 0):
        return str(ended if ended.value is None else ended.value["said"].strip()[-200:])
    if listed and not (out / listed).exists():
        shutil.copy(small.reference / listed, out)
    wrong = small.differs(out, deaths=9, whole=False)
    shutil.rmtree(out, ignore_errors=True)
    return wrong


def no_settings(out: Path) -> str:
    """A run whose config is cut cannot be finished: the sentence names the file, and says that the run is begun anew."""
    cut("config.json")(out)
    return no_sentence(child(lambda: resume(out)), "config.json", "anew")


def gone(name: str) -> Callable[[Path], None]:
    return lambda out: shutil.rmtree(out / name) if (out / name).is_dir() else (out / name).unlink()


def cut(name: str) -> Callable[[Path], None]:
    """Half of the file is left."""
    return lambda out: (out / name).write_bytes((out / name).read_bytes()[: (out / name).stat().st_size // 2])


def line(place: int, put: bytes) -> Callable[[Path], None]:
    """Something else in place of a line of the journal."""

    def harm(out: Path) -> None:
        rows = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
        rows[place] = put
        (out / "journal.jsonl").write_bytes(b"".join(rows))

    return harm


def iteration(number: int, put: bytes) -> Callable[[Path], None]:
    """Something else in place of the line of an iteration."""

    def harm(out: Path) -> None:
        rows = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
        found = [place for place, row in enumerate(rows) if b'"iteration"' in row]
        line(found[number], put)(out)

    return harm


def photo(small: SmallRun, out: Path, name: str) -> str:
    """A photo or folder of photos that the run needs is gone: a sentence names it, and with the photo back the run is finished."""
    own = shutil.copytree(small.photos_folder, out.with_name(f"{out.name}-photos"))
    config = out / "config.json"
    config.write_text(config.read_text().replace(str(small.photos_folder), str(own)))
    (own / name).rename(own / "away")
    if wrong := no_sentence(child(lambda: resume(out)), Path(name).name):
        return wrong
    (own / "away").rename(own / name)
    ended = child(lambda: resume(out))
    left = [str(path) for path in drafts(out)]
    return "" if str(ended) == "done" and ended.value["code"] == 0 and not left else f"{ended} {left[:1]}"


def spoiled_image(small: SmallRun, out: Path) -> str:
    """An image of the best set is cut in half before the detector has learned from it."""
    best = f"sets/{json.loads((small.reference / 'result.json').read_text())['best_iteration']:03d}"

    def harm(run: Path) -> None:
        cut(f"{best}/001.png")(run)
        shutil.rmtree(run / "model")

    return healed(small, out, harm, best)


VANISHED = ("sets/001/001.png", "sets/002", "state.pt", "journal.jsonl", "prompt.json", "prompts.csv", "odd/notes.json",
            "model/model.safetensors", "model/model.json", "inspect/chip_000.png", "odd", "model", "inspect")  # fmt: skip
HALVED = {"state.pt": (), "prompt.json": ("prompt.json",), "odd/notes.json": (), "model/model.json": (),
          "journal.jsonl": (), "inspect/chip_000.png": (), "model/model.safetensors": ()}  # fmt: skip
LINES = {
    "first": line(0, b'{"time": 17\n'), "last": line(-1, b'{"time": 17, "ev'), "binary": line(3, NOISE + b"\n"),
    "an iteration's": iteration(0, b'{"time": 1, "event": "iteration"}\n'), "the last iteration's": iteration(-1, NOISE + b"\n"),
    "no line's end": iteration(0, b"{}"), "empty": iteration(0, b"\n"), "zeros": iteration(0, b"\0" * 4096 + b"\n"),
}  # fmt: skip


def rows(small: SmallRun) -> Iterator[Row]:
    half = half_done(small)

    def late(name: str, place: int) -> Path:
        return unfinished(small, small.folder / f"{name}{place}")

    def early(name: str, place: int) -> Path:
        return Path(shutil.copytree(half, small.folder / f"{name}{place}"))

    works = [
        lambda n=n, k=k: healed(small, late("gone", k), gone(n), n, listed=n if n in LISTS else "")
        for k, n in enumerate(VANISHED)
    ]
    yield row("a file or folder vanished from the run", works, ", ".join(VANISHED), "as undisturbed")
    works = [lambda n=n, w=w, k=k: healed(small, late("cut", k), cut(n), *w) for k, (n, w) in enumerate(HALVED.items())]
    works.append(lambda: healed(small, early("state", 0), cut("state.pt")))
    works.append(lambda: spoiled_image(small, late("spoiled", 0)))
    works.append(lambda: no_settings(late("config", 0)))
    yield row(
        "a file of the run cut in half",
        works,
        ", ".join([*HALVED, "the state of half a run", "an image", "config.json"]),
        "as undisturbed, or a sentence that helps",
    )
    works = [lambda h=h, k=k: healed(small, late("late", k), h) for k, h in enumerate(LINES.values())]
    works += [
        lambda h=LINES[n], n=n: healed(small, early("early", len(n)), h) for n in ("first", "last", "an iteration's")
    ]
    yield row("a line of the journal damaged", works, ", ".join(LINES), "as undisturbed")
    names = ("good/000.jpg", "test")
    works = [lambda n=n, k=k: photo(small, early("photo", k), n) for k, n in enumerate(names)]
    yield row(
        "a good photo or the photos to inspect vanished", works, ", ".join(names), "a sentence names it, then finished"
    )
