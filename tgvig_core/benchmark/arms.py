"""What a detector learns from in each arm of the paper's tables (TGVIG, CVPR 2024, Tables 1 to 3): one entry adds one.

    arm("tgvig-view", title="+ TGVIG around single views", beside="augment")(Recipe("tgvig", anchor="view"))

Facts of an entry: `beside`, the arm that adds as many plain views as this one adds generated images, and `copies`, the number
of images where the arm's name bears it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from tgvig_core.generation.settings import GeneratorSettings

COPIES = (1, 10, 20, 30, 50, 100)
"""N generated images of the paper's Table 3."""


@dataclass(frozen=True)
class Recipe:
    """How the images that join the normals are made.

    Attributes:
        kind: "real" (none), "augment" (plain views), "tgvig" or "vqgan-clip".
        prompt: chooses the set (tgvig) or is what the image is drawn to (vqgan-clip): "best" (P of Eq. 1), "word" (the bare
            name), "naive" ("a photo of a NAME") or "worst" (what Eq. 1 ranks last, Table 2).
        images: M; None for the plan's.
        anchor, variance: see GeneratorSettings (Eq. 2, 3).
        last: take the last set instead of α, the ablation "w/o text".
        gated: leave out what the gate leaves out, as the app does.
    """

    kind: str
    prompt: str = "best"
    images: int | None = None
    anchor: str = "mean"
    variance: bool = True
    last: bool = False
    gated: bool = False

    @property
    def asks_words(self) -> bool:
        """Whether it needs a prompt."""
        return self.kind in ("tgvig", "vqgan-clip")

    def generating(self, images: int) -> GeneratorSettings:
        """Settings of Eq. 2 and 3; "augment" takes the number of images and the policy from them.

        Args:
            images: M of every arm that does not vary it.
        """
        from tgvig_core.generation.settings import GeneratorSettings

        return GeneratorSettings(images=self.images or images, anchor=self.anchor, variance=self.variance)


arm: Registry[Recipe] = Registry("arm", "tgvig_core.benchmark.arms")
"""In the order of the tables."""

arm("real", title="Original photos")(Recipe("real"))
arm("augment", title="+ plain augmented views")(Recipe("augment"))
arm("vqgan-clip-word", title="+ VQGAN-CLIP, only the word", beside="augment-n1")(Recipe("vqgan-clip", "word"))
arm("vqgan-clip-naive", title="+ VQGAN-CLIP, naïve prompt", beside="augment-n1")(Recipe("vqgan-clip", "naive"))
arm("vqgan-clip", title="+ VQGAN-CLIP, ranked prompt", beside="augment-n1")(Recipe("vqgan-clip"))
arm("tgvig-word", title="+ TGVIG, only the word", beside="augment")(Recipe("tgvig", "word"))
arm("tgvig-naive", title="+ TGVIG, naïve prompt", beside="augment")(Recipe("tgvig", "naive"))
arm("tgvig-worst", title="+ TGVIG, worst prompt", beside="augment")(Recipe("tgvig", "worst"))
arm("tgvig-notext", title="+ TGVIG without text", beside="augment")(Recipe("tgvig", last=True))
arm("tgvig-novariance", title="+ TGVIG without variance", beside="augment")(Recipe("tgvig", variance=False))
arm("tgvig-view", title="+ TGVIG around single views", beside="augment")(Recipe("tgvig", anchor="view"))
arm("tgvig-gated", title="+ TGVIG, outliers excluded", beside="augment")(Recipe("tgvig", gated=True))
arm("tgvig", title="+ TGVIG", beside="augment")(Recipe("tgvig"))
for count in COPIES:
    s = "s" if count > 1 else ""
    plain, made = f"+ {count} plain augmented view{s}", f"+ TGVIG, {count} image{s}"
    arm(f"augment-n{count}", title=plain, copies=count)(Recipe("augment", images=count))
    arm(f"tgvig-n{count}", title=made, copies=count, beside=f"augment-n{count}")(Recipe("tgvig", images=count))
