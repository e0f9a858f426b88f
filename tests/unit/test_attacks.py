"""Properties that every attack has, and FGSM against Foolbox."""

import numpy as np
import pytest

from mirage import gradients, networks
from mirage.attacks import fgsm, pgd
from mirage.evaluation import adversarial
from mirage.images import as_float
from mirage.measures import correct

ATTACKS = [
    ("fgsm", fgsm.attack, {"gradient": "cross_entropy_sum"}),
    ("fgsm", fgsm.attack, {"gradient": "exact_sign"}),
    ("fgsm", fgsm.attack, {"gradient": "cross_entropy_mean", "fill_zeros": True}),
    ("pgd", pgd.attack, {"gradient": "exact_sign", "steps": 5, "relative_step": 0.4}),
    ("pgd", pgd.attack, {"gradient": "cross_entropy_sum", "steps": 5, "random_start": False}),
]


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32"), labels


@pytest.mark.parametrize(("name", "attack", "parameters"), ATTACKS)
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_the_adversarial_image_lies_in_the_ball(
    overfitted, test_set, name, attack, parameters, epsilon, clip
):
    images, labels = test_set
    moved = attack(overfitted, images, labels, epsilon=epsilon, clip=clip, **parameters)
    assert moved.shape == images.shape
    assert moved.dtype == images.dtype
    assert np.abs(moved - images).max() <= epsilon + np.finfo(np.float32).eps
    if clip:
        assert moved.min() >= 0
        assert moved.max() <= 1
    if epsilon == 0:
        np.testing.assert_array_equal(moved, images)


@pytest.mark.parametrize(("name", "attack", "parameters"), ATTACKS)
def test_attacks_repeat_bit_for_bit(overfitted, test_set, name, attack, parameters):
    images, labels = test_set
    first, second = (
        adversarial(name, overfitted, images, labels, 0.1, parameters, seed=(1, 2))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gradient_type", networks.DTYPES)
def test_the_images_keep_their_type_whatever_the_gradient_s(
    overfitted, test_set, dtype, gradient_type
):
    images, labels = test_set
    attacker = networks.cast(overfitted, gradient_type)
    moved = fgsm.attack(attacker, images.astype(dtype), labels, epsilon=0.1)
    assert moved.dtype == dtype


def test_a_known_gradient_gives_the_same_step(overfitted, test_set):
    images, labels = test_set
    slope = gradients.input_gradient(overfitted, images, labels, "exact_sign")
    np.testing.assert_array_equal(
        fgsm.attack(overfitted, images, labels, epsilon=0.1, slope=slope),
        fgsm.attack(overfitted, images, labels, epsilon=0.1),
    )


def test_fgsm_moves_every_pixel_by_epsilon(overfitted, test_set):
    images, labels = test_set
    moved = fgsm.attack(overfitted, images, labels, epsilon=0.25)
    np.testing.assert_allclose(np.abs(moved - images), 0.25, rtol=1e-6)


def test_zeros_are_filled_at_random_and_nothing_else_changes(overfitted, test_set):
    images, labels = test_set
    slope = gradients.input_gradient(overfitted, images, labels, "cross_entropy_sum").copy()
    slope[:, ::2] = 0
    parameters = {"epsilon": 0.5, "slope": slope}
    plain = fgsm.attack(overfitted, images, labels, **parameters) - images
    filled = fgsm.attack(overfitted, images, labels, fill_zeros=True, **parameters) - images
    np.testing.assert_array_equal(filled[:, 1::2], plain[:, 1::2])
    assert np.abs(filled[:, ::2]).min() > 0.49
    assert np.abs((filled[:, ::2] > 0).mean() - 0.5) < 0.01


def test_pgd_is_at_least_as_strong_as_fgsm(overfitted, test_set):
    images, labels = test_set

    def attacked(attack, **parameters):
        moved = attack(overfitted, images, labels, epsilon=0.05, **parameters)
        return correct(gradients.logits(overfitted, moved), labels)

    assert attacked(pgd.attack, steps=20) <= attacked(fgsm.attack)


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_fgsm_accuracy_equals_foolbox(overfitted, test_set, epsilon, clip):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is in the dev requirements")
    import tensorflow as tf

    images, labels = test_set
    # Foolbox always clips to its bounds; far ones leave every pixel where the step puts it.
    peer = foolbox.TensorFlowModel(overfitted, bounds=clip or (-10.0, 10.0))
    _, theirs, _ = foolbox.attacks.LinfFastGradientAttack()(
        peer, tf.constant(images), tf.constant(labels.astype(np.int64)), epsilons=epsilon
    )
    ours = fgsm.attack(
        overfitted, images, labels, epsilon=epsilon, gradient="cross_entropy_sum", clip=clip
    )
    found, expected = (
        correct(gradients.logits(overfitted, moved), labels) for moved in (ours, theirs.numpy())
    )
    assert found / len(labels) == pytest.approx(expected / len(labels), abs=0.0005)
