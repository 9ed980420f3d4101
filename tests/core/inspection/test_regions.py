"""Regions, outlines and lengths worked out by hand; on a real broken bottle they lie on the defect."""

from __future__ import annotations

import numpy as np
import pytest
from photos import category
from PIL import Image
from small import photo_tensor

from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.inspection.regions import Region, contours, outlined, regions
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import from_square, to_square, to_tensor
from tgvig_core.utils.errors import TgvigError

DRAWN = """
. . . . . . . . .
. . 2 2 2 2 . . .
. . 2 2 2 2 . . .
. . 2 2 2 3 . . .
. . . . . . 7 . .
. . . . . . . . .
9 1 . . . . . . ."""
MAP = np.array([line.split() for line in DRAWN.strip().replace(".", "0").splitlines()], dtype=np.float32)


def block(height: int, width: int, area: int) -> np.ndarray:
    """A map of 5.0 on `area` px of one column."""
    drawn = np.zeros((height, width), np.float32)
    drawn[:area, 3] = 5
    return drawn


def test_regions_connect_over_corners_and_the_strongest_comes_first() -> None:
    lone = Region(x=0, y=6, width=1, height=1, area=1, peak=9.0, peak_at=(0, 6))
    joined = Region(x=2, y=1, width=5, height=4, area=13, peak=7.0, peak_at=(6, 4))
    assert regions(MAP, 1.0) == (lone, joined)  # the 1 is not above 1
    assert regions(MAP, 0.5)[0].area == 2


def test_two_regions_in_one_box_keep_their_own_values() -> None:
    drawn = np.zeros((5, 5), np.float32)
    drawn[0], drawn[:, 0], drawn[4] = 2, 2, 2  # a C
    drawn[2, 3] = 8
    assert [(found.area, found.peak) for found in regions(drawn, 1.0)] == [(1, 8.0), (13, 2.0)]


def test_nothing_above() -> None:
    assert regions(MAP, 9.0) == () and not contours(MAP, 9.0).any()


def test_specks_are_left_out_of_the_list_and_of_the_outline() -> None:
    """13 of 65536 px are less than 2 in 10000, 14 are more."""
    speck, small = block(256, 256, 13), block(256, 256, 14)
    assert regions(speck, 1.0) == () and not contours(speck, 1.0).any()
    assert [found.area for found in regions(small, 1.0)] == [14] and contours(small, 1.0).sum() == 14
    assert len(regions(speck, 1.0, least_area=13)) == 1 and regions(speck, 1.0, least_area=14) == ()


def test_the_outline_is_a_regions_outermost_pixels() -> None:
    wanted = MAP > 1
    wanted[2, 3:5] = False
    assert np.array_equal(contours(MAP, 1.0), wanted)


def test_the_line_grows_with_the_photo() -> None:
    drawn = np.zeros((600, 1024), np.float32)
    drawn[100:200, 300:500] = 2
    drawn[:50, :50] = 2  # closed along the photo's edge, too
    line = contours(drawn, 1.0)
    assert line[90:210].sum() == 100 * 200 - 92 * 192
    assert line[:90].sum() == 50 * 50 - 42 * 42


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.1's contrast ratio of two sRGB colours."""
    light = []
    for colour in (one, other):
        part = colour / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(light) / min(light)


@pytest.mark.parametrize("grey", range(0, 256, 15))
def test_the_outline_is_seen_on_light_and_dark(grey: int) -> None:
    photo = np.full((40, 40, 3), grey, np.uint8)
    drawn = np.zeros((40, 40), np.float32)
    drawn[10:30, 10:30] = 2
    shown = outlined(photo, drawn, 1.0)
    line = shown[20, 9:12]  # rim, core, rim
    assert (line[0] == line[2]).all()
    assert max(contrast(line[0], photo[0, 0]), contrast(line[1], photo[0, 0])) >= 3
    assert contrast(line[0], line[1]) >= 3
    assert (shown[12:28, 12:28] == grey).all() and (shown[:9] == grey).all()  # the defect itself stays in sight
    assert (photo == grey).all()


def test_a_good_photo_stays_as_it_is_and_a_map_of_another_shape_is_refused() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert np.array_equal(outlined(photo, MAP, 9.0), photo)
    with pytest.raises(ValueError, match=r"\(9, 7\) is needed, not \(7, 9\)"):
        outlined(photo.transpose(1, 0, 2), MAP, 1.0)


def test_lengths_in_mm() -> None:
    found = Region(x=0, y=0, width=30, height=8, area=200, peak=1.0, peak_at=(0, 0))
    assert found.size_mm(0.05) == pytest.approx((1.5, 0.4, 0.5))
    for pitch in (0, -0.1, float("nan"), float("inf")):
        with pytest.raises(TgvigError, match=f"{pitch} mm per px is not a scale"):
            found.size_mm(pitch)


def test_the_strongest_region_of_a_broken_bottle_lies_on_the_defect() -> None:
    """Also where the photo is not square."""
    detector = PatchCore(EFFICIENTNET_LITE0, 256)
    normals = photo_tensor("bottle", 3, 256)
    detector.fit(normals, [0, 1, 2])
    threshold = max(float(detector.score(normals[at : at + 1], at).maps.max()) for at in range(3))
    for name in ("000", "001", "002"):
        photo = Image.open(category("bottle") / "test" / "broken_large" / f"{name}.jpg").convert("RGB")
        pixels = np.array(photo.resize((500, 200)))
        mask = Image.open(category("bottle") / "ground_truth" / "broken_large" / f"{name}_mask.png").convert("L")
        truth = np.array(mask.resize((500, 200))) > 127
        own = from_square(detector.score(to_tensor(to_square(pixels, 256))[None]).maps[0].numpy(), 200, 500)
        strongest = regions(own, threshold)[0]
        x, y = strongest.peak_at
        assert truth[y, x] and own[y, x] == own.max() == strongest.peak
        assert 0.5 * truth.sum() < strongest.area < 2 * truth.sum()
