"""What a person chose for a part, as part.json keeps it: every step reads it and writes its own fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

Overlay = Literal["Heatmap", "Outline", "Both"]
Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[int, Field(ge=0)]
"""Of an image in its set, or of a photo: the first is 0."""
Number = Annotated[int, Field(ge=1)]
"""Of a generation, or of a set in it: the first is 1."""


@dataclass(frozen=True)
class Choices:
    """What the person chose so far.

    Attributes:
        chosen_set, viewed_set: the set that is learned from, and the one that is only looked at.
        picture: the image of the viewed set that is looked at. left_out: images of the chosen set that are excluded.
        threshold: moved by hand, in raw scores; None for the calibrated one.
        looked_at: name of the inspected photo that is looked at. opacity: of the heatmap over it.
        pitch: millimetres per pixel.
        decisions: OK, NG or unsure by the name of an inspected photo.
        learned: names of the good photos that were inspected first and marked OK.
        defect_place: the seed of where the previewed defect lies.

    Raises:
        pydantic.ValidationError: a value is of the wrong kind or out of range.
    """

    object_name: str = ""
    flips: bool = False
    turns: bool = False
    sense: str | None = None
    vocabulary: str = "relations"
    words: tuple[str, ...] = ()
    rule: str = "robust"
    prompt: str = ""
    generation: Number | None = None
    chosen_set: Number | None = None
    viewed_set: Number | None = None
    picture: Place | None = None
    left_out: tuple[Place, ...] = ()
    threshold: float | None = None
    looked_at: str = ""
    overlay: Overlay = "Heatmap"
    opacity: Share = 0.85
    pitch: float | None = None
    decisions: dict[str, str] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    defect_kind: str = ""
    defect_strength: Share = 0.6
    defect_size: float | None = None
    defect_place: Place = 0

    @classmethod
    def read(cls, held: Mapping[str, Any]) -> Choices:
        """Those of a part.json; a field that is unknown here or cannot be used (another version's) has its default."""
        known = {entry.name for entry in fields(cls)}
        values = {name: value for name, value in held.items() if name in known}
        try:
            return cls(**values)
        except ValidationError as error:
            wrong = {place["loc"][0] for place in error.errors()}
            return cls(**{name: value for name, value in values.items() if name not in wrong})
