"""The model card: what training wrote into model.json about a detector, as one typed value that checks itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from tgvig_core.detectors.saved import Saved, not_saved, read_about
from tgvig_core.diagnosis.results import Lift
from tgvig_core.diagnosis.words import lift_json
from tgvig_core.fitting.results import Calibration, Gate
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.fitting.words import calibration_json, gate_json

if TYPE_CHECKING:
    from tgvig_core.detectors.base import Detector  # cards are shown before torch has loaded


@dataclass(frozen=True)
class Fitted:
    """What a training found.

    Attributes:
        object: W°, the part's name.
        training_set: what was learned from.
        best_iteration: the generated set in use; None where there was none.
        calibration: the threshold.
        gate: which generated images were learned from; None where there were none.
        lift: whether that is better than the photos alone; None where these are all.
    """

    object: str
    training_set: TrainingSet
    best_iteration: int | None
    calibration: Calibration
    gate: Gate | None = None
    lift: Lift | None = None

    @property
    def rejected(self) -> tuple[int, ...]:
        """Places in the set that the gate rejected."""
        return self.gate.rejected if self.gate else ()

    @property
    def chosen_set(self) -> int | None:
        """Number of the generated set that was learned from; None where none was."""
        return (self.training_set.set or self.best_iteration) if self.training_set.generated else None

    def as_json(self) -> dict[str, Any]:
        """Plain values and sentences for model.json."""
        return {
            "object": self.object, "arm": str(self.training_set), "best_iteration": self.best_iteration,
            "left_out": list(self.training_set.excluded), "gate": gate_json(self.gate) if self.gate else None,
            "lift": lift_json(self.lift, self.training_set) if self.lift else None,
            "calibration": calibration_json(self.calibration),
        }  # fmt: skip

    def in_result(self) -> dict[str, Any]:
        """Plain values and sentences for result.json."""
        facts, limits = self.as_json(), self.calibration
        return {
            "threshold": limits.threshold, "pixel_threshold": limits.pixel_threshold,
            "false_alarm_estimate": facts["calibration"], "arm": facts["arm"], "lift": facts["lift"], "gate": facts["gate"],
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ModelCard(Fitted):
    """What a training found, of a detector on disk.

    Attributes:
        saved: how the detector is built.
    """

    saved: Saved

    @property
    def id(self) -> str:
        """Tells a trained detector from any other: its weights and bank, and the threshold it was given."""
        return f"{self.saved.sha256} {self.calibration.threshold}"

    @classmethod
    def from_json(cls, about: Mapping[str, Any], where: str) -> ModelCard:
        """Out of model.json; what an older version did not write yet is None.

        Args:
            where: what an error names.

        Raises:
            TgvigError: it is none, it was changed, or another version wrote it.
        """
        saved = Saved.from_json(about, where)
        try:
            chosen = replace(TrainingSet.parse(about["arm"]), excluded=tuple(about["left_out"]))
            return cls(
                about["object"], chosen, about["best_iteration"], about["calibration"], about.get("gate"),
                about.get("lift"), saved=saved,
            )  # fmt: skip
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            raise not_saved(where) from error

    @classmethod
    def read(cls, folder: Path) -> ModelCard:
        """Of a folder with a saved detector.

        Raises:
            TgvigError: as `from_json`.
        """
        return cls.from_json(read_about(lambda name: (folder / name).read_bytes(), str(folder)), str(folder))


def load_model(folder: Path, device: str = "cpu") -> tuple[Detector, ModelCard]:
    """The detector that lies in a folder, and its card.

    Raises:
        TgvigError: the folder is no saved model, or a file in it was changed.
    """
    from tgvig_core.detectors.base import load_detector  # takes seconds

    return load_detector(folder, device), ModelCard.read(folder)
