"""The tool that tells whose patch decides: distances and shares worked out by hand."""

from types import SimpleNamespace

import pytest
import torch

from tools.research.measure_reach import decided

pytestmark = pytest.mark.quick


def test_the_share_counts_photos_whose_strangest_patch_is_nearest_to_a_joined_image():
    bank = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    places = torch.tensor([[0, 0, 0], [1, 0, 0]])  # image 0 is the photo, image 1 joined it
    detector = SimpleNamespace(model=SimpleNamespace(memory_bank=bank), places=places)
    grids = torch.tensor(
        [
            [[[1.0, 0.0], [0.0, 3.0]]],  # the strangest patch is 3 from the photo's
            [[[14.0, 0.0], [0.0, 3.0]]],  # 4 from the joined one's
        ]
    )
    largest, share = decided(detector, grids, 1)
    assert largest.tolist() == pytest.approx([3.0, 4.0]) and share == 0.5
