"""bundle.json as one typed value that checks itself (pydantic: docs.pydantic.dev, Strict Mode); reading one needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from tgvig_core.inspection.limits import Limits
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.typed import misfit

FORMAT: Final = 1
KIND: Final = "tgvig bundle"
MODELS = {
    "torch": ("torch/model.json", "torch/model.safetensors"),
    "onnx": ("onnx/model.onnx",),
    "openvino": ("openvino/model.xml", "openvino/model.bin"),
}
"""Files of each format; the first is its entry."""
FORMATS = tuple(MODELS)
LARGEST_FRAME = 4096

T = TypeVar("T")
Several = Annotated[tuple[T, ...], Strict(False)]
"""JSON has lists only."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Raw scores and the steepness of their scale: with a threshold that is no number every part would be good."""


class Value(BaseModel):
    """Frozen, and nothing is taken for what it is not: "1.0" is no number, true no integer.

    A field with a default is one that verdicts do not need: another version may not have written it.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    def as_json(self) -> dict[str, Any]:
        """Plain values by the keys of bundle.json, in its order: what was given, no defaults."""
        return self.model_dump(exclude_unset=True)


class BundledFile(Value):
    """A file of the bundle: SHA-256 (hexadecimal) and length."""

    sha256: str
    bytes: Annotated[int, Field(ge=0)]  # fewer would mean: all that there are


class BundledDetector(Value):
    """How the detector is built, see detectors.saved.Saved.

    Attributes:
        size: S, side of the frame in px.
        bank: rows that it remembers; None where it remembers none.
    """

    name: str = ""
    backbone: str | None = None
    layers: Several[str] = ()
    size: Annotated[int, Field(gt=0, le=LARGEST_FRAME)]
    bank: int | None = None
    settings: Mapping[str, Any] = {}


class BundledLimits(Value):
    """What verdicts rest on, see fitting.results.Calibration; all scores are raw.

    Attributes:
        false_alarm: the target, in (0, 1). low, high: what the true rate is likely between. All three are None where a
            person moved the threshold.
        words: how sure it is, in a sentence.
    """

    threshold: Positive
    pixel_threshold: Positive
    typical: Finite | None = None
    steepness: Positive
    false_alarm: Finite | None = None
    low: Finite | None = None
    high: Finite | None = None
    photos: int | None = None
    words: str

    @property
    def for_verdicts(self) -> Limits:
        """Those that an inspector asks for."""
        return Limits(self.threshold, self.pixel_threshold, self.steepness)


class Agreement(Value):
    """Largest differences between an export and the detector itself, on so many photos: of the score relative to it, of the
    map relative to its highest value.
    """

    score: Finite
    map: Finite
    photos: int | None = None


class Licence(Value):
    """Of something that the detector is made of."""

    what: str
    licence: str
    source: str


class ReferencePhoto(Value):
    """A good photo that was learned from; `file` says where it lies in the bundle, if it came along."""

    name: str
    sha256: str
    file: str | None = None


class Manifest(Value):
    """bundle.json.

    Attributes:
        created, version: when, and by which tgvig.
        object: W°, None for a part without a name.
        input, outputs: of an exported graph.
        meaning: of scores and thresholds, in words.
        models: the entry of each format that it holds.
        arm: what the detector learned from, see fitting.training_sets.TrainingSet.
        prompt, sense, best_iteration: P, its WordNet sense and α; None where no image was generated.
        command: `tgvig run` that makes the detector again. by_hand: sentences on what it does not repeat.
        normals: the good photos.
        versions: of libraries, by their names.
        agreement: by format.
        files: by their places in the bundle, all but this one and the list of checksums.
    """

    format: Literal[1] = FORMAT
    kind: Literal["tgvig bundle"] = KIND
    created: str
    version: str
    object: str | None
    device: str = ""
    detector: BundledDetector
    input: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    limits: BundledLimits
    meaning: str
    models: Mapping[str, str]
    arm: str = ""
    prompt: str | None = None
    sense: str | None = None
    best_iteration: int | None = None
    command: str = ""
    by_hand: Several[str] = ()
    licences: Several[Licence] = ()
    normals: Several[ReferencePhoto] = ()
    versions: Mapping[str, str]
    agreement: Mapping[str, Agreement]
    files: Mapping[str, BundledFile]

    @property
    def formats(self) -> tuple[str, ...]:
        """Those that it holds, in the order of FORMATS."""
        return tuple(name for name in FORMATS if name in self.models)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: Path) -> Manifest:
        """The reverse of as_json.

        Args:
            path: of the bundle, for errors.

        Raises:
            TgvigError: another version wrote it, something that verdicts need is missing or is not what it should be, or
                it lists no whole model.
        """
        if value.get("kind") != KIND or value.get("format") != FORMAT:
            raise TgvigError(
                f"{path} is a bundle of format {value.get('format')!s:.40}, made by tgvig {value.get('version')!s:.40}; this "
                f"version reads {FORMAT}: export again."
            )
        try:
            found = cls.model_validate(value)
        except ValidationError as error:
            raise TgvigError(f"bundle.json in {path} lacks {misfit(error)}: export the detector again.") from error
        if not found.formats or not all(set(MODELS[name]) <= set(found.files) for name in found.formats):
            raise TgvigError(f"{path} holds no whole model: export the detector again.")
        return found
