"""What each arm of the paper's tables learns from (TGVIG, CVPR 2024, Tables 1 to 3), as settings of the steps that make it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tgvig_core.generation.latent_sampling import GeneratorSettings
from tgvig_core.utils.errors import TgvigError

COPIES = (1, 10, 20, 30, 50, 100)
"""N generated images of the paper's Table 3."""
PROMPTS = ("best", "word", "naive", "worst")
"""P of Eq. 1; the bare name; "a photo of a NAME"; the prompt that Eq. 1 ranks last (Table 2)."""


@dataclass(frozen=True)
class Recipe:
    """How the images that join the normals are made.

    Attributes:
        kind: "real" (none), "augment" (plain views), "tgvig" or "vqgan-clip".
        generating: settings of Eq. 2 and 3; "augment" takes the number of images and the policy from it.
        prompt: one of PROMPTS: chooses the set (tgvig) or is what the image is drawn to (vqgan-clip).
        last: take the last set instead of α, the ablation "w/o text".
        gated: leave out what gate.py leaves out, as the app does.
    """

    kind: str
    generating: GeneratorSettings
    prompt: str = "best"
    last: bool = False
    gated: bool = False

    @property
    def asks_words(self) -> bool:
        """Whether it needs a prompt."""
        return self.kind in ("tgvig", "vqgan-clip")


def recipes(images: int) -> dict[str, Recipe]:
    """All arms by name.

    Args:
        images: M of every arm that does not vary it.
    """
    plain = GeneratorSettings(images=images)
    tgvig = Recipe("tgvig", plain)
    return {
        "real": Recipe("real", plain),
        "augment": Recipe("augment", plain),
        **{f"augment-n{count}": Recipe("augment", replace(plain, images=count)) for count in COPIES},
        "tgvig": tgvig,
        "tgvig-gated": replace(tgvig, gated=True),
        "tgvig-notext": replace(tgvig, last=True),
        "tgvig-novariance": replace(tgvig, generating=replace(plain, variance=False)),
        "tgvig-view": replace(tgvig, generating=replace(plain, anchor="view")),
        **{f"tgvig-n{count}": replace(tgvig, generating=replace(plain, images=count)) for count in COPIES},
        **{f"tgvig-{prompt}": replace(tgvig, prompt=prompt) for prompt in PROMPTS[1:]},
        "vqgan-clip": Recipe("vqgan-clip", plain),
        **{f"vqgan-clip-{prompt}": Recipe("vqgan-clip", plain, prompt) for prompt in PROMPTS[1:3]},
    }


def recipe(arm: str, images: int) -> Recipe:
    """The recipe of an arm.

    Raises:
        TgvigError: there is no such arm.
    """
    known = recipes(images)
    if arm not in known:
        raise TgvigError(f"There is no arm {arm!r}: choose some of {', '.join(known)}.")
    return known[arm]
