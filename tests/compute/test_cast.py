"""Casts: the same function in another type, or a refusal that names the layer."""

import keras
import numpy as np
import pytest
from architectures import mlp

from mirage.models import checkpoints, networks
from mirage.models.cast import assign, cast

PIXELS = 36
layers = keras.layers


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(40, PIXELS))


def normalized(images):
    adapted = layers.Normalization()
    adapted.adapt(images * np.linspace(0.1, 9, images.shape[1]) + 3)
    return keras.Sequential([keras.Input(images.shape[1:]), adapted, layers.Dense(4)])


def nested_in(images):
    inner = keras.Sequential([keras.Input((PIXELS,)), layers.Dense(8, "relu"), layers.Dense(5)])
    innermost = keras.Sequential([keras.Input((5,)), normalized(images[:, :5]).layers[0]])
    return keras.Sequential([keras.Input((PIXELS,)), inner, innermost, layers.Dense(4)])


def ending_in_a_model(images):
    head = keras.Sequential([keras.Input((8,)), layers.Dense(4)])
    return keras.Sequential([keras.Input((PIXELS,)), layers.Dense(8), head])


def with_moving_statistics(images):
    square = [keras.Input((PIXELS,)), layers.Reshape((6, 6, 1)), layers.Conv2D(3, 3)]
    network = keras.Sequential(
        [*square, layers.BatchNormalization(), layers.Dropout(0.5), layers.Flatten()]
    )
    network.add(layers.Dense(4))
    for _ in range(9):
        network(5 * images + 2, training=True)
    return network


def rescaled(images):
    scaling = layers.Rescaling(255, offset=-128)
    return keras.Sequential([keras.Input((PIXELS,)), scaling, layers.Dense(4)])


def with_given_statistics(images):
    given = layers.Normalization(mean=3.0, variance=4.0)
    return keras.Sequential([keras.Input((PIXELS,)), given, layers.Dense(4)])


def branched(images):
    pixels = keras.Input((PIXELS,))
    shared = layers.Dense(PIXELS, "tanh")
    halves = layers.Add()([shared(pixels), layers.Dense(PIXELS)(pixels)])
    both = layers.Concatenate()([shared(halves), keras.ops.relu(pixels / 3 - 0.1)])
    return keras.Model(pixels, layers.Dense(4)(both))


def in_a_branch_twice(images):
    pixels = keras.Input((PIXELS,))
    inner = keras.Sequential([keras.Input((PIXELS,)), layers.Dense(PIXELS, "tanh")])
    return keras.Model(pixels, layers.Dense(4)(layers.Add()([inner(pixels), inner(inner(pixels))])))


def with_a_softmax(images):
    softmax = layers.Activation("softmax", dtype="float32")
    return keras.Sequential([keras.Input((PIXELS,)), layers.Dense(4), softmax])


def wrapped(images):
    rows = layers.TimeDistributed(layers.Dense(5))
    # TensorFlow has no orthogonal initial weights, Keras' default here, in bfloat16.
    both_ways = layers.Bidirectional(layers.SimpleRNN(4, recurrent_initializer="glorot_uniform"))
    halves = [keras.Input((PIXELS,)), layers.Reshape((2, PIXELS // 2))]
    return keras.Sequential([*halves, rows, both_ways, layers.Dense(4)])


def attending(images):
    pixels = keras.Input((PIXELS,))
    rows = layers.Reshape((6, 6))(pixels)
    seen = layers.MultiHeadAttention(2, 3)(rows, rows)
    return keras.Model(pixels, layers.Dense(4)(layers.Flatten()(layers.LayerNormalization()(seen))))


def mixed(images):
    kind = "mixed_float16"
    hidden = [layers.Dense(8, "relu", dtype=kind), layers.Dense(4, dtype=kind)]
    last = layers.Activation("linear", dtype="float32")
    return keras.Sequential([keras.Input((PIXELS,)), *hidden, last])


def of_several_types(images):
    own = layers.Dense(8, "relu", dtype="bfloat16")
    return keras.Sequential([keras.Input((PIXELS,)), own, layers.Dense(4, dtype="float64")])


def with_huge_logits(images):
    network = networks.build(mlp(20, 20), "float32", 1, (6, 6))
    for variable in network.trainable_variables:
        variable.assign(30 * variable)
    return network


def frozen(images):
    network = normalized(images)
    network.trainable = False
    return network


@keras.saving.register_keras_serializable("tests")
def doubled(values):
    return 2 * values - 1


def with_a_function(images):
    return keras.Sequential([keras.Input((PIXELS,)), layers.Lambda(doubled), layers.Dense(4)])


def with_a_function_of_no_name(images):
    """It refers to what is outside of it."""
    ease = layers.Lambda(lambda values, by: keras.ops.tanh(by * values), arguments={"by": 2})
    return keras.Sequential([keras.Input((PIXELS,)), ease, layers.Dense(4)])


NETWORKS = [
    normalized,
    nested_in,
    ending_in_a_model,
    with_moving_statistics,
    rescaled,
    with_given_statistics,
    branched,
    in_a_branch_twice,
    with_a_softmax,
    wrapped,
    attending,
    mixed,
    of_several_types,
    with_huge_logits,
    frozen,
    with_a_function,
    with_a_function_of_no_name,
]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_a_cast_is_the_same_function_in_the_other_type(make, images):
    network = make(images)
    wide = cast(network, "float64")
    answers = wide(images)
    assert networks.dtype_of(wide) == answers.dtype.name == "float64"
    # What float32 cannot hold arrives.
    rounded = images.astype(np.float32).astype(np.float64)
    assert (wide(rounded * (1 + 2.0**-30)).numpy() != wide(rounded).numpy()).any()
    assert_equal_but_rounding(wide, network, images, *own_types(network))
    for dtype in networks.DTYPES:
        copy = cast(network, dtype)
        assert copy(images).dtype.name == dtype
        assert_equal_but_rounding(copy, wide, images, dtype)


def own_types(network):
    """The types that the parts of a network compute in."""
    return {one.compute_dtype for one in network._flatten_layers()} - {"uint8"}


def assert_equal_but_rounding(one, other, images, *dtypes):
    """Answers that differ by no more than some tens of roundings in the coarsest of the types."""
    found, expected = (np.asarray(model(images), np.float64) for model in (one, other))
    coarsest = max(networks.EPSILON[dtype] for dtype in dtypes)
    # Each sum here has some 36 terms, and there are at most three one after another.
    np.testing.assert_allclose(found, expected, atol=108 * coarsest * np.abs(expected).max())


class Outside(layers.Layer):
    """Computes with a number that is no variable and not in its configuration."""

    factor = 1.0

    def call(self, values):
        return self.factor * values


class Narrow(layers.Layer):
    def call(self, values):
        return keras.ops.cast(keras.ops.cast(values, "float32"), "float32")


class Stubborn(layers.Dense):
    def __init__(self, *args, **options):
        super().__init__(*args, **{**options, "dtype": "float32"})


class Unwritten(layers.Layer):
    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, values):
        return self.factor * values

    def get_config(self):
        return super().get_config()


def outside():
    layer = Outside(name="culprit")
    layer.factor = 5.0
    return layer


class Whole(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(PIXELS)

    def call(self, values):
        return self.dense(values)


CULPRITS = {
    "a number of its own": outside,
    "a fixed type": lambda: Narrow(name="culprit"),
    "a type that it keeps": lambda: Stubborn(PIXELS, name="culprit"),
    "no whole configuration": lambda: Unwritten(2, name="culprit"),
    "a class that is a model": lambda: Whole(name="culprit"),
}


@pytest.mark.parametrize("place", ["outer", "inner"])
@pytest.mark.parametrize("make", CULPRITS.values(), ids=CULPRITS.keys())
def test_a_layer_that_cannot_be_cast_is_named(make, place, images):
    around = [keras.Input((PIXELS,)), layers.Dense(PIXELS), make(), layers.Dense(4)]
    network = keras.Sequential(around)
    name = "culprit"
    if place == "inner":
        network = keras.Sequential([keras.Input((PIXELS,)), network, layers.Dense(4)])
        name = f"culprit|{network.layers[0].name}"
    network(images)
    for dtype in ("float64", "float16"):
        with pytest.raises(networks.NetworkError, match=name):
            cast(network, dtype)


def test_the_named_input_keeps_its_accuracy(digits):
    """An adapted Normalization once fell from .975 to .600 in float64, in silence."""
    (images, labels), _ = digits
    pixels = images.reshape(len(images), -1) / np.float32(255)
    adapted = layers.Normalization()
    adapted.adapt(pixels)
    network = keras.Sequential([keras.Input((784,)), adapted, layers.Dense(10)])
    seen = adapted(pixels).numpy()
    ridge = seen.T @ seen + 10 * np.eye(784)
    network.layers[1].kernel.assign(np.linalg.solve(ridge, seen.T @ np.eye(10)[labels]))
    answers = [
        np.argmax(cast(network, dtype)(pixels), axis=1) == labels
        for dtype in ("float32", "float64")
    ]
    assert answers[0].mean() > 0.8
    assert abs(answers[0].mean() - answers[1].mean()) < 0.01


def test_weights_of_a_later_checkpoint_take_their_place(images):
    first, second = branched(images), branched(images)
    for model in (first, second):
        model(images)
    wide = cast(first, "float64")
    assign(wide, second)
    assert_equal_but_rounding(wide, second, images, "float32")


def test_weights_of_another_architecture_are_refused(images):
    with pytest.raises(networks.NetworkError, match="not of one architecture"):
        assign(cast(normalized(images), "float64"), branched(images))


def test_other_statistics_than_those_that_were_traced_are_refused(images, tmp_path):
    """TensorFlow's graphs hold them as constants, and would go on with the first."""
    first, second = normalized(images), normalized(images**2)
    wide = cast(first, "float64")
    assign(wide, first)
    with pytest.raises(networks.NetworkError, match="statistics of layer 'normalization"):
        assign(wide, second)
    path = tmp_path / "epoch9.keras"
    second.save(path)
    with pytest.raises(networks.NetworkError, match=r"epoch9\.keras: the statistics of layer"):
        checkpoints.load_weights(first, path)


def test_logits_beyond_a_type_are_told_and_not_refused(images, caplog):
    network = with_huge_logits(images)
    for variable in network.trainable_variables:
        variable.assign(30 * variable)
    assert np.abs(network(images)).max() > 65504
    copy = cast(network, "float16")
    assert networks.dtype_of(copy) == "float16"
    assert "in float16: its answers to random images leave the range" in caplog.text
    caplog.clear()
    cast(network, "bfloat16")
    assert not caplog.text


def test_what_is_cast_stays_as_it_is(images):
    network = nested_in(images)
    before = network(images).numpy(), [one.numpy() for one in network.variables]
    cast(network, "float16")
    np.testing.assert_array_equal(network(images).numpy(), before[0])
    for variable, values in zip(network.variables, before[1], strict=True):
        np.testing.assert_array_equal(variable.numpy(), values)


def test_a_type_that_this_machine_has_no_kernel_for_is_told():
    first = layers.Conv2D(2, 3, data_format="channels_first")
    network = keras.Sequential([keras.Input((1, 6, 6)), first, layers.Flatten()])
    with pytest.raises(networks.NetworkError, match=r"computed in float64 .*NHWC.*channels last"):
        cast(network, "float64")
