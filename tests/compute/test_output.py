"""The kind of an output, and logits under it that are those of the model."""

import keras
import numpy as np
import pytest
from scipy import special

from mirage.models.cast import cast
from mirage.models.output import at_the_end, logits_of, values

layers = keras.layers
IMAGES = np.random.default_rng(0).uniform(size=(40, 6, 6, 1)).astype(np.float32)


def ending(*parts, units=4):
    """A model with logits of some size, before `parts`."""
    keras.utils.set_random_seed(3)
    start = [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(8, "relu")]
    logits = layers.Dense(units, name="logits", kernel_initializer=keras.initializers.HeNormal())
    return keras.Sequential([*start, logits, *parts])


def functional(end):
    """The same with what `end` makes of the logits."""
    model = ending()
    return keras.Model(model.inputs[0], end(model.outputs[0]))


def nested():
    """Ends in a model that ends in a softmax of its own."""
    keras.utils.set_random_seed(3)
    body = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(8, "relu")])
    logits = layers.Dense(4, "softmax", kernel_initializer=keras.initializers.HeNormal())
    return keras.Sequential(
        [keras.Input((6, 6, 1)), body, keras.Sequential([keras.Input((8,)), logits])]
    )


def in_one_layer():
    keras.utils.set_random_seed(3)
    start = [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(8, "relu")]
    last = layers.Dense(4, "softmax", kernel_initializer=keras.initializers.HeNormal())
    return keras.Sequential([*start, last])


softmax = {
    "in the last layer": in_one_layer,
    "a layer": lambda: ending(layers.Softmax()),
    "an activation": lambda: ending(layers.Activation("softmax")),
    "a Lambda": lambda: ending(layers.Lambda(lambda logits: keras.ops.softmax(logits))),
    "an operation": lambda: functional(keras.ops.softmax),
    "and dropout": lambda: ending(layers.Dropout(0.5), layers.Softmax(), layers.Dropout(0.5)),
    "in a model": nested,
}


@pytest.mark.parametrize("make", softmax.values(), ids=softmax.keys())
def test_logits_are_found_under_a_softmax(make):
    model = make()
    before = values(model, IMAGES)
    network, found = logits_of(model, IMAGES)
    assert (found.kind, found.recovered) == ("softmax", True)
    logits = values(network, IMAGES)
    np.testing.assert_allclose(logits, values(ending(), IMAGES), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(special.softmax(logits, axis=1), before, atol=1e-6)
    assert found.checked_in == "float64"
    assert found.difference < 1e-14
    np.testing.assert_array_equal(values(model, IMAGES), before)  # it stays as it was
    cast(network, "float64")


KINDS = {
    "logits": lambda: ending(),
    "log-softmax": lambda: ending(layers.Activation("log_softmax")),
    "double softmax": lambda: ending(layers.Softmax(), layers.Softmax()),
    "sigmoid per class": lambda: ending(layers.Activation("sigmoid")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds(kind):
    network, found = logits_of(KINDS[kind](), IMAGES)
    assert (found.kind, found.recovered) == (kind, True)
    np.testing.assert_allclose(values(network, IMAGES), values(ending(), IMAGES), rtol=1e-6)


@pytest.mark.parametrize("kind", ["sigmoid", "sigmoid logit"])
def test_one_unit_is_two_logits(kind):
    parts = [layers.Activation("sigmoid")] if kind == "sigmoid" else []
    network, found = logits_of(ending(*parts, units=1), IMAGES)
    assert (found.kind, found.recovered) == (kind, True)
    logits = values(network, IMAGES)
    np.testing.assert_array_equal(logits[:, :1], 0)
    np.testing.assert_array_equal(logits[:, 1:], values(ending(units=1), IMAGES))
    cast(network, "float64")


class Tempered(layers.Layer):
    """A softmax that is no function of what comes before it alone."""

    def call(self, inputs):
        return keras.ops.softmax(3 * inputs)


@pytest.mark.parametrize("units", [4, 1])
def test_where_logits_are_not_found_they_are_the_logarithm(units):
    end = Tempered() if units > 1 else layers.Lambda(lambda z: keras.ops.sigmoid(3 * z))
    model = ending(end, units=units)
    network, found = logits_of(model, IMAGES)
    assert (found.kind, found.recovered) == ("softmax" if units > 1 else "sigmoid", False)
    again = special.softmax(values(network, IMAGES), axis=1)
    np.testing.assert_allclose(again[:, -units:], values(model, IMAGES), atol=1e-6)


def test_what_is_at_the_end_of_the_range_is_counted():
    answers = np.array([[0.5, 0.5], [1.0, 1e-9], [1 - 1e-7, 0.0], [0.2, 0.8]])
    assert at_the_end(answers, "softmax") == 2
    assert at_the_end(np.array([[1.0], [0.3]]), "sigmoid") == 1
    assert at_the_end(answers, "logits") == 0


@pytest.mark.parametrize(("units", "kind"), [(4, "logits"), (1, "sigmoid logit")])
def test_answers_that_are_no_numbers_show_nothing(units, kind):
    none = ending(layers.Lambda(lambda z: np.nan * z), units=units)
    assert logits_of(none, IMAGES)[1].kind == kind
    some = IMAGES.copy()
    some[::2] = np.nan
    assert logits_of(ending(layers.Softmax()), some)[1].kind == "softmax"
