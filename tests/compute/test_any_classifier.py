"""Public functions on classifiers of images of any shape, any classes and any kind of output."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_every_attack import brief

import mirage
from mirage.attacks.parameters import methods, parameters_of
from mirage.models.networks import NetworkError

layers = keras.layers
COUNT = 6


def colour_of_100_classes():
    body = [layers.Conv2D(3, 5, strides=4), layers.BatchNormalization(), layers.ReLU()]
    return [keras.Input((32, 32, 3)), *body, layers.Flatten(), layers.Dropout(0.5)], 100


def channels_first():
    # TensorFlow has no such convolutions on every processor.
    body = [layers.Permute((2, 3, 1)), layers.Conv2D(3, 5, strides=4, activation="relu")]
    return [keras.Input((1, 28, 28)), *body, layers.Flatten()], 5


def grey_not_square():
    body = [layers.Normalization(mean=0.4, variance=0.1, axis=None), layers.Flatten()]
    return [keras.Input((7, 9)), *body, layers.Dense(6, "relu")], 3


def binary():
    return [keras.Input((7, 9, 1)), layers.Flatten(), layers.Dense(6, "tanh")], 1


NETWORKS = {
    "32x32x3, 100 classes, batch normalization and dropout": (colour_of_100_classes, None),
    "1x28x28, channels first": (channels_first, None),
    "7x9": (grey_not_square, None),
    "one sigmoid": (binary, "sigmoid"),
    "one logit": (binary, None),
    "softmax": (grey_not_square, "softmax"),
}


def made(name):
    """A network, some images in bytes, and labels that about half of its answers are."""
    parts, last = NETWORKS[name]
    keras.utils.set_random_seed(1)
    start, units = parts()
    network = keras.Sequential([*start, layers.Dense(units, last)])
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (COUNT, *network.input_shape[1:])).astype(np.uint8)
    labels = answers(network, images / 255).copy()
    labels[::2] = (labels[::2] + 1) % max(2, units)
    return network, images, labels


def answers(network, images):
    """The classes that a network answers, by its own values."""
    values = network(images.astype(np.float32), training=False).numpy()
    if values.shape[1] > 1:
        return values.argmax(axis=1)
    return (values[:, 0] > (0.5 if network.layers[-1].activation.__name__ == "sigmoid" else 0)) * 1


def slope(network, images, labels):
    """Keras' gradient of Keras' loss, in float64."""
    last = network.layers[-1].activation.__name__
    wide = mirage.cast(network, "float64")
    pixels = tf.constant(images / 255)
    one, logits = network.output_shape[1] == 1, last == "linear"
    loss = keras.losses.binary_crossentropy if one else keras.losses.sparse_categorical_crossentropy
    truth = labels[:, np.newaxis].astype(float) if one else labels
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        total = tf.reduce_sum(loss(truth, wide(pixels, training=False), from_logits=logits))
    return tape.gradient(total, pixels).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_public_function_takes_any_classifier(name):
    network, images, labels = made(name)
    before = network.get_weights()
    assert mirage.accuracy(network, images, labels) == 0.5
    expected = slope(network, images, labels)
    found = mirage.input_gradient(network, images, labels, dtype="float64")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
    signs = mirage.exact_sign(network, images, labels)
    assert (signs == np.sign(expected)).mean() > 0.999
    assert mirage.masking(network, images, labels).sign_disagreement < 0.001
    moved = mirage.attack(network, images, labels, epsilon=0.1, clip=(0, 1))
    assert moved.images.shape == images.shape
    given = (images / 255).astype(np.float32)
    np.testing.assert_allclose(moved.images, np.clip(given + 0.1 * signs, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(moved.predictions, answers(network, moved.images))
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_takes_images_of_any_shape_and_any_number_of_classes():
    network, images, labels = made("32x32x3, 100 classes, batch normalization and dropout")
    (row,) = mirage.train(network, (images, labels), (images, labels), epochs=1, batch_size=3)
    assert np.isfinite(row["objective"])
    assert row["validation_accuracy"] == mirage.accuracy(network, images, labels)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("one sigmoid", "sigmoid"), ("one logit", "sigmoid logit"), ("softmax", "softmax")],
)
def test_training_takes_no_other_output_than_a_logit_for_each_class(name, kind):
    network, images, labels = made(name)
    with pytest.raises(NetworkError, match=f"its output is a {kind}. Training needs a logit for"):
        mirage.train(network, (images, labels), (images, labels), epochs=1, batch_size=3)


def test_probabilities_under_which_no_logits_are_found_are_refused_but_have_an_accuracy():
    network, images, labels = made("7x9")
    network.add(layers.Lambda(lambda logits: keras.ops.softmax(3 * logits)))
    assert mirage.accuracy(network, images, labels) == 0.5
    for function in (mirage.attack, mirage.exact_sign):
        options = {"epsilon": 0.1} if function is mirage.attack else {}
        with pytest.raises(NetworkError, match="no layer before its end gives the logits"):
            function(network, images, labels, **options)


def test_a_network_is_built_for_any_shape_and_number_of_classes():
    network = mirage.build({"name": "cnn", "filters": [2], "dense": 4}, shape=(7, 9, 3), classes=23)
    images = np.zeros((2, 7, 9, 3), np.uint8)
    assert network.output_shape == (None, 23)
    assert mirage.exact_sign(network, images, np.array([0, 22])).shape == images.shape


def test_what_is_no_classifier_is_told():
    maps = keras.Sequential([keras.Input((7, 9, 1)), layers.Conv2D(2, 3)])
    with pytest.raises(NetworkError, match=r"output has the shape \(None, 5, 7, 2\)"):
        mirage.attack(maps, np.zeros((2, 7, 9, 1)), np.zeros(2, int), epsilon=0.1)


@pytest.mark.parametrize("name", ["7x9", "1x28x28, channels first"])
def test_squares_are_laid_on_images_of_any_height_and_width(name):
    network, images, labels = made(name)
    options = {"epsilon": 1e-4, "p": 0.1, "clip": (-1, 2)}
    stripes, squares = (
        mirage.attack(network, images, labels, "square", queries=queries, **options).images
        for queries in (1, 2)
    )
    height, width = sorted(images.shape[1:])[-2:]
    pixels = (images / 255).astype(np.float32)
    for one, other, image in zip(stripes, squares, pixels, strict=True):
        up = (one > image).reshape(height, width)
        assert (up == up[0]).all()
        changed = (one != other).reshape(height, width)
        size = round(np.sqrt(0.1 * height * width))
        assert all(not len(places) or np.ptp(places) < size for places in np.nonzero(changed))
    assert (stripes != squares).any()


@pytest.mark.thorough
@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize("name", NETWORKS)
def test_every_attack_takes_any_classifier(name, method):
    network, images, labels = made(name)
    if method == "apgd_dlr" and network.output_shape[1] == 1:
        with pytest.raises(NetworkError, match="needs at least 3"):
            mirage.attack(network, images, labels, method, epsilon=0.1)
        return
    size = {"epsilon": 0.1} if parameters_of(method).kind != "minimal" else {}
    found = mirage.attack(network, images, labels, method, **size, **brief(method))
    assert found.images.shape == images.shape
    np.testing.assert_array_equal(found.predictions, answers(network, found.images))
