"""A row of figures: what one cell of the plan gave, frozen and checked (pydantic), as a line of results.json says it."""

from __future__ import annotations

import math
import traceback
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tgvig_core.benchmark.plan import Cell, Key, Plan
from tgvig_core.benchmark.results.costs import StepCost
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError, one_line
from tgvig_core.utils.memory import is_short, too_short

FIGURES = ("image_auroc", "image_ap", "f1_max", "pixel_auroc", "pixel_ap", "pro", "false_alarm", "miss")
"""From 0 to 1."""

Share = Annotated[float, Field(strict=True, ge=0, le=1 + 1e-6)]
"""From 0 to 1; a sum of single-precision numbers may end a little above."""
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]


class SetQuality(BaseModel):
    """Quality of the generated images (generation.set_quality.Quality), and on what network it rests."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inception_score: Number
    ssim: Number
    psnr: Number
    perceptual: Number
    diversity: Number
    trunk: str


class Row(BaseModel):
    """What was measured of one cell; None where a field does not apply. A row may say more (`extra`), as plain values.

    Attributes:
        dataset to backbone: the cell, see plan.Cell; `shots` is "full" for all good photos.
        image_auroc to miss: FIGURES.
        threshold: a raw score, of detectors that have one.
        seconds, peak_mb, steps: what the arm would cost alone, see costs.py.
        similarity: z_v of each iteration (Eq. 4); best_iteration: α, from 1.
        error: why there are no figures.
        object: what the part is called. images: that were generated or are views. pool: images that were learned from.
        date: ISO 8601, UTC. tgvig: this project's version.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]

    dataset: str
    category: str
    shots: Annotated[int, Field(strict=True, ge=1)] | Literal["full"]
    seed: Count
    arm: str
    detector: str
    backbone: str
    image_auroc: Share | None = None
    image_ap: Share | None = None
    f1_max: Share | None = None
    pixel_auroc: Share | None = None
    pixel_ap: Share | None = None
    pro: Share | None = None
    false_alarm: Share | None = None
    miss: Share | None = None
    threshold: Number | None = None
    seconds: Annotated[float, Field(strict=True, ge=0)] | None = None
    peak_mb: Number | None = None
    steps: dict[str, StepCost] | None = None
    quality: SetQuality | None = None
    similarity: tuple[Number, ...] | None = None
    best_iteration: Count | None = None
    prompt: str | None = None
    error: str | None = None
    object: str | None = None
    pack: str | None = None
    images: Count | None = None
    iterations: Count | None = None
    size: Count | None = None
    training: str | None = None
    shots_used: tuple[str, ...] | None = None
    pool: Count | None = None
    test_good: Count | None = None
    test_defective: Count | None = None
    most_tests: Count | None = None
    machine: str | None = None
    date: str | None = None
    versions: dict[str, str] | None = None
    tgvig: str | None = None

    @property
    def key(self) -> Key:
        """The `Cell.key` that it belongs to."""
        return self.dataset, self.category, self.shots, self.seed, self.arm, self.detector, self.backbone

    def figure(self, name: str) -> float | None:
        """A figure, None where it is missing or the row has an error. `quality.ssim` looks inside."""
        found: object = self
        for part in name.split("."):
            found = getattr(found, part, None)
        usable = isinstance(found, int | float) and math.isfinite(found) and not self.error
        return float(found) if usable and isinstance(found, int | float) else None

    def as_json(self) -> dict[str, Any]:
        """Plain values under the same names, in the order of COLUMNS."""
        return self.model_dump(mode="json")


COLUMNS = tuple(Row.model_fields)
"""Of every row, in their order."""


def row_of(cell: Cell, plan: Plan, **found: object) -> Row:
    """The row of a cell that was measured just now; one that could not be written down says so in its error.

    Args:
        found: values by column; what is left out is None.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    names = ("pack", "iterations", "size", "training", "most_tests")
    known = cell.named() | {name: getattr(plan, name) for name in names}
    known |= {"object": plan.called(cell.draw.category), "date": date, "tgvig": plan.version}
    try:
        row = Row.model_validate(known | found)
        strict_json.dumps(row.as_json())
        return row
    except (ValidationError, TypeError, ValueError) as error:
        problem = f"Its row holds what is no number or plain value ({_reason(error)}): this is a bug, please report it."
        return Row.model_validate(known | {"error": one_line(problem)})


def failed(cell: Cell, plan: Plan, sentence: str) -> Row:
    """The row of a cell that has no figures, and why."""
    return row_of(cell, plan, error=one_line(sentence))


def read_row(line: str | bytes) -> Row:
    """A row from a line of results.jsonl.

    Raises:
        ValueError: it is no row, or a value of it cannot be.
    """
    return Row.model_validate(strict_json.loads(line))


def sentence_of(error: Exception) -> str:
    """What a row says of an error; one that is a bug also goes to standard error, with its traceback."""
    if isinstance(error, TgvigError):
        return str(error)
    if is_short(error):
        return too_short(error, "this cell", "measure fewer draws at once")
    traceback.print_exception(error)
    return f"It could not be measured ({type(error).__name__}: {error}): this is a bug, please report it."


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
