"""Contact sheets for docs/: the generated images of sets.

    python -m tools.scripts.contact_sheet FOLDER… --out FILE.jpg [--columns 7]

Every FOLDER of PNG files becomes rows of the sheet, without its first `--skip` files: real photos among them are not ours
to publish.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

CELL, GAP = 160, 4


def main() -> None:
    """Lay the images out and write a JPEG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=7)
    parser.add_argument("--skip", type=int, default=0)
    o = parser.parse_args()
    rows: list[list[Path]] = []
    for folder in o.folders:
        files = sorted(folder.glob("*.png"))[o.skip :]
        rows += [files[start : start + o.columns] for start in range(0, len(files), o.columns)]
    step = CELL + GAP
    sheet = Image.new("RGB", (o.columns * step + GAP, len(rows) * step + GAP), "white")
    for y, row in enumerate(rows):
        for x, file in enumerate(row):
            image = Image.open(file).convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(image, (x * step + GAP, y * step + GAP))
    sheet.save(o.out, quality=90)


if __name__ == "__main__":
    main()
