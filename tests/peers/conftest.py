"""One network and one set of images that all cross-checks share."""

import numpy as np
import pytest
from architectures import mlp

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.models import networks
from mirage.training import chain


@pytest.fixture(scope="session")
def peer_network(digits):
    """A float32 network that has learned the digits but not by heart: gradients are sound."""
    (images, labels), _ = digits
    network, optimizer = chain.start(networks.build(mlp(64, 32), "float32", 5), {"name": "adam"})
    flat = (images.reshape(len(images), -1), labels)
    chain.train(
        network,
        optimizer,
        flat,
        flat,
        epochs=range(1, 11),
        seed=5,
        schedule=0.005,
        batch_size=50,
        objective={"name": "cross_entropy"},
    )
    return network


@pytest.fixture(scope="session")
def test_set(digits):
    """All 450 test images, (n, 784) float32, and their labels, int64."""
    _, (images, labels) = digits
    return as_float(images, "float32"), labels.astype(np.int64)


@pytest.fixture(scope="session")
def right(peer_network, test_set):
    """The first 200 test images that the network classifies rightly, and their labels."""
    images, labels = test_set
    known = np.flatnonzero(gradients.logits(peer_network, images).argmax(axis=1) == labels)[:200]
    return images[known], labels[known]


@pytest.fixture(scope="session")
def accuracy(peer_network):
    """Share of images that the network classifies rightly."""
    return lambda images, labels: float(
        (gradients.logits(peer_network, images).argmax(axis=1) == labels).mean()
    )
