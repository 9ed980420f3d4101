"""What a detector may be able to do beside scoring: say why here, leave as a graph (protocols, PEP 544)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

Box = tuple[int, int, int, int]
"""x, y, width, height in px of the S×S frame."""


@dataclass(frozen=True)
class Evidence:
    """A spot of a photo, and the spot of a good image that it was compared with.

    Attributes:
        image: index in the pool that the detector was fitted on.
        box: surroundings of the remembered spot in that image.
        own_box: surroundings of the photo's spot, of the same size.
        distance: ≥ 0, raw: what the map shows at this spot before it is blurred.
    """

    image: int
    box: Box
    own_box: Box
    distance: float


@runtime_checkable
class Explainable(Protocol):
    """A detector that can say why here."""

    def explain(self, image: Tensor, at: tuple[int, int]) -> Evidence:
        """The spot of a photo under a point, and what of the good images is nearest to it.

        Args:
            image: 3×S×S or 1×3×S×S in [-1, 1], the whole photo in the frame.
            at: (x, y) in px of the frame, 0 to S − 1.

        Raises:
            ValueError: the image does not have the detector's size.
            TgvigError: the point lies outside, the image is not finite, or nothing was learned.
        """


@runtime_checkable
class Exportable(Protocol):
    """A detector that can leave as a graph of plain operations, which ONNX and OpenVINO run alike."""

    @property
    def size(self) -> int:
        """S, side of the frame in px."""

    def graph(self) -> nn.Module:
        """images N×3×S×S float32 in [0, 1], RGB → scores N and maps N×S×S, raw, as `Detector.score` gives them."""
