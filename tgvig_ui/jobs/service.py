"""What the jobs stand on: the pack in use, the encoder kept between jobs, a part's choices as the core's settings.

torch and the models are imported inside the functions, so that the page is there before they are.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.packs import registry
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.job import Watch
from tgvig_ui.parts.choices import Choices
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.ranking import CSV, ranking

if TYPE_CHECKING:
    from tgvig_core.runs.settings import RunSettings
    from tgvig_core.runs.work import Work
    from tgvig_core.storage.run_folder import Run
    from tgvig_core.utils.progress import RunContext

WARM_UP_AFTER = 3.0
"""Seconds after the start: importing torch beside the first page would keep the page waiting."""
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Options:
    """How the server was started: pack, models folder, device.

    Raises:
        TgvigError: there is no such pack or device.
    """

    pack: str = "auto"
    models_dir: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for option, given, known in (("--pack", self.pack, registry.choices()), ("--device", self.device, DEVICES)):
            if given not in known:
                raise TgvigError(f"There is no {option} {given!r}: choose one of {', '.join(known)}.")


class Service:
    """The models in use, loaded once, and the core's view of a part."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._encoders: dict = {}
        self.warm = threading.Event()  # what only decorates the page waits for it
        self._chosen: tuple | None = None
        # also around first imports: two threads at once leave torchvision half imported
        self._loading = threading.RLock()

    def warm_up(self) -> None:
        """Load what the first job needs while the person is still looking for photos, once the page has been served."""
        timer = threading.Timer(WARM_UP_AFTER, self._warm_up)
        timer.daemon = True
        timer.start()

    def _warm_up(self) -> None:
        try:
            self.encoder()
        finally:
            self.warm.set()

    def pack(self) -> tuple:
        """The pack in use and why. The first call takes the seconds that all heavy imports take."""
        with self._loading:
            if self._chosen is None:
                import tgvig_core.runs.pipeline  # noqa: F401

                self._chosen = registry.choose(self.options.pack, self.options.models_dir)
            return self._chosen

    def device(self) -> str:
        """cpu or cuda."""
        self.pack()
        from tgvig_core.utils.device import device_of

        return device_of(self.options.device)

    def encoder(self, name: str = ""):
        """A pack's ImageTextEncoder, loaded once; without a name that of the pack in use."""
        with self._loading:
            chosen = self.pack()[0].name
            wanted = name or chosen
            if wanted not in self._encoders:
                loaded = registry.load_encoder(registry.PACKS[wanted], self.options.models_dir, self.device())
                self._encoders = {wanted: loaded}  # one at a time: a CLIP takes 0.6 GB and more
            return self._encoders[wanted]

    def settings(self, part: Part, choices: Choices, **changes) -> RunSettings:
        """The core's settings of a part. Flips and turns need the anchor `view` (a mean of mirrored views is a blur)."""
        from tgvig_core.generation.settings import GeneratorSettings
        from tgvig_core.photos.views import ViewPolicy
        from tgvig_core.runs.settings import RunSettings

        policy = ViewPolicy(flips=choices.flips, turns=choices.turns)
        anchor = "view" if choices.flips or choices.turns else "mean"
        values = {
            "photos": tuple(map(str, part.photos())), "object_name": choices.object_name, "out": "",
            "sense": choices.sense, "vocabulary": choices.vocabulary, "words": choices.words, "rule": choices.rule,
            "pack": self.pack()[0].name, "device": self.options.device,
            "models_dir": str(self.options.models_dir) if self.options.models_dir else None,
            "generating": GeneratorSettings(anchor=anchor, policy=policy),
        }  # fmt: skip
        return RunSettings(**(values | changes))

    def begin(
        self,
        part: Part,
        prompt: str | None,
        images: int,
        iterations: int,
        seed: int,
        variance: bool,
        text: bool,
        pack: str = "",
        together: tuple[int, ...] = (),
    ) -> int:
        """Make the folder of a new generation and return its number.

        Args:
            prompt: None where no set is to be made, only a detector from the photos.
            pack: a pack's name; empty takes the one in use.
            together: the numbers of all generations that are begun at once, to be compared.

        Raises:
            TgvigError: a setting is out of range.
        """
        self.pack()
        from tgvig_core.generation.integrator import IntegratorSettings
        from tgvig_core.photos.images import read_normals
        from tgvig_core.runs.work import begin_run
        from tgvig_core.utils.typed import fitting

        choices = part.choices
        with fitting("choose another value"):
            settings = self.settings(part, choices, prompt=prompt, seed=seed, pack=pack or self.pack()[0].name)
            generating = replace(settings.generating, images=images, variance=variance)
            settings = replace(settings, generating=generating, integrating=IntegratorSettings(iterations, text))
        number = (part.generations() or [0])[-1] + 1
        reason = "chosen in the page" if pack else self.pack()[1]
        normals = read_normals(part.photos())
        run = begin_run(part.generation(number), settings, normals, reason, together or (number,))
        if prompt:
            _keep_ranking(part, run, prompt)
        run.journal("start", pack=settings.pack, device=self.device())
        part.choose(generation=number, chosen_set=None, viewed_set=None, picture=None, left_out=(), threshold=None)
        return number

    def open_run(self, part: Part, number: int, watch: Watch, backbone: str = "", **changes) -> Work:
        """The core's view of one generation.

        Args:
            backbone: the pack whose backbone the detector takes; empty takes that of the generation's pack.
        """
        from tgvig_core.runs.work import open_run

        def load(settings: RunSettings, device: str, ctx: RunContext) -> registry.Models:
            pack, models_dir = registry.PACKS[settings.pack], self.options.models_dir
            # the generator is fresh: an earlier generation has changed its weights
            generator = registry.load_generator(pack, models_dir, device, ctx)
            features = registry.load_backbone(registry.PACKS[backbone] if backbone else pack, models_dir, ctx)
            return registry.Models(pack, self.encoder(pack.name), generator, features)

        folder = part.generation(number)
        return open_run(folder, self.device(), watch.ctx, load=load, finish=watch.finish, **changes)


def _keep_ranking(part: Part, run: Run, prompt: str) -> None:
    """Where a prompt comes from, kept with its generation as a run of the core has it: the part may be ranked anew."""
    found = ranking(part)
    if found and found.object == part.choices.object_name:
        run.write_json("prompt.json", {"prompt": prompt, "sense": found.sense, "lookup": found.lookup})
        shutil.copy(part.folder / CSV, run.folder)
