"""DeepFool against closed forms, against Foolbox, and what holds of every perturbation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from attacking import attack, moved_by

from mirage.attacks import deepfool, gradients
from mirage.data.images import as_float
from mirage.models import networks
from mirage.models.cast import cast

ORDER = {"l2": 2, "linf": np.inf}
DUAL = {"l2": 2, "linf": 1}


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32")[:300], labels[:300]


def affine(classes, dtype="float64", seed=1):
    """A network without hidden layers, its weights W (784, classes) and biases b (classes,)."""
    generator = np.random.default_rng(seed)
    # Of different lengths, so that the runner-up is not always the nearest class.
    weights = generator.normal(size=(784, classes)) * generator.uniform(0.2, 2, size=classes)
    biases = generator.normal(size=classes)
    network = keras.Sequential(
        [keras.Input((784,), dtype=dtype), keras.layers.Dense(classes, dtype=dtype)]
    )
    network.set_weights([weights, biases])
    return network, weights, biases


def noise(count, dtype="float64"):
    return np.random.default_rng(2).uniform(size=(count, 784)).astype(dtype)


def answers(network, images):
    return gradients.logits(network, images).argmax(axis=1)


def lengths(moved, images, norm):
    return np.linalg.norm(moved.astype("float64") - images, axis=1, ord=ORDER[norm])


def distances(images, weights, biases, norm):
    """Distance to the boundary with each other class; infinite for the class itself."""
    logits = images @ weights + biases
    rows, own = np.arange(len(images)), logits.argmax(axis=1)
    sizes = np.linalg.norm(weights.T - weights.T[own][:, np.newaxis], axis=2, ord=DUAL[norm])
    gaps = logits[rows, own][:, np.newaxis] - logits
    return np.divide(gaps, sizes, where=sizes > 0, out=np.full_like(gaps, np.inf))


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("overshoot", [0.02, 0.5])
def test_an_affine_network_is_left_by_the_shortest_way(norm, overshoot):
    network, weights, biases = affine(10)
    images = noise(50)
    result = attack("deepfool", network, images, np.zeros(50, int), norm=norm, overshoot=overshoot)
    moved = result.images
    away = distances(images, weights, biases, norm)
    np.testing.assert_array_equal(answers(network, moved), away.argmin(axis=1))
    np.testing.assert_allclose(
        lengths(moved, images, norm), (1 + overshoot) * (away.min(axis=1) + deepfool.BEYOND)
    )
    np.testing.assert_array_equal(result.iterations, 1)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_binary_form_goes_to_the_runner_up_whichever_is_nearer(norm):
    network, weights, biases = affine(10)
    images = noise(50)
    logits = images @ weights + biases
    runner_up = logits.argsort(axis=1)[:, -2]
    away = distances(images, weights, biases, norm)
    assert (away.argmin(axis=1) != runner_up).any()
    moved = moved_by("deepfool", network, images, np.zeros(50, int), norm=norm, binary=True)
    np.testing.assert_allclose(
        lengths(moved, images, norm),
        1.02 * (away[np.arange(50), runner_up] + deepfool.BEYOND),
    )


def test_the_binary_form_ends_only_when_the_sign_of_f_changes():
    # Along the first pixel t: z0 = 1, z1 = 2 t that slows down to t / 2 at t = 0.3, and
    # z2 = 4 t - 0.5, which overtakes both before z1 reaches z0 at t = 1.1.
    network = keras.Sequential(
        [
            keras.Input((784,), dtype="float64"),
            keras.layers.Dense(2, activation="relu", dtype="float64"),
            keras.layers.Dense(3, dtype="float64"),
        ]
    )
    first = np.zeros((784, 2))
    first[0] = 1
    last = np.array([[0, 2, 4], [0, -1.5, 0]])
    network.set_weights([first, np.array([0, -0.3]), last, np.array([1, 0, -0.5])])
    images = np.full((1, 784), 0.1)

    def reached(**parameters):
        found = attack("deepfool", network, images, np.zeros(1, int), overshoot=0, **parameters)
        return found.images[0, 0], found.iterations

    beyond = deepfool.BEYOND
    assert reached() == (pytest.approx(1.5 / 4 + beyond), [1])
    # To t = 0.5 on the slope of 2, from there on that of 1/2.
    assert reached(binary=True, iterations=1) == (pytest.approx(0.5 + beyond), [1])
    assert reached(binary=True) == (pytest.approx(1.1 + beyond), [2])


def test_two_classes_make_both_forms_one():
    network, _, _ = affine(2)
    hidden = keras.Sequential(
        [
            keras.Input((784,), dtype="float64"),
            keras.layers.Dense(20, activation="tanh", dtype="float64"),
            keras.layers.Dense(2, dtype="float64"),
        ]
    )
    hidden.set_weights(
        [
            network.get_weights()[0].repeat(10, axis=1) / 9,
            np.zeros(20),
            np.random.default_rng(3).normal(size=(20, 2)),
            np.zeros(2),
        ]
    )
    images, labels = noise(40), np.zeros(40, int)
    both = [moved_by("deepfool", hidden, images, labels, binary=binary) for binary in (False, True)]
    np.testing.assert_allclose(*both, rtol=1e-9)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_every_answer_changes_and_pixels_keep_to_the_range(overfitted, test_set, norm, clip):
    images, labels = test_set
    result = attack("deepfool", overfitted, images, labels, norm=norm, clip=clip)
    moved = result.images
    found = answers(overfitted, moved) != answers(overfitted, images)
    np.testing.assert_array_equal(found[result.iterations < 50], True)
    assert found.mean() > 0.99
    if clip:
        assert moved.min() >= 0
        assert moved.max() <= 1
    else:
        assert moved.min() < 0


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_perturbations_are_smaller_than_those_of_fgsm(overfitted, test_set, norm):
    images, labels = test_set
    own = answers(overfitted, images)
    moved = moved_by("deepfool", overfitted, images, labels, norm=norm)
    # For each image the smallest epsilon of a fine grid at which FGSM changes the answer.
    signs = gradients.sign(gradients.input_gradient(overfitted, images, own, "exact_sign"))
    smallest = np.full(len(images), np.inf)
    for epsilon in np.arange(0.005, 0.4, 0.005):
        stepped = moved_by(
            "fgsm", overfitted, images, own, epsilon=epsilon, gradient="exact_sign", signs=signs
        )
        misled = answers(overfitted, stepped) != own
        smallest[misled] = np.minimum(smallest[misled], lengths(stepped, images, norm)[misled])
    found = lengths(moved, images, norm)
    assert found.mean() < smallest.mean()
    assert np.median(found / smallest) < {"l2": 0.8, "linf": 1.0}[norm]


def test_an_image_whose_answer_changed_is_not_touched_again(overfitted, test_set):
    images, labels = test_set
    first, last = {}, {}
    first = attack("deepfool", overfitted, images, labels, iterations=1)
    early = first.images
    last = attack("deepfool", overfitted, images, labels)
    late = last.images
    done = last.iterations == 1
    assert 0 < done.sum() < len(images)
    np.testing.assert_array_equal(early[done], late[done])
    assert (early[~done] != late[~done]).any(axis=1).all()
    np.testing.assert_array_equal(first.iterations, 1)
    np.testing.assert_array_equal(answers(overfitted, early) != answers(overfitted, images), done)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_scale_multiplies_the_perturbation(overfitted, test_set, norm):
    images, labels = test_set
    plain, doubled = (
        moved_by("deepfool", overfitted, images, labels, norm=norm, scale=scale) for scale in (1, 2)
    )
    np.testing.assert_allclose(doubled - images, 2 * (plain - images), atol=1e-6)
    inside = {"norm": norm, "clip": (0.0, 1.0)}
    plain, doubled = (
        moved_by("deepfool", overfitted, images, labels, scale=scale, **inside) for scale in (1, 2)
    )
    expected = np.clip(images + 2 * (plain - images), 0, 1)
    np.testing.assert_allclose(doubled, expected, atol=1e-6)


def test_fewer_candidates_never_shorten_the_first_step(overfitted, test_set):
    images, labels = test_set
    sizes = [
        lengths(
            moved_by("deepfool", overfitted, images, labels, iterations=1, candidates=candidates),
            images,
            "l2",
        )
        for candidates in (10, 4, 2)
    ]
    assert (sizes[0] <= sizes[1] * (1 + 1e-5)).all()
    assert (sizes[1] <= sizes[2] * (1 + 1e-5)).all()
    assert (sizes[0] < sizes[2] * 0.99).any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_gradient_of_zero_gives_no_step(norm):
    network, weights, biases = affine(10)
    network.set_weights([np.zeros_like(weights), biases])
    images = noise(5)
    result = attack("deepfool", network, images, np.zeros(5, int), norm=norm, iterations=3)
    moved = result.images
    np.testing.assert_array_equal(moved, images)
    np.testing.assert_array_equal(result.iterations, 3)


def test_a_class_that_no_gradient_reaches_is_passed_over():
    # Class 1 differs from class 0 by its bias alone: no step leads to it, though it is closest.
    network, weights, _ = affine(3)
    weights[:, 1] = weights[:, 0]
    network.set_weights([weights, np.array([0.1, 0, 0])])
    images = noise(20)
    images = images[answers(network, images) == 0]
    assert len(images) > 0
    moved = moved_by("deepfool", network, images, np.zeros(len(images), int))
    np.testing.assert_array_equal(answers(network, moved), 2)


@pytest.mark.parametrize(
    "images_type", ["float32", pytest.param("float64", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("network_type", networks.DTYPES)
def test_any_type_of_network_will_do(overfitted, test_set, images_type, network_type):
    images, labels = (part[:64] for part in test_set)
    reference = moved_by("deepfool", overfitted, images, labels)
    network = cast(overfitted, network_type)
    moved = moved_by("deepfool", network, images.astype(images_type), labels)
    assert moved.dtype == images_type
    changed = answers(network, moved) != answers(network, images)
    assert changed.mean() > (0.85 if network_type == "bfloat16" else 0.95)
    np.testing.assert_allclose(
        np.median(lengths(moved, images, "l2")),
        np.median(lengths(reference, images, "l2")),
        rtol=0.05,
    )


def test_images_in_half_precision_are_tested_as_they_are_returned(overfitted, test_set):
    images, labels = (part[:64] for part in test_set)
    network, half = cast(overfitted, "float16"), images.astype("float16")
    result = attack("deepfool", network, half, labels)
    moved = result.images
    assert moved.dtype == np.float16
    changed = answers(network, moved) != answers(network, half)
    np.testing.assert_array_equal(changed[result.iterations < 50], True)
    assert changed.mean() > 0.95


@pytest.mark.parametrize(
    ("norm", "peer_name"), [("l2", "L2DeepFoolAttack"), ("linf", "LinfDeepFoolAttack")]
)
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
@pytest.mark.parametrize("candidates", [10, 3])
def test_perturbations_equal_foolbox(overfitted, test_set, norm, peer_name, clip, candidates):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is in the dev requirements")
    images, labels = test_set
    own = answers(overfitted, images)
    # Foolbox always clips to its bounds; far ones leave every pixel where the step puts it.
    peer = foolbox.TensorFlowModel(overfitted, bounds=clip or (-10.0, 10.0))
    theirs, _, _ = getattr(foolbox.attacks, peer_name)(overshoot=0.02, candidates=candidates)(
        peer, tf.constant(images), tf.constant(own), epsilons=None
    )
    ours = moved_by(
        "deepfool", overfitted, images, labels, norm=norm, clip=clip, candidates=candidates
    )
    found, expected = (lengths(moved, images, norm) for moved in (ours, theirs.numpy()))
    assert np.median(found) == pytest.approx(np.median(expected), rel=1e-3)
    assert found.mean() == pytest.approx(expected.mean(), rel=0.01)
    # Image by image, but for the few whose last step floating point decides.
    assert np.isclose(found, expected, rtol=1e-3).mean() > 0.97
