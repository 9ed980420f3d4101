"""What a run found (RUN/result.json), as a typed value: the fields of the paper's tables, and every photo's verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.typed import misfit

FIGURES = ("image_auroc", "image_ap", "f1_max", "false_alarm", "miss", "pixel_auroc", "pixel_ap", "pro")
"""In result.json beside the other fields, where the test photos have labels."""


@dataclass(frozen=True)
class Row:
    """A test photo's verdict.

    Attributes:
        path: the photo.
        score: raw; larger is stranger. display: the same from 0 to 1, 0.5 at the threshold.
        is_anomalous: score > threshold.
        heatmap: relative to the run, which may be moved.
    """

    path: str
    score: float
    display: float
    is_anomalous: bool
    heatmap: str


@dataclass(frozen=True)
class Note:
    """Something about a good photo that a person should look at.

    Attributes:
        path: the photo. kind: what it is about, such as "odd". text: a sentence.
        heatmap: where it shows, relative to the run; None where there is none.
    """

    path: str
    kind: str
    text: str
    heatmap: str | None = None


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        pack, device, object: what it ran with, and W°.
        best_prompt, sense: P and the WordNet sense it came from (None: none).
        similarity: cos(z_t, z_v) of each set, in [-1, 1]. best_iteration: α, from 1.
        threshold, pixel_threshold: raw scores up to which a part, and a pixel, is good.
        false_alarm_estimate: what the threshold is worth, see fitting/calibration.py; `words` says it in a sentence.
        arm: what the detector learned from. lift: the check's first hint whether generation helps. gate: which generated
            images were kept, see fitting/admission.py. Both None where no image was generated for it.
        seconds: of each step.
        images: a row for each test photo.
        notes: on the good photos.
        figures: by the names of FIGURES, each in [0, 1]; None where the labels do not allow it, empty without labels.
        check: what `tgvig check` found, if it was asked.
    """

    pack: str
    device: str
    object: str
    best_prompt: str
    sense: str | None
    similarity: tuple[float, ...]
    best_iteration: int
    threshold: float
    pixel_threshold: float
    false_alarm_estimate: Mapping[str, Any]
    arm: str
    lift: Mapping[str, Any] | None
    gate: Mapping[str, Any] | None
    seconds: Mapping[str, float]
    images: tuple[Row, ...]
    notes: tuple[Note, ...]
    figures: Mapping[str, float | None] = field(default_factory=dict)
    check: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for result.json: the figures stand beside the other fields."""
        found = asdict(self)
        found |= {"similarity": list(self.similarity), "images": list(found["images"])}
        found["notes"] = [{k: v for k, v in note.items() if v is not None} for note in found["notes"]]
        found |= found.pop("figures")
        return found if self.check else {key: value for key, value in found.items() if key != "check"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], file: Path) -> Result:
        """The reverse of as_json.

        Args:
            file: what an error names.

        Raises:
            TgvigError: the file is of another version or was changed by hand.
        """
        figures = {name: value[name] for name in FIGURES if name in value}
        try:
            return _RESULTS.validate_json(json.dumps({"gate": None, "notes": [], **value, "figures": figures}))
        except (TypeError, ValueError) as error:
            what = misfit(error) if isinstance(error, ValidationError) else error
            raise TgvigError(
                f"{file} does not fit this version ({what}): delete it and resume the run, which makes it again."
            ) from error


_RESULTS = TypeAdapter(Result)
