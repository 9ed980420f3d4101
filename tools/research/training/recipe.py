"""What a training is made of (after Esser et al. 2021), and its learning rate: warm-up, constant, decay at the end.

A rate that is constant until a final decay (Hu et al., "MiniCPM", arXiv 2404.06395, section 4) needs no horizon: the
training can be lengthened across starts, and a decay can follow any of its states.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WARM_UP = 100
"""Steps until the full learning rate."""
LAST_RATE = 0.03
"""Share of the learning rate that the decay ends at."""


def setting(default: float, help: str):
    """A field that is also an option of the command line."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Recipe:
    """Settings of one phase of a training; the next phase may change all but the seed. Every field is an option."""

    steps: int = setting(5000, "steps of the whole training, earlier starts counted in")
    finish: int = setting(0, "how many of the last steps let the learning rate decay; 0 keeps it constant")
    batch: int = setting(4, "crops a step")
    crop: int = setting(
        128, "pixels; GroupNorm makes a model know the size that it learnt on, so end near the size of use"
    )
    rate: float = setting(1e-3, "learning rate of AdamW after warm-up")
    quantise_start: int = setting(300, "steps of a plain autoencoder, before the codes start at k-means centres")
    continuous_share: float = setting(0.25, "share of crops decoded past the codebook: Eq. 3 decodes means of codes")
    drawn: int = setting(0, "crops a step that are drawn from their views (Eq. 3 of TGVIG) instead of reconstructed")
    views: int = setting(4, "views of such a crop")
    perceptual: float = setting(0.0, "weight of the perceptual distance")
    perceptual_crops: int = setting(1, "crops a step that the perceptual distance looks at")
    adversarial: float = setting(0.0, "weight of the PatchGAN term")
    adversarial_start: int = setting(0, "step from which the PatchGAN takes part: it helps once edges are there")
    seed: int = setting(0, "of the weights and the crops")

    def learning_rate(self, step: int) -> float:
        """Rate of a step, counted from 0: up over 100 steps, constant, then down in a line over the last `finish`."""
        up = min(1.0, (step + 1) / WARM_UP)
        down = min(1.0, (self.steps - step) / self.finish) if self.finish else 1.0
        return self.rate * up * max(LAST_RATE, down)
