"""The range of pixels: taken where one alone is plausible, else asked for."""

import keras
import numpy as np
import pytest

from mirage.auditing import range as ranges
from mirage.auditing.errors import AuditError
from mirage.auditing.range import settle

layers = keras.layers


@pytest.fixture(scope="module")
def pixels(digits):
    images, labels = digits[0]
    return images[:900].reshape(900, -1) / np.float32(255), labels[:900].astype(np.int64)


@pytest.fixture(scope="module")
def plain(pixels):
    """Of ReLUs without biases: as accurate at 0..255, with all margins 255 times as large."""
    keras.utils.set_random_seed(5)
    hidden = layers.Dense(20, "relu", use_bias=False)
    network = keras.Sequential([keras.Input((784,)), hidden, layers.Dense(10, use_bias=False)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.01), loss)
    network.fit(*pixels, batch_size=100, epochs=4, verbose=0)
    return network


def test_the_size_of_the_logits_tells_0_to_1_from_0_to_255(plain, pixels):
    found = settle(plain, *pixels)
    assert (found.low, found.high, found.rule) == (0, 1, "size of the logits")
    one, wide = found.readings[:2]
    assert one.accuracy == wide.accuracy
    assert wide.margin == pytest.approx(255 * one.margin, rel=1e-3)
    assert wide.temperature == pytest.approx(255 * one.temperature, rel=1e-2)
    assert wide.against == ("logits of another size than training gives",)


def test_the_same_for_one_that_takes_0_to_255(plain, pixels):
    network = keras.models.clone_model(plain)
    network.set_weights([plain.get_weights()[0] / 255, plain.get_weights()[1]])
    found = settle(network, *pixels)
    assert (found.low, found.high) == (0, 255)


def test_where_logits_are_far_from_what_training_gives_it_asks(plain, pixels):
    """Logits times 1,000, as of a distilled or spoilt network: their size says nothing."""
    network = keras.models.clone_model(plain)
    network.set_weights([plain.get_weights()[0], 1000 * plain.get_weights()[1]])
    with pytest.raises(AuditError, match=r"more than one is plausible: 0\.\.1, 0\.\.255.*--range"):
        settle(network, *pixels)
    stated = settle(network, *pixels, stated=(0, 1))
    assert (stated.low, stated.high, stated.rule) == (0, 1, "range of the data")


def test_the_table_is_in_the_message_and_in_the_error(plain, pixels):
    images, labels = pixels
    with pytest.raises(AuditError, match="told from chance") as caught:
        settle(plain, images, (labels + 3) % 10)
    assert len(caught.value.readings) == len(ranges.RANGES)
    assert "0..255" in str(caught.value)
    assert "median margin" in str(caught.value)


def test_data_in_another_range_than_the_model_is_asked_about(plain, pixels):
    with pytest.raises(AuditError, match=r"the data are in -1\.\.1"):
        settle(plain, *pixels, stated=(-1, 1))


@pytest.mark.parametrize(
    ("scale", "offset", "expected"),
    [(1 / 255, 0, (0, 255)), (1 / 127.5, -1, (0, 255)), (2, -1, (0, 1)), (0.5, 0.5, (-1, 1))],
)
def test_a_rescaling_says_the_range(scale, offset, expected, plain, pixels):
    low, high = expected
    network = keras.Sequential([keras.Input((784,)), layers.Rescaling(scale, offset, name="r")])
    # Behind it the network takes 0 to 1, whatever the layer gives.
    back = scale * (high - low)
    network.add(layers.Rescaling(1 / back, -(scale * low + offset) / back))
    network.add(plain)
    found = settle(network, *pixels)
    assert (found.low, found.high) == expected


@pytest.mark.parametrize("kind", ["normalization", "batch normalization"])
def test_the_statistics_of_a_layer_say_the_range(kind, plain, pixels):
    taken = ranges.scaled(pixels[0], -1, 1)
    mean, variance = taken.mean(axis=0), taken.var(axis=0) + 1e-3
    if kind == "normalization":
        first = layers.Normalization(mean=mean, variance=variance, name="n")
    else:
        first = layers.BatchNormalization(epsilon=0.0, name="n")
        first.build((None, 784))
        first.moving_mean.assign(mean)
        first.moving_variance.assign(variance)
    # Behind it the network takes 0 to 1.
    back = layers.Rescaling(np.sqrt(variance).tolist(), mean.tolist())
    parts = [first, back, layers.Rescaling(0.5, 0.5), plain]
    found = settle(keras.Sequential([keras.Input((784,)), *parts]), *pixels)
    assert (found.low, found.high) == (-1, 1)
    assert "other inputs of n than in training" in found.readings[0].against


def test_what_the_user_says_is_taken_and_doubted(plain, pixels):
    found = settle(plain, *pixels, given=(-1, 1))
    assert (found.low, found.high, found.rule) == (-1, 1, "given")
    assert found.warnings == (
        "The range -1..1 was given, but 0..1 is more plausible for this model.",
    )
    assert not settle(plain, *pixels, given=(0, 1)).warnings
    other = settle(plain, *pixels, given=(0, 2))
    assert len(other.readings) == len(ranges.RANGES) + 1
    with pytest.raises(AuditError, match="the first must be less"):
        settle(plain, *pixels, given=(1, 0))
