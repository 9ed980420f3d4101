"""Which photos there are, where they go (MVTec folder layout), and the words about them (parts.json)."""

import json
import sys
import time
import zlib

import numpy as np
from PIL import Image

from . import capsule, nut, photo, studio

PARTS = {"hex_nut": nut, "capsule": capsule}
COUNT = 5
WORDS: dict[str, dict] = {
    "hex_nut": {
        "object": "metal nut",
        "title": "Hex nut (rendered)",
        "description": "A turned steel hex nut on a dark conveyor belt, seen from above.",
        "defects": {
            "scratch": "a fresh bright gouge over the face",
            "chip": "a piece broken out at a corner, a flat or the rim of the bore",
            "rust": "a brown-orange patch of rust",
        },
    },
    "capsule": {
        "object": "capsule",
        "title": "Printed capsule (rendered)",
        "description": "A two-colour gelatin capsule with print on both halves, lying on grey paper.",
        "defects": {
            "crack": "the shell is split open along a jagged line",
            "dent": "the shell is pushed in",
            "misprint": "print blotted, worn off, missing, smeared or doubled",
        },
    },
}


def plan(name):
    """Every photo of a part as (group folder, defect or None, number)."""
    groups: list[tuple[str, str | None]] = [("train/good", None), ("test/good", None)]
    groups += [(f"test/{defect}", defect) for defect in WORDS[name]["defects"]]
    return [(group, defect, number) for group, defect in groups for number in range(COUNT)]


def make(root, name, job, seed, spp):
    """Render one photo (and its mask) unless it is there already; True when something was rendered."""
    group, defect, number = job
    target = root / name / group / f"{number:03d}.jpg"
    answer = root / name / "ground_truth" / (defect or "good") / f"{number:03d}_mask.png"
    if target.exists():
        return False
    key = [seed, zlib.crc32(f"{name}/{group}".encode()), number]
    part, rng = PARTS[name], np.random.default_rng(key)
    lamps = studio.lights(rng, part.LIGHT)
    start = rng.bit_generator.state
    surfaces = part.build(rng, defect, number)
    view = {**part.VIEW, **({"paths": spp} if spp else {})}
    if defect:
        again = np.random.default_rng()
        again.bit_generator.state = start
        flags = studio.mask(surfaces[0][0], part.build(again)[0][0], part.VIEW)
        save(answer, flags.astype(np.uint8) * 255)
    linear = studio.shoot(surfaces, view, lamps, key[1] % 65536 + number)
    save(target, photo.develop(linear, np.random.default_rng(key + [1])))
    return True


def save(path, pixels):
    """Write a picture under another name first, so that a stopped run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("." + path.name)
    options = {"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {"optimize": True}
    Image.fromarray(pixels).save(draft, **options)
    draft.replace(path)


def make_part(root, name, seed, spp):
    """Render all missing photos of a part, telling the progress on stderr."""
    jobs = plan(name)
    for number, job in enumerate(jobs, 1):
        begin = time.time()
        done = make(root, name, job, seed, spp)
        note = f"{time.time() - begin:.1f} s" if done else "there already"
        print(f"{name} {number}/{len(jobs)} {job[0]}/{job[2]:03d}: {note}", file=sys.stderr, flush=True)


def write_index(root):
    """parts.json: what each part is, for people and for the demo."""
    parts = [
        {
            "name": name,
            "object": words["object"],
            "title": words["title"],
            "description": words["description"],
            "train": f"{name}/train/good",
            "test": f"{name}/test",
            "defects": [{"name": k, "description": v} for k, v in words["defects"].items()],
        }
        for name, words in WORDS.items()
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "parts.json").write_text(json.dumps({"parts": parts}, indent=2) + "\n", encoding="utf-8")
