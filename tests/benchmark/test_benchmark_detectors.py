"""The benchmark's detectors by name, what all of them share, and the two that only remember."""

import threading
from pathlib import Path

import pytest
import torch
from made_backbones import DINO, bottles, random_resnet, random_weights, share_within

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.data.category import layout
from tgvig_core.benchmark.detectors.banks import AnomalyDino, PatchcoreAnomalib
from tgvig_core.benchmark.detectors.base import TRAININGS
from tgvig_core.benchmark.detectors.catalogue import build, detectors, takes_backbone
from tgvig_core.benchmark.detectors.cflow import Cflow, CflowSettings
from tgvig_core.benchmark.detectors.efficient_ad import EfficientAd
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector
from tgvig_core.benchmark.detectors.reverse_distillation import ReverseDistillation
from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.run import check_names
from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_fine import PatchCoreFine
from tgvig_core.detectors.registry import detector as app_detectors
from tgvig_core.detectors.score_prior import PLAIN, UNIT
from tgvig_core.models.backbones import EFFICIENTNET_LITE0, Backbone
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

SIZE = 128
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_ledger(monkeypatch, tmp_path):
    """The checksums of made files are not to be kept for the next test."""
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def remembered() -> PatchcoreAnomalib:
    detector = PatchcoreAnomalib(EFFICIENTNET_LITE0, SIZE)
    detector.fit(bottles(SIZE)[0], [0, 1])
    return detector


def test_names_build_what_they_name(tmp_path):
    resnet = random_resnet(tmp_path)
    kinds = {
        "patchcore": PatchCore, "patchcore-deep": PatchCore, "patchcore-deep-unit": PatchCore, "patchcore-fine": PatchCoreFine,
        "patchcore-anomalib": PatchcoreAnomalib, "cflow": Cflow,
        "reverse-distillation": ReverseDistillation, "efficient-ad": EfficientAd,
    }  # fmt: skip
    found = {name: build(name, resnet, SIZE, tmp_path) for name in kinds}
    assert all(isinstance(found[name], kind) for name, kind in kinds.items())
    assert found["patchcore-deep-unit"].prior is UNIT and found["patchcore-deep"].prior is PLAIN
    assert set(detectors()) - set(kinds) == {"winclip", "anomaly-dino"}


def test_each_of_our_patchcores_changes_one_thing_more():
    made = {name: build(name, EFFICIENTNET_LITE0, 256, None) for name in detectors() if name.startswith("patchcore")}
    del made["patchcore-anomalib"]
    layers = {name: detector.backbone.layers for name, detector in made.items()}
    three = ("blocks.2", "blocks.4", "blocks.6")
    assert layers.pop("patchcore") == ("blocks.2", "blocks.4") and set(layers.values()) == {three}
    assert [(d.settings.unit, d.features.seen, d.settings.grid) for d in made.values()] == [
        (False, 256, None), (True, 448, 28), (False, 256, None), (True, 256, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("padim", r"no detector 'padim': choose one of patchcore, .*anomaly-dino\.$"),
        ("reverse-distillation", "no decoder for the backbone efficientnet_lite0: give resnet18"),
        ("anomaly-dino", "needs a DINOv2, not efficientnet_lite0"),
        ("winclip", r"WinCLIP needs ViT-B-16-plus-240-laion400m_e31\.safetensors"),
    ],
)
def test_what_cannot_be_built_is_said(name, words, tmp_path):
    with pytest.raises(TgvigError, match=words):
        build(name, EFFICIENTNET_LITE0, SIZE, tmp_path)


def test_a_training_is_short_unless_asked_for_otherwise_and_never_anything_else(tmp_path):
    resnet = random_resnet(tmp_path)
    trained = ("cflow", "reverse-distillation", "efficient-ad")
    made = {
        name: [
            build(name, resnet, SIZE, tmp_path, **given).settings
            for given in ({}, *({"training": of} for of in TRAININGS))
        ]
        for name in trained
    }
    assert TRAININGS == ("short", "published")
    assert all(default == short for default, short, _ in made.values())
    assert [short.steps for _, short, _ in made.values()] == [150, 100, 100]
    *flows, teacher = [published for _, _, published in made.values()]
    assert [(settings.epochs, settings.batch) for settings in flows] == [(50, 16), (200, 16)]
    assert teacher.steps == 70_000
    with pytest.raises(TgvigError, match="no training 'long': choose one of short, published"):
        build("patchcore", resnet, SIZE, tmp_path, training="long")


def test_only_those_with_weights_of_their_own_do_without_a_backbone(tmp_path):
    assert [name for name in detectors() if not takes_backbone(name)] == ["winclip"]
    with pytest.raises(TgvigError, match="WinCLIP needs ViT-B"):  # and nothing else
        build("winclip", None, SIZE, tmp_path)
    with pytest.raises(TgvigError, match="The detector cflow needs a backbone: give one"):
        build("cflow", None, SIZE, tmp_path)


@pytest.mark.parametrize("name", ["cflow", "reverse-distillation", "patchcore-anomalib", "efficient-ad"])
def test_weights_of_another_network_are_refused(name, tmp_path):
    wrong = Backbone("resnet34.tv_in1k", ("layer2", "layer3"), random_weights("resnet18.tv_in1k", tmp_path))
    with pytest.raises(TgvigError, match=r"resnet18\.tv_in1k\.safetensors does not fit resnet34"):
        build(name, wrong, SIZE, tmp_path)


def test_anomalibs_patchcore_scores_as_ours_does_over_the_same_bank(remembered):
    _, shown = bottles(SIZE)
    assert len(remembered.network.memory_bank) == 2 * 16 * 16 // 10  # a tenth, no fewer and no more
    ours = PatchCore(EFFICIENTNET_LITE0, SIZE)
    ours.model.memory_bank = remembered.network.memory_bank
    expected = ours.score(shown)
    found = remembered.score(shown)
    assert torch.allclose(found.scores, expected.scores, rtol=1e-3)
    assert torch.allclose(found.maps, expected.maps, rtol=1e-2, atol=1e-2)
    assert found.scores[1] > found.scores[0] and share_within(found.maps) > 0.9


def test_the_seed_decides_and_the_numbers_of_others_stay(remembered):
    learned, shown = bottles(SIZE)
    again = PatchcoreAnomalib(EFFICIENTNET_LITE0, SIZE)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    again.fit(learned, [0, 1])
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(again.score(shown).scores, remembered.score(shown).scores)
    again.fit(learned, [0, 1], seed=5)
    assert not torch.equal(again.score(shown).scores, remembered.score(shown).scores)


def test_anomaly_dino_remembers_every_patch(tmp_path):
    learned, shown = bottles(SIZE)
    detector = AnomalyDino(Backbone(DINO, ("blocks.11",), random_weights(DINO, tmp_path)), SIZE)
    detector.fit(learned, [0, 1])
    assert len(detector.network.memory_bank) == 2 * 9 * 9  # 126 px hold 9 patches of 14
    assert detector.score(learned).scores.max() < 1e-5
    found = detector.score(shown)
    assert found.maps.shape == (2, SIZE, SIZE) and found.scores[1] > found.scores[0] > 1e-4
    assert share_within(found.maps) > 0.9


class Constant(AnomalibDetector):
    """Gives every photo the same score."""

    def __init__(self, value: float) -> None:
        super().__init__(8)
        self.value = value

    def learn(self, images, groups, ctx):
        assert images.min() >= 0 and images.max() <= 1

        class Same(torch.nn.Module):
            def forward(_, images):  # noqa: N805
                maps = torch.full((len(images), 1, 4, 4), self.value)
                return type("Found", (), {"pred_score": maps.amax((2, 3)), "anomaly_map": maps})

        return Same(), lambda images: images


def test_what_is_not_finite_is_never_scored_nor_learned():
    good = torch.zeros(2, 3, 8, 8)
    spoiled = good.clone()
    spoiled[0, 0, 0, 0] = float("nan")
    detector = Constant(2.0)
    with pytest.raises(TgvigError, match="train it first"):
        detector.score(good)
    with pytest.raises(TgvigError, match="start the run anew"):
        detector.fit(spoiled, [0, 1])
    with pytest.raises(ValueError, match="2 images need as many groups, not 1"):
        detector.fit(good, [0])
    detector.fit(good, [0, 1])
    found = detector.score(good)
    assert isinstance(found, ScoreSet) and found.scores.tolist() == [2, 2] and found.maps.shape == (2, 8, 8)
    with pytest.raises(TgvigError, match="read the photo again"):
        detector.score(spoiled)
    nan = Constant(float("nan"))
    nan.fit(good, [0, 1])
    with pytest.raises(TgvigError, match="score that is not a number"):
        nan.score(good)


@pytest.mark.parametrize("name", ["patchcore-anomalib", "cflow"])
def test_learning_can_be_stopped_and_begun_anew(name):
    learned, _ = bottles(64)
    detector = build(name, EFFICIENTNET_LITE0, 64, None)
    stop, told = threading.Event(), []

    def progress(step: str, done: int, total: int) -> None:
        told.append(step)
        stop.set()

    with pytest.raises(Stopped):
        detector.fit(learned, [0, 1], ctx=RunContext(progress, stop))
    assert set(told) <= {"Looking at the good images", "Training CFlow"} and detector.network is None


def test_each_step_is_told():
    told = []
    detector = Cflow(EFFICIENTNET_LITE0, 64, settings=CflowSettings(steps=3, batch=2))
    detector.fit(bottles(64)[0], [0, 1], ctx=RunContext(lambda *step: told.append(step)))
    assert told == [("Training CFlow", done, 3) for done in range(4)] and len(detector.losses) == 3


def test_a_detector_of_the_app_that_nobody_knew_is_compared_too(monkeypatch):
    """As one of another distribution is: by its decorator alone."""
    monkeypatch.setattr(app_detectors, "_made", dict(app_detectors._made))

    @app_detectors("toy", title="Toy", table="A toy")
    class Toy(PatchCore):
        pass

    assert detectors()["toy"].title == "A toy" and takes_backbone("toy")
    assert isinstance(build("toy", EFFICIENTNET_LITE0, 64), Toy)
    plan = Plan("folder", "/photos", ("nut",), detectors=("toy",), arms=("real",))
    check_names(plan)
    assert [cell.detector for cell in plan.cells(next(plan.draws()))] == ["toy"]


def test_the_docs_name_every_layout_arm_and_detector():
    text = (ROOT / "docs" / "benchmark.md").read_text()
    plain = [
        name for name in arm.names() if "copies" not in arm.entry(name).facts
    ]  # the others by their first and last
    for name in (
        *layout.names(),
        *plain,
        *detectors(),
        *(f"{kind}-n{n}" for kind in ("augment", "tgvig") for n in (1, 100)),
    ):
        assert f"`{name}`" in text, name
