"""JSMA: the saliency map against a search of all pairs, and the rules of the algorithm."""

import itertools

import keras
import numpy as np
import pytest
from attacking import attack, moved_by
from hypothesis import given
from hypothesis import strategies as st

from mirage.attacks import gradients, jsma
from mirage.data.images import as_float
from mirage.models import networks
from mirage.models.cast import cast


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images[:60], "float32"), labels[:60].astype(int)


def answers(network, images):
    return gradients.logits(network, images).argmax(axis=1)


def linear(weights, dtype="float32"):
    """A network whose logits are images @ weights."""
    network = keras.Sequential(
        [
            keras.Input((len(weights),), dtype=dtype),
            keras.layers.Dense(weights.shape[1], use_bias=False, dtype=dtype),
        ]
    )
    network.layers[-1].set_weights([weights])
    return network


def best_of_all_pairs(alpha, beta, free):
    """Papernot's Algorithm 2, word by word, for one image."""
    found, largest = None, 0
    for p, q in itertools.combinations(np.flatnonzero(free), 2):
        a, b = alpha[p] + alpha[q], beta[p] + beta[q]
        if a > 0 and b < 0 and -a * b > largest:
            found, largest = {p, q}, -a * b
    return found, largest


@given(
    seed=st.integers(0, 2**32 - 1),
    pixels=st.integers(2, 25),
    slant=st.floats(-1, 1),
    level=st.floats(-3, 3),
)
def test_the_saliency_map_is_that_of_a_search_of_all_pairs(seed, pixels, slant, level):
    generator = np.random.default_rng(seed)
    alpha = generator.normal(size=(20, pixels))
    # From rising together to falling together, and from all pairs being good to none.
    beta = slant * alpha + np.sqrt(1 - slant**2) * generator.normal(size=(20, pixels)) + level
    free = generator.random((20, pixels)) < 0.8
    chosen, found = jsma.most_salient_pair(alpha, beta, free)
    for row in range(20):
        expected, _ = best_of_all_pairs(alpha[row], beta[row], free[row])
        assert found[row] == (expected is not None)
        assert not found[row] or set(chosen[row]) == expected


def test_equal_derivatives_hide_no_pair():
    # Coarse values: many pixels are alike, and which of equal pairs is taken does not matter.
    alpha, beta = np.random.default_rng(0).integers(-2, 3, size=(2, 200, 12)).astype(float)
    free = np.ones_like(alpha, bool)
    free[:, ::5] = False
    chosen, found = jsma.most_salient_pair(alpha, beta, free)
    for row, (p, q) in enumerate(chosen):
        _, largest = best_of_all_pairs(alpha[row], beta[row], free[row])
        assert found[row] == (largest > 0)
        if found[row]:
            assert p != q
            assert free[row, [p, q]].all()
            gain = -(alpha[row, p] + alpha[row, q]) * (beta[row, p] + beta[row, q])
            assert gain == largest


def test_derivatives_that_are_no_numbers_are_not_chosen():
    alpha = np.array([[np.nan, 3.0, np.inf, 2.0, 1.0]])
    chosen, found = jsma.most_salient_pair(alpha, -np.ones((1, 5)), np.ones((1, 5), bool))
    assert found.all()
    assert set(chosen[0]) == {1, 3}


def test_the_derivatives_are_rows_of_the_jacobian(overfitted, test_set):
    import tensorflow as tf

    images, _ = test_set
    pixels = tf.constant(images[:4])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = overfitted(pixels)
    jacobian = tape.batch_jacobian(logits, pixels).numpy()
    targets = np.array([3, 0, 9, 9], np.int32)
    predicted, own, others = jsma._derivatives(overfitted)(pixels, targets)
    expected = jacobian[np.arange(4), targets]
    np.testing.assert_array_equal(predicted, answers(overfitted, images[:4]))
    np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(others, jacobian.sum(axis=1) - expected, rtol=1e-4, atol=1e-4)


def test_steps_by_hand_on_a_linear_network():
    # Pixel 0 raises target 1 most, but class 0 even more; pixels 1 and 2 are the best pair, then
    # 3 and 4. Class 0 begins with 10 * 0.5 - 0.25.
    weights = np.array([[5, 4], [-1, 2], [-1, 2], [-1, 1], [-1, 1], [10, 0]], np.float32)
    images = np.array([[0, 0, 0.25, 0, 0, 0.5]], np.float32)

    def result(clip, gamma=1.0, scale=1):
        chosen = {"target": "next", "theta": 0.5 * scale, "gamma": gamma, "clip": clip}
        found = attack("jsma", linear(weights), scale * images, np.array([0]), **chosen)
        return found.images[0].tolist(), found.iterations.tolist(), found.success.tolist()

    # Logits after one step 3.75 and 2.5, after two 2.75 and 4.5.
    assert result((0, 2)) == ([0, 1, 1.25, 0, 0, 0.5], [2], [True])
    assert result(None) == ([0, 1, 1.25, 0, 0, 0.5], [2], [True])
    # A third of six pixels is one pair.
    assert result((0, 2), gamma=0.34) == ([0, 0.5, 0.75, 0, 0, 0.5], [1], [False])
    # At the bound a pixel leaves the search domain; then no pair is left that would help.
    assert result((0, 1), scale=2) == ([0, 1, 1, 1, 1, 1], [2], [False])


def test_without_a_target_any_other_answer_will_do():
    # The runner-up is class 1, but on the way to it class 2 overtakes both.
    weights = np.array([[-3, 2, 2.9], [-3, 2, 2.9], [5, 0.5, 0], [0, 0, 0]], np.float32)
    images = np.array([[0, 0, 1, 0]], np.float32)
    result = attack("jsma", linear(weights), images, np.array([0]), theta=0.5, gamma=1.0)
    moved = result.images
    assert moved.tolist() == [[0.5, 0.5, 1, 0]]
    assert result.iterations.tolist() == [1]


@pytest.mark.parametrize("target", ["untargeted", "next", "random", "least_likely"])
@pytest.mark.parametrize("theta", [1.0, 0.3, -1.0])
@pytest.mark.parametrize("pairs", [True, False])
def test_changes_stay_within_the_rules(overfitted, test_set, target, theta, pairs):
    images, labels = test_set
    gamma = 0.1
    result = attack(
        "jsma", overfitted, images, labels, theta=theta, gamma=gamma, target=target, pairs=pairs
    )
    moved = result.images
    assert ((moved - images) * np.sign(theta) >= 0).all()
    changed = (moved != images).sum(axis=1)
    assert (changed <= 2 * result.iterations).all()
    assert result.iterations.max() <= 784 * gamma / 2
    if abs(theta) == 1:
        np.testing.assert_array_equal(changed, 2 * result.iterations)
    # Done means done: nothing where there was nothing to do, and more steps only for the rest.
    if target == "untargeted":
        assert result.success is None
        done = answers(overfitted, moved) != labels
        at_once = answers(overfitted, images) != labels
    else:
        done = result.success
        at_once = np.zeros(len(images), bool)
        assert (answers(overfitted, moved) != labels)[done].all()
    # The class that is least likely may be out of reach in small or dark steps.
    assert done.any() or (target == "least_likely" and theta != 1)
    assert (result.iterations[at_once] == 0).all()


def test_targets_are_those_asked_for(overfitted, test_set):
    images, labels = test_set
    logits = gradients.logits(overfitted, images)
    expected = {"next": (labels + 1) % 10, "least_likely": logits.argmin(axis=1)}
    for target, classes in expected.items():
        result = attack("jsma", overfitted, images, labels, target=target, gamma=0.3)
        moved = result.images
        reached = answers(overfitted, moved) == classes
        np.testing.assert_array_equal(result.success, reached)
        assert reached.mean() > 0.3


def test_random_targets_are_even_and_never_the_label(overfitted):
    labels = np.repeat(np.arange(10), 500)
    images = np.zeros((len(labels), 784), np.float32)
    targets = jsma._targets(overfitted, images, labels, "random", (1, 2))
    table = np.zeros((10, 10))
    np.add.at(table, (labels, targets), 1)
    assert (np.diag(table) == 0).all()
    others = table[~np.eye(10, dtype=bool)]
    assert np.abs(others - 500 / 9).max() < 4 * np.sqrt(500 / 9)


# Each type once on either side; all pairs in `make test-all`.
OFTEN = {("float16", "float64"), ("bfloat16", "float32"), ("float64", "float16")}


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        pytest.param(dtype, kind, marks=[] if (dtype, kind) in OFTEN else pytest.mark.thorough)
        for dtype in networks.DTYPES
        for kind in ("float16", "float32", "float64")
    ],
)
def test_every_type_of_network_and_of_images(overfitted, test_set, dtype, kind):
    images, labels = test_set
    network = cast(overfitted, dtype)
    moved = moved_by("jsma", network, images.astype(kind), labels, theta=0.5)
    assert moved.dtype == kind
    assert (answers(network, moved) != labels).mean() > 0.5
