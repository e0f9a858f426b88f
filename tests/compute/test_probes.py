"""Probes against what NumPy, SciPy or a network of known answers says."""

import numpy as np
import pytest
import scipy.stats
from architectures import mlp

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.evaluation import probes
from mirage.evaluation.probes import bounds, contiguity, danskin, linearity
from mirage.models import measures, networks
from mirage.models.cast import cast


@pytest.fixture(scope="module")
def some(digits):
    _, (images, labels) = digits
    return as_float(images[:60], "float32"), labels[:60]


def with_weights(kernel, bias):
    """A linear network of two inputs and three classes."""
    network = networks.build(mlp(), "float64", shape=(1, 2))
    last = np.zeros((2, 10)), np.full(10, -1e3)
    last[0][:, : kernel.shape[1]], last[1][: len(bias)] = kernel, bias
    network.set_weights(last)
    return network


def test_certified_accuracy_of_a_linear_network_is_that_of_its_margins():
    """Two classes with z_0 - z_1 = 2 * x_0: an image is certified below |x_0|."""
    network = with_weights(np.array([[1.0, -1.0], [0.0, 0.0]]), np.zeros(2))
    images = np.array([[0.1, 0.5], [0.3, 0.5], [0.5, 0.5], [0.7, 0.5]])
    labels = np.zeros(4, int)
    found = dict(
        bounds.measure(network, images, labels, seed=(0,), epsilons=["0", "0.2", "0.4", "0.8"])
    )
    assert [found[key] for key in ("0", "0.2", "0.4", "0.8")] == [1, 0.75, 0.5, 0]
    assert found["largest"] == pytest.approx(0.7, abs=0.001)
    assert found["largest"] < 0.7
    within = dict(
        bounds.measure(network, images, 1 - labels, seed=(0,), epsilons=["0.2"], clip=(0, 1))
    )
    assert within["0.2"] == 0  # all are misread


def test_of_a_linear_network_a_margin_is_a_straight_line(some):
    network = networks.build(mlp(), seed=1)
    found = dict(linearity.measure(network, *some, seed=(0,)))
    assert list(found) == ["mean", "q0.05", "q0.5", "q0.95", "attacked"]
    assert found["q0.05"] == pytest.approx(1, abs=1e-9)


def test_straightness_is_the_r_squared_of_a_regression(overfitted, some):
    sizes = np.linspace(-0.3, 0.3, 11)
    curves = np.random.default_rng(0).normal(size=(11, 5)).cumsum(axis=0)
    expected = [scipy.stats.linregress(sizes, curve).rvalue ** 2 for curve in curves.T]
    np.testing.assert_allclose(linearity.straightness(sizes, curves), expected)
    assert linearity.straightness(sizes, np.ones((11, 1))) == 1
    found = dict(linearity.measure(overfitted, *some, seed=(0,), points=11))
    images, labels = some
    exact = cast(overfitted, "float64")
    signs = np.sign(gradients.input_gradient(exact, images, labels, "exact_sign"))
    end = gradients.logits(exact, images + 0.3 * signs)
    end[np.arange(60), labels] = -np.inf
    values = []
    for number, other in enumerate(end.argmax(axis=1)):
        points = images[number] + sizes[:, np.newaxis] * signs[number]
        logits = gradients.logits(exact, points)
        line = scipy.stats.linregress(sizes, logits[:, labels[number]] - logits[:, other])
        values.append(line.rvalue**2)
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["q0.5"] == pytest.approx(np.median(values))


def test_of_a_linear_network_all_beyond_an_adversarial_image_is_adversarial():
    network = with_weights(np.array([[1.0, -1.0], [0.3, -0.3]]), np.zeros(2))
    images = np.array([[0.3, 0.2], [0.6, 0.2], [0.9, 0.2]])
    found = dict(
        contiguity.measure(
            *(network, images, np.zeros(3, int)), seed=(0,), epsilon="0.5", mixed=(0.0, 1.0)
        )
    )
    # z_0 - z_1 falls by 2 * (1 + 0.3) * 0.5 = 1.3 from 0.72, 1.32 and 1.92: the first is misled.
    assert found["misled"] == pytest.approx(1 / 3)
    assert (found["segment"], found["beyond"], found["same class"]) == (1, 1, 1)
    assert found["mixed 0"] == 1
    assert 0 < found["mixed 1"] < 1


def test_contiguity_counts_points_on_the_line(overfitted, some):
    images, labels = some
    found = dict(contiguity.measure(overfitted, *some, seed=(0,), epsilon="0.1", points=10))
    signs = np.sign(gradients.input_gradient(overfitted, images, labels, "exact_sign"))
    inside, beyond, total = [], [], 0
    for image, label, sign in zip(images, labels, signs, strict=True):
        line = image + 0.02 * np.arange(11)[:, np.newaxis] * sign
        wrong = measures.classes(gradients.logits(overfitted, line.astype("float32"))) != label
        total += not wrong[0]
        if not wrong[0] and wrong[5]:
            first = wrong.argmax()
            inside.extend(wrong[first:6])
            beyond.extend(wrong[6:])
    assert found["misled"] == pytest.approx(len(beyond) / 5 / total)
    assert found["segment"] == pytest.approx(np.mean(inside))
    assert found["beyond"] == pytest.approx(np.mean(beyond))
    assert found["mixed 1"] < found["mixed 0.1"]
    unharmed = dict(contiguity.measure(overfitted, *some, seed=(0,), epsilon="0"))
    assert unharmed == {"misled": 0}


def test_danskin_holds_where_the_maximum_is_known():
    """Of a linear network of two classes the worst perturbation is a corner that can be named."""
    kernel = np.array([[1.0, -1.0], [0.3, -0.3]])
    network = with_weights(kernel, np.zeros(2))
    images, labels = np.array([[0.3, 0.2], [0.6, 0.7]]), np.zeros(2, int)
    given = {"seed": (0,), "epsilon": "0.1", "change": 1e-6}
    found = dict(danskin.measure(network, images, labels, **given))
    # L = log(1 + exp(-u)), u = sum of (w_0 - w_1) * (x - 0.1): its gradient by w_0 and b_0.
    worst = images - 0.1
    wrong = 1 / (1 + np.exp(2 * worst @ kernel[:, 0]))
    slope = np.append((wrong[:, np.newaxis] * worst).mean(axis=0), wrong.mean())
    assert found["derivative"] == pytest.approx(np.sqrt(2) * np.linalg.norm(slope), rel=1e-6)
    assert found["difference"] == pytest.approx(found["derivative"], rel=1e-6)
    assert found["cosine"] == pytest.approx(1)


def test_danskin_holds_of_a_small_network_and_leaves_it_as_it_was(some):
    network = networks.build(mlp(8), seed=1)
    before = network.get_weights()
    images, labels = (one[:5] for one in some)
    given = {"seed": (1,), "epsilon": "0.05", "steps": 20, "restarts": 2, "directions": 2}
    found = dict(danskin.measure(network, images, labels, **given))
    assert found["relative error"] < 0.01
    assert found["cosine"] > 0.999
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_probe_is_taken_of_each_checkpoint(digits, tmp_path):
    _, (images, labels) = digits
    files = []
    for seed in (1, 2):
        files.append(tmp_path / f"{seed}.keras")
        networks.build(mlp(4), seed=seed).save(files[-1])
    found = list(
        probes.probe(
            *(files, images[:20], labels[:20]),
            method="bounds",
            parameters={"epsilons": ["0"]},
            seeds=[(1, 1), (1, 2)],
        )
    )
    for seed, ((item, value), (last, _)) in zip((1, 2), found, strict=True):
        network = networks.build(mlp(4), seed=seed)
        answers = measures.classes(gradients.logits(network, as_float(images[:20], "float32")))
        assert (item, value) == ("0", (answers == labels[:20]).mean())
        assert last == "largest"
