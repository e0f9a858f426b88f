"""Bounds of margins: exact for linear networks, never above what a point of a ball reaches."""

import itertools

import numpy as np
import pytest
import scipy.optimize
from architectures import cnn, mlp
from attacking import moved_by

from mirage.data.images import as_float
from mirage.models import bounds, measures, networks
from mirage.training import chain


@pytest.fixture(scope="module")
def trained(digits):
    """A small network of some epochs, on the digits."""
    (images, labels), _ = digits
    network, optimizer = chain.start(networks.build(mlp(20), "float32", 1), {"name": "adam"})
    flat = (images.reshape(len(images), -1), labels)
    fixed = {"schedule": 0.01, "batch_size": 50, "objective": {"name": "cross_entropy"}}
    chain.train(network, optimizer, flat, flat, epochs=range(1, 6), seed=1, **fixed)
    return network


def tiny(*hidden, inputs=4, seed=0):
    """A network of few inputs with biases, its layers as `bounds.layers` gives them."""
    draw = np.random.default_rng(seed)
    sizes = [inputs, *hidden, 3]
    return [
        (draw.normal(size=pair), draw.normal(size=pair[1])) for pair in itertools.pairwise(sizes)
    ]


def forward(network, points):
    for kernel, bias in network[:-1]:
        points = np.maximum(points @ kernel + bias, 0)
    kernel, bias = network[-1]
    return points @ kernel + bias


def least_margin(network, low, high, label):
    """The least margin over a box: a linear program for each pattern of ReLUs that are on."""
    first, last = network[0], network[-1]
    found = np.inf
    for pattern in itertools.product([0, 1], repeat=len(first[1])):
        on = np.array(pattern)
        sides = np.where(on, -1, 1)  # on: -(w x + b) <= 0, off: w x + b <= 0
        whole, shift = (first[0] * on) @ last[0], (first[1] * on) @ last[0] + last[1]
        for other in set(range(len(last[1]))) - {label}:
            answer = scipy.optimize.linprog(
                whole[:, label] - whole[:, other],
                A_ub=(first[0] * sides).T,
                b_ub=-first[1] * sides,
                bounds=list(zip(low, high, strict=True)),
            )
            if answer.status == 0:
                found = min(found, answer.fun + shift[label] - shift[other])
    return found


def some(network, count, seed=1):
    images = np.random.default_rng(seed).uniform(size=(count, len(network[0][0])))
    return images, forward(network, images).argmax(axis=1)


@pytest.mark.parametrize("clip", [None, (0, 1)])
def test_of_a_linear_network_the_bound_is_the_least_margin_over_all_corners(clip):
    network = tiny()
    images, labels = some(network, 20)
    found = bounds.margins(network, images, labels, 0.3, clip)
    corners = 0.3 * np.array(list(itertools.product([-1, 1], repeat=4)))
    for image, label, bound in zip(images, labels, found, strict=True):
        points = image + corners if clip is None else np.clip(image + corners, *clip)
        least = measures.logit_margins(forward(network, points), np.repeat(label, 16)).min()
        assert bound == pytest.approx(least, abs=1e-12)
    if clip is None:
        (kernel, bias), rows = network[0], np.arange(20)
        logits, own = images @ kernel + bias, kernel.T[labels]
        closed = [
            logits[rows, labels] - logits[:, k] - 0.3 * np.abs(own - kernel[:, k]).sum(axis=1)
            for k in range(3)
        ]
        closed = np.where(np.arange(3)[:, None] == labels, np.inf, closed).min(axis=0)
        np.testing.assert_allclose(found, closed, atol=1e-12)


@pytest.mark.parametrize(("epsilon", "clip"), [(0.02, None), (0.3, None), (0.3, (0, 1))])
def test_no_bound_is_above_the_least_margin_that_linear_programs_find(epsilon, clip):
    network = tiny(4)
    images, labels = some(network, 8)
    found = bounds.margins(network, images, labels, epsilon, clip)
    low, high = images - epsilon, images + epsilon
    if clip:
        low, high = np.clip(low, *clip), np.clip(high, *clip)
    exact = [least_margin(network, *one) for one in zip(low, high, labels, strict=True)]
    assert (found <= np.array(exact) + 1e-9).all()
    if epsilon < 0.1:  # where hardly a ReLU changes sides it is near
        np.testing.assert_allclose(found, exact, atol=0.02)


@pytest.mark.parametrize("hidden", [(5,), (6, 5), (5, 4, 5)])
def test_no_point_of_a_ball_has_a_margin_below_the_bound_however_deep(hidden):
    network = tiny(*hidden, seed=2)
    images, labels = some(network, 10)
    for epsilon in (0.01, 0.1, 0.5):
        found = bounds.margins(network, images, labels, epsilon)
        noise = np.random.default_rng(3).uniform(-epsilon, epsilon, size=(500, 10, 4))
        corners = epsilon * np.sign(noise)
        for moved in (noise, corners):
            logits = forward(network, images + moved)
            for one in logits:
                assert (measures.logit_margins(one, labels) >= found - 1e-12).all()


def test_a_ball_of_no_size_has_the_margin_of_the_image_and_parts_change_nothing(monkeypatch):
    network = tiny(6, 5)
    images, labels = some(network, 7)
    clean = measures.logit_margins(forward(network, images), labels)
    np.testing.assert_allclose(bounds.margins(network, images, labels, 0.0), clean)
    whole = bounds.margins(network, images, labels, 0.1)
    monkeypatch.setattr(bounds, "MOST", 80)
    np.testing.assert_allclose(bounds.margins(network, images, labels, 0.1), whole)


def test_pgd_breaks_no_image_that_is_certified(trained, digits):
    _, (images, labels) = digits
    pixels, epsilon = as_float(images[:100], "float32"), 0.02
    safe = bounds.margins(bounds.layers(trained), pixels, labels[:100], epsilon) > 0
    assert 0.2 < safe.mean() < 1
    moved = moved_by(
        *("pgd", trained, pixels, labels[:100]),
        epsilon=epsilon,
        gradient="exact_sign",
        restarts=3,
    )
    right = measures.classes(np.asarray(trained(moved))) == labels[:100]
    assert right[safe].all()
    assert right.mean() < 1


def test_other_networks_are_refused_by_their_layer():
    with pytest.raises(networks.NetworkError, match="layer 'pixels' is none that bounds are known"):
        bounds.layers(networks.build(cnn(2, dense=4)))
    assert [kernel.shape for kernel, _ in bounds.layers(networks.build(mlp(5)))] == [
        (784, 5),
        (5, 10),
    ]
