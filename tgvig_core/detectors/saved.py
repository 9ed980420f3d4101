"""What model.json says of how to build a saved detector (after timm's config.json): plain values, nothing pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tgvig_core.storage.run_folder import MODEL_FORMAT
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError

ReadFile = Callable[[str], bytes]
"""The bytes of model.json or model.safetensors, wherever they lie. Raises OSError."""


@dataclass(frozen=True)
class Saved:
    """How a detector is built before it gets its weights.

    Attributes:
        format: of the two files.
        detector: its name in the registry.
        backbone, layers: timm's name and the layers whose features it compares; None and () where it uses none.
        size: S, side of the frame in px.
        settings: of its class's `settings_type`, as plain values.
        sha256: of model.safetensors.
    """

    format: int
    detector: str
    backbone: str | None
    layers: tuple[str, ...]
    size: int
    settings: Mapping[str, Any]
    sha256: str

    @classmethod
    def from_json(cls, about: Mapping[str, Any], where: str) -> Saved:
        """Out of model.json, which holds more.

        Args:
            where: what an error names.

        Raises:
            TgvigError: it is no model.json, or one of another version.
        """
        try:
            if about["format"] != MODEL_FORMAT:
                raise TgvigError(
                    f"{where} was saved in format {about['format']}, this version reads {MODEL_FORMAT}: train it again."
                )
            values = {field.name: about[field.name] for field in fields(cls)}
            values |= {"layers": tuple(about["layers"]), "size": int(about["size"]), "settings": {**about["settings"]}}
            return cls(**values)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise not_saved(where) from error

    def as_json(self) -> dict[str, Any]:
        """Plain values for model.json."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"layers": list(self.layers)}


def read_about(file: ReadFile, where: str) -> dict[str, Any]:
    """model.json as it lies there.

    Raises:
        TgvigError: there is none, or it holds no object of JSON.
    """
    try:
        about = strict_json.loads(file("model.json"))
    except (OSError, ValueError) as error:
        raise not_saved(where) from error
    if not isinstance(about, dict):
        raise not_saved(where)
    return about


def not_saved(where: str) -> TgvigError:
    """The sentence for what is no saved detector."""
    return TgvigError(f"{where} is not a saved detector: give the model/ folder of a finished run.")
