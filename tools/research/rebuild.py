"""Photos and what a VQGAN makes of them before any adaptation, as PNG files for tools/scripts/contact_sheet.py.

    python -m tools.research.rebuild FOLDER… --out DIR [--count 7] [--model FILE]

Photos of every FOLDER, evenly picked, go into DIR/FOLDER/photo and rebuilt into DIR/FOLDER/rebuilt.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from tgvig_core.models.checkpoints import load_vqgan
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_core.runs.settings import SIZE
from tgvig_core.storage.run_folder import Run

ROOT = Path(__file__).resolve().parents[2]


@torch.inference_mode()
def main() -> None:
    """Rebuild a few photos of every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=7)
    parser.add_argument("--model", type=Path, default=ROOT / "assets" / "vqgan_compact_f8.safetensors")
    o = parser.parse_args()
    model = load_vqgan(o.model)
    for folder in o.folders:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        picked = files[:: max(1, len(files) // o.count)][: o.count]
        photos = torch.stack([to_tensor(to_square(read_photo(file).pixels, SIZE)) for file in picked])
        place = o.out / "-".join(folder.resolve().parts[-3:])
        Run(place / "photo").save_set(1, photos)
        Run(place / "rebuilt").save_set(1, torch.cat([model(photo[None])[0].clamp(-1, 1) for photo in photos]))


if __name__ == "__main__":
    main()
