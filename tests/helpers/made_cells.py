"""In place of cell.measure, for the engines' tests: figures from a cell's name, a diary of what was begun, deaths on demand.

With it a data set without photos and a report of one line, for the command's tests. Workers import it. What they are to do
lies in the plan's models_dir, where the diary is kept, too.
"""

from __future__ import annotations

import json
import os
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

from tgvig_core.benchmark.plan import Cell, Draw, Plan
from tgvig_core.benchmark.results.rows import Row, row_of
from tgvig_core.utils.errors import TgvigError

DIARY, ORDERS = "diary.jsonl", "orders.json"


def plan_of(
    folder: Path, seconds: float = 0.0, die: dict[str, int] | None = None, hang: str = "", **changed: object
) -> Plan:  # fmt: skip
    """2 seeds × 2 categories × 1 or all photos × 2 arms: 16 cells in 8 draws.

    Args:
        folder: of the diary. seconds: that a cell takes.
        die: how often the process that measures a cell is killed in it; cells as in `name`.
        hang: a cell that takes ten minutes the first time.
    """
    folder.mkdir(exist_ok=True)
    (folder / ORDERS).write_text(json.dumps({"seconds": seconds, "die": die or {}, "hang": hang}))
    values = {"categories": ("nut", "tile"), "shots": (1, None), "seeds": 2, "arms": ("real", "augment"), **changed}
    return Plan("folder", "/photos", models_dir=str(folder), **values)


def name(cell: Cell) -> str:
    """Such as nut/full/0/real."""
    return "/".join(map(str, cell.key[1:5]))


def figure(key: Sequence[str | int]) -> float:
    """The image AUROC of a cell."""
    return zlib.crc32(repr(tuple(key)).encode()) / 2**32


def todo_of(plan: Plan) -> list[tuple[Draw, tuple[Cell, ...]]]:
    """All of a plan."""
    return [(draw, plan.cells(draw)) for draw in plan.draws()]


def diary(folder: Path) -> list[dict]:
    """What was begun: {"cell", "pid", "threads"} in the order of time."""
    return [json.loads(line) for line in (folder / DIARY).read_text().splitlines()]


def begun(folder: Path) -> list[str]:
    """The names of the cells that were begun."""
    return [line["cell"] for line in diary(folder)] if (folder / DIARY).exists() else []


def measure(plan: Plan, draw: Draw, cells: Sequence[Cell], ctx: object) -> Iterator[Row]:
    """A row for each cell; an arm called "broken" raises as a whole draw would."""
    import torch

    folder = Path(plan.models_dir)
    orders = json.loads((folder / ORDERS).read_text())
    for cell in cells:
        if cell.arm == "broken":
            raise TgvigError("The photo x.png is damaged: replace it.")
        before = begun(folder).count(name(cell))
        with (folder / DIARY).open("a") as file:
            line = {"cell": name(cell), "pid": os.getpid(), "threads": torch.get_num_threads()}
            file.write(json.dumps(line) + "\n")
        time.sleep(600 if name(cell) == orders["hang"] and not before else orders["seconds"])
        if before < orders["die"].get(name(cell), 0):
            os.kill(os.getpid(), signal.SIGKILL)
        yield row_of(cell, plan, image_auroc=figure(cell.key))


def _write(rows: list[Row], out: Path) -> None:
    (out / "report.md").write_text(f"{len(rows)} rows")


def parts() -> dict[str, ModuleType]:
    """What the command is made of, by the name it is imported by: measure, and a stand-in for all else that takes photos."""
    contents = {
        "cell": {"measure": measure},
        "data.datasets": {"read": lambda dataset, root, names=None, download=False: [
            SimpleNamespace(name=category) for category in names or ("nut", "tile")]},
        "report.report": {"write": _write},
    }  # fmt: skip
    found = {}
    for part, values in contents.items():
        module = found[f"tgvig_core.benchmark.{part}"] = ModuleType(part)
        vars(module).update(values)
    return found
