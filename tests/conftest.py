"""What all tests share: one thread, so that every bit is repeatable, and small real data."""

import pytest

from mirage import device


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    device.configure(threads=1)


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: training and test images (n, 28, 28) uint8 and labels (n,)."""
    from mirage import datasets

    return datasets.digits()


@pytest.fixture(scope="session")
def overfitted(digits):
    """A float32 network trained until its float32 gradient is largely wrong."""
    from mirage import training

    (images, labels), _ = digits
    network, optimizer = training.start("mlp-50-40", "float32", 3, {"name": "adam"})
    flat = (images.reshape(len(images), -1), labels)
    training.train(
        network,
        optimizer,
        flat,
        flat,
        epochs=range(1, 61),
        seed=3,
        schedule=0.01,
        batch_size=100,
        objective={"name": "cross_entropy"},
    )
    return network
