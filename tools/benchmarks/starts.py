"""How long people wait for the first sign of life: the help, a photo at the line, the web app's first page.

python -m tools.benchmarks.starts
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tgvig_core.bundles.export import export
from tgvig_core.bundles.wishes import Wishes
from tools.benchmarks.row import Row, best, show

ROOT = Path(__file__).resolve().parents[2]
PART = ROOT / "assets" / "samples" / "hex_nut"
TGVIG = [str(Path(sys.executable).with_name("tgvig"))]


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        bundle, photo = exported(Path(folder)), PART / "test" / "good"
        inspect = [*TGVIG, "inspect", str(bundle), str(sorted(photo.iterdir())[0]), "--format", "onnx",
                   "--out", f"{folder}/inspected", "--quiet"]  # fmt: skip
        return [
            Row("`tgvig --help`", "", best(lambda: call([*TGVIG, "--help"]), 7), None, 0.5, "fastest of 7"),
            Row("`tgvig inspect`, ONNX bundle, one photo", "", best(lambda: call(inspect), 5), None, 1.5, "fastest of 5"),
            Row("the web app's first page", "", first_page(Path(folder) / "parts"), None, 4, "headless Chromium, fastest of 5"),
        ]  # fmt: skip


def call(command: list[str]) -> None:
    """Run it to its end; 1 means that a defect was found."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")


def exported(folder: Path) -> Path:
    """A small detector's bundle, ONNX only."""
    run = [*TGVIG, "run", str(PART / "train/good/000.jpg"), "--object", "metal nut", "--prompt", "a metal nut", "--arm", "real",
           "--images", "2", "--iterations", "1", "--pack", "embedded", "--out", str(folder / "run"), "--quiet"]  # fmt: skip
    call(run)
    return export(folder / "run", folder / "bundle", Wishes(formats=("onnx",)))


def first_page(parts: Path) -> float:
    """Fastest of five, from starting the process until a browser that never saw the page shows the first step."""
    from tools.benchmarks import app as bench_app  # needs Chromium

    with bench_app.chromium() as browser:
        app = bench_app.App(parts)
        try:
            return min(bench_app.first_page(app, bench_app.open_page(browser)) for _ in range(5))
        finally:
            app.stop()


if __name__ == "__main__":
    show(rows())
