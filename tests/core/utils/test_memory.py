"""Short memory: who says so, what is halved, what becomes a sentence; and how much is held, on every system."""

import re
import sys
from types import SimpleNamespace

import pytest
import torch
from small import photo_tensor, seeded, tiny_vqgan

from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.generation.fine_tuning import Update
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.models.encoders.conse import ConseEncoder
from tgvig_core.utils import memory
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for, in_parts, is_short

CPU = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")


def at_most(count: int, work, error: BaseException, sizes: list | None = None):
    """The work, for which a larger batch is too large."""

    def short(batch):
        if sizes is not None:
            sizes.append(len(batch))
        if len(batch) > count:
            raise error
        return work(batch)

    return short


@pytest.mark.parametrize(
    "error",
    [
        GPU,
        MemoryError(),
        RuntimeError(CPU),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_every_allocators_words_are_understood(error):
    assert is_short(error)
    assert in_parts(at_most(1, sum, error), [1, 2, 3], "adding") == [1, 2, 3]


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("out of memory")])
def test_other_errors_stay_what_they_are(error):
    assert not is_short(error)
    for work in (lambda: in_parts(at_most(0, sum, error), [1, 2], "adding"), lambda: _inside(error)):
        with pytest.raises(type(error), match=str(error)):
            work()


def _inside(error: BaseException) -> None:
    with enough_for("adding"):
        raise error


def test_parts_come_in_order_and_what_fits_is_one_part(caplog):
    sizes: list[int] = []
    assert in_parts(at_most(2, list, GPU, sizes), [1, 2, 3, 4, 5], "adding") == [[1, 2], [3], [4, 5]]
    assert sizes == [5, 3, 2, 1, 2] and caplog.messages[0] == "Memory was short: adding 3 at a time."
    caplog.clear()
    assert in_parts(list, [1, 2, 3], "adding") == [[1, 2, 3]] and not caplog.messages


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GPU, "The GPU .* choose the CPU as device"),
        (RuntimeError(CPU), r"This machine .* smallest models \(embedded\)"),
    ],
)
def test_what_cannot_be_halved_is_a_sentence_with_the_remedy(error, words):
    with pytest.raises(TgvigError, match=words):
        in_parts(at_most(0, sum, error), [1, 2], "adding")
    with pytest.raises(TgvigError, match=words):
        _inside(error)


def test_images_are_embedded_in_smaller_batches(monkeypatch, caplog):
    encoder, images = ConseEncoder(), photo_tensor("bottle", 3, 64)
    whole, classifier = encoder.encode_images(images), encoder._classifier
    monkeypatch.setattr(encoder, "_classifier", at_most(1, classifier, GPU))
    torch.testing.assert_close(encoder.encode_images(images), whole, atol=1e-4, rtol=0)
    assert "comparing images with words 2 at a time" in caplog.text


def test_texts_are_embedded_in_smaller_batches(monkeypatch):
    encoder, texts = ConseEncoder(), ["a nut", "a bottle with neck", "x"]
    whole, model = encoder.encode_texts(texts), encoder._text_model
    short = lambda input_ids, **how: at_most(1, lambda part: model(part, **how), GPU)(input_ids)  # noqa: E731
    monkeypatch.setattr(encoder, "_text_model", short)
    torch.testing.assert_close(encoder.encode_texts(texts), whole, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def images():
    return photo_tensor("bottle", 3, 64)


def detector(images) -> PatchCore:
    made = PatchCore(EFFICIENTNET_LITE0, 64, PatchCoreSettings(coreset_least=20))
    made.fit(images, [0, 1, 2])
    return made


def test_a_detector_looks_at_fewer_images_at_once(images, monkeypatch):
    whole, features = detector(images), PatchFeatures.__call__
    monkeypatch.setattr(
        PatchFeatures, "__call__", lambda self, part: at_most(1, lambda b: features(self, b), GPU)(part)
    )
    again = detector(images)
    torch.testing.assert_close(again.model.memory_bank, whole.model.memory_bank, atol=1e-4, rtol=0)


def test_a_detector_scores_fewer_photos_at_once(images, monkeypatch):
    made = detector(images)
    others = images.flip(2)  # of images that it remembers the distance is nothing but rounding
    whole, extractor = made.score(others), made.features.extractor
    monkeypatch.setattr(made.features, "extractor", at_most(1, extractor, GPU))
    found = made.score(others)
    torch.testing.assert_close(found.scores, whole.scores, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.maps, whole.maps, atol=1e-3, rtol=0)


def test_too_many_images_for_a_detector_are_a_sentence(images, monkeypatch):
    monkeypatch.setattr("tgvig_core.detectors.patchcore.select", lambda *given: (_ for _ in ()).throw(GPU))
    with pytest.raises(TgvigError, match="learning from 3 images: close other programs, generate fewer images"):
        detector(images)


def test_a_learning_step_that_does_not_fit_is_a_sentence(images, monkeypatch):
    model = tiny_vqgan()
    update = Update(model, GeneratorSettings(views=2), UpdateSettings(steps=1))
    monkeypatch.setattr(model, "decode", lambda latents: (_ for _ in ()).throw(GPU))
    with pytest.raises(TgvigError, match="a learning step of the generator"):
        update.run(images[:1], seeded())


def test_memory_is_told_without_resource(monkeypatch):
    assert memory.held().endswith(" GB of memory") and 0 < memory.peak_gb() < 1000
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows
    assert memory.held().endswith(" GB of memory") and 0 < memory.peak_gb() < 1000


@pytest.mark.parametrize(
    ("started", "words"), [(True, r"\d GB of memory · 1\.5 GB of the GPU's$"), (False, r"memory$")]
)
def test_the_gpus_memory_is_told_once_it_is_in_use(monkeypatch, started, words):
    cuda = SimpleNamespace(is_initialized=lambda: started, memory_allocated=lambda: 1.5e9)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert re.search(words, memory.held())


def test_looking_at_memory_does_not_load_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    assert "GPU" not in memory.held() and "torch" not in sys.modules
