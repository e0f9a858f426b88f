"""Networks: shapes, initial weights, casts that lose nothing they need not, checkpoints."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from architectures import LENET, cnn, mlp

from mirage.models import checkpoints, networks
from mirage.models.cast import cast
from mirage.runtime.errors import ArgumentError


def forward(network, images):
    """The same network by hand in NumPy, in float64."""
    values = [variable.numpy().astype(np.float64) for variable in network.trainable_variables]
    for number in range(0, len(values), 2):
        images = images @ values[number] + values[number + 1]
        if number + 2 < len(values):
            images = np.maximum(images, 0)
    return images


def test_the_source_s_network_has_its_number_of_parameters():
    network = networks.build(mlp(200, 300), "float32", seed=1)
    assert network.count_params() == 784 * 200 + 200 + 200 * 300 + 300 + 300 * 10 + 10
    assert [kernel.path.split("/")[-2] for kernel in networks.kernels(network)] == [
        "layer1",
        "layer2",
        "layer3",
    ]


@pytest.mark.parametrize(
    ("architecture", "count"),
    [
        (cnn(32, 64, dense=1024, dropout=0.4), 3_274_634),  # hao, section 5
        (LENET, 431_080),  # as it comes with Caffe
        (mlp(512), 407_050),  # rana, "Our Experiment"
        (mlp(), 7_850),
    ],
)
def test_networks_of_the_sources_have_their_number_of_parameters(architecture, count):
    network = networks.build(architecture, "float32", seed=1)
    # Those that are trained: dropout keeps the state of its random generator as well.
    assert sum(int(np.prod(one.shape)) for one in network.trainable_variables) == count


@pytest.mark.parametrize(
    ("architecture", "shape", "kernels"),
    [
        (cnn(2, 3, dense=8), (28, 28), [(5, 5, 1, 2), (5, 5, 2, 3), (7 * 7 * 3, 8), (8, 10)]),
        (cnn(2, 3, dense=8), (32, 32, 3), [(5, 5, 3, 2), (5, 5, 2, 3), (8 * 8 * 3, 8), (8, 10)]),
        (LENET, (28, 28), [(5, 5, 1, 20), (5, 5, 20, 50), (4 * 4 * 50, 500), (500, 10)]),
        (LENET, (32, 32, 3), [(5, 5, 3, 20), (5, 5, 20, 50), (5 * 5 * 50, 500), (500, 10)]),
        (mlp(8), (32, 32, 3), [(3072, 8), (8, 10)]),
    ],
)
def test_shapes_follow_from_the_architecture_and_the_images(architecture, shape, kernels):
    network = networks.build(architecture, "float32", 1, shape)
    assert [tuple(kernel.shape) for kernel in networks.kernels(network)] == kernels
    assert network.input_shape == (None, np.prod(shape))
    assert network(np.zeros((4, np.prod(shape)), np.float32)).shape == (4, 10)
    assert networks.convolves(network) == (architecture["name"] != "mlp")


def convolved(network, images):
    """The answer of a network with two convolutions by hand in NumPy, images (n, 28, 28)."""
    *convolutions, third, fourth = [
        (one.numpy().astype(np.float64), other.numpy().astype(np.float64))
        for one, other in zip(*[iter(network.trainable_variables)] * 2, strict=True)
    ]
    values = images[..., np.newaxis].astype(np.float64)
    for kernel, bias in convolutions:
        if network.name.startswith("cnn"):  # the images keep their size
            values = np.pad(values, [(0, 0), (2, 2), (2, 2), (0, 0)])
        patches = np.lib.stride_tricks.sliding_window_view(values, (5, 5), axis=(1, 2))
        values = np.maximum(np.einsum("nyxcij,ijco->nyxo", patches, kernel) + bias, 0)
        n, side, _, channels = values.shape
        half = side // 2
        values = values.reshape(n, half, 2, half, 2, channels).max(axis=(2, 4))
    values = np.maximum(values.reshape(len(images), -1) @ third[0] + third[1], 0)
    return values @ fourth[0] + fourth[1]


@pytest.mark.parametrize("architecture", [cnn(2, 3, dense=8, dropout=0.4), LENET])
def test_a_convolutional_network_by_hand_and_cast_to_float64(architecture):
    images = np.random.default_rng(0).uniform(size=(3, 28, 28))
    network = networks.build(architecture, "float32", seed=1)
    expected = convolved(network, images)
    flat = images.reshape(3, -1)
    np.testing.assert_allclose(network(flat).numpy(), expected, rtol=1e-3, atol=1e-5)
    wide = cast(network, "float64")
    np.testing.assert_allclose(wide(flat).numpy(), expected, rtol=1e-12, atol=1e-14)


def test_dropout_is_for_training_only_and_follows_its_seed():
    images = np.random.default_rng(0).uniform(size=(20, 784)).astype(np.float32)
    network = networks.build(cnn(2, 3, dense=50, dropout=0.4), "float32", seed=1)
    features = keras.Sequential(network.layers[:-1])
    without = features(images, training=False).numpy()
    np.testing.assert_array_equal(without, features(images).numpy())
    (state,) = networks.draws(network)
    drawn = []
    for seed in ([1, 2], [1, 2], [3, 4]):
        state.assign(seed)
        drawn.append(features(images, training=True).numpy())
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    # 40 % of the units are dropped, the others scaled up to keep the mean.
    units = without > 0
    kept = drawn[0][units] > 0
    assert kept.mean() == pytest.approx(0.6, abs=0.06)
    np.testing.assert_allclose(drawn[0][units][kept], without[units][kept] / 0.6, rtol=1e-5)


@pytest.mark.parametrize("architecture", [cnn(2, 3, dense=8), mlp(8, 9)])
def test_a_network_without_dropout_draws_nothing(architecture):
    assert networks.draws(networks.build(architecture, "float32", seed=1)) == []


def test_each_hidden_layer_of_an_mlp_has_its_own_dropout_and_the_same_weights():
    plain = networks.build(mlp(80, 70), "float32", seed=1)
    network = networks.build({**mlp(80, 70), "dropout": 0.5}, "float32", seed=1)
    images = np.random.default_rng(0).uniform(size=(20, 784)).astype(np.float32)
    np.testing.assert_array_equal(network(images).numpy(), plain(images).numpy())
    assert len(networks.draws(network)) == 2
    assert [layer.name for layer in network.layers] == [
        *("layer1", "dropout1", "layer2", "dropout2", "layer3")
    ]


@pytest.mark.parametrize(("shape", "channels"), [((28, 28), 1), ((32, 32, 3), 3)])
def test_a_pooled_network_sees_the_means_of_squares(shape, channels):
    network = networks.build({**mlp(), "pool": 4}, "float32", seed=1, shape=shape)
    (kernel,) = networks.kernels(network)
    side = shape[0] // 4
    assert kernel.shape == (side * side * channels, 10)
    images = np.random.default_rng(0).uniform(size=(3, *shape))
    means = images.reshape(3, side, 4, side, 4, channels).mean(axis=(2, 4)).reshape(3, -1)
    flat = images.reshape(3, -1)
    np.testing.assert_allclose(network(flat).numpy(), means @ kernel.numpy(), rtol=1e-3, atol=1e-5)
    wide = cast(network, "float64")
    expected = means @ kernel.numpy().astype("float64")
    np.testing.assert_allclose(wide(flat).numpy(), expected, rtol=1e-12, atol=1e-14)


RBF = {"name": "rbf", "units": 12, "width": 4.0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_rbf_network_by_hand_cast_and_as_a_checkpoint(tmp_path, digits, dtype):
    (images, _), (test, _) = digits
    network = networks.build(RBF, dtype, seed=1, images=images)
    (centres,) = networks.trained(network, "centres")
    starts = (centres.numpy() * 255).round().astype("uint8")
    known = {image.tobytes() for image in images}
    assert len({one.tobytes() for one in starts} & known) == 12  # training images, each another
    x = test[:5].reshape(5, -1) / 255
    kernel = networks.kernels(network)[0].numpy().astype("float64")
    distances = np.square(x[:, None] - centres.numpy().astype("float64")).sum(axis=2)
    expected = np.exp(-distances / (2 * 4.0**2)) @ kernel
    np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-3, atol=1e-4)
    wide = cast(network, "float64")
    np.testing.assert_allclose(wide(x).numpy(), expected, rtol=1e-12, atol=1e-13)
    assert networks.dtype_of(cast(network, "bfloat16")) == "bfloat16"
    network.save(tmp_path / "rbf.keras")
    opened = checkpoints.load(tmp_path / "rbf.keras")
    np.testing.assert_array_equal(opened(x).numpy(), network(x).numpy())


def test_an_rbf_network_has_uniform_centres_without_images_and_not_fewer_images_than_units():
    drawn = [
        networks.trained(networks.build(RBF, dtype, seed=1), "centres")[0].numpy()
        for dtype in ("float64", "float32")
    ]
    assert 0 <= drawn[0].min() < drawn[0].max() <= 1
    np.testing.assert_array_equal(drawn[0].astype("float32"), drawn[1])
    with pytest.raises(ArgumentError, match="at least 12"):
        networks.build(RBF, images=np.zeros((11, 28, 28), "uint8"))


def test_initial_weights_are_glorot_uniform_and_biases_zero():
    network = networks.build(mlp(200, 300), "float64", seed=1)
    for kernel in networks.kernels(network):
        limit = np.sqrt(6 / sum(kernel.shape))
        values = kernel.numpy()
        assert np.abs(values).max() <= limit
        # Standard deviation of a uniform distribution on (-limit, limit).
        assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    for variable in network.trainable_variables:
        if variable.path.endswith("/bias"):
            assert not variable.numpy().any()


@pytest.mark.parametrize("architecture", [mlp(200, 300), cnn(8, 16, dense=200)])
def test_normal_initial_weights_have_their_deviation_biases_too(architecture):
    wanted = {"name": "normal", "deviation": 0.5}
    network = networks.build(architecture, "float64", seed=1, initial_weights=wanted)
    weights = [variable.numpy().ravel() for variable in network.trainable_variables]
    for values in weights:
        # Mean and variance of n draws, to five of their standard deviations.
        assert abs(values.mean()) < 5 * 0.5 / np.sqrt(values.size)
        assert abs((values**2).mean() / 0.25 - 1) < 5 * np.sqrt(2 / values.size)
    assert len({values[0] for values in weights}) == len(weights)
    narrow = networks.build(architecture, "float32", seed=1, initial_weights=wanted)
    for one, other in zip(weights, narrow.trainable_variables, strict=True):
        np.testing.assert_array_equal(one.astype("float32"), other.numpy().ravel())


@pytest.mark.parametrize(("seed", "dtype"), [(1, "float64"), (2, "float32"), (0, "float64")])
def test_weights_of_one_seed_are_those_of_tensorflow_1(seed, dtype):
    wanted = {"name": "glorot_uniform", "one_seed": True}
    network = networks.build(mlp(200, 300), dtype, seed, initial_weights=wanted)
    kernels = [kernel.numpy() for kernel in networks.kernels(network)]
    for kernel in kernels:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.set_random_seed(0)
            # The limit of tf.contrib.layers.xavier_initializer.
            limit = np.sqrt(3 / (sum(kernel.shape) / 2))
            draw = tf.compat.v1.random_uniform(kernel.shape, -limit, limit, dtype, seed)
            np.testing.assert_array_equal(kernel, session.run(draw))
    first, second, _ = (kernel.ravel() for kernel in kernels)
    assert np.corrcoef(first[:60_000], second)[0, 1] == pytest.approx(1)


def test_seeds_fix_weights_and_types_share_them():
    def weights(dtype, seed):
        return [k.numpy() for k in networks.kernels(networks.build(mlp(30, 20), dtype, seed))]

    for one, same in zip(weights("float64", 1), weights("float64", 1), strict=True):
        np.testing.assert_array_equal(one, same)
    for wide, narrow in zip(weights("float64", 1), weights("float32", 1), strict=True):
        np.testing.assert_array_equal(wide.astype(np.float32), narrow)
    assert (weights("float64", 1)[0] != weights("float64", 2)[0]).all()
    # Layers of one shape do not start alike.
    first, second, third, _ = weights("float64", 1) + weights("float64", 2)[:1]
    assert first.shape != second.shape != third.shape


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_float64_images_are_not_rounded_on_the_way(dtype):
    network = cast(networks.build(mlp(30, 20), dtype, seed=1), "float64")
    images = np.random.default_rng(0).uniform(size=(5, 784))
    # The logits are of the size of 1. A sum of n terms may be off by n roundings of its type.
    off = 784 * np.finfo("float64").eps
    np.testing.assert_allclose(network(images).numpy(), forward(network, images), atol=off, rtol=0)
    # In float32 the images alone would move them by more.
    rounded = forward(network, images.astype("float32").astype("float64"))
    assert np.abs(rounded - forward(network, images)).max() > 1000 * off


@pytest.mark.parametrize("dtype", networks.DTYPES)
def test_cast_computes_in_the_type_asked_for(dtype):
    network = networks.build(mlp(30, 20), "float32", seed=1)
    copy = cast(network, dtype)
    logits = copy(np.zeros((2, 784), np.float32))
    assert networks.dtype_of(copy) == dtype
    assert logits.dtype.name == dtype
    assert {variable.dtype for variable in copy.variables} == {dtype}
    assert networks.dtype_of(network) == "float32"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "mlp-200-300",
            "'mlp-200-300': it must be a mapping with a name.*mlp, cnn, lenet, rbf",
        ),
        ({"name": "resnet"}, "'resnet'.*known are mlp, cnn, lenet, rbf"),
        ({"name": ["mlp"]}, "known are mlp, cnn, lenet, rbf"),
        ({"name": "mlp"}, "hidden: "),
        (mlp(0), r"hidden\.0: "),
        (mlp(8.0), r"hidden\.0: "),
        ({**mlp(8), "dropout": 1}, "dropout: "),
        ({**mlp(8), "pool": 3}, "pool 3 does not divide.*28"),
        (cnn(dense=8), "filters: "),
        (cnn(1, 2, dense=3, dropout=1.5), "dropout: .*less than 1"),
        ({**LENET, "dense": 5}, "dense: "),
    ],
)
def test_an_unknown_network_is_refused_with_what_is_wrong(wrong, told):
    with pytest.raises(networks.NetworkError, match=told):
        networks.build(wrong, "float32", seed=1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("zeros", "initial weights.*'zeros'.*known are glorot_uniform, normal"),
        ("normal", "deviation: "),
        ({"name": "normal", "deviation": 0}, "deviation: "),
        ({"name": "normal", "deviation": float("nan")}, "deviation: "),
        ({"name": "glorot_uniform", "one_seed": 1}, "one_seed: "),
    ],
)
def test_unknown_initial_weights_are_refused_with_what_is_wrong(wrong, told):
    with pytest.raises(networks.NetworkError, match=told):
        networks.build(mlp(), initial_weights=wrong)


@pytest.mark.parametrize("count", [1, 4])
def test_a_network_may_have_one_to_four_convolutions(count):
    network = networks.build(cnn(*[2] * count, dense=3), "float32", seed=1)
    assert network(np.zeros((1, 784), np.float32)).shape == (1, 10)
    assert len(networks.kernels(network)) == count + 2


def test_any_keras_program_opens_a_checkpoint(tmp_path, overfitted, digits):
    path = tmp_path / "checkpoint.keras"
    overfitted.save(path)
    opened = keras.saving.load_model(path)
    images = digits[1][0].reshape(450, 784) / np.float32(255)
    np.testing.assert_array_equal(opened(images).numpy(), overfitted(images).numpy())
    assert int(opened.optimizer.iterations) == int(overfitted.optimizer.iterations) > 0
    loss, accuracy = opened.evaluate(images, digits[1][1], verbose=0)
    assert accuracy > 0.9
    assert np.isfinite(loss)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a whole archive", bytes(5000)])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "epoch8.keras"
    path.write_bytes(content)
    with pytest.raises(networks.NetworkError, match=r"epoch8.keras.*not a readable"):
        checkpoints.load(path)


def test_a_checkpoint_that_is_gone_is_not_signed_as_an_empty_one(tmp_path):
    """Where two nodes write one checkpoint, one may remove the other's temporary file."""
    gone = tmp_path / ".1.tmp.epoch1.keras"
    with pytest.raises(FileNotFoundError):
        checkpoints.sign(gone, place="float32/seed1/epoch1")
    assert not gone.exists()
    networks.build(mlp(3), "float32", seed=1, shape=(2, 2)).save(tmp_path / "epoch1.keras")
    checkpoints.sign(tmp_path / "epoch1.keras", place="float32/seed1/epoch1")
    assert checkpoints.load(tmp_path / "epoch1.keras").input_shape == (None, 4)
