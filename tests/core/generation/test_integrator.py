"""Eq. 4 to 7: similarity, choice, loss and gradient step worked out once more, and runs that stop, go on and repeat."""

from __future__ import annotations

import copy
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from small import ColourEncoder, drawn, photo_tensor, seeded, tiny_vqgan
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from tgvig_core.generation import fine_tuning
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.generation.fine_tuning import Update, adaptive_weight
from tgvig_core.generation.integrator import Integrator, IntegratorSettings, Iteration, set_similarity
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.generation.vqgan import VqganGenerator
from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

GENERATING = GeneratorSettings(images=3, views=2)
LEARNING = UpdateSettings(steps=2, views=2, images=2, crop=32, learning_rate=3e-4)


# --- Eq. 4 and 5


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([[1, 0], [0, 1]], 0.5**0.5),
        ([[1, 0], [0, 1], [0, 1]], 0.2**0.5),
        ([[-1, 0]], -1.0),
        ([[0, 1], [0, -1], [1, 0]], 1),
    ],
)
def test_similarity_of_a_set_is_the_cosine_with_the_mean(rows: list, wanted: float) -> None:
    """With z_t = (1, 0): means (½, ½), (⅓, ⅔), (−1, 0), (⅓, 0)."""
    found = set_similarity(torch.tensor(rows, dtype=torch.float32), torch.tensor([1.0, 0.0]))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_similarity_in_numpy() -> None:
    rows, text = torch.randn(7, 5, generator=seeded()), torch.randn(5, generator=seeded(1))
    mean, t = rows.numpy().mean(0), text.numpy()
    assert set_similarity(rows, text) == pytest.approx(mean @ t / np.linalg.norm(mean) / np.linalg.norm(t), abs=1e-6)


@pytest.mark.parametrize(
    ("similarities", "best", "last"),
    [([0.1, 0.3, 0.2], 2, 3), ([0.1, 0.3, 0.3, 0.2], 2, 4), ([0.5], 1, 1), ([-0.2, -0.1], 2, 2), ([0.4, 0.4], 1, 2)],
)
def test_best_set(similarities: list[float], best: int, last: int) -> None:
    assert best_iteration(similarities) == best  # Eq. 5, the earliest on a tie
    assert best_iteration(similarities, text=False) == last


# --- Eq. 6 and 7: one gradient step


STEP = {"steps": 1, "views": 3, "images": 2, "crop": 32, "learning_rate": 3e-4, "vq_weight": 0.7}
STEP |= {"perceptual_weight": 0.1, "adversarial_weight": 0.8, "adversarial_start": 500}


def update(model: Vqgan, **changes) -> Update:
    settings = UpdateSettings(**(STEP | changes))
    generating = GeneratorSettings(images=2, views=4, policy=ViewPolicy(3, 0.03, 0.2))
    return Update(model, generating, settings)


def unit_features(images: Tensor) -> list[Tensor]:
    """Unit-norm outputs of the first three stages, taken off the whole network by hooks."""
    network, found = load_efficientnet_lite0(), []
    for stage in network.blocks[:3]:
        stage.register_forward_hook(lambda _module, _given, made: found.append(made))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    with torch.no_grad():
        network(((images + 1) / 2 - mean) / std)
    return [maps / maps.norm(dim=1, keepdim=True) for maps in found]


def window(image: Tensor, top: int, left: int) -> Tensor:
    return image[..., top : top + 32, left : left + 32]


def expected_losses(model: Vqgan, normal: Tensor, step: Update, generator: torch.Generator) -> dict[str, float]:
    """What `_step` should report, in numpy, drawing from a generator in the same state."""
    whole = views(normal, 3, step.generating.policy, generator)
    top, left = (int(at) * 4 for at in torch.randint((64 - 32) // 4 + 1, (2,), generator=generator))
    target, batch = window(normal, top, left), window(whole, top, left)
    with torch.no_grad():
        q = model.encode(batch).numpy().astype(np.float64)
        book = model.quantize.embedding.weight.numpy().astype(np.float64)
        e = book[((q.transpose(0, 2, 3, 1)[..., None, :] - book) ** 2).sum(-1).argmin(-1)].transpose(0, 3, 1, 2)
        torch.randint(1, (2,), generator=generator)  # the anchor: one mean to choose from
        z = e.mean(0) + e.std(0) * torch.randn(2, *e.shape[1:], generator=generator).numpy()
        generated, rebuilt = (model.decode(torch.from_numpy(latents).float()) for latents in (z, e))
    losses = {"generation": ((target.numpy() - generated.numpy()) ** 2).mean()}
    losses["reconstruction"] = np.abs(batch.numpy() - rebuilt.numpy()).mean()
    losses["codebook"] = 1.25 * ((e - q) ** 2).mean()
    pairs = zip(unit_features(rebuilt), unit_features(batch), strict=True)
    losses["perceptual"] = sum(((a - b) ** 2).sum(1).mean().item() for a, b in pairs)
    losses["vq"] = losses["reconstruction"] + 0.1 * losses["perceptual"] + losses["codebook"]
    losses["total"] = losses["generation"] + 0.7 * losses["vq"]
    return losses


@pytest.mark.parametrize("seed", [0, 1])
def test_the_losses_of_a_step(seed: int) -> None:
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    before, step = copy.deepcopy(model), update(model)
    found = step._step(normals, seeded(seed))
    wanted = expected_losses(before, normals[0], step, seeded(seed))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=2e-4), name


def codes_of_a_step(model: Vqgan, normal: Tensor, step: Update, generator: torch.Generator) -> set[int]:
    whole = views(normal, 3, step.generating.policy, generator)
    top, left = (int(at) * 4 for at in torch.randint(9, (2,), generator=generator))
    with torch.no_grad():
        return set(model.quantise(model.encode(window(whole, top, left)))[2].flatten().tolist())


def test_a_step_changes_all_parameters_and_the_codes_in_use() -> None:
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    before, step = copy.deepcopy(model), update(model)
    used = codes_of_a_step(before, normals[0], step, seeded())
    step._step(normals, seeded())
    earlier = dict(before.named_parameters())
    changes = {name: (value - earlier[name]).detach().abs() for name, value in model.named_parameters()}
    assert [name for name, change in changes.items() if not change.any()] == []
    rows = changes.pop("quantize.embedding.weight").amax(1)
    assert 5 < len(used) < 64
    assert set(rows.nonzero().flatten().tolist()) == used
    # Adam's first step is the learning rate, whatever the gradient
    assert max(float(change.max()) for change in changes.values()) == pytest.approx(3e-4, rel=0.01)


def test_the_generation_loss_reaches_encoder_and_decoder() -> None:
    """With λ = 0 only Eq. 6 is left; its gradient passes mean and variance back into the encoder."""
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    before, step = copy.deepcopy(model), update(model, vq_weight=0.0)
    losses = step._step(normals, seeded())
    assert losses["total"] == losses["generation"]
    earlier = before.state_dict()
    for name in ("encoder.conv_in.weight", "quant_conv.weight", "post_quant_conv.weight", "decoder.conv_out.weight"):
        assert not torch.equal(model.state_dict()[name], earlier[name])


def test_a_step_looks_at_upright_views_where_flips_and_turns_are_allowed() -> None:
    """Eq. 6 compares with the upright normal: the step is the one that it would be without flips and turns."""
    normals, rows = photo_tensor("bottle", 1, 64), []
    for allowed in (False, True):
        policy = ViewPolicy(3, 0.03, 0.2, flips=allowed, turns=allowed)
        generating = GeneratorSettings(images=2, views=4, anchor="view", policy=policy)
        rows.append(Update(tiny_vqgan(), generating, UpdateSettings(**STEP))._step(normals, seeded(3)))
    assert rows[0] == rows[1]


def test_normals_take_turns_in_the_steps(monkeypatch) -> None:
    normals, seen = photo_tensor("bottle", 2, 64), []

    def spy(image: Tensor, *rest):
        seen.append([torch.equal(image, normal) for normal in normals].index(True))
        return views(image, *rest)

    monkeypatch.setattr(fine_tuning, "views", spy)
    step = update(tiny_vqgan(), steps=2)
    for _ in range(2):
        step.run(normals, seeded())
    assert seen == [0, 1, 0, 1] and step.taken == 4


def test_reported_losses_are_the_means_over_the_steps() -> None:
    normals = photo_tensor("bottle", 1, 64)
    singly = update(tiny_vqgan())
    singly.model.train()
    generator = seeded()
    rows = [singly._step(normals, generator) for _ in range(3)]
    found = update(tiny_vqgan(), steps=3).run(normals, seeded())
    for name in rows[0]:
        assert found[name] == pytest.approx(sum(row[name] for row in rows) / 3, rel=1e-6)
    assert update(tiny_vqgan(), steps=0).run(normals, seeded()) == {}


def test_the_loss_falls() -> None:
    step, normals, generator = update(tiny_vqgan(), steps=5), photo_tensor("bottle", 1, 64), seeded()
    rows = [step.run(normals, generator) for _ in range(6)]
    assert rows[-1]["total"] < 0.6 * rows[0]["total"]
    assert rows[-1]["generation"] < 0.5 * rows[0]["generation"]
    assert rows[-1]["reconstruction"] < 0.7 * rows[0]["reconstruction"]


@pytest.mark.parametrize(("crop", "side"), [(32, 32), (35, 32), (64, 64), (500, 64)])
def test_crops_lie_on_the_latent_grid(crop: int, side: int) -> None:
    step, generator = update(tiny_vqgan(), crop=crop), seeded()
    crops = [step._crop(64, generator)[1:] for _ in range(200)]
    starts = {part.start for pair in crops for part in pair}
    assert all(part.stop - part.start == side for pair in crops for part in pair)
    assert starts == set(range(0, 64 - side + 1, 4))
    assert side == 64 or any(top.start != left.start for top, left in crops)


# --- the adversarial term


def test_adaptive_weight_by_hand() -> None:
    """Gradients (3, 4) and (0.6, 0.8): norms 5 and 1, so 5 / 1.0001; with no adversarial gradient 5e4, cut at 1e4."""
    layer = torch.tensor([1.0, 2.0], requires_grad=True)
    reconstruction, adversarial = layer @ torch.tensor([3.0, 4.0]), layer @ torch.tensor([0.6, 0.8])
    found = adaptive_weight(reconstruction, adversarial, layer)
    assert float(found) == pytest.approx(5 / 1.0001, rel=1e-6) and not found.requires_grad
    assert float(adaptive_weight(reconstruction, layer @ torch.zeros(2), layer)) == pytest.approx(1e4)
    assert layer.grad is None


def test_the_critic_joins_at_its_start_step() -> None:
    """It is built then, and not before: a usual run never needs it."""
    step, generator, normals = update(tiny_vqgan(), adversarial_start=2), seeded(), photo_tensor("bottle", 1, 64)
    for taken in range(3):
        row = step._step(normals, generator)
        there = taken == 2
        assert ("adversarial" in row) == ("critic" in row) == ("critic" in vars(step)) == there
        assert ("critic" in step.state_dict()) == ("critic_optimiser" in step.state_dict()) == there
    first = update(tiny_vqgan()).critic.state_dict()
    assert all(not torch.equal(value, first[name]) for name, value in step.critic.named_parameters())


def test_the_critic_is_the_same_whenever_it_is_built_and_disturbs_no_other_draw() -> None:
    early = update(tiny_vqgan()).critic.state_dict()
    torch.manual_seed(11)
    torch.rand(100)
    late, drawn_after = update(tiny_vqgan()).critic.state_dict(), torch.rand(3)
    torch.manual_seed(11)
    torch.rand(100)
    assert torch.equal(drawn_after, torch.rand(3))
    assert early.keys() == late.keys() and all(torch.equal(early[name], late[name]) for name in early)


def test_a_state_of_before_with_a_critic_that_had_not_joined_is_read() -> None:
    """Versions up to 2026-11 built it at once."""
    normals, old, new = photo_tensor("bottle", 1, 64), update(tiny_vqgan()), update(tiny_vqgan(1))
    state = old.state_dict()
    state |= {"critic": old.critic.state_dict(), "critic_optimiser": old.critic_optimiser.state_dict()}
    new.model.load_state_dict(old.model.state_dict())
    new.load_state_dict(state)
    assert new._step(normals, seeded()) == old._step(normals, seeded())


def test_losses_with_the_critic(monkeypatch) -> None:
    """adversarial = −mean D(rebuilt) at 0.8 × adaptive; the hinge is ½(max(0, 1 − D(x)) + max(0, 1 + D(x̂)))."""
    weights, shown = [], []
    monkeypatch.setattr(
        fine_tuning, "adaptive_weight", lambda *given: weights.append(adaptive_weight(*given)) or weights[-1]
    )
    step = update(tiny_vqgan(), adversarial_start=0)
    critic = copy.deepcopy(step.critic)
    step.critic.register_forward_pre_hook(lambda _module, given: shown.append(given[0].detach().clone()))
    row = step._step(photo_tensor("bottle", 1, 64), seeded())
    assert len(weights) == 1 and float(weights[0]) > 0
    with torch.no_grad():
        rebuilt, real, made = (critic(images).numpy() for images in shown)
    assert torch.equal(shown[0], shown[2]) and float((shown[0] - shown[1]).abs().mean()) > 0.05
    assert row["adversarial"] == pytest.approx(-rebuilt.mean(), rel=1e-4)
    hinge = 0.5 * (np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + made).mean())
    assert row["critic"] == pytest.approx(hinge, rel=1e-4)
    vq = row["reconstruction"] + 0.1 * row["perceptual"] + row["codebook"]
    assert row["vq"] == pytest.approx(vq + 0.8 * float(weights[0]) * row["adversarial"], rel=1e-4)


def test_the_critic_may_join_in_the_middle_of_an_iteration() -> None:
    step = update(tiny_vqgan(), steps=3, adversarial_start=1)
    row = step.run(photo_tensor("bottle", 1, 64), seeded())
    assert step.taken == 3
    assert {"adversarial", "critic"} <= row.keys() and np.isfinite(list(row.values())).all()


# --- the loop


def loop(model: Vqgan, normals: Tensor, prompt: str, settings: IntegratorSettings, seed: int = 0) -> Integrator:
    made = VqganGenerator(model, GENERATING, settings.update)
    return Integrator(made, ColourEncoder(), normals, prompt, settings, seed)


def integrator(model_seed: int = 0, seed: int = 7, iterations: int = 4, **learning) -> Integrator:
    settings = IntegratorSettings(iterations, update=UpdateSettings(**(vars(LEARNING) | learning)))
    return loop(tiny_vqgan(model_seed), photo_tensor("bottle", 2, 64), "a bottle in red", settings, seed)


@pytest.fixture(scope="module")
def uninterrupted() -> list[Iteration]:
    """Four iterations with the critic from the start, so that its state matters too."""
    return list(integrator(adversarial_start=0).iterations())


def test_iterations_are_numbered_scored_and_told(uninterrupted: list[Iteration]) -> None:
    assert [iteration.number for iteration in uninterrupted] == [1, 2, 3, 4]
    for iteration in uninterrupted:
        assert iteration.images.shape == (3, 3, 64, 64) and iteration.sources == (0, 1, 0)
        colour = (iteration.images.numpy().mean((2, 3)) + 1) / 2
        z_v = (colour / np.linalg.norm(colour, axis=1, keepdims=True)).mean(0)
        assert iteration.similarity == pytest.approx(z_v[0] / np.linalg.norm(z_v), abs=1e-5)  # z_t = (1, 0, 0)
        assert iteration.seconds > 0
        assert {"generation", "vq", "total", "critic"} <= iteration.losses.keys()


def test_the_first_set_comes_after_the_first_update(uninterrupted: list[Iteration]) -> None:
    """One generator, seeded from the run's seed and the iteration's number, feeds the update and then the set."""
    model, normals, generator = tiny_vqgan(), photo_tensor("bottle", 2, 64), seeded(7 * 1_000_003 + 1)
    untouched = drawn(model, normals, GENERATING, seeded(7 * 1_000_003 + 1))
    learning = UpdateSettings(**(vars(LEARNING) | {"adversarial_start": 0}))
    losses = Update(model, GENERATING, learning).run(normals, generator)
    made = drawn(model, normals, GENERATING, generator)
    assert uninterrupted[0].losses == losses
    assert torch.equal(uninterrupted[0].images, made)
    assert not torch.allclose(made, untouched, atol=1e-3)


def test_the_seed_decides_the_run(uninterrupted: list[Iteration]) -> None:
    again = list(integrator(iterations=2, adversarial_start=0).iterations())
    assert all(torch.equal(a.images, b.images) for a, b in zip(again, uninterrupted, strict=False))
    other = next(integrator(seed=8).iterations())
    assert not torch.allclose(other.images, uninterrupted[0].images, atol=1e-3)


def test_a_saved_run_goes_on_as_if_never_interrupted(uninterrupted: list[Iteration], tmp_path: Path) -> None:
    first = integrator(iterations=2, adversarial_start=0)
    assert len(list(first.iterations())) == 2
    torch.save(first.state_dict(), tmp_path / "state.pt")
    later = integrator(model_seed=5, adversarial_start=0)  # other weights, to be replaced by the state's
    later.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    rest = list(later.iterations())
    assert [iteration.number for iteration in rest] == [3, 4]
    for found, wanted in zip(rest, uninterrupted[2:], strict=True):
        torch.testing.assert_close(found.images, wanted.images, rtol=0, atol=1e-5)
        assert found.similarity == pytest.approx(wanted.similarity, abs=1e-6)
        assert found.losses == pytest.approx(wanted.losses, rel=1e-4)


def test_a_stop_inside_an_update_keeps_the_iterations_before(uninterrupted: list[Iteration], tmp_path: Path) -> None:
    stop, running, kept = threading.Event(), integrator(adversarial_start=0), []

    def progress(step: str, done: int, total: int) -> None:
        if step == "Iteration 3 of 4" and (done, total) == (1, 2):
            stop.set()

    with pytest.raises(Stopped):
        for iteration in running.iterations(RunContext(progress, stop)):
            kept.append(iteration)
            torch.save(running.state_dict(), tmp_path / "state.pt")
    assert [iteration.number for iteration in kept] == [1, 2] and running.done == 2
    assert all(torch.equal(a.images, b.images) for a, b in zip(kept, uninterrupted, strict=False))
    later = integrator(model_seed=5, iterations=3, adversarial_start=0)
    later.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    torch.testing.assert_close(next(later.iterations()).images, uninterrupted[2].images, rtol=0, atol=1e-5)


def test_a_stop_while_generating_leaves_the_set_unfinished() -> None:
    stop, running = threading.Event(), integrator(iterations=2)

    def progress(step: str, done: int, total: int) -> None:
        if step == "Generating images":
            stop.set()

    with pytest.raises(Stopped):
        next(running.iterations(RunContext(progress, stop)))
    assert running.done == 0


def test_a_stop_before_anything() -> None:
    stop, running = threading.Event(), integrator()
    stop.set()
    with pytest.raises(Stopped):
        next(running.iterations(ctx=RunContext(stop=stop)))
    assert running.done == 0


def test_the_set_that_looks_more_like_the_text_scores_higher() -> None:
    """Grey photos of grey things are nearer to "grey" than to "green"."""
    scores = {}
    for word in ("grey", "green"):
        running = loop(tiny_vqgan(), torch.zeros(1, 3, 64, 64), f"a part in {word}", IntegratorSettings(1))
        scores[word] = next(running.iterations()).similarity
    assert scores["grey"] > scores["green"]


def test_what_cannot_be_run() -> None:
    with pytest.raises(TgvigError, match="0 iterations"):
        IntegratorSettings(0)
    with pytest.raises(TgvigError, match="1001"):
        IntegratorSettings(1001)
    with pytest.raises(TgvigError, match="66 px .* multiple of 4"):
        loop(tiny_vqgan(), torch.zeros(1, 3, 66, 66), "a red", IntegratorSettings(1))


@pytest.mark.parametrize(
    "wrong", [{"steps": -1}, {"views": 0}, {"images": 0}, {"crop": 0}, {"learning_rate": 0.0}, {"vq_weight": -1.0}]
)
def test_update_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(TgvigError):
        UpdateSettings(**wrong)
