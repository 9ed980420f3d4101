"""What a run is asked to do: one typed object, kept in RUN/config.json, from which the run can be finished or repeated."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.prompting.names import clean_prompt
from tgvig_core.prompting.registry import outlier_rule, vocabulary
from tgvig_core.utils.errors import TgvigError

SIZE = 256
"""Side of the square frame in px, as in the paper."""


@dataclass(frozen=True)
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
        false_alarm: α of the threshold.
        arm: what the detector learns from, see training_sets.py.
    """

    photos: tuple[str, ...]
    object_name: str
    out: str
    test: str | None = None
    sense: str | None = None
    vocabulary: str = "relations"
    words: tuple[str, ...] = ()
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

    def as_json(self) -> dict:
        """Plain values for config.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict, folder: Path) -> RunSettings:
        """The reverse of as_json; the run may have been moved to another folder since.

        Raises:
            TgvigError: the config is of another version or was changed by hand.
        """
        try:
            values = dict(value)
            generating = dict(values.pop("generating"))
            generating["policy"] = ViewPolicy(**generating["policy"])
            integrating = dict(values.pop("integrating"))
            integrating["update"] = UpdateSettings(**integrating["update"])
            values |= {"photos": tuple(values["photos"]), "words": tuple(values["words"]), "out": str(folder)}
            values["generating"] = GeneratorSettings(**generating)
            values["integrating"] = IntegratorSettings(**integrating)
            values["patchcore"] = PatchCoreSettings(**values["patchcore"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise TgvigError(
                f"{folder / 'config.json'} does not fit this version ({error}): start the run anew."
            ) from error
