"""What bundle.json says of a detector that was just trained, and the command that makes it again (shlex quotes it)."""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from tgvig_core import __version__
from tgvig_core.bundles.manifest import (
    FORMAT,
    KIND,
    MODELS,
    BundledDetector,
    BundledLimits,
    Licence,
    Manifest,
    ReferencePhoto,
)  # fmt: skip
from tgvig_core.bundles.wishes import NEEDS, Wishes
from tgvig_core.detectors.base import Detector
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.fitting.words import calibration_json
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.packs import registry
from tgvig_core.runs.card import ModelCard
from tgvig_core.runs.settings import RunConfig, RunSettings
from tgvig_core.storage.run_folder import Run

INPUT = {
    "name": "images", "dtype": "float32", "range": [0, 1], "colour": "RGB",
    "frame": "the whole photo, upright (EXIF), stretched to the square, bicubic with antialias (Pillow's BICUBIC)",
    "normalisation": "inside the model",
}  # fmt: skip
MEANING = (
    "Scores are raw distances in the backbone's feature space: larger is stranger, and only scores of this detector can be "
    "compared. A photo whose score is greater than the threshold is called anomalous; pixels of its map greater than the pixel "
    "threshold are outlined. The score from 0 to 1 is 1 / (1 + (threshold / score)^steepness): 0.5 is the threshold, 0.05 a "
    "typical good part (unless the threshold was moved by hand)."
)
UPDATE = ("steps", "learning_rate", "vq_weight", "perceptual_weight", "adversarial_weight", "adversarial_start", "crop")
"""Fields of UpdateSettings whose options have the same names."""
LIBRARIES = ("torch", "timm", "anomalib", "numpy", "pillow", "open_clip_torch", "transformers")


def versions(formats: tuple[str, ...]) -> dict[str, str]:
    """Of Python and of the libraries that made the detector and its exports."""
    exporting = {name: None for format in formats for name in NEEDS[format]}  # each once, in order
    found = {"python": platform.python_version()}
    for name in (*LIBRARIES, *exporting):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def described(run: Run, config: dict, detector: Detector, card: ModelCard, wishes: Wishes) -> Manifest:
    """The manifest but for what is known once the files are there: agreement, files. `config` is the run's."""
    settings = RunConfig.from_json(config, run.folder).settings
    calibrated = card.calibration.threshold
    threshold = wishes.threshold or calibrated
    limits = _limits(BundledLimits(**calibration_json(card.calibration)), threshold)
    photos = _normals(settings.photos, config["photos_sha256"], wishes.with_normals)
    prompt = run.read_json("prompt.json") or {"prompt": settings.prompt, "sense": settings.sense}
    by_hand = list(wishes.by_hand)
    if threshold != calibrated:
        by_hand.append(f"The threshold was moved from {calibrated:.4g} to {threshold:.4g}.")
    if excluded := card.training_set.excluded:
        numbers = ", ".join(str(place + 1) for place in excluded)
        by_hand.append(f"Generated images excluded from the training: number {numbers} of the set.")
    side, saved = detector.size, card.saved
    device = next((row["device"] for row in run.events("start")), settings.device)
    return Manifest(
        format=FORMAT, kind=KIND, created=time.strftime("%Y-%m-%dT%H:%M:%S%z"), version=__version__,
        object=card.object, device=device,
        detector=BundledDetector(name=saved.detector, backbone=saved.backbone, layers=saved.layers, size=side,
                                 bank=detector.remembered, settings=dict(saved.settings)),
        input=INPUT | {"shape": ["N", 3, side, side]}, outputs={"scores": ["N"], "maps": ["N", side, side]},
        limits=limits, meaning=MEANING, models={name: MODELS[name][0] for name in wishes.formats},
        arm=str(card.training_set), prompt=prompt["prompt"], sense=prompt["sense"], best_iteration=card.best_iteration,
        command=command(replace(settings, detector=saved.detector), _repeated(run, settings, card),
                        card.calibration.false_alarm, [photo.file or photo.name for photo in photos]),
        by_hand=tuple(by_hand), licences=licences(settings.pack, detector), normals=photos,
        versions=versions(wishes.formats), agreement={}, files={},
    )  # fmt: skip


def _normals(paths: Sequence[str], shas: Sequence[str], inside: bool) -> tuple[ReferencePhoto, ...]:
    """Name and SHA-256 of each good photo, and where it lies in the bundle."""
    rows = tuple(ReferencePhoto(name=Path(path).name, sha256=sha) for path, sha in zip(paths, shas, strict=True))
    if not inside:
        return rows
    return tuple(
        row.model_copy(update={"file": f"normals/{k:03d}{Path(row.name).suffix.lower()}"}) for k, row in enumerate(rows)
    )


def _limits(calibrated: BundledLimits, threshold: float) -> BundledLimits:
    """With a person's threshold the pixels' moves along: both are distances in the same feature space. Its rate is unknown."""
    if threshold == calibrated.threshold:
        return calibrated
    pixel = calibrated.pixel_threshold * threshold / calibrated.threshold
    words = f"The threshold was moved by hand from {calibrated.threshold:.4g}; before: {calibrated.words}"
    unknown = dict.fromkeys(("false_alarm", "low", "high"))
    return calibrated.model_copy(update={"threshold": threshold, "pixel_threshold": pixel, "words": words} | unknown)


def nameless(config: dict) -> dict:
    """Without the folders of the machine that it was made on: a bundle goes to others."""
    settings = config["settings"]
    named = {key: Path(settings[key]).name if settings[key] else settings[key] for key in ("out", "test", "models_dir")}
    return config | {"settings": settings | named | {"photos": [Path(photo).name for photo in settings["photos"]]}}


def _repeated(run: Run, settings: RunSettings, card: ModelCard) -> TrainingSet:
    """What it learned from, by name: a person may have taken another set than the best by text."""
    if card.training_set != TrainingSet("tgvig"):
        return card.training_set
    best = best_iteration([row["similarity"] for row in run.iterations()], settings.integrating.text)
    return TrainingSet("tgvig", None if card.best_iteration == best else card.best_iteration)


def command(settings: RunSettings, training_set: TrainingSet, false_alarm: float, photos: list[str]) -> str:
    """The `tgvig run` that makes the same detector from the same photos; options at their defaults are named too.

    Args:
        training_set: what it learns from. false_alarm: α, in (0, 1). photos: names or paths as they are to be typed.
    """
    generating, integrating = settings.generating, settings.integrating
    options: dict[str, object] = {
        "--object": settings.object_name or "part", "--pack": settings.pack, "--images": generating.images,
        "--iterations": integrating.iterations, "--anchor": generating.anchor, "--vocabulary": settings.vocabulary,
        "--rule": settings.rule, "--detector": settings.detector, "--arm": training_set,
        "--false-alarm": false_alarm, "--seed": settings.seed, "--device": settings.device,
        "--out": "run",
    }  # fmt: skip
    update, policy, usual = integrating.update, generating.policy, RunSettings((), "part", "")
    further = {
        "--views": (generating.views, usual.generating.views),
        **{f"--{name}": (getattr(policy, name), getattr(usual.generating.policy, name)) for name in ("degrees", "shift", "light")},
        **{f"--{name.replace('_', '-')}": (getattr(update, name), getattr(usual.integrating.update, name)) for name in UPDATE},
        "--update-views": (update.views, usual.integrating.update.views),
        "--update-images": (update.images, usual.integrating.update.images),
    }  # fmt: skip
    options |= {name: value for name, (value, default) in further.items() if value != default}
    given = {"--sense": settings.sense, "--prompt": settings.prompt, "--words": ",".join(settings.words)}
    options |= {name: value for name, value in given.items() if value}
    flags = {"variance": generating.variance, "text": integrating.text}
    words = [f"--{name}" if on else f"--no-{name}" for name, on in flags.items()]
    words += [f"--{name}" for name, on in (("flips", policy.flips), ("turns", policy.turns)) if on]
    names = [f"./{name}" if name.startswith("-") else name for name in photos]  # a name like an option
    listed = [*names, *(str(part) for pair in options.items() for part in pair), *words]
    return f"tgvig run {shlex.join(listed)}"


def licences(pack: str, detector: Detector) -> tuple[Licence, ...]:
    """Of what the detector is made of, and of what its training images were made with."""
    chosen = registry.PACKS[pack]
    own = [registry.of_backbone(detector.backbone.name).backbone_file] if detector.backbone else []
    files = {file.name: file for file in (*own, *chosen.files)}
    made_of = [detector.licence] if detector.licence else []
    rows = made_of + [(file.what, file.licence, file.source) for file in files.values()]
    return (
        Licence(what=f"tgvig {metadata.version('tgvig')}", licence="Apache-2.0", source="this project"),
        *(Licence(what=what, licence=licence, source=source) for what, licence, source in rows),
        Licence(what="the photos of good parts and what was learned from them", licence="their owner's", source="you"),
    )
