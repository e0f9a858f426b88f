"""Auto-PGD: its steps against Algorithm 1 written out, its losses, and what it gains on PGD."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from attacking import moved_by

from mirage.attacks import apgd, apgd_dlr, gradients
from mirage.attacks.parameters import parameters_of
from mirage.data.images import as_float
from mirage.models import networks
from mirage.models.cast import cast
from mirage.models.measures import correct
from mirage.models.networks import NetworkError


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32"), labels


@pytest.fixture(scope="module")
def wide(overfitted):
    return cast(overfitted, "float64")


def test_checkpoints_are_those_of_the_paper():
    """Section 3: p_1 = 0.22, then 0.03 less each time, and never less than 0.06 further on."""
    assert apgd.checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert apgd.checkpoints(10) == [3, 5, 6, 7, 8, 9, 10, 10]
    assert apgd.checkpoints(1) == [1] * 8


def written_out(judge, image, label, epsilon, marks, *, steps, rho, norm, clip):
    """Algorithm 1 for one image: all of its points, and its steps."""

    def nearest(point):
        if norm == "linf":
            point = np.maximum(np.minimum(point, image + epsilon), image - epsilon)
        elif (length := math.dist(point, image)) > epsilon:
            point = image + (point - image) * epsilon / length
        return np.clip(point, *clip)

    def value(point):
        _, losses, slopes = judge(point[np.newaxis], np.array([label]))
        slope = slopes[0].numpy()
        return losses[0], np.sign(slope) if norm == "linf" else slope / np.linalg.norm(slope)

    x = before = image
    points, losses, sizes, rose = [x], [value(x)[0]], [2 * epsilon], []
    reached = losses[0]
    for k in range(1, steps + 1):
        z = nearest(x + sizes[-1] * value(x)[1])
        if k > 1:
            z = nearest(x + 0.75 * (z - x) + 0.25 * (x - before))
        before, x = x, z
        points.append(x)
        losses.append(value(x)[0])
        rose.append(losses[-1] > reached)
        size, reached = sizes[-1], losses[-1]
        if k in marks:
            last = max((mark for mark in marks if mark < k), default=0)
            first = sum(rose[last:k]) < rho * (k - last)
            kept_size = sizes[max(last - 1, 0)] == sizes[k - 1]
            if first or (kept_size and max(losses[: last + 1]) == max(losses)):
                size, reached = size / 2, max(losses)
                x = points[int(np.argmax(losses))]
        sizes.append(size)
    return np.array(points), np.array(losses), sizes


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", [gradients.log_odds, apgd_dlr.dlr])
def test_every_step_is_that_of_algorithm_1(wide, test_set, norm, loss):
    images, labels = test_set[0][:6].astype(np.float64), test_set[1][:6]
    epsilon = {"linf": 0.04, "l2": 0.6}[norm]
    given = {"norm": norm, "iterations": 40, "random_start": False}
    parameters = parameters_of("apgd_dlr")(**given)
    judge = apgd.judging(wide, loss)
    found = list(apgd.climb(judge, images, images, labels, parameters, epsilon=epsilon))
    points, losses = (np.array([one[part] for one in found]) for part in (0, 2))
    marks, halvings = apgd.checkpoints(40), []
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        options = {"steps": 40, "rho": 0.75, "norm": norm, "clip": (0.0, 1.0)}
        expected, values, sizes = written_out(judge, image, label, epsilon, marks, **options)
        np.testing.assert_allclose(points[:, row], expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(losses[:, row], values, rtol=1e-9, atol=1e-9)
        halvings.append(round(math.log2(sizes[0] / sizes[-1])))
    # Whether images differ in this depends on the network, and with it on the processor.
    assert max(halvings) > 1


def test_the_loss_is_equation_6():
    logits = np.random.default_rng(0).normal(scale=30, size=(50, 10))
    labels = np.random.default_rng(1).integers(0, 10, 50)
    expected = []
    for z, label in zip(logits, labels, strict=True):
        largest = sorted(z, reverse=True)
        others = [value for number, value in enumerate(z) if number != label]
        expected.append(-(z[label] - max(others)) / (largest[0] - largest[2]))
    found = apgd_dlr.dlr(tf.constant(logits), tf.constant(labels)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # No factor of the logits changes it.
    scaled = apgd_dlr.dlr(tf.constant(1000 * logits), tf.constant(labels)).numpy()
    np.testing.assert_allclose(scaled, expected, rtol=1e-12)


def test_its_gradient_is_that_of_finite_differences(wide, test_set):
    images, labels = test_set[0][:3].astype(np.float64), test_set[1][:3]
    judge = apgd.judging(wide, apgd_dlr.dlr)
    _, _, slope = judge(images, labels)
    assert np.abs(slope).max(axis=1).min() > 0.01
    for pixel in range(100, 784, 57):
        change = np.zeros(784)
        change[pixel] = 1e-6
        above, below = (judge(images + sign * change, labels)[1] for sign in (1, -1))
        np.testing.assert_allclose(slope[:, pixel], (above - below) / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", networks.DTYPES)
def test_equal_logits_give_no_nan(dtype):
    logits = tf.Variable(tf.cast([[5, 5, 5, 1], [1, 5, 5, 5]], dtype))
    with tf.GradientTape() as tape:
        losses = apgd_dlr.dlr(logits, tf.constant([0, 0]))
    assert losses.numpy().tolist() == [0, 4]
    assert tape.gradient(losses, logits).numpy()[:, 0].tolist() == [-1, -1]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_ratio_needs_three_classes(classes):
    network = keras.Sequential([keras.Input((16,)), keras.layers.Dense(classes)])
    given = network, np.full((2, 16), 0.5, np.float32), np.array([0, 1])
    if classes == 3:
        assert np.isfinite(moved_by("apgd_dlr", *given, epsilon=0.1)).all()
        return
    with pytest.raises(NetworkError, match=r"2 classes\. .* at least 3, .* take apgd"):
        moved_by("apgd_dlr", *given, epsilon=0.1)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.03), ("l2", 0.4)])
def test_it_climbs_higher_than_pgd_in_as_many_steps(overfitted, test_set, norm, epsilon):
    """No theorem, but so here: a fixed step of a tenth of the ball never settles on its top."""
    images, labels = test_set
    common = {"epsilon": epsilon, "gradient": "exact_sign", "norm": norm, "clip": (0.0, 1.0)}
    found = []
    for method, steps in (("pgd", {"steps": 20}), ("apgd", {"iterations": 20})):
        moved = moved_by(method, overfitted, images, labels, **common, **steps)
        logits = gradients.logits(overfitted, moved)
        odds = gradients.log_odds(tf.constant(logits), tf.constant(labels, tf.int32))
        found.append((correct(logits, labels), odds.numpy().mean()))
    (right, loss), (right_of_apgd, loss_of_apgd) = found
    # Of the images at a boundary the rounding of another processor decides.
    assert 0 < right_of_apgd <= right + 1 < len(labels)
    assert loss_of_apgd > loss


@pytest.mark.parametrize(
    ("method", "given"), [("apgd", {"gradient": "cross_entropy_sum"}), ("apgd_dlr", {})]
)
def test_no_image_that_is_misled_is_given_up(overfitted, test_set, method, given):
    """Neither the image itself nor, with restarts, a point of an earlier climb."""
    images, labels = test_set
    misled = gradients.logits(overfitted, images).argmax(axis=1) != labels
    for restarts in (1, 2, 3):
        size = {"epsilon": 0.03, "iterations": 4, "restarts": restarts}
        moved = moved_by(method, overfitted, images, labels, **size, **given)
        now = gradients.logits(overfitted, moved).argmax(axis=1) != labels
        assert (now | ~misled).all()
        assert now.sum() > misled.sum() or restarts > 1
        misled = now
