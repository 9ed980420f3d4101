"""Make assets/walk: the sample part hex_nut through all five steps with the embedded pack (page/example.py opens it).

    python -m tools.scripts.make_walk [--out assets/walk]

About three minutes. The page's own handlers and jobs do the work; every figure in the walk is from this run.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from tgvig_core.detectors.backbone_weights import BANK
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.server import Server
from tgvig_ui.jobs.service import Options
from tgvig_ui.launch import make
from tgvig_ui.page import finished_example as example
from tgvig_ui.parts.generations import set_files, similarity
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.part import Part
from tgvig_ui.steps.inspect import events as inspecting_events
from tgvig_ui.steps.photos import events as normals_events
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import view as training

ASKED = Asked(images=8, iterations=4)
TRAINED = next(iter(training.ARMS)), next(iter(training.DETECTORS)), 5, ""
TEXTS = ("part.json", "ranking.json", "prompt_map.json", "prompts.csv", "odd/notes.json")
OF_THE_RUN = (
    "config.json",
    "journal.jsonl",
    "check.json",
    "model/model.json",
    "model/check.json",
    "inspect/scores.json",
)


def main() -> None:
    """Run and pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=example.WALK)
    o = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        server = make(Path(folder), Options("embedded", device="cpu"), local=True)
        part = walked(server)
        shutil.rmtree(o.out, ignore_errors=True)
        pack(part, o.out)
        server.executor.close()
    print(f"{o.out}: {sum(file.stat().st_size for file in o.out.rglob('*') if file.is_file()) / 1e6:.2f} MB")


def walked(server: Server) -> Part:
    """The part after five steps."""
    id, _ = normals_events.sample(server, "", example.SAMPLE.replace("_", " "))
    part = server.part(id)
    wait(server, part, lambda: server.submit(part, "rank"))
    wait(server, part, lambda: begin(server, part, [part.choices.prompt], ASKED, "generate"))
    wait(server, part, lambda: training.train(server, id, *TRAINED))
    wait(server, part, lambda: checking.check(server, id, False))
    inspecting_events.sample(server, id)
    wait(server, part, lambda: inspecting_events.go(server, id))
    return part


def wait(server: Server, part: Part, begin_job) -> None:
    """Begin a job and wait until it is done."""
    start = time.perf_counter()
    begin_job()
    while server.busy(part):
        time.sleep(0.1)
    state = server.status(part)
    if state is None or state.state != "done":
        raise SystemExit(f"{state.kind} {state.state}: {state.message}" if state else "No job was begun.")
    print(f"{state.kind}: {time.perf_counter() - start:.0f} s {state.message}")


def pack(part: Part, out: Path) -> None:
    """Write what `ready.open_ready` makes a part of."""
    run = part.generation(example.NUMBER)
    for name in (*TEXTS, *(f"generations/{example.NUMBER}/{name}" for name in OF_THE_RUN)):
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((part.folder / name).read_text().replace(str(part.folder), example.HERE))
    target = out / "generations" / str(example.NUMBER)
    state = load_file(run / "model" / "model.safetensors")
    save_file({k: v for k, v in state.items() if not k.startswith("feature_extractor.")}, target / "model" / BANK)
    (target / "sets").mkdir()
    for number in range(1, len(similarity(part, example.NUMBER)) + 1):
        images = [np.array(Image.open(file)) for file in set_files(part, example.NUMBER, number)]
        strip = Image.fromarray(np.concatenate(images))
        strip.save(target / "sets" / f"{number:03d}.webp", lossless=True, quality=100, method=6, exact=True)
    maps = [np.load(run / "inspect" / "maps" / f"{place}.npy") for place in range(len(part.tests()))]
    example.packed_maps(maps, target / "inspect" / "maps.npz")
    write_json(out / "job.json", {"kind": "inspect", "arguments": {}, "state": "done", "message": told(part)})


def told(part: Part) -> str:
    """What the line about the job says of the walk."""
    return (
        f"This is a finished example: a rendered hex nut, {len(part.photos())} good photos, "
        f"{len(similarity(part, example.NUMBER))} sets of {ASKED.images} images, trained, checked and inspected. The copy is "
        "yours: change what you like."
    )


if __name__ == "__main__":
    main()
