"""L-BFGS against closed forms, against SciPy, and what holds of every perturbation."""

import keras
import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf
from attacking import attack, moved_by

from mirage.attacks import gradients, lbfgs
from mirage.data.images import as_float
from mirage.models import networks
from mirage.models.cast import cast


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32")[:150], labels[:150]


@pytest.fixture(scope="module")
def attacked(overfitted, test_set):
    """What the attack with default parameters gives."""
    return attack("lbfgs", overfitted, *test_set)


def affine(weights, biases):
    network = keras.Sequential(
        [
            keras.Input((784,), dtype="float64"),
            keras.layers.Dense(len(biases), dtype="float64"),
        ]
    )
    network.set_weights([weights, biases])
    return network


def answers(network, images):
    return gradients.logits(network, images).argmax(axis=1)


def lengths(moved, images):
    return np.linalg.norm(moved.astype("float64") - images, axis=1)


def ranked(network, images):
    return np.argsort(-gradients.logits(network, images), axis=1, kind="stable")


def test_the_runner_up_is_reached_within_the_box(overfitted, test_set, attacked):
    images, _ = test_set
    assert attacked.success.mean() > 0.99
    assert (attacked.iterations > 0).all()
    order = ranked(overfitted, images)
    expected = np.where(attacked.success, order[:, 1], order[:, 0])
    np.testing.assert_array_equal(answers(overfitted, attacked.images), expected)


def test_perturbations_are_those_of_deepfool_or_shorter(overfitted, test_set, attacked):
    images, labels = test_set
    peer = moved_by("deepfool", overfitted, images, labels, clip=(0.0, 1.0))
    ratio = lengths(attacked.images, images) / lengths(peer, images)
    assert 0.7 < np.median(ratio) < 1.05


def test_perturbations_are_smaller_than_those_of_fgsm(overfitted, test_set, attacked):
    images, _ = test_set
    own = ranked(overfitted, images)[:, 0]
    signs = gradients.sign(gradients.input_gradient(overfitted, images, own, "exact_sign"))
    smallest = np.full(len(images), np.inf)
    for epsilon in np.arange(0.005, 0.5, 0.005):
        stepped = moved_by(
            "fgsm",
            overfitted,
            images,
            own,
            epsilon=epsilon,
            gradient="exact_sign",
            signs=signs,
            clip=(0.0, 1.0),
        )
        misled = answers(overfitted, stepped) != own
        smallest[misled] = np.minimum(smallest[misled], lengths(stepped, images)[misled])
    assert (lengths(attacked.images, images) < smallest).mean() > 0.95


def test_two_classes_without_bounds_are_left_by_the_shortest_way():
    generator = np.random.default_rng(1)
    weights, biases = generator.normal(size=(784, 2)), generator.normal(size=2)
    network, images = affine(weights, biases), generator.uniform(size=(30, 784))
    result = attack("lbfgs", network, images, np.zeros(30, int), clip=None, search_steps=25)
    moved = result.images
    way = weights[:, 1] - weights[:, 0]
    distance = np.abs(images @ way + biases[1] - biases[0]) / np.linalg.norm(way)
    found = lengths(moved, images)
    assert result.success.all()
    assert (found >= distance * (1 - 1e-9)).all()
    np.testing.assert_allclose(found, distance, rtol=0.01, atol=1e-3)


def test_two_classes_within_bounds_are_left_by_the_shortest_way():
    # f falls by way^T r; within the box the nearest point with f <= 0 is x clipped along -t * way.
    generator = np.random.default_rng(4)
    weights = generator.normal(size=(784, 2)) * 0.3
    network = affine(weights, np.zeros(2))
    images = generator.choice([0, 0.02, 0.98, 1], size=(30, 784))
    moved, own = moved_by("lbfgs", network, images, None, search_steps=20), answers(network, images)
    ways = (weights[:, 1] - weights[:, 0]) * np.where(own == 0, 1, -1)[:, np.newaxis]

    def clipped(step):
        return np.clip(images + step[:, np.newaxis] * ways, 0, 1)

    below, above = np.zeros(30), np.full(30, 100.0)
    for _ in range(60):
        middle = (below + above) / 2
        crossed = (clipped(middle) * ways).sum(axis=1) > 0
        below, above = np.where(crossed, below, middle), np.where(crossed, middle, above)
    shortest = lengths(clipped(above), images)
    found = lengths(moved, images)
    assert (found >= shortest * (1 - 1e-6)).all()
    np.testing.assert_allclose(found, shortest, rtol=0.01, atol=1e-3)
    # The bounds do count: without them the way is shorter.
    assert np.median(lengths(moved_by("lbfgs", network, images, None, clip=None), images)) < 0.9 * (
        np.median(shortest)
    )


@pytest.mark.thorough
def test_the_minimum_at_a_weight_is_that_of_scipy(monkeypatch):
    # Of an affine network the objective is strictly convex: there is one minimum.
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-12)
    generator = np.random.default_rng(5)
    network = affine(generator.normal(size=(784, 10)), generator.normal(size=10))
    images = generator.uniform(size=(8, 784)).round(1)
    goal = ranked(network, images)[:, -1].astype(np.int32)
    weight = np.geomspace(0.1, 10, len(images))
    points, _ = lbfgs._minimise(network, 300, 0.0, 1.0)(images, images, weight, goal)

    def objective(point, row):
        logits = gradients.logits(network, point[np.newaxis])[0]
        slope = gradients.input_gradient(
            network, point[np.newaxis], goal[[row]], "cross_entropy_sum"
        )[0]
        way = point - images[row]
        loss = np.logaddexp.reduce(logits) - logits[goal[row]]
        return weight[row] * way @ way + loss, 2 * weight[row] * way + slope

    for row, point in enumerate(points.numpy()):
        best = scipy.optimize.minimize(
            objective,
            images[row],
            (row,),
            "L-BFGS-B",
            jac=True,
            bounds=scipy.optimize.Bounds(0, 1),
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
        )
        assert objective(point, row)[0] == pytest.approx(best.fun, rel=1e-6)
        np.testing.assert_allclose(point, best.x, atol=1e-3)
    assert (points.numpy() == 0).any()
    assert (points.numpy() == 1).any()


def test_more_search_steps_never_lengthen_the_perturbation(overfitted, test_set):
    images, labels = (part[:50] for part in test_set)
    sizes = []
    for steps in (3, 6, 12):
        result = attack("lbfgs", overfitted, images, labels, search_steps=steps)
        moved = result.images
        sizes.append(np.where(result.success, lengths(moved, images), np.inf))
    assert (sizes[1] <= sizes[0]).all()
    assert (sizes[2] <= sizes[1]).all()
    assert np.median(sizes[2]) < np.median(sizes[0])


@pytest.mark.parametrize("initial_weight", [1e-3, 1e3])
def test_the_search_finds_its_weight_from_either_side(
    overfitted, test_set, attacked, initial_weight
):
    images, labels = (part[:50] for part in test_set)
    moved = moved_by(
        "lbfgs", overfitted, images, labels, initial_weight=initial_weight, search_steps=14
    )
    assert np.median(lengths(moved, images)) == pytest.approx(
        np.median(lengths(attacked.images[:50], images)), rel=0.03
    )


def test_what_is_not_found_stays_as_it_was(overfitted, test_set):
    images, labels = (part[:50] for part in test_set)
    result = attack("lbfgs", overfitted, images, labels, initial_weight=1e6, search_steps=1)
    moved = result.images
    assert not result.success.any()
    np.testing.assert_array_equal(moved, images)


def test_the_shortest_of_the_points_found_is_kept(monkeypatch):
    # A minimum found need not be the lowest, so that a larger weight may end farther away.
    weights = np.zeros((784, 2))
    weights[0, 1] = 1
    network, images = affine(weights, np.array([0.5, 0])), np.zeros((1, 784))
    ends = iter([0.9, 0.3, 0.6, 0.7, 0.1])

    def minimise(clean, reached, weight, goal):
        moved = np.zeros_like(clean)
        moved[:, 0] = next(ends)
        return tf.constant(moved), tf.ones_like(goal)

    monkeypatch.setattr(lbfgs, "_minimise", lambda *_: minimise)
    moved = moved_by("lbfgs", network, images, np.zeros(1, int), search_steps=5)
    assert moved[0, 0] == 0.6


def test_the_least_likely_class_is_farther(overfitted, test_set, attacked):
    images, labels = (part[:50] for part in test_set)
    result = attack("lbfgs", overfitted, images, labels, target="least_likely")
    moved = result.images
    assert result.success.mean() > 0.9
    reached = answers(overfitted, moved) == ranked(overfitted, images)[:, -1]
    np.testing.assert_array_equal(reached, result.success)
    nearer = lengths(attacked.images[:50], images)
    assert (lengths(moved, images) > nearer)[result.success].mean() > 0.95


@pytest.mark.parametrize(
    "images_type", ["float32", pytest.param("float64", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("network_type", networks.DTYPES)
def test_any_type_of_network_will_do(overfitted, test_set, attacked, images_type, network_type):
    images, labels = (part[:50] for part in test_set)
    network = cast(overfitted, network_type)
    result = attack("lbfgs", network, images.astype(images_type), labels)
    moved = result.images
    assert moved.dtype == images_type
    assert result.success.mean() > 0.95
    reached = answers(network, moved) == ranked(network, images)[:, 1]
    np.testing.assert_array_equal(reached[result.success], True)
    assert np.median(lengths(moved, images)) == pytest.approx(
        np.median(lengths(attacked.images[:50], images)), rel=0.05
    )
