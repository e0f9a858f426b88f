"""Networks: shapes, initial weights, casts that lose nothing they need not, checkpoints."""

import keras
import numpy as np
import pytest

from mirage import networks


def forward(network, images):
    """The same network by hand in NumPy, in float64."""
    values = [variable.numpy().astype(np.float64) for variable in network.trainable_variables]
    for number in range(0, len(values), 2):
        images = images @ values[number] + values[number + 1]
        if number + 2 < len(values):
            images = np.maximum(images, 0)
    return images


def test_the_source_s_network_has_its_number_of_parameters():
    network = networks.build("mlp-200-300", "float32", seed=1)
    assert network.count_params() == 784 * 200 + 200 + 200 * 300 + 300 + 300 * 10 + 10
    assert [kernel.path.split("/")[-2] for kernel in networks.kernels(network)] == [
        "layer1",
        "layer2",
        "layer3",
    ]


def test_initial_weights_are_glorot_uniform_and_biases_zero():
    network = networks.build("mlp-200-300", "float64", seed=1)
    for kernel in networks.kernels(network):
        limit = np.sqrt(6 / sum(kernel.shape))
        values = kernel.numpy()
        assert np.abs(values).max() <= limit
        # Standard deviation of a uniform distribution on (-limit, limit).
        assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    for variable in network.trainable_variables:
        if variable.path.endswith("/bias"):
            assert not variable.numpy().any()


def test_seeds_fix_weights_and_types_share_them():
    def weights(dtype, seed):
        return [k.numpy() for k in networks.kernels(networks.build("mlp-30-20", dtype, seed))]

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
    network = networks.cast(networks.build("mlp-30-20", dtype, seed=1), "float64")
    images = np.random.default_rng(0).uniform(size=(5, 784))
    np.testing.assert_allclose(network(images).numpy(), forward(network, images), rtol=1e-13)


@pytest.mark.parametrize("dtype", networks.DTYPES)
def test_cast_computes_in_the_type_asked_for(dtype):
    network = networks.build("mlp-30-20", "float32", seed=1)
    copy = networks.cast(network, dtype)
    logits = copy(np.zeros((2, 784), np.float32))
    assert networks.dtype_of(copy) == dtype
    assert logits.dtype.name == dtype
    assert {variable.dtype for variable in copy.variables} == {dtype}
    assert networks.dtype_of(network) == "float32"


def test_an_unknown_network_is_refused_by_name():
    with pytest.raises(networks.NetworkError, match=r"'resnet'.*mlp-200-300"):
        networks.build("resnet", "float32", seed=1)


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
        networks.load(path)
