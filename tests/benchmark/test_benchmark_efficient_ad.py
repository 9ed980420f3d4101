"""EfficientAD with a teacher of its own, or a published one, and nothing downloaded."""

import shutil
from dataclasses import replace

import pytest
import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork
from made_backbones import bottles

from tgvig_core.benchmark.detectors import own_teacher
from tgvig_core.benchmark.detectors.efficient_ad import (
    LENGTHS,
    EfficientAd,
    EfficientAdSettings,
    map_scale,
    teacher_scale,
)
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import read_normals
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS
from tgvig_core.utils.progress import QUIET

CPU = torch.device("cpu")
QUICK = EfficientAdSettings(steps=2, teacher_steps=1, views=1)


def network(channels: int, seed: int = 0) -> SmallPatchDescriptionNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallPatchDescriptionNetwork(channels)


def test_a_teacher_is_taught_whitened_features_at_the_centres_of_its_patches():
    _, shown = bottles(128)  # the second is the first but for its middle
    found = own_teacher.targets(EFFICIENTNET_LITE0, shown / 2 + 0.5, 384, CPU, QUIET)
    assert found.shape == (2, 152, 24, 24) == network(152)(shown).shape
    assert torch.allclose(found.mean((0, 2, 3)), torch.zeros(152), atol=1e-4)
    assert torch.allclose(found.std((0, 2, 3)), torch.ones(152), atol=1e-3)
    differ = (found[0] - found[1]).square().mean(0)
    assert differ[8:16, 8:16].mean() > 4 * differ[:4].mean()  # cells 12 to 19 of 32 are noise, less 4 at each side
    fewer = own_teacher.targets(EFFICIENTNET_LITE0, shown / 2 + 0.5, 64, CPU, QUIET)
    assert fewer.shape == (2, 64, 24, 24)


@pytest.mark.slow
def test_distilling_brings_a_network_nearer_to_its_features():
    learned, _ = bottles(64)
    teacher = network(152)
    losses = own_teacher.distil(teacher, EFFICIENTNET_LITE0, learned / 2 + 0.5, 30, 2, 1e-3, CPU, QUIET)
    assert losses[0] > 0.95 and losses[-1] < 0.8 * losses[0] and not teacher.training


def test_scales_are_those_of_the_teachers_channels_and_of_the_maps():
    learned, _ = bottles(64)
    teacher = network(8)
    found = teacher_scale(teacher, learned, lambda images: images / 2, CPU)
    with torch.no_grad():
        given = teacher(learned / 2)
    assert torch.allclose(found["mean"].flatten(), given.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(found["std"].flatten(), given.std((0, 2, 3), correction=0), rtol=1e-3)

    class Maps(torch.nn.Module):
        def get_maps(self, images, normalize):
            ramp = torch.linspace(0, 1, 1001).view(1, 1, 1, -1)
            return ramp.expand(len(images), 1, 1, -1), 2 * ramp.expand(len(images), 1, 1, -1)

    scale = {name: float(value) for name, value in map_scale(Maps(), learned, lambda images: images, CPU).items()}
    assert scale == pytest.approx({"qa_st": 0.9, "qb_st": 0.995, "qa_ae": 1.8, "qb_ae": 1.99}, abs=2e-3)


def test_photos_of_other_things_are_never_those_of_the_part(tmp_path):
    learned, _ = bottles(64)
    samples = own_teacher.outside(tmp_path, learned / 2 + 0.5)
    assert {path.parts[-4] for path in samples} == {"capsule", "hex_nut"} and {p.parts[-3] for p in samples} == {
        "train"
    }
    capsule = read_normals([ASSETS / "samples" / "capsule" / "train" / "good" / "001.jpg"]).tensor(64) / 2 + 0.5
    assert {path.parts[-4] for path in own_teacher.outside(tmp_path, capsule)} == {"hex_nut"}
    (tmp_path / "imagenette").mkdir()
    with pytest.raises(TgvigError, match="imagenette holds no photo"):
        own_teacher.outside(tmp_path, capsule)
    (tmp_path / "imagenette" / "n01440764").mkdir()
    copied = shutil.copy(samples[0], tmp_path / "imagenette" / "n01440764" / "a.JPEG")
    assert own_teacher.outside(tmp_path, capsule) == [copied]


def test_a_published_teacher_is_taken_as_it_is(tmp_path):
    teacher = network(384, seed=3)
    (tmp_path / "efficientad_pretrained_weights").mkdir()
    torch.save(teacher.state_dict(), tmp_path / "efficientad_pretrained_weights" / "pretrained_teacher_small.pth")
    state, fresh = own_teacher.published(tmp_path), network(384)
    own_teacher.load_published(fresh, state)
    assert torch.equal(fresh.conv4.weight, teacher.conv4.weight)
    with pytest.raises(TgvigError, match=r"pretrained_teacher_small\.pth is no teacher of EfficientAD-S"):
        own_teacher.load_published(network(152), state)
    assert own_teacher.published(None) is None


def fitted() -> EfficientAd:
    detector = EfficientAd(EFFICIENTNET_LITE0, 64, settings=QUICK)  # which is shown 64 px enlarged to 256
    detector.fit(bottles(64)[0], [0, 1])
    return detector


@pytest.fixture(scope="module")
def detector() -> EfficientAd:
    return fitted()


def test_student_and_autoencoder_learn(detector):
    assert len(detector.losses) == 2 and detector.losses[1] < detector.losses[0]
    assert len(detector.teacher_losses) == 1 and detector.network.teacher.conv4.out_channels == 152
    found = detector.score(bottles(64)[1])
    assert found.maps.shape == (2, 64, 64) and not torch.equal(found.maps[0], found.maps[1])


def test_a_published_length_is_the_papers_and_its_rate_reaches_the_teacher(monkeypatch):
    settings = LENGTHS["published"]
    assert (settings.steps, settings.teacher_steps, settings.teacher_batch) == (70_000, 60_000, 16)
    rates = []

    class Adam(torch.optim.Adam):
        def __init__(self, weights, rate, **others):
            rates.append(rate)
            super().__init__(weights, rate, **others)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    learned, _ = bottles(64)
    detector = EfficientAd(EFFICIENTNET_LITE0, 64, settings=replace(settings, teacher_steps=1, teacher_batch=1))
    detector._teach(network(152), learned / 2 + 0.5, own_teacher.outside(None, learned), QUIET)
    assert rates == [1e-4] and len(detector.teacher_losses) == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores(detector):
    _, shown = bottles(64)
    assert torch.equal(fitted().score(shown).scores, detector.score(shown).scores)
