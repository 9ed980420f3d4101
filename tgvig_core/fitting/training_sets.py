"""What a detector may learn from (TGVIG, CVPR 2024, section 5, and narrower sets): the photos, plain copies, generated images.

Files and the command line write it in words: `real`, `augment`, `augment:shifts` (one way in which plain copies differ),
`tgvig` (the generated set in use), `tgvig:3` (the third set), `tgvig:3:10` (its first ten images).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from tgvig_core.photos.views import ViewPolicy  # the page shows titles before torch has loaded


@dataclass(frozen=True)
class Kind:
    """One kind of training set.

    Attributes:
        title: what people read in a sentence.
        choice: what the page offers it as; None where it does not.
        narrow: what of a part's views its copies take, None where the part may not appear so; None where it has no copies.
        generated: whether it holds generated images.
    """

    title: str
    choice: str | None = None
    narrow: Callable[[ViewPolicy], ViewPolicy | None] | None = None
    generated: bool = False


def _only(policy: ViewPolicy, *ways: str) -> ViewPolicy:
    """A policy without all other ways."""
    return replace(
        policy,
        degrees=policy.degrees if "degrees" in ways else 0.0,
        shift=policy.shift if "shift" in ways else 0.0,
        light=policy.light if "light" in ways else 0.0,
        flips=policy.flips and "flips" in ways,
        turns=policy.turns and "turns" in ways,
    )


KINDS = {
    "real": Kind("the photos only", "Photos only"),
    "augment": Kind(
        "the photos and plain copies of them", "Photos and plain copies (slightly moved, turned, lit)", lambda policy: policy
    ),
    "augment:photometric": Kind(
        "the photos and copies in other light", narrow=lambda policy: _only(policy, "light")
    ),
    "augment:shifts": Kind(
        "the photos and copies slightly moved and turned", narrow=lambda policy: _only(policy, "degrees", "shift")
    ),
    "augment:flips": Kind(
        "the photos and mirrored copies", narrow=lambda policy: _only(policy, "flips") if policy.flips else None
    ),
    "augment:turns": Kind(
        "the photos and copies rotated by 90°", narrow=lambda policy: _only(policy, "turns") if policy.turns else None
    ),
    "tgvig": Kind("the photos and generated images", "Photos and generated images", generated=True),
}  # fmt: skip
"""One entry adds one."""


@dataclass(frozen=True)
class TrainingSet:
    """Which images a detector learns from.

    Attributes:
        kind: one of KINDS.
        set: number of the generated set, from 1 on; None takes the one in use, α unless a person chose another one.
        count: how many images of that set, its first ones; None for all.
        excluded: places in the set in use that a person excluded, from 0 on. A kind without generated images keeps them
            for a training on a recommendation. Not compared: a check tells training sets apart as `str` writes them.

    Raises:
        TgvigError: they do not belong together.
    """

    kind: str
    set: int | None = None
    count: int | None = None
    excluded: tuple[int, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        numbers = [number for number in (self.set, self.count) if number is not None]
        numbered = self.kind in KINDS and KINDS[self.kind].generated and (self.set is not None or self.count is None)
        if self.kind not in KINDS or any(number < 1 for number in numbers) or (numbers and not numbered):
            raise TgvigError(
                f"There is no training set {str(self)!r}: choose one of {', '.join(KINDS)}, or tgvig:SET or tgvig:SET:IMAGES."
            )
        if negative := [place for place in self.excluded if place < 0]:
            raise TgvigError(f"A set has no image {negative[0] + 1}: images are numbered from 1 on.")

    @classmethod
    def parse(cls, text: str) -> TrainingSet:
        """What `str` wrote.

        Raises:
            TgvigError: there is no such training set.
        """
        kind, *numbers = text.split(":")
        if text not in KINDS and 1 <= len(numbers) <= 2 and all(number.isdecimal() for number in numbers):
            return cls(kind, int(numbers[0]), int(numbers[1]) if numbers[1:] else None)
        return cls(text)

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.kind, self.set, self.count) if part is not None)

    @property
    def title(self) -> str:
        """What it holds, as people read it in a sentence."""
        if self.set is None:
            return KINDS[self.kind].title
        return f"the photos and generated set {self.set}" + (f", its first {self.count} images" if self.count else "")

    @property
    def generated(self) -> bool:
        """Whether it holds generated images."""
        return KINDS[self.kind].generated

    @property
    def copies(self) -> bool:
        """Whether it holds plain copies of the photos."""
        return KINDS[self.kind].narrow is not None

    def narrowed(self, policy: ViewPolicy) -> ViewPolicy:
        """What of a policy its copies take.

        Raises:
            TgvigError: it has no copies, or the part may not appear so.
        """
        narrow = KINDS[self.kind].narrow
        if narrow is None or (found := narrow(policy)) is None:
            known = ", ".join(str(one) for one in allowed(policy) if one.copies)
            raise TgvigError(f"Copies of this part cannot be made as {str(self)!r}: choose one of {known}.")
        return found

    def check(self, policy: ViewPolicy, sets: int, images: int) -> None:
        """Before minutes are spent on what cannot be learned from in the end.

        Args:
            sets: how many are made, of so many `images` each.

        Raises:
            TgvigError: the part may not appear so, or there will be no such set.
        """
        if self.copies:
            self.narrowed(policy)
        if (self.set or 0) > sets or (self.count or 0) > images:
            raise TgvigError(f"There will be no training set {str(self)!r}: {sets} sets of {images} images are made.")


REAL = TrainingSet("real")
"""The photos alone: what all others are compared with."""


def allowed(policy: ViewPolicy) -> tuple[TrainingSet, ...]:
    """Those that a part may learn from and that need no generated set: mirrored and rotated copies only of parts that may
    appear so."""
    possible = (name for name, kind in KINDS.items() if not kind.generated and (not kind.narrow or kind.narrow(policy)))
    return tuple(map(TrainingSet, possible))
