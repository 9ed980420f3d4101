"""The trainer of the compact VQGAN: resuming changes nothing, every code is used, the rate's three phases, the export."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from small import seeded

from tgvig_core.models.checkpoints import config_of, load_vqgan, read_state
from tgvig_core.models.vqgan import Vqgan, VqganConfig
from tgvig_core.photos.views import ViewPolicy
from tools.research import compare_shapes, train_vqgan
from tools.research.training import codebook, draws, linear_start, shapes
from tools.research.training.photos import Crops, toned
from tools.research.training.recipe import LAST_RATE, WARM_UP, Recipe
from tools.research.training.trainer import Trainer

SMALL = VqganConfig(32, (1,), 1, (), 8, 8, 16, patch=4, heads=2)
RECIPE = Recipe(steps=6, batch=2, crop=16, quantise_start=2)


@pytest.fixture(autouse=True)
def small_shape(monkeypatch) -> None:
    monkeypatch.setitem(shapes.SHAPES, "small", SMALL)


def crops(size: int = 16) -> Crops:
    photos = torch.randint(0, 256, (3, 3, 8, 8), generator=seeded(), dtype=torch.uint8)
    return Crops(list(photos.repeat_interleave(6, 2).repeat_interleave(6, 3)), size)


def trainer(recipe: Recipe = RECIPE) -> Trainer:
    return Trainer("small", recipe, crops(), torch.device("cpu"))


def advance(made: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        made.advance()
    return made


def test_all_shapes_have_f_8() -> None:
    assert {shape.factor for name, shape in shapes.SHAPES.items() if name != "small"} == {8}


def test_a_resumed_training_ends_at_the_same_weights(tmp_path) -> None:
    whole = advance(trainer(), 6)
    advance(trainer(), 4).save(tmp_path / "state.pt")
    resumed = trainer()
    resumed.load(tmp_path / "state.pt")
    advance(resumed, 2)
    assert resumed.step == whole.step == 6 and resumed.seconds > 0
    for part in ("model", "average"):
        wanted = getattr(whole, part).state_dict()
        assert all(torch.equal(value, wanted[name]) for name, value in getattr(resumed, part).state_dict().items())


def test_a_training_with_draws_resumes_exactly_too(tmp_path) -> None:
    recipe = replace(RECIPE, drawn=1, views=3)
    whole = advance(trainer(recipe), 6)
    advance(trainer(recipe), 4).save(tmp_path / "state.pt")
    resumed = trainer(recipe)
    resumed.load(tmp_path / "state.pt")
    advance(resumed, 2)
    wanted = whole.model.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in resumed.model.state_dict().items())


def test_the_critic_joins_at_its_start_step() -> None:
    recipe = replace(RECIPE, crop=32, adversarial=0.1, adversarial_start=2)
    made = Trainer("small", recipe, crops(32), torch.device("cpu"))
    before = [weight.clone() for weight in made.critic.parameters()]
    rows = [made.advance() for _ in range(2)]
    assert all(torch.equal(*pair) for pair in zip(before, made.critic.parameters(), strict=True))
    rows.append(made.advance())
    assert ["critic" in row and "adversarial" in row for row in rows] == [False, False, True]
    assert not all(torch.equal(*pair) for pair in zip(before, made.critic.parameters(), strict=True))


def test_the_first_crops_are_drawn_from_their_views_and_the_others_reconstructed(monkeypatch) -> None:
    made = trainer(replace(RECIPE, batch=3, drawn=2, views=2, continuous_share=0.0, quantise_start=0))
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(made.model, "decode", lambda latents: seen.append(latents) or torch.zeros(3, 3, 16, 16))
    monkeypatch.setattr(draws, "draw", lambda views, count, generator: views[::count] * 0 + len(views) + 10 * count)
    images = crops().batch(3, seeded())
    losses = made.reconstruct(images)[1]
    assert torch.equal(seen[0][:2], torch.full_like(seen[0][:2], 24))
    torch.testing.assert_close(seen[0][2:], made.model.quantise(made.model.encode(images[2:]))[0])
    assert losses["codebook"] > 0
    assert "drawn_l2" in made.update(images)


def test_draws_have_the_mean_and_the_variance_of_their_own_views() -> None:
    views = torch.tensor([1.0, 3.0, 5.0, 5.0]).view(4, 1, 1, 1).expand(4, 8, 50, 50)
    first, second = draws.draw(views, 2, seeded())
    assert first.mean() == pytest.approx(2, abs=0.05) and first.std() == pytest.approx(1, abs=0.05)
    assert second.eq(5).all()


def test_views_of_a_crop_move_its_pixels_as_far_as_those_of_a_whole_image() -> None:
    assert draws.policy_for(256) == ViewPolicy()
    half = draws.policy_for(128)
    assert (half.degrees, half.shift, half.light) == (4.0, 0.02, 0.1)
    images = torch.stack([torch.full((3, 16, 16), -0.5), torch.full((3, 16, 16), 0.5)])
    moved = draws.all_views(images, 3, seeded())
    assert moved.shape == (6, 3, 16, 16) and moved[:3].max() < 0 < moved[3:].min()


def test_every_phase_is_on_record(tmp_path) -> None:
    advance(trainer(), 3).save(tmp_path / "state.pt")
    same, other = trainer(), trainer(replace(RECIPE, crop=8))
    same.load(tmp_path / "state.pt")
    other.load(tmp_path / "state.pt")
    assert [phase["from_step"] for phase in same.phases] == [0]
    assert [(phase["from_step"], phase["crop"]) for phase in other.phases] == [(0, 16), (3, 8)]


def test_a_state_of_another_shape_is_refused(tmp_path, monkeypatch) -> None:
    trainer().save(tmp_path / "state.pt")
    monkeypatch.setitem(shapes.SHAPES, "else", replace(SMALL, n_embed=32))
    made = Trainer("else", RECIPE, crops(), torch.device("cpu"))
    with pytest.raises(SystemExit, match="give --shape small"):
        made.load(tmp_path / "state.pt")


def test_the_rate_rises_stays_and_falls() -> None:
    recipe = Recipe(steps=1000, finish=200, rate=0.01)
    rates = [recipe.learning_rate(step) for step in range(1000)]
    np.testing.assert_allclose(rates[:WARM_UP], 0.01 * np.arange(1, WARM_UP + 1) / WARM_UP)
    assert set(rates[WARM_UP:801]) == {0.01} and rates[900] == pytest.approx(0.005)
    assert np.all(np.diff(rates[800:990]) < 0) and min(rates[500:]) == pytest.approx(0.01 * LAST_RATE)
    longer = replace(recipe, steps=5000, finish=0)
    assert {longer.learning_rate(step) for step in range(WARM_UP, 5000)} == {0.01}


def test_the_codebook_starts_with_all_codes_in_use() -> None:
    made = trainer()
    codebook.initialise(made.model, made.crops, made.generator, made.device)
    images = made.crops.batch(64, seeded(3))
    codes = made.model.quantise(made.model.encode(images))[2]
    assert codes.shape == (64, 2, 4, 4) and len(codes.unique()) >= 15  # of 16; one may lie between these crops


def test_kmeans_finds_the_middle_of_every_heap() -> None:
    heaps = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    rows = (heaps[:, None] + 0.1 * torch.randn(3, 200, 2, generator=seeded(1))).flatten(0, 1)
    start = next(
        s for s in range(50) if len({int(i) // 200 for i in torch.randperm(600, generator=seeded(s))[:3]}) == 3
    )
    centres = codebook.kmeans(rows, 3, seeded(start))
    assert torch.cdist(heaps, centres).amin(1).max() < 0.03


def test_dead_codes_move_onto_latents_in_both_books() -> None:
    books, usage = [torch.zeros(4, 2), torch.ones(4, 2)], torch.tensor([3, 0, 1, 0])
    rows = torch.arange(10.0).view(5, 2) + 50
    assert codebook.revive(books, usage, rows, seeded()) == 2
    assert torch.equal(books[0][[1, 3]], books[1][[1, 3]]) and books[0][[1, 3]].min() >= 50
    assert not books[0][[0, 2]].any() and books[1][[0, 2]].eq(1).all() and not usage.any()


def test_the_rows_of_the_codebook_are_shares_of_a_latent() -> None:
    latents = torch.randn(2, 8, 3, 5, generator=seeded())
    rows = codebook.points(latents, heads=2).view(2, 2, 3, 5, 4)  # B, head, h, w, C / heads
    assert torch.equal(rows[1, 1, 2, 4], latents[1, 4:, 2, 4]) and torch.equal(rows[0, 0, 1, 2], latents[0, :4, 1, 2])


def test_crops_stay_in_range_and_are_repeatable() -> None:
    batch = crops(40).batch(60, seeded(5))
    assert batch.shape == (60, 3, 40, 40) and batch.abs().max() <= 1
    assert torch.equal(batch, crops(40).batch(60, seeded(5)))
    grey = (batch.amax(1) - batch.amin(1)).amax((1, 2)) < 1e-6
    assert 2 < grey.sum() < 25


def test_toned_images_use_what_contrast_leaves_free() -> None:
    image = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1).expand(3, 2, 2)
    torch.testing.assert_close(toned(image, False, 0.5, 1.0)[:, 0, 0], torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(toned(image, False, 0.5, 0.0)[:, 0, 0], torch.tensor([-1.0, -0.5, 0.0]))
    assert not toned(image, True, 0.5, 0.5).any()


def photos(folder) -> None:
    folder.mkdir()
    for place, photo in enumerate(torch.randint(0, 256, (3, 8, 10, 3), generator=seeded(), dtype=torch.uint8)):
        Image.fromarray(photo.numpy()).resize((80, 64)).save(folder / f"{place}.png")


def test_training_exports_a_model_that_loads_and_a_card_that_fits(tmp_path, monkeypatch) -> None:
    photos(tmp_path / "photos")
    file, work = tmp_path / "out" / "small.safetensors", tmp_path / "work"
    command = (
        f"train_vqgan.py --photos {tmp_path / 'photos'} --work {work} --shape small --steps 5 --finish 2 --batch 2 "
    )
    command += (
        f"--crop 32 --quantise-start 2 --perceptual 0.1 --adversarial 0.1 --device cpu --threads 1 --export {file}"
    )
    monkeypatch.setattr(sys, "argv", command.split())
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    train_vqgan.main()
    card = json.loads(file.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert config_of(read_state(file)) == SMALL == VqganConfig(**{**card["shape"], "ch_mult": (1,), "attn_levels": ()})
    assert card["steps"] == 5 and card["phases"][0]["finish"] == 2 and card["figures"]["natural"]["photos"] == 1
    assert load_vqgan(file)(torch.zeros(1, 3, 16, 16))[0].shape == (1, 3, 16, 16)
    assert torch.load(work / "constant.pt", weights_only=True)["step"] == 3
    assert torch.load(work / "state.pt", weights_only=True)["step"] == 5


@pytest.mark.parametrize(
    "extra, said",
    [
        ("--crop 20", "multiple of 8"),
        ("--batch 0", "above 0"),
        ("--crop 296", "288"),
        ("--drawn 4", "0 to 3"),
        ("--views 0", "above 0"),
    ],
)
def test_numbers_that_cannot_be_used_are_named(extra, said) -> None:
    options = train_vqgan.parse(f"--photos p --work w --shape p8-c192 {extra}".split())
    with pytest.raises(SystemExit, match=said):
        train_vqgan.recipe_of(options)


def test_shapes_are_compared_at_equal_seconds(monkeypatch) -> None:
    """By a clock of the test's own, on which every step takes a quarter of a second."""
    ticks = itertools.count()
    monkeypatch.setattr(Trainer, "clock", lambda self: next(ticks) * 0.25)
    made = compare_shapes.trained("small", replace(RECIPE, quantise_start=1), crops(), 1.0)
    assert made.step == made.recipe.steps == 4 and made.seconds == 1.0
    measured = {"natural": [torch.zeros(3, 256, 256, dtype=torch.uint8)]}
    assert compare_shapes.row(made, measured).startswith("| small | 0.")


LINEAR = VqganConfig(96, (1,), 1, (), 16, 16, 64, patch=4, heads=2)


def smooth(count: int) -> torch.Tensor:
    """Images that 16 of the 48 components of a 4×4 patch describe well, count×3×32×32."""
    rough = torch.rand(count, 3, 10, 10, generator=seeded(7)) * 2 - 1
    return torch.nn.functional.interpolate(rough, size=(32, 32), mode="bicubic", align_corners=False).clamp(-1, 1)


def test_the_linear_start_is_nearly_the_best_linear_code() -> None:
    model, images = Vqgan(LINEAR).eval(), smooth(40)
    linear_start.start(model, images)
    patches = linear_start.rows(torch.nn.functional.pixel_unshuffle(images, 4))
    mean, basis = linear_start.components(patches, 16, heads=2)
    best = ((patches - mean) @ basis @ basis.T + mean - patches).square().mean()
    with torch.no_grad():
        made = model.decode(model.encode(images))
    assert (made - images).square().mean() < 2 * best + 1e-4 < 0.01
    dim = 0.2 * images + 0.5  # another mean and contrast than the start was fitted to
    with torch.no_grad():
        assert (model.decode(model.encode(dim)) - dim).square().mean() < 0.003


def test_components_are_orthonormal_and_shared_evenly() -> None:
    rows = torch.randn(4000, 12, generator=seeded()) * torch.tensor([8.0, 4, 2, 1, 1, 1, 0.5, 0.5, 0.2, 0.1, 0.1, 0.1])
    mean, basis = linear_start.components(rows, 8, heads=2)
    torch.testing.assert_close(basis.T @ basis, torch.eye(8), atol=1e-5, rtol=0)
    spread = ((rows - mean) @ basis).var(0)
    first, second = spread[:4].log().sum(), spread[4:].log().sum()
    assert spread.max() == pytest.approx(64, rel=0.1) and abs(first - second) < 0.35 * (first + second).abs() + 1


@pytest.mark.parametrize("config, wanted", [(LINEAR, True), (SMALL, False), (replace(LINEAR, ch_mult=(1, 1)), False)])
def test_only_shapes_of_one_level_with_room_start_linearly(config, wanted) -> None:
    assert linear_start.fits(Vqgan(config)) is wanted
