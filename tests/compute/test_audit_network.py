"""From models of every make to a network that attacks take."""

import os

import keras
import models_of_others
import numpy as np
import pytest

from mirage.attacks import gradients
from mirage.auditing.data import read
from mirage.auditing.errors import AuditError
from mirage.auditing.network import prepare
from mirage.auditing.opening import open_model
from mirage.evaluation.single import accuracy

layers = keras.layers
IMAGES = np.random.default_rng(0).uniform(size=(30, 6, 6, 3)).astype(np.float32)


def start():
    keras.utils.set_random_seed(2)
    return keras.Input((6, 6, 3))


def with_batch_normalization():
    hidden = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Dropout(0.5)]
    model = keras.Sequential([start(), *hidden, layers.Flatten(), layers.Dense(100, "softmax")])
    model(3 * IMAGES, training=True)
    return model


def nested():
    pixels = start()
    normal = layers.Normalization(mean=0.4, variance=0.3, axis=None)
    body = keras.Sequential([keras.Input((6, 6, 3)), normal, layers.Conv2D(4, 3), layers.ReLU()])
    return keras.Sequential([pixels, body, layers.Flatten(), layers.Dense(5), layers.Softmax()])


def binary():
    return keras.Sequential([start(), layers.Flatten(), layers.Dense(1, "sigmoid")])


def functional():
    pixels = start()
    seen = layers.Conv2D(3, 3, padding="same", activation="relu")(pixels)
    flat = layers.Flatten()(layers.Add()([seen, pixels / 2]))
    return keras.Model(pixels, keras.ops.softmax(layers.Dense(5)(flat)))


def of_bytes():
    return keras.Sequential(
        [start(), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(5, "softmax")]
    )


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (with_batch_normalization, (0, 255)),
        (nested, (-1, 1)),
        (binary, (0, 1)),
        (functional, (-0.5, 0.5)),
        (of_bytes, (0, 255)),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_the_network_is_the_model_on_flat_images(make, given):
    model = make()
    low, high = given
    answers = model(IMAGES * (high - low) + low).numpy()
    labels = (answers > 0.5)[:, 0].astype(int) if make is binary else answers.argmax(axis=1)
    subject = prepare(model, IMAGES, labels, given=given)
    assert subject.shape == (6, 6, 3)
    assert subject.classes == max(2, answers.shape[1])
    assert subject.images.shape == (30, 108)
    assert subject.network.input_shape == subject.wide.input_shape == (None, 108)
    assert subject.output.recovered
    assert accuracy(subject.network, subject.images, labels) > 0.95  # ties fall either way
    found = np.asarray(keras.ops.softmax(subject.wide(subject.images.astype(float))))
    np.testing.assert_allclose(found[:, -answers.shape[1] :], answers, atol=2e-3)
    gradient = gradients.input_gradient(
        subject.wide, subject.images.astype(float), subject.labels, "exact_sign"
    )
    assert gradient.shape == subject.images.shape
    assert np.isfinite(gradient).all()


def test_logits_that_are_lost_are_said_with_how_many():
    sharp = layers.Lambda(lambda logits: keras.ops.softmax(500 * logits))
    model = keras.Sequential([start(), layers.Flatten(), layers.Dense(3), sharp])
    answers = model(IMAGES).numpy()
    lost = int(((answers == 0) | (answers == 1)).any(axis=1).sum())
    assert lost
    subject = prepare(model, IMAGES, answers.argmax(axis=1), given=(0, 1))
    assert not subject.output.recovered
    assert subject.wide is not None
    assert f"for {lost} of 30 images a probability is 0 or 1 in float32" in subject.warnings[0]


class Noisy(layers.Layer):
    """Draws at random whenever it is called."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, values):
        size = keras.ops.shape(values)
        return values + keras.random.normal(size, dtype=values.dtype, seed=self.seeds)


def test_a_model_that_draws_at_random_has_logits_but_no_float64():
    model = keras.Sequential([start(), Noisy(name="noise"), layers.Flatten(), layers.Dense(3)])
    model.add(layers.Softmax())
    subject = prepare(model, IMAGES, np.zeros(30, int), given=(0, 1))
    assert (subject.output.kind, subject.output.recovered) == ("softmax", True)
    assert subject.output.checked_in == "float32"
    assert subject.wide is None
    assert "cannot be computed in float64: layer" in subject.warnings[-1]


class Whole(keras.Model):
    def call(self, values):
        return values[:, 0, 0]


def two_outputs():
    pixels = start()
    flat = layers.Flatten()(pixels)
    return keras.Model(pixels, [layers.Dense(2)(flat), layers.Dense(2)(flat)])


def two_inputs():
    both = [start(), keras.Input((6, 6, 3))]
    return keras.Model(both, layers.Dense(2)(layers.Flatten()(layers.Add()(both))))


def of_words():
    return keras.Sequential(
        [keras.Input((9,)), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(2)]
    )


def of_maps():
    return keras.Sequential([start(), layers.Conv2D(2, 3)])


def spoilt():
    model = binary()
    model.layers[-1].bias.assign([np.nan])
    return model


def without_numbers():
    model = binary()
    model.add(layers.Lambda(lambda z: keras.ops.log(-z)))
    return model


FAULTS = {
    Whole: "a Whole, a class of its own",
    two_outputs: "2 outputs. A classifier has one",
    two_inputs: "2 inputs. A classifier has one",
    of_words: "reads words",
    of_maps: "its output has the shape",
    spoilt: "are NaN or infinite",
    without_numbers: "NaN or infinity",
}


@pytest.mark.parametrize("make", FAULTS, ids=lambda one: one.__name__)
def test_what_is_no_classifier_of_images(make):
    with pytest.raises(AuditError, match=FAULTS[make]):
        prepare(make(), IMAGES, np.zeros(30, int), given=(0, 1))


def test_images_and_labels_that_do_not_fit():
    for images, labels, said in (
        (IMAGES, np.full(30, 2), "from 2 to 2"),
        (IMAGES * np.nan, np.zeros(30, int), "NaN"),
        (IMAGES[:0], np.zeros(0, int), "at least one image"),
        (255 * IMAGES, np.zeros(30, int), "outside of 0 to 1"),
    ):
        with pytest.raises(AuditError, match=f"(?i){said}"):
            prepare(binary(), images, labels, given=(0, 1))


@pytest.mark.thorough
@pytest.mark.parametrize("one", models_of_others.MODELS, ids=lambda one: one.file)
def test_models_that_others_published(one):
    models_of_others.needed()
    model = open_model(one.path, one.given)
    data = read("mnist", model.input_shape[1:], 10, os.environ["MNIST_DIR"])
    images, labels = data.images[: one.images], data.labels[: one.images]
    if one.asked:
        with pytest.raises(AuditError) as caught:
            prepare(model, images[:1000], labels[:1000])
        assert all(name in str(caught.value).split("\n")[0] for name in one.asked)
        subject = prepare(model, images, labels, given=one.range)
    else:
        subject = prepare(model, images, labels)
    assert (subject.range.low, subject.range.high) == one.range
    assert subject.output.kind == one.kind
    assert subject.output.recovered
    assert not subject.warnings
    if one.accuracy:
        found = accuracy(subject.network, subject.images, labels)
        assert found == pytest.approx(one.accuracy, abs=0.005)
        print(one.file, found)
