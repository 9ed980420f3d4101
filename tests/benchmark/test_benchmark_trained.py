"""CFLOW-AD and Reverse Distillation learn from two bottles and find the damage on a third."""

from dataclasses import replace

import pytest
import torch
from anomalib.models.image.cflow.anomaly_map import AnomalyMapGenerator
from made_backbones import bottles, random_resnet, share_within

from tgvig_core.benchmark.detectors import cflow as flows
from tgvig_core.benchmark.detectors import reverse_distillation
from tgvig_core.benchmark.detectors.cflow import Cflow, CflowSettings, TrainedScale
from tgvig_core.benchmark.detectors.reverse_distillation import ReverseDistillation, ReverseDistillationSettings
from tgvig_core.models.backbones import EFFICIENTNET_LITE0

SIZE = 128


def flow(seed: int = 0) -> Cflow:
    detector = Cflow(EFFICIENTNET_LITE0, SIZE, settings=CflowSettings(steps=6, batch=2))
    detector.fit(bottles(SIZE)[0], [0, 1], seed)
    return detector


@pytest.fixture(scope="module")
def cflow() -> Cflow:
    return flow()


@pytest.fixture(scope="module")
def distilled(tmp_path_factory) -> ReverseDistillation:
    backbone = random_resnet(tmp_path_factory.mktemp("weights"))
    detector = ReverseDistillation(backbone, SIZE, settings=ReverseDistillationSettings(steps=16, batch=2))
    detector.fit(bottles(SIZE)[0], [0, 1])
    return detector


@pytest.mark.parametrize("name", ["cflow", "distilled"])
def test_the_loss_falls_and_the_damage_is_found(name, request):
    detector = request.getfixturevalue(name)
    assert sum(detector.losses[-3:]) < 0.9 * sum(detector.losses[:3])
    found = detector.score(bottles(SIZE)[1])
    assert found.scores[1] > found.scores[0] and share_within(found.maps) > 0.8
    assert found.maps.shape == (2, SIZE, SIZE)


@pytest.mark.parametrize("name", ["cflow", "distilled"])
def test_a_score_does_not_depend_on_the_other_photos(name, request):
    detector, (_, shown) = request.getfixturevalue(name), bottles(SIZE)
    together, alone = detector.score(shown), detector.score(shown[:1])
    assert torch.allclose(together.scores[:1], alone.scores, rtol=1e-4, atol=1e-5)
    assert torch.allclose(together.maps[:1], alone.maps, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_flows(cflow):
    _, shown = bottles(SIZE)
    assert torch.equal(flow().score(shown).scores, cflow.score(shown).scores)
    assert not torch.equal(flow(1).score(shown).scores, cflow.score(shown).scores)


def test_reverse_distillation_learns_the_same_from_the_same_seed(tmp_path):
    backbone, (learned, shown) = random_resnet(tmp_path), bottles(64)
    detector = ReverseDistillation(backbone, 64, settings=ReverseDistillationSettings(steps=2, batch=2))
    found = []
    for seed in (0, 0, 1):
        detector.fit(learned, [0, 1], seed)
        found.append(detector.score(shown).scores)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("lengths", "images", "wanted"),
    [
        (flows.LENGTHS, 5, (50, 5)),  # one step shows all
        (flows.LENGTHS, 20, (100, 10)),  # two steps an epoch, alike
        (flows.LENGTHS, 33, (150, 11)),
        (reverse_distillation.LENGTHS, 5, (200, 5)),
        (reverse_distillation.LENGTHS, 209, (2800, 15)),  # 14 steps an epoch: the paper's bottle
    ],
)
def test_a_published_length_counts_epochs_and_a_short_one_steps(lengths, images, wanted):
    assert lengths["published"].of(images) == wanted
    assert lengths["short"].of(images) == (lengths["short"].steps, lengths["short"].batch)


@pytest.mark.parametrize("kind", [Cflow, ReverseDistillation])
def test_epochs_are_trained(kind, tmp_path):
    lengths = flows.LENGTHS if kind is Cflow else reverse_distillation.LENGTHS
    detector = kind(random_resnet(tmp_path), 64, settings=replace(lengths["published"], epochs=2, batch=1))
    detector.fit(bottles(64)[0], [0, 1])
    assert len(detector.losses) == 4  # two images, twice, one by one


def test_flows_take_the_last_three_layers_and_the_backbone_stays(cflow):
    assert cflow.layers == ("blocks.2", "blocks.4", "blocks.6")
    stem = cflow.network.encoder.feature_extractor.conv_stem.weight
    assert torch.equal(stem, cflow._state["conv_stem.weight"])


def test_maps_are_anomalibs_where_the_training_images_alone_are_scored():
    """Theirs subtracts from the largest sum of likelihoods that there is, ours from the largest that there can be."""
    generator = torch.Generator().manual_seed(0)
    likelihoods = [torch.randn(2 * side * side, generator=generator) for side in (8, 4)]
    sides = ([8, 4], [8, 4], torch.Size((16, 16)))
    theirs = AnomalyMapGenerator(["a", "b"]).compute_anomaly_map(likelihoods, *sides)
    scaled = TrainedScale(["a", "b"])
    ours = scaled.compute_anomaly_map(likelihoods, *sides)
    assert torch.allclose(ours - theirs, torch.full_like(ours, float((ours - theirs).mean())), atol=1e-5)
    scaled.learning = False
    lower = scaled.compute_anomaly_map([values - 1 for values in likelihoods], *sides)
    assert torch.allclose(2 - lower, (2 - ours) / torch.e, atol=1e-5)


def test_a_side_that_is_no_whole_number_of_strides_is_scored_at_its_own_size(tmp_path):
    detector = ReverseDistillation(random_resnet(tmp_path), 72, settings=ReverseDistillationSettings(steps=1, batch=2))
    learned, shown = bottles(72)
    detector.fit(learned, [0, 1])
    assert detector.score(shown).maps.shape == (2, 72, 72)
