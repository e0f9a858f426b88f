"""Filters before a network: against SciPy and NumPy, linear, differentiable, in every type."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from architectures import LENET, mlp
from attacking import moved_by
from scipy import ndimage

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.models import defences, networks
from mirage.models.cast import assign, cast

SETTINGS = [
    ("gaussian_smoothing", {"sigma": 0.5}),
    ("gaussian_smoothing", {"sigma": 3.0}),
    ("high_pass", {"cutoff": 1}),
    ("high_pass", {"cutoff": 4}),
]
every_setting = pytest.mark.parametrize(("method", "parameters"), SETTINGS)


@pytest.fixture(scope="module")
def photographs(digits):
    """The first digits, float64, shape (40, 28, 28)."""
    _, (images, _) = digits
    return images[:40] / 255


@pytest.fixture(scope="module")
def flat(digits):
    _, (images, labels) = digits
    return as_float(images[:40], "float64"), labels[:40]


def reference(images, method, parameters):
    """The filter by another road: SciPy's one-dimensional kernels, a sum of cosines and sines."""
    if method == "gaussian_smoothing":
        for axis in (1, 2):
            images = ndimage.gaussian_filter1d(images, parameters["sigma"], axis=axis)
        return images
    position = np.arange(28)
    low = np.zeros_like(images)
    for y in range(-14, 14):
        for x in range(-14, 14):
            if y * y + x * x < parameters["cutoff"] ** 2:
                wave = np.exp(2j * np.pi * (y * position[:, np.newaxis] + x * position) / 28)
                amplitude = (images * wave.conj()).sum(axis=(1, 2), keepdims=True) / 28**2
                low += (amplitude * wave).real
    return images - low


@every_setting
def test_filter_and_layer_equal_the_reference(photographs, flat, method, parameters):
    expected = reference(photographs, method, parameters)
    filtered = defences.FILTERS[method](photographs, **parameters)
    np.testing.assert_allclose(filtered, expected, atol=1e-13)
    layer = defences.layer(method, parameters, (28, 28), "float64")
    product = keras.ops.convert_to_numpy(layer(flat[0]))
    np.testing.assert_allclose(product, expected.reshape(40, 784), atol=1e-13)
    assert np.abs(expected - photographs).max() > 0.05


@every_setting
def test_filters_are_linear(method, parameters):
    one, two = np.random.default_rng(1).normal(size=(2, 5, 28, 28))
    apply = defences.FILTERS[method]
    np.testing.assert_allclose(
        apply(2 * one - 3 * two, **parameters),
        2 * apply(one, **parameters) - 3 * apply(two, **parameters),
        atol=1e-12,
    )


@pytest.mark.parametrize("cutoff", [0, 1, 2, 4.5, 100])
def test_high_pass_and_its_complement_share_no_frequency(photographs, cutoff):
    high = defences.high_pass(photographs, cutoff=cutoff)
    low = photographs - high
    # A projection: once is enough, the rest has nothing of it, and nothing is lost.
    np.testing.assert_allclose(defences.high_pass(high, cutoff=cutoff), high, atol=1e-13)
    np.testing.assert_allclose(defences.high_pass(low, cutoff=cutoff), 0, atol=1e-13)
    energy = [(part**2).sum(axis=(1, 2)) for part in (photographs, high, low)]
    np.testing.assert_allclose(energy[0], energy[1] + energy[2], rtol=1e-12)


def test_a_wave_passes_from_its_own_frequency_on():
    position = np.arange(28)
    # Radius 5: 3 cycles down, 4 across.
    wave = np.cos(2 * np.pi * (3 * position[:, np.newaxis] + 4 * position) / 28)[np.newaxis]
    np.testing.assert_allclose(defences.high_pass(wave, cutoff=5), wave, atol=1e-13)
    np.testing.assert_allclose(defences.high_pass(wave, cutoff=5.01), 0, atol=1e-13)


def test_what_a_constant_image_becomes():
    grey = np.full((1, 28, 28), 0.7)
    np.testing.assert_allclose(defences.high_pass(grey, cutoff=1), 0, atol=1e-14)
    np.testing.assert_allclose(defences.gaussian_smoothing(grey, sigma=2), grey, rtol=1e-14)


def test_smoothing_keeps_the_range_and_the_mean_and_lessens_contrast(photographs):
    contrast = [
        defences.gaussian_smoothing(photographs, sigma=sigma).std(axis=(1, 2)).mean()
        for sigma in (0, 0.5, 1, 2, 3)
    ]
    assert contrast == sorted(contrast, reverse=True)
    smooth = defences.gaussian_smoothing(photographs, sigma=2)
    assert smooth.min() >= 0
    assert smooth.max() <= 1
    np.testing.assert_allclose(smooth.mean(axis=(1, 2)), photographs.mean(axis=(1, 2)), rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "parameters"), [("gaussian_smoothing", {"sigma": 0}), ("high_pass", {"cutoff": 0})]
)
def test_a_filter_of_nothing_leaves_the_answers(overfitted, flat, method, parameters):
    images, _ = flat
    defended = defences.defend(overfitted, method, parameters)
    np.testing.assert_allclose(
        gradients.logits(defended, images), gradients.logits(overfitted, images), rtol=1e-4
    )


@every_setting
def test_a_defended_network_sees_filtered_images(overfitted, flat, method, parameters):
    images, _ = flat
    network = cast(overfitted, "float64")
    filtered = defences.FILTERS[method](images.reshape(-1, 28, 28), **parameters)
    np.testing.assert_allclose(
        gradients.logits(defences.defend(network, method, parameters), images),
        gradients.logits(network, filtered.reshape(-1, 784)),
        rtol=1e-10,
        atol=1e-10,
    )


@every_setting
def test_the_adaptive_gradient_equals_finite_differences(overfitted, flat, method, parameters):
    images, labels = flat
    defended = defences.defend(cast(overfitted, "float64"), method, parameters)
    slope = gradients.input_gradient(defended, images, labels, "exact_sign")
    way = np.random.default_rng(2).normal(size=images.shape)
    way /= np.linalg.norm(way, axis=1, keepdims=True)

    def loss(moved):
        logits = gradients.logits(defended, moved)
        return gradients.log_odds(logits, labels.astype(np.int32)).numpy()

    step = 1e-6
    measured = (loss(images + step * way) - loss(images - step * way)) / (2 * step)
    np.testing.assert_allclose((slope * way).sum(axis=1), measured, rtol=1e-5, atol=1e-5)


def test_a_convolutional_network_can_be_defended(flat):
    images, _ = flat
    network = networks.build(LENET, "float32", 1)
    defended = defences.defend(network, "high_pass", {"cutoff": 2})
    filtered = defences.high_pass(images.reshape(-1, 28, 28), cutoff=2)
    np.testing.assert_allclose(
        gradients.logits(defended, images),
        gradients.logits(network, filtered.reshape(-1, 784)),
        rtol=1e-3,
        atol=1e-4,
    )


def test_adapting_to_the_defence_harms_more(overfitted, digits):
    _, (images, labels) = digits
    images = as_float(images, "float32")
    defended = defences.defend(overfitted, "gaussian_smoothing", {"sigma": 1.5})
    blind, adapted = (
        (gradients.logits(defended, moved).argmax(axis=1) == labels).mean()
        for moved in (
            moved_by("fgsm", attacker, images, labels, epsilon=0.05, gradient="exact_sign")
            for attacker in (overfitted, defended)
        )
    )
    assert adapted < blind - 0.05


def test_weights_given_to_the_network_change_the_defended_one(flat):
    images, _ = flat
    network, other = (networks.build(mlp(20), "float32", seed) for seed in (1, 2))
    setting = ("high_pass", {"cutoff": 2})
    defended, expected = (defences.defend(each, *setting) for each in (network, other))
    before = gradients.logits(defended, images)
    assign(network, other)
    after = gradients.logits(defended, images)
    assert (before != after).any()
    np.testing.assert_array_equal(after, gradients.logits(expected, images))
    # The filter itself has no weights: the checkpoint of one is the checkpoint of both.
    assert len(defended.variables) == len(network.variables)


@every_setting
@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(dtype, marks=[] if dtype == "float16" else pytest.mark.thorough)
        for dtype in networks.DTYPES
    ],
)
def test_the_defended_network_keeps_the_type(overfitted, flat, method, parameters, dtype):
    images, labels = flat
    network = cast(overfitted, dtype)
    defended = defences.defend(network, method, parameters)
    assert networks.dtype_of(defended) == dtype
    assert defended(images.astype(dtype)).dtype == dtype
    slope = gradients.input_gradient(defended, images, labels, "exact_sign")
    assert slope.dtype == dtype
    assert np.isfinite(slope.astype(float)).all()
    # Only rounding tells the types apart.
    exact = defences.defend(cast(overfitted, "float64"), method, parameters)
    logits = [gradients.logits(each, images).astype(float) for each in (defended, exact)]
    coarse = {"float16": 2e-2, "bfloat16": 0.15, "float32": 2e-6, "float64": 1e-12}[dtype]
    assert np.abs(logits[0] - logits[1]).max() < coarse * np.abs(logits[1]).max()


def test_casting_a_defended_network_filters_in_the_new_type(overfitted, flat):
    images, _ = flat
    setting = ("gaussian_smoothing", {"sigma": 1.0})
    copy = cast(defences.defend(overfitted, *setting), "float64")
    expected = defences.defend(cast(overfitted, "float64"), *setting)
    np.testing.assert_array_equal(
        gradients.logits(copy, images), gradients.logits(expected, images)
    )


@every_setting
def test_colour_images_are_filtered_channel_by_channel(method, parameters):
    images = np.random.default_rng(3).random((4, 32, 32, 3))
    layer = defences.layer(method, parameters, (32, 32, 3), "float64")
    filtered = keras.ops.convert_to_numpy(layer(images.reshape(4, -1))).reshape(images.shape)
    for channel in range(3):
        expected = defences.FILTERS[method](images[..., channel], **parameters)
        np.testing.assert_allclose(filtered[..., channel], expected, atol=1e-13)
    network = keras.Sequential([keras.Input((3072,)), keras.layers.Dense(10)])
    defended = defences.defend(network, method, parameters)
    np.testing.assert_allclose(
        gradients.logits(defended, images.reshape(4, -1)),
        gradients.logits(network, filtered.reshape(4, -1)),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("dtype", networks.DTYPES)
def test_bit_depth_rounds_to_so_many_levels_of_the_range(bits, dtype):
    # Of 0 to 255, and beyond the range, where an attack that does not clip leads.
    pixels = np.append(np.arange(256) / 255, [-0.7, 1.9])
    layer = defences.layer("bit_depth", {"bits": bits}, (28, 28), dtype)
    found = layer(tf.cast(pixels[np.newaxis], dtype))
    assert found.dtype == dtype
    levels = np.arange(2**bits) / (2**bits - 1)
    nearest = levels[np.abs(levels[:, np.newaxis] - pixels).argmin(axis=0)]
    # A pixel so near the middle of two levels may be rounded to either, in half precision.
    clear = np.sort(np.abs(levels[:, np.newaxis] - pixels), axis=0)
    clear = clear[1] - clear[0] > 0.02
    rounding = {"float16": 1e-3, "bfloat16": 4e-3, "float32": 1e-6, "float64": 0}[dtype]
    found = tf.cast(found, "float64").numpy()[0]
    np.testing.assert_allclose(found[clear], nearest[clear], rtol=0, atol=rounding)
    assert len(np.unique(found)) == 2**bits
    np.testing.assert_array_equal(found[-2:], [0, 1])


def test_eight_bits_change_no_image(flat):
    layer = defences.layer("bit_depth", {"bits": 8}, (28, 28), "float64")
    np.testing.assert_array_equal(layer(flat[0]).numpy(), flat[0])


def test_an_adaptive_attack_sees_through_the_rounding(overfitted, flat):
    """Straight through: the gradient is that of the network at the rounded image."""
    network = cast(overfitted, "float64")
    images, labels = flat[0], flat[1]
    for defended in (
        defences.defend(network, "bit_depth", {"bits": 1}),
        cast(defences.defend(overfitted, "bit_depth", {"bits": 1}), "float64"),
    ):
        np.testing.assert_array_equal(
            gradients.input_gradient(defended, images, labels, "exact_sign"),
            gradients.input_gradient(network, np.round(images), labels, "exact_sign"),
        )
    colour = keras.Sequential([keras.Input((3072,)), keras.layers.Dense(10)])
    pixels = np.random.default_rng(3).random((2, 3072)).astype("float32")
    np.testing.assert_array_equal(
        gradients.logits(defences.defend(colour, "bit_depth", {"bits": 1}), pixels),
        gradients.logits(colour, np.round(pixels)),
    )


def test_what_cannot_be_defended_is_named(overfitted):
    with pytest.raises(ValueError, match="defence 'median': allowed are gaussian_smoothing, high"):
        defences.defend(overfitted, "median", {})
    images = keras.Input((784,))
    branched = keras.Model(images, keras.layers.Dense(10)(images), name="branched")
    with pytest.raises(networks.NetworkError, match="'branched': a defence can stand before Seq"):
        defences.defend(branched, "high_pass", {"cutoff": 1})
    odd = keras.Sequential([keras.Input((785,)), keras.layers.Dense(10)])
    with pytest.raises(networks.NetworkError, match="785 values make no square image"):
        defences.defend(odd, "high_pass", {"cutoff": 1})
