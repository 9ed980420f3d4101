"""Synthetic defects: exact masks, strength that never lessens a change, places on the part; on photos and made images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from small import photo_tensor, seeded
from torch import Tensor

from tgvig_core.photos.images import to_pixels, to_tensor
from tgvig_core.synthetic.defects import KINDS, LEAST_DIFFERENCE, Defect, UnseenError, assorted, make_defect
from tgvig_core.synthetic.foreground import part_mask
from tgvig_core.synthetic.looks import poisson
from tgvig_core.synthetic.shapes import perlin
from tgvig_core.utils.errors import TgvigError

SEEN = [kind for kind in KINDS if kind not in ("blend", "missing")]
"""Kinds that show even on a photo of one colour."""


@pytest.fixture(scope="module")
def photos() -> dict[str, tuple[Tensor, Tensor]]:
    """A photo of each category at 96 px, and where its part is."""
    found = {name: photo_tensor(name, 1, 96)[0] for name in ("bottle", "transistor", "tile")}
    return {name: (photo, part_mask(photo)) for name, photo in found.items()}


def change(defect: Defect, image: Tensor) -> Tensor:
    """Largest change of a channel, H×W."""
    return (defect.image - image).abs().amax(0)


def test_the_kinds() -> None:
    assert set(KINDS) == {
        "texture", "cut_paste", "scar", "blend", "scratch", "dent", "blob", "missing", "colour",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["bottle", "transistor", "tile"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_is_exactly_what_changed(photos: dict, kind: str, name: str) -> None:
    image, part = photos[name]
    for seed in range(2):
        made = make_defect(image, kind, 0.7, seeded(seed), part=part)
        assert torch.equal((made.image != image).any(0), made.mask)
        assert change(made, image)[made.mask].min() > LEAST_DIFFERENCE
        assert float(made.image.abs().max()) <= 1
        assert made.image.dtype == image.dtype and made.mask.dtype == torch.bool
        assert (made.kind, made.strength) == (kind, 0.7)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_outlasts_an_8_bit_file(photos: dict, kind: str) -> None:
    image = to_tensor(to_pixels(photos["bottle"][0]))
    made = make_defect(image, kind, 0.5, seeded(2))
    changed = (to_pixels(made.image) != to_pixels(image)).any(2)
    assert np.array_equal(changed, made.mask.numpy())


@pytest.mark.parametrize("name", ["bottle", "tile"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_strength_changes_every_pixel_at_least_as_much(photos: dict, kind: str, name: str) -> None:
    image, part = photos[name]
    for seed in range(2):
        made = [make_defect(image, kind, strength, seeded(seed), part=part) for strength in (0.2, 0.5, 1.0)]
        for weak, strong in zip(made, made[1:], strict=False):
            assert not (weak.mask & ~strong.mask).any()
            assert (change(strong, image) >= change(weak, image) - 1e-6).all()
            grown = [float(change(defect, image)[strong.mask].mean()) for defect in (weak, strong)]
            assert grown[0] < grown[1]
        assert len({defect.size_px for defect in made}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_strength_is_the_opacity(photos: dict, kind: str) -> None:
    image, part = photos["bottle"]
    half, full = (make_defect(image, kind, strength, seeded(4), part=part) for strength in (0.5, 1.0))
    torch.testing.assert_close((half.image - image)[:, half.mask] * 2, (full.image - image)[:, half.mask])


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_decides(photos: dict, kind: str) -> None:
    image, part = photos["transistor"]
    before = torch.random.get_rng_state()
    first, again, other = (make_defect(image, kind, 0.8, seeded(seed), part=part) for seed in (3, 3, 4))
    assert torch.equal(first.image, again.image) and torch.equal(first.mask, again.mask)
    assert not torch.equal(first.mask, other.mask)
    assert torch.equal(before, torch.random.get_rng_state())


def test_one_generator_gives_one_defect_after_the_other(photos: dict) -> None:
    generator = seeded()
    first, second = (make_defect(photos["tile"][0], "blob", 1, generator) for _ in range(2))
    assert not torch.equal(first.mask, second.mask)


@pytest.mark.parametrize("name", ["bottle", "transistor"])
@pytest.mark.parametrize("kind", KINDS)
def test_defects_lie_on_the_part(kind: str, name: str) -> None:
    image = photo_tensor(name, 1, 256)[0]
    part = part_mask(image)
    shares = []
    for seed in range(4):
        mask = make_defect(image, kind, 1, seeded(seed), part=part).mask
        shares.append(float((mask & part).sum() / mask.sum()))
    if kind == "missing":  # takes the part's blurred outline with it
        assert np.mean(shares) >= 0.8 and min(shares) > 0.75
    else:
        assert shares == [1.0] * 4


def test_the_part_that_is_given_counts(photos: dict) -> None:
    corner = torch.zeros(96, 96, dtype=torch.bool)
    corner[50:80, 15:45] = True
    for kind in SEEN:
        made = make_defect(photos["tile"][0], kind, 1, seeded(1), part=corner)
        assert not (made.mask & ~corner).any()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "scratch"])
@pytest.mark.parametrize("size", [8, 24])
def test_size_is_the_longest_extent(photos: dict, kind: str, size: float) -> None:
    image, part = photos["tile"]
    extents = []
    for seed in range(3):
        made = make_defect(image, kind, 1, seeded(seed), size, part)
        points = made.mask.nonzero().float()
        extents.append(float(torch.cdist(points, points).max()))
    assert max(extents) <= size + 1.5 and np.median(extents) > 0.55 * size
    assert made.size_px == size


@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_size_of_a_scratch_is_its_width(photos: dict, width: float) -> None:
    image, part = photos["tile"]
    for seed in range(4):
        mask = make_defect(image, "scratch", 1, seeded(seed), width, part).mask
        assert 2 * ndimage.distance_transform_edt(mask).max() <= width + 3  # one soft pixel on both sides
        points = mask.nonzero().float()
        assert float(torch.cdist(points, points).max()) > 5 * width


@pytest.mark.parametrize("shape", [(32, 32), (64, 90), (512, 512)])
@pytest.mark.parametrize("kind", KINDS)
def test_small_oblong_and_large_photos(kind: str, shape: tuple[int, int]) -> None:
    noise = torch.rand(3, shape[0] // 4, shape[1] // 4 + 1, generator=seeded())
    image = torch.nn.functional.interpolate(noise[None], shape, mode="bilinear")[0] * 2 - 1
    made = make_defect(image, kind, 0.6, seeded(1), part=torch.ones(shape, dtype=torch.bool))
    assert made.image.isfinite().all() and made.mask.any() and made.mask.float().mean() < 0.2


@pytest.mark.parametrize("tone", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("kind", SEEN)
def test_photos_of_one_colour_are_spoiled(kind: str, tone: float) -> None:
    for seed in range(2):
        made = make_defect(torch.full((3, 64, 64), tone), kind, 0.5, seeded(seed))
        assert made.image.isfinite().all() and made.mask.any()


def test_what_changes_nothing_is_refused_with_a_remedy() -> None:
    with pytest.raises(TgvigError, match="'blend' of strength 0.5 .* another kind"):
        make_defect(torch.zeros(3, 64, 64), "blend", 0.5, seeded())
    with pytest.raises(TgvigError, match="raise the strength"):
        make_defect(torch.zeros(3, 64, 64), "blob", 0.001, seeded())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "rust"}, "There is no defect 'rust': choose one of texture"),
        ({"strength": 0}, "0 is no strength"),
        ({"strength": 1.5}, "1.5 is no strength"),
        ({"strength": float("nan")}, "nan is no strength"),
        ({"size": 0.5}, "0.5 px is no size"),
        ({"size": 33}, "give 1 to 32 px"),
        ({"part": torch.zeros(64, 64, dtype=torch.bool)}, "not empty"),
        ({"part": torch.ones(64, 65, dtype=torch.bool)}, "part's mask"),
        ({"image": torch.zeros(3, 31, 64)}, "sides from 32 px"),
        ({"image": torch.zeros(1, 64, 64)}, "3×H×W"),
        ({"image": torch.full((3, 64, 64), 2.0)}, "no fractions in"),
        ({"image": torch.full((3, 64, 64), torch.nan)}, "no fractions in"),
        ({"image": torch.zeros(3, 64, 64, dtype=torch.int64)}, "no fractions in"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, words: str) -> None:
    usual = {"image": torch.zeros(3, 64, 64), "kind": "blob", "strength": 0.5, "generator": seeded()}
    with pytest.raises(TgvigError, match=words):
        make_defect(**usual | given)


def test_a_dent_changes_no_more_light_than_shade(photos: dict) -> None:
    image = torch.zeros(3, 128, 128)
    shift = (make_defect(image, "dent", 1, seeded(), 40).image - image)[0]
    assert float(shift.max()) > 0.3 and float(shift.min()) < -0.3
    assert abs(float(shift.sum())) < 0.1 * float(shift.abs().sum())


def test_a_missing_piece_shows_the_background() -> None:
    rows = torch.arange(128)[:, None].expand(128, 128)
    image = torch.where((rows > 30) & (rows < 90), -0.5, 0.8).expand(3, -1, -1)
    part = (rows > 30) & (rows < 90)
    made = make_defect(image, "missing", 1, seeded(), 20, part)
    inner = torch.from_numpy(ndimage.binary_erosion(made.mask.numpy(), iterations=4))
    assert inner.any()
    torch.testing.assert_close(made.image[:, inner], torch.full_like(made.image[:, inner], 0.8))


def test_a_colour_keeps_the_light() -> None:
    image = torch.zeros(3, 64, 64)
    made = make_defect(image, "colour", 0.5, seeded(), 20)
    torch.testing.assert_close(made.image.mean(0), torch.zeros(64, 64), rtol=0, atol=1e-6)


def test_poisson_blending_keeps_the_border_and_the_sources_differences() -> None:
    random = np.random.default_rng(0)
    image, source = random.uniform(-1, 1, (2, 3, 20, 20))
    inside = np.zeros((20, 20), dtype=bool)
    inside[4:15, 5:16] = True
    blended = poisson(image, source, inside)
    assert np.array_equal(blended[:, ~inside], image[:, ~inside])
    for made, wanted in zip(blended, source, strict=True):
        np.testing.assert_allclose(ndimage.laplace(made)[inside], ndimage.laplace(wanted)[inside], atol=1e-9)


def test_poisson_blending_of_the_photo_with_itself_in_other_light_changes_nothing() -> None:
    image, inside = np.random.default_rng(1).uniform(-1, 1, (3, 12, 12)), np.zeros((12, 12), dtype=bool)
    inside[3:8, 3:8] = True
    np.testing.assert_allclose(poisson(image, image + 0.4, inside), image, atol=1e-9)


def test_perlin_noise_vanishes_on_its_lattice_and_is_smooth_between() -> None:
    y, x = np.indices((41, 41)) / 8.0
    noise = perlin(y, x, np.random.default_rng(0))
    np.testing.assert_allclose(noise[::8, ::8], 0, atol=1e-6)
    assert abs(noise).max() > 0.3 and abs(np.diff(noise, axis=0)).max() < 0.3


def test_assorted_defects_take_the_kinds_in_turn_and_repeat_by_seed(photos: dict) -> None:
    images = photos["bottle"][0].expand(len(KINDS) + 1, -1, -1, -1)
    made, again = (assorted(images, 0.5, seeded(1)) for _ in range(2))
    assert [defect.kind for defect in made] == [*KINDS, KINDS[0]]
    assert all(torch.equal(one.image, other.image) for one, other in zip(made, again, strict=True))


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_a_kind_that_would_not_show_gives_way_to_the_next(level: float) -> None:
    images = torch.full((len(KINDS), 3, 64, 64), level)
    with pytest.raises(UnseenError, match="changes nothing"):
        make_defect(images[0], "blend", 0.5, seeded())
    made = assorted(images, 0.5, seeded())
    assert made[KINDS.index("blend")].kind == KINDS[KINDS.index("blend") + 1]
    assert all(defect.mask.any() for defect in made)
