"""What the detector learns from: the photos, plain views, a generated set without what was thrown out."""

import pytest
import torch

from tgvig_core.fitting import pools, training_sets
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.utils.errors import TgvigError

NORMALS = torch.stack([torch.full((3, 8, 8), value) for value in (-0.5, 0.5)])
SET = torch.stack([torch.full((3, 8, 8), value) for value in (0.1, 0.2, 0.3, 0.4, 0.6)])


def test_real_is_the_photos_alone():
    pool = pools.real(NORMALS)
    assert torch.equal(pool.images, NORMALS) and pool.groups == (0, 1)


def test_augment_draws_from_the_photos_in_turn_and_by_seed():
    policy = ViewPolicy(light=0.0)
    pool = pools.augment(NORMALS, 3, policy, seed=4)
    assert pool.groups == (0, 1, 0, 1, 0)
    # a plain grey photo stays what it is however it is turned or shifted
    torch.testing.assert_close(pool.images, NORMALS[[0, 1, 0, 1, 0]])
    lit = [pools.augment(NORMALS, 3, ViewPolicy(), seed).images for seed in (4, 4, 5)]
    assert torch.equal(lit[0], lit[1]) and not torch.equal(lit[0], lit[2])


def test_tgvig_leaves_out_what_was_thrown_out_and_keeps_each_images_source():
    pool = pools.tgvig(NORMALS, SET, left_out=(1, 2))
    assert pool.groups == (0, 1, 0, 1, 0)  # set images 0, 3 and 4 come from normals 0, 1 and 0
    assert torch.equal(pool.images, torch.cat([NORMALS, SET[[0, 3, 4]]]))


@pytest.mark.parametrize(("left_out", "words"), [((0, 1, 2, 3, 4), "at least one"), ((5,), "no image 6")])
def test_a_set_that_cannot_be_used_is_refused(left_out, words):
    with pytest.raises(TgvigError, match=words):
        pools.tgvig(NORMALS, SET, left_out)


def test_mirrored_and_turned_copies_are_for_parts_that_may_appear_so():
    assert training_sets.allowed(ViewPolicy()) == ("real", "augment", "augment:photometric", "augment:shifts")
    assert training_sets.allowed(ViewPolicy(flips=True, turns=True))[4:] == ("augment:flips", "augment:turns")
    with pytest.raises(TgvigError, match="augment:shifts"):
        training_sets.narrowed(ViewPolicy(), "augment:flips")


def test_a_narrow_arm_takes_one_difference_of_the_policy():
    policy = ViewPolicy(3.0, 0.02, 0.2, flips=True)
    assert training_sets.narrowed(policy, "augment") == policy
    assert training_sets.narrowed(policy, "augment:photometric") == ViewPolicy(0, 0, 0.2)
    assert training_sets.narrowed(policy, "augment:shifts") == ViewPolicy(3.0, 0.02, 0)
    assert training_sets.narrowed(policy, "augment:flips") == ViewPolicy(0, 0, 0, flips=True)
    still = pools.augment(NORMALS, 4, training_sets.narrowed(policy, "augment:flips"), seed=0).images
    torch.testing.assert_close(still, NORMALS.repeat(3, 1, 1, 1))  # a plain grey photo mirrored is itself


def test_an_arm_may_name_a_set_and_how_many_of_its_images():
    assert training_sets.set_of("tgvig:3") == (3, None) and training_sets.set_of("tgvig:3:10") == (3, 10)
    assert training_sets.named("tgvig:3:10") == "the photos and generated set 3, its first 10 images"
    for strange in ("tgvig", "tgvig:0", "tgvig:a", "oracle", "tgvig:1:2:3"):
        with pytest.raises(TgvigError, match="no pool"):
            training_sets.set_of(strange)
