"""What is set of a generator: Eq. 2, 3, 6 and 7 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247), frozen and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tgvig_core.photos.view_policy import ViewPolicy
from tgvig_core.utils.errors import TgvigError

ANCHORS = ("mean", "view")


@dataclass(frozen=True)
class GeneratorSettings:
    """Settings of Eq. 2 and 3.

    Attributes:
        images: M, generated per iteration (the paper: 20).
        views: N, augmented views whose mean and variance are taken (not given in the paper).
        anchor: "mean" of the views as in the paper, or "view": the mean is one view, the variance is over all.
        variance: False is the paper's ablation, Σ = 1 as in Eq. 2.
        policy: how the views may differ.
    """

    images: int = 20
    views: int = 8
    anchor: str = "mean"
    variance: bool = True
    policy: ViewPolicy = field(default_factory=ViewPolicy)

    def __post_init__(self) -> None:
        if self.anchor not in ANCHORS:
            raise TgvigError(f"There is no anchor {self.anchor!r}: choose one of {', '.join(ANCHORS)}.")
        if not 1 <= self.images <= 1000:
            raise TgvigError(f"{self.images} images per iteration cannot be made: give a number from 1 to 1000.")
        if self.anchor == "mean" and (self.policy.flips or self.policy.turns):
            raise TgvigError(
                "The mean of mirrored or rotated views is a blur: take the anchor view with parts that lie in any direction."
            )
        if self.views < 2:
            raise TgvigError(f"{self.views} views have no variance: give at least 2.")


@dataclass(frozen=True)
class UpdateSettings:
    """Settings of Eq. 6 and 7. The paper gives none of their values; Adam and "all parameters" are its.

    Attributes:
        steps: gradient steps between two sets.
        views: views of one normal in a step (both terms of the loss use them).
        images: n of Eq. 6, images drawn in a step.
        crop: side in px of the aligned window that a step looks at, 256 for whole images. Windows are cheaper, but
            GroupNorm then sees other statistics than when whole images are generated (docs/architecture.md).
        learning_rate: of Adam. At four times this rate grey parts take on colours.
        vq_weight: λ of Eq. 7.
        perceptual_weight: weight of the perceptual term inside L_vq.
        adversarial_weight: weight of the PatchGAN term inside L_vq, times VQGAN's adaptive factor.
        adversarial_start: gradient step (counted over all iterations) from which the PatchGAN takes part.
    """

    steps: int = 4
    views: int = 2
    images: int = 1
    crop: int = 256
    learning_rate: float = 5e-5
    vq_weight: float = 1.0
    perceptual_weight: float = 0.1
    adversarial_weight: float = 0.8
    adversarial_start: int = 500

    def __post_init__(self) -> None:
        if self.steps < 0 or self.views < 1 or self.images < 1 or self.crop < 1:
            raise TgvigError(
                f"An update of {self.steps} steps with {self.views} views, {self.images} images and windows of {self.crop} "
                "px cannot be run: steps may be 0, the others must be at least 1."
            )
        if not 0 < self.learning_rate < math.inf:
            raise TgvigError(f"{self.learning_rate} is not a learning rate: give a number above 0, such as 5e-5.")
        weights = (self.vq_weight, self.perceptual_weight, self.adversarial_weight)
        if not all(0 <= weight < math.inf for weight in weights):
            raise TgvigError(f"The loss weights {weights} cannot be learned with: each must be a number from 0 on.")
