"""Gradients against finite differences, against formulas by hand, and between types."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import tensorflow as tf
from architectures import mlp
from scipy.special import logsumexp, softmax

from mirage.attacks import gradients
from mirage.models import networks
from mirage.models.cast import cast


def hand_loss(logits, labels, loss):
    """Per-image losses in NumPy and SciPy, in float64."""
    own = logits[np.arange(len(labels)), labels]
    if loss == "exact_sign":
        others = logits.copy()
        others[np.arange(len(labels)), labels] = -np.inf
        return logsumexp(others, axis=1) - own
    return logsumexp(logits, axis=1) - own


@pytest.fixture(scope="module")
def small():
    network = networks.build(mlp(20, 15), "float64", seed=5)
    random = np.random.default_rng(5)
    return network, random.uniform(size=(4, 784)), np.array([0, 3, 9, 3])


@pytest.mark.parametrize("loss", gradients.LOSSES)
def test_gradients_equal_finite_differences(small, loss):
    network, images, labels = small
    found = gradients.input_gradient(network, images, labels, loss)
    assert found.dtype == np.float64
    step = 1e-6
    scale = len(images) if loss == "cross_entropy_mean" else 1
    for pixel in range(0, 784, 97):
        shift = np.zeros(784)
        shift[pixel] = step
        up, down = (gradients.logits(network, images + s * shift) for s in (1, -1))
        slope = (hand_loss(up, labels, loss) - hand_loss(down, labels, loss)) / (2 * step)
        np.testing.assert_allclose(found[:, pixel], slope / scale, rtol=1e-4, atol=1e-9)


def test_cross_entropy_is_softplus_of_the_log_odds(small):
    network, images, labels = small
    logits = tf.constant(gradients.logits(network, images))
    u = gradients.log_odds(logits, tf.constant(labels))
    np.testing.assert_allclose(
        np.logaddexp(0, u), gradients.cross_entropy(logits, tf.constant(labels)), rtol=1e-12
    )
    own = softmax(logits, axis=1)[np.arange(4), labels]
    np.testing.assert_allclose(np.log((1 - own) / own), u, rtol=1e-12)


@pytest.mark.parametrize("loss", gradients.LOSSES)
def test_a_batch_in_parts_gives_the_gradient_of_the_whole(small, monkeypatch, loss):
    network, images, labels = small
    monkeypatch.setattr(gradients, "BATCH", 3)
    parts = [
        gradients.input_gradient(network, images[part], labels[part], loss, len(images))
        for part in gradients.batches(len(images))
    ]
    assert [len(part) for part in parts] == [3, 1]
    whole = gradients.input_gradient(network, images, labels, loss)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-9)


@pytest.fixture(scope="module")
def test_set(overfitted, digits):
    """Test images (n, 784) float32, labels, and the exact signs of the overfitted network."""
    _, (images, labels) = digits
    pixels = images.reshape(len(images), -1) / np.float32(255)
    wide = cast(overfitted, "float64")
    exact = gradients.sign(gradients.input_gradient(wide, pixels, labels, "exact_sign"))
    return pixels, labels, exact


def test_exact_signs_in_float32_are_those_of_float64(overfitted, test_set):
    pixels, labels, exact = test_set
    narrow = gradients.input_gradient(overfitted, pixels, labels, "exact_sign")
    assert narrow.dtype == np.float32
    found = gradients.masking(narrow, exact)
    # An entry that is a difference of nearly equal numbers may round to either side: none here.
    assert found["sign_disagreement"] == 0
    assert found["zero_share"] == 0


def by_hand_with_60_digits(network, image, label):
    """The gradient of the cross-entropy, (d,), of a network of ReLUs, by the chain rule.

    A float is a decimal number exactly; 60 digits leave the smallest probability many.
    """
    exact = np.vectorize(lambda value: Decimal(float(value)), otypes=[object])
    layers = [[exact(one) for one in layer.get_weights()] for layer in network.layers]
    values, active = exact(image), []
    for number, (weights, bias) in enumerate(layers):
        values = values @ weights + bias
        if number < len(layers) - 1:
            active.append(values > 0)
            values = values * active[-1]
    powers = np.array([(one - max(values)).exp() for one in values])
    # p_y - 1 is minus the sum of the others: no digit is lost.
    slope = powers.copy()
    slope[label] = -(sum(powers) - powers[label])
    slope = slope / sum(powers)
    for (weights, _), lit in zip(reversed(layers[1:]), reversed(active), strict=True):
        slope = (weights @ slope) * lit
    return layers[0][0] @ slope


def test_exact_signs_are_those_of_arithmetic_with_60_digits(overfitted, test_set):
    pixels, labels, exact = test_set
    margins = np.sort(overfitted(pixels).numpy(), axis=1)
    # The widest margin and the narrowest, and some between.
    order = np.argsort(margins[:, -1] - margins[:, -2])[[0, 100, 200, 300, 400, -1]]
    with localcontext() as context:
        context.prec = 60
        for index in order:
            slope = by_hand_with_60_digits(overfitted, pixels[index], int(labels[index]))
            signs = np.array([(one > 0) - (one < 0) for one in slope])
            np.testing.assert_array_equal(exact[index], signs)


def test_plain_float32_signs_are_wrong_before_they_are_zero(overfitted, test_set):
    pixels, labels, exact = test_set
    plain = gradients.input_gradient(overfitted, pixels, labels, "cross_entropy_sum")
    found = gradients.masking(plain, exact)
    assert found["sign_disagreement"] > 0.02
    assert found["zero_share"] < found["sign_disagreement"] / 10


def test_where_the_probability_rounds_to_one_the_true_class_drops_out():
    # Two classes would leave nothing; three leave a wrong direction: the mechanism in small.
    logits = tf.constant([[40.0, 1.0, 0.0]])
    labels = tf.constant([0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        plain = gradients.cross_entropy(logits, labels)
        exact = gradients.log_odds(logits, labels)
    slope = tape.gradient(plain, logits).numpy()[0]
    assert slope[0] == 0
    assert slope[1] > 0
    np.testing.assert_allclose(
        tape.gradient(exact, logits).numpy()[0], [-1, *softmax([1.0, 0.0])], rtol=1e-6
    )


def test_signs_and_masking_by_hand():
    gradient = np.array([[0.0, -2.0, np.nan], [0.0, 0.0, 0.0], [1e-30, 3.0, -0.0]], np.float32)
    assert gradients.sign(gradient).tolist() == [[0, -1, 0], [0, 0, 0], [1, 1, 0]]
    exact = np.array([[1, -1, 1], [1, 1, 1], [-1, 1, 1]], np.int8)
    found = gradients.masking(np.nan_to_num(gradient), exact)
    assert found["zero_share"] == pytest.approx(6 / 9)
    assert found["zero_image_share"] == pytest.approx(1 / 3)
    assert found["sign_disagreement"] == pytest.approx(7 / 9)
    assert found["mean_abs_gradient"] == pytest.approx(5 / 9)


def test_an_unknown_gradient_is_refused(small):
    with pytest.raises(ValueError, match=r"'hinge'.*exact_sign"):
        gradients.input_gradient(*small, "hinge")
