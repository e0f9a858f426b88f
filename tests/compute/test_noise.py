"""Gaussian noise, by itself and with the moments of FGSM's perturbation."""

import numpy as np
import pytest
from attacking import moved_by

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.models.measures import correct


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32"), labels


def test_noise_is_normal_with_the_deviation_asked_for(test_set):
    images, labels = test_set
    added = (moved_by("noise", None, images, labels, epsilon=0.2) - images).astype(np.float64) / 0.2
    count = np.sqrt(added.size)  # 352,800 entries
    assert abs(added.mean()) < 4 / count
    assert abs(added.std() - 1) < 4 / (np.sqrt(2) * count)
    for within, share in ((0.5, 0.382925), (1, 0.682689), (2, 0.954500)):
        assert abs((np.abs(added) < within).mean() - share) < 4 * 0.5 / count
    # Neither one pixel nor one image is like the next.
    assert abs((added[:, 1:] * added[:, :-1]).mean()) < 4 / count
    assert abs((added[1:] * added[:-1]).mean()) < 4 / count


def test_a_seed_gives_the_same_noise_at_every_size(test_set):
    images, labels = test_set
    zeros = np.zeros_like(images[:5])
    one, two, other = (
        moved_by("noise", None, zeros, labels[:5], epsilon=epsilon, seed=seed)
        for epsilon, seed in ((0.1, (1, 2)), (0.2, (1, 2)), (0.1, (1, 3)))
    )
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
    assert (one != other).all()


@pytest.mark.parametrize("gradient", ["exact_sign", "cross_entropy_sum"])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_matched_noise_has_the_moments_of_fgsm(overfitted, test_set, gradient, clip):
    images, labels = test_set
    parameters = {"epsilon": 0.25, "gradient": gradient}
    attacked = moved_by("fgsm", overfitted, images, labels, clip=clip, **parameters) - images
    # Unclipped noise shows its moments; those of clipped FGSM differ from those of the plain one.
    drawn = np.random.default_rng((0,)).standard_normal(images.shape)
    moved = moved_by("matched_noise", overfitted, images, labels, clip=clip, **parameters)
    expected = images + attacked.mean(dtype=float) + attacked.std(dtype=float) * drawn
    np.testing.assert_allclose(moved, np.clip(expected, *clip) if clip else expected, atol=1e-5)
    if clip is None:
        added = (moved - images).astype(np.float64)
        assert abs(added.mean() - attacked.mean()) < 0.25 * 4 / np.sqrt(added.size)
        assert added.std() == pytest.approx(attacked.std(), rel=0.01)


def test_blind_noise_harms_less_than_the_attack(overfitted, test_set):
    images, labels = test_set
    parameters = {"epsilon": 0.1, "gradient": "exact_sign"}
    attacked, noisy, clean = (
        correct(gradients.logits(overfitted, moved), labels)
        for moved in (
            moved_by("fgsm", overfitted, images, labels, **parameters),
            moved_by("matched_noise", overfitted, images, labels, **parameters),
            images,
        )
    )
    assert attacked < noisy - 50
    assert noisy > 0.9 * clean
