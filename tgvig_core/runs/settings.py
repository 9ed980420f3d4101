"""What a run is asked to do (pydantic's strict, frozen dataclasses): kept in RUN/config.json, from which it can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.prompting.names import clean_prompt
from tgvig_core.prompting.registry import outlier_rule, vocabulary
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.typed import misfit

SIZE = 256
"""Side of the square frame in px, as in the paper."""

EXACT = ConfigDict(extra="forbid", strict=True)
"""A number is a number, and a name that is not known is refused."""
Words = Annotated[tuple[str, ...], Strict(False)]
"""A list is as good as a tuple."""


@dataclass(frozen=True, config=EXACT)
class RunSettings:
    """All settings of one run.

    Attributes:
        photos: the normal photos, absolute paths.
        object_name: W°.
        out: folder of the run.
        test: folder of photos to inspect, None for none.
        sense: WordNet name such as "bottle.n.01"; None takes the best by the image.
        vocabulary: relations, wordnet or words.
        words: the person's own W_t.
        rule: outlier rule of Eq. 1, robust or paper.
        prompt: P itself; None lets Eq. 1 choose.
        pack: auto or a pack's name. models_dir: files brought by hand.
        detector: see detectors/registry.py.
        seed, device ("auto", "cpu", "cuda").
        false_alarm: α, the target false-alarm rate of the threshold.
        arm: what the detector learns from, see training_sets.py.
        generating: Eq. 2 and 3. integrating: Eq. 4 to 7. patchcore: of the detector patchcore alone.

    Raises:
        TgvigError: a value cannot be used. ValidationError: one is not of its type.
    """

    photos: Words
    object_name: str
    out: str
    test: str | None = None
    sense: str | None = None
    vocabulary: str = "relations"
    words: Words = ()
    rule: str = "robust"
    prompt: str | None = None
    pack: str = "auto"
    models_dir: str | None = None
    detector: str = "patchcore"
    seed: int = 0
    device: str = "auto"
    false_alarm: float = 0.05
    arm: str = "tgvig"
    generating: GeneratorSettings = field(default_factory=GeneratorSettings)
    integrating: IntegratorSettings = field(default_factory=IntegratorSettings)
    patchcore: PatchCoreSettings = field(default_factory=PatchCoreSettings)

    def __post_init__(self) -> None:
        choices = (
            ("detector", self.detector, detectors.names()),
            ("vocabulary", self.vocabulary, vocabulary.names()),
            ("outlier rule", self.rule, outlier_rule.names()),
        )
        for what, given, known in choices:
            if given not in known:
                raise TgvigError(f"There is no {what} {given!r}: choose one of {', '.join(known)}.")
        self._check_arm()
        if self.prompt is not None:
            clean_prompt(self.prompt)
        if not 0 < self.false_alarm < 1:
            raise TgvigError(
                f"{self.false_alarm} is not a false-alarm rate: give a number between 0 and 1, such as 0.05."
            )
        if not 0 <= self.seed < 2**31:
            raise TgvigError(f"{self.seed} is not a seed: give a whole number from 0 to 2147483647.")

    def _check_arm(self) -> None:
        """Before minutes are spent on what cannot be learned from in the end."""
        made, images = self.integrating.iterations, self.generating.images
        TrainingSet.parse(self.arm).check(self.generating.policy, made, images)

    def as_json(self) -> dict[str, Any]:
        """Plain values for config.json."""
        return asdict(self)


@dataclass(frozen=True)
class RunConfig:
    """RUN/config.json.

    Attributes:
        settings: of the run; its `out` is the folder where the run lies now.
        photos_sha256: of the good photos' files when it began.
        pack_reason: why this pack.
        together: numbers of the page's generations that were begun at once, to be compared.
    """

    settings: RunSettings
    photos_sha256: tuple[str, ...]
    pack_reason: str = ""
    together: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for config.json."""
        found = {"settings": self.settings.as_json(), "pack_reason": self.pack_reason}
        found |= {"photos_sha256": list(self.photos_sha256)}
        return found | ({"together": list(self.together)} if self.together else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any], folder: Path) -> RunConfig:
        """The reverse of as_json; the run may have been moved to another folder since.

        Raises:
            TgvigError: the config is of another version or was changed by hand.
        """
        try:
            settings = dict(value["settings"]) | {"out": str(folder)}
            return _CONFIGS.validate_json(json.dumps({**value, "settings": settings}))
        except (KeyError, TypeError, ValueError) as error:
            what = misfit(error) if isinstance(error, ValidationError) else error
            raise TgvigError(
                f"{folder / 'config.json'} does not fit this version ({what}): start the run anew."
            ) from error


_CONFIGS = TypeAdapter(RunConfig)
