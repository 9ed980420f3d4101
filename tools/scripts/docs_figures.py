"""The pictures of docs/method.md: runs notebooks/walk_through.ipynb and keeps the figures that its cells are marked with.

    python -m tools.scripts.docs_figures [--out docs]

Two minutes on two cores that are free.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
import tempfile
from pathlib import Path

import nbformat
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "walk_through.ipynb"
WIDEST = 1000
"""Pixels of a picture's width."""


def executed(notebook: nbformat.NotebookNode, folder: Path, patience: int = 1800) -> nbformat.NotebookNode:
    """A notebook after all its cells have run, in a kernel of this very interpreter whatever kernels are installed.

    Args:
        folder: where the notebook runs. patience: seconds that a cell may take.

    Raises:
        CellExecutionError: a cell failed.
    """
    with tempfile.TemporaryDirectory() as kernels:
        write_kernel_spec(str(Path(kernels) / "tgvig"), {"env": {"PYTHONPATH": str(ROOT)}})
        found = KernelSpecManager(kernel_dirs=[kernels], ensure_native_kernel=False)
        client = NotebookClient(
            notebook, timeout=patience, kernel_name="tgvig", resources={"metadata": {"path": folder}}
        )
        client.km = client.create_kernel_manager()
        client.km.kernel_spec_manager = found
        return client.execute()


def main() -> None:
    """Run the notebook and write its marked pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = executed(nbformat.read(NOTEBOOK, 4), Path(folder))
    for cell in done.cells:
        names = cell.metadata.get("figures", [])
        pictures = [
            output.data["image/png"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
        ]
        for name, picture in zip(names, pictures, strict=bool(names)):
            save(base64.b64decode(picture), o.out / f"method-{name}")


def save(png: bytes, path: Path) -> None:
    """Small: a plot as PNG of few colours, photos as JPEG."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((WIDEST, WIDEST))
    if path.name.endswith("curve"):
        image.quantize(32).save(path.with_suffix(".png"), optimize=True)
    else:
        image.save(path.with_suffix(".jpg"), quality=85, optimize=True)
    print(path.name, file=sys.stderr)


if __name__ == "__main__":
    main()
