"""Models as Keras users write them, audited rightly: in Python, and from their file."""

import keras
import numpy as np
import pytest

import mirage
from mirage.auditing.audited import audit_files
from mirage.auditing.verdict import ARITHMETIC, NOT_ROBUST

layers = keras.layers
COUNT = 150
GREY = (28, 28, 1)


def convolutional(images):
    return [
        layers.Conv2D(8, 5, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(10),
    ]


def nested(images):
    statistics = layers.Normalization(axis=None)
    statistics.adapt(images)
    inner = [keras.Input(GREY), statistics, layers.Flatten(), layers.Dense(30, "relu")]
    return [keras.Sequential(inner), layers.Dense(10, activation="softmax")]


def binary(images):
    return [layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(1, activation="sigmoid")]


def hundred(images):
    return [
        layers.Conv2D(8, 5, strides=4, activation="relu"),
        layers.Flatten(),
        layers.Dense(100, activation="softmax"),
    ]


def separate(images):
    return [layers.Flatten(), layers.Dense(30, "relu"), layers.Dense(10), layers.Softmax()]


def by_code(images):
    # Keras gives code of a file none of the names that stand outside of it.
    softmax = layers.Lambda(lambda values: __import__("keras").ops.softmax(values))
    return [layers.Flatten(), layers.Dense(30, "relu"), layers.Dense(10), softmax]


def colours():
    """Images (n, 32, 32, 3) of 100 classes, each a pattern and noise."""
    random = np.random.default_rng(0)
    patterns = random.uniform(size=(100, 32, 32, 3))
    labels = np.arange(2_000) % 100
    images = (patterns[labels] + random.uniform(size=(2_000, 32, 32, 3))) / 2
    images = np.round(255 * images).astype(np.uint8)
    return (images, labels), (images[:COUNT], labels[:COUNT])


# Layers -> what the output is.
MODELS = {
    convolutional: "logits",
    nested: "softmax",
    binary: "sigmoid",
    hundred: "softmax",
    separate: "softmax",
    by_code: "softmax",
}


def trained(make, digits):
    """A model after a few epochs, and images and labels to audit it on."""
    keras.utils.set_random_seed(1)
    (images, labels), test = colours() if make is hundred else digits
    pixels = images.astype(np.float32) / 255
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    model = keras.Sequential([keras.Input(pixels.shape[1:]), *make(pixels)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=MODELS[make] == "logits")
    if make is binary:
        labels, test, loss = labels % 2, (test[0], test[1] % 2), keras.losses.BinaryCrossentropy()
    model.compile(keras.optimizers.Adam(0.003), loss)
    model.fit(pixels, labels, epochs=6, batch_size=50, verbose=0)
    return model, tuple(one[:COUNT] for one in test)


def looked_at(found, make):
    """What holds of the audit of each of them, masked or not."""
    assert found.about.output == MODELS[make]
    assert found.about.recovered
    assert found.about.shape == ((32, 32, 3) if make is hundred else GREY)
    assert found.about.classes == {binary: 2, hundred: 100}.get(make, 10)
    assert found.findings.clean.value > 0.8


LONG = [pytest.param(one, marks=pytest.mark.thorough) for one in (nested, hundred, separate)]


@pytest.mark.parametrize("make", [convolutional, binary, by_code, *LONG])
def test_models_of_keras_users_are_audited_rightly(make, digits, tmp_path):
    model, (images, labels) = trained(make, digits)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "test.npz", images=images, labels=labels)
    options = {"epsilon": [0.2], "range": (0, 1), "quick": True}
    leave = make is by_code
    found = audit_files(
        tmp_path / "model.keras", tmp_path / "test.npz", allow_code=leave, **options
    )
    looked_at(found, make)
    assert found.verdict == NOT_ROBUST
    largest = found.findings.headlines[-1]
    assert largest.plain.value == largest.exact.value < 0.2

    # The same answers with logits a thousand times as large: masked.
    last = [one for one in model.layers if isinstance(one, layers.Dense)][-1]
    last.set_weights([1_000 * one for one in last.get_weights()])
    masked = mirage.audit(model, images, labels, **options)
    looked_at(masked, make)
    assert masked.verdict == ARITHMETIC
    headline = masked.findings.headlines[-1]
    assert headline.exact.value < 0.2
    assert headline.plain.value > 0.7


@pytest.mark.thorough
@pytest.mark.parametrize("make", MODELS)
def test_they_are_audited_rightly_in_full(make, digits):
    model, (images, labels) = trained(make, digits)
    found = mirage.audit(model, images, labels, epsilon=(0.01, 0.2), range=(0, 1), queries=50)
    looked_at(found, make)
    assert found.verdict == NOT_ROBUST
    assert not [one.name for one in found.findings.indicators if one.light == "red"]
    first, last = (one.accuracy.value for one in found.findings.worst)
    assert last < 0.1 <= first
