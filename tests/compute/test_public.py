"""The public names do what they say, for any Keras classifier, and what the workflow does."""

import doctest

import keras
import numpy as np
import pytest
from architectures import cnn, mlp
from test_every_attack import brief

import mirage
from mirage.attacks import gradients, inputs
from mirage.attacks.parameters import methods, parameters_of
from mirage.data import columns
from mirage.data.images import DataError, as_float
from mirage.evaluation import masking, passes, single
from mirage.models.networks import NetworkError
from mirage.runtime.errors import ArgumentError
from mirage.training import chain

FUNCTIONS = [name for name in mirage.__all__ if name.islower()]
COUNT = 40


@pytest.fixture(scope="module")
def test(digits):
    return tuple(one[:COUNT] for one in digits[1])


@pytest.fixture(scope="module")
def convolutional():
    """A classifier as Keras users write one, on images (28, 28, 1), of eleven classes."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 5, strides=3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(11),
        ]
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_docstring_gives_what_it_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = doctest.DocTestFinder(recurse=False).find(
        getattr(mirage, name), name, globs={"mirage": mirage}
    )
    said = []
    result = doctest.DocTestRunner().run(found, out=said.append)
    assert result.attempted
    assert not result.failed, "".join(said)


# --- The same numbers as the workflow ------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "dtype", "gradient", "parameters"),
    [
        ("fgsm", "float32", "cross_entropy_mean", {}),
        ("fgsm", "float16", "cross_entropy_sum", {"fill_zeros": True}),
        pytest.param("pgd", "float64", "exact_sign", {"steps": 3}, marks=pytest.mark.thorough),
    ],
)
def test_attack_and_masking_give_what_the_workflow_writes(
    overfitted, digits, tmp_path, monkeypatch, method, dtype, gradient, parameters
):
    monkeypatch.setattr(gradients, "BATCH", 30)  # two batches, the second smaller
    images, labels = (one[:COUNT] for one in digits[1])
    checkpoint = tmp_path / "network.keras"
    overfitted.save(checkpoint)
    (row,) = passes.evaluate(
        *([checkpoint], [checkpoint], images, labels),
        method=method,
        parameters={"gradient": gradient, **parameters},
        dtype=dtype,
        epsilons=["0.1"],
        seeds=[(7,)],
    )
    chosen = {"gradient": gradient, "dtype": dtype}
    found = mirage.attack(
        *(overfitted, images, labels, method), epsilon=0.1, seed=7, **chosen, **parameters
    )
    assert mirage.accuracy(overfitted, images, labels) == row["clean_accuracy"]
    assert mirage.accuracy(overfitted, found.images, labels) == row["accuracy"]
    right = round(row["clean_accuracy"] * COUNT)
    assert found.success.sum() / right == row["success"]
    gone = mirage.masking(overfitted, images, labels, **chosen)
    (row,) = masking.measure([checkpoint], images, labels, **chosen)
    for name in columns.MASKING:
        assert getattr(gone, name) == pytest.approx(row[name], rel=1e-6), name


@pytest.mark.parametrize("method", methods())
def test_every_attack_takes_bytes_floats_and_flat_images_alike(overfitted, test, method):
    images, labels = (one[:10] for one in test)
    model = parameters_of(method)
    size = {"epsilon": 0.1} if model.kind != "minimal" else {}
    forms = [images, as_float(images, "float32")]
    before = [one.copy() for one in forms]
    size |= brief(method)
    found = [mirage.attack(overfitted, one, labels, method, **size) for one in forms]
    for one, given, kept in zip(found, forms, before, strict=True):
        assert one.images.shape == given.shape
        assert one.images.dtype == np.float32
        assert (one.images.reshape(10, -1) == found[0].images.reshape(10, -1)).all()
        assert one.predictions.shape == one.success.shape == (10,)
        assert one.success.dtype == bool
        assert (one.iterations is not None) == model.counts_iterations
        assert (given == kept).all()


def with_dropout():
    return mirage.build(cnn(2, 3, dense=8, dropout=0.4), seed=2)


def test_training_that_goes_on_gives_what_one_call_gives(digits, tmp_path):
    training, test = ((images[:300], labels[:300]) for images, labels in digits)
    whole, halves = (with_dropout() for _ in range(2))
    options = {"learning_rate": 0.01, "seed": 5}
    rows = mirage.train(whole, training, test, epochs=3, **options)
    first = mirage.train(halves, training, test, epochs=1, **options)
    halves.save(tmp_path / "half.keras")
    again = mirage.load(tmp_path / "half.keras", training=True)
    rest = mirage.train(again, training, test, epochs=3, initial_epoch=1, **options)
    assert [row["epoch"] for row in [*first, *rest]] == [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["validation_loss"] == rest[-1]["validation_loss"]
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_train_is_the_chain_of_the_workflow_and_leaves_keras_type_alone(digits):
    training, test = ((images[:300], labels[:300]) for images, labels in digits)
    mine, its = (mirage.build(mlp(8), "float64", seed=1) for _ in range(2))
    mirage.train(mine, training, test, epochs=2, learning_rate=0.003, objective="cross_entropy")
    assert keras.config.floatx() == "float32"
    keras.config.set_floatx("float64")
    try:
        its, optimizer = chain.start(its, {"name": "adam"})
    finally:
        keras.config.set_floatx("float32")
    flat = [(images.reshape(len(images), -1), labels) for images, labels in (training, test)]
    chain.train(
        *(its, optimizer, *flat),
        epochs=range(1, 3),
        seed=0,
        schedule=0.003,
        batch_size=100,
        objective={"name": "cross_entropy"},
    )
    for one, other in zip(mine.get_weights(), its.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# --- A network of one's own ----------------------------------------------------------------------


def test_a_network_on_images_of_its_own_shape_is_trained_attacked_and_measured(
    convolutional, digits
):
    network, (training, test) = convolutional, digits
    mirage.train(network, training, test, epochs=2, learning_rate=0.01)
    clean = mirage.accuracy(network, *test)
    assert clean > 0.5
    answers = network.predict((test[0] / 255).reshape(-1, 28, 28, 1), verbose=0).argmax(axis=1)
    assert clean == pytest.approx((answers == test[1]).mean(), abs=0.005)
    found = mirage.attack(network, *test, "pgd", epsilon=0.3, norm="l2", steps=2, clip=(0, 1))
    assert found.images.shape == (450, 28, 28)
    way = (found.images - (test[0] / 255).astype("float32")).reshape(450, -1)
    assert np.linalg.norm(way, axis=1).max() < 0.3001
    assert mirage.masking(network, *test, dtype="float16").sign_disagreement > 0
    assert mirage.exact_sign(network, *test).shape == test[0].shape


def test_half_precision_is_that_of_each_operation(overfitted, test):
    """Whatever a user's TensorFlow is set to: fused operations keep sums in float32."""
    import tensorflow as tf

    expected = mirage.input_gradient(overfitted, *test, dtype="float16")
    tf.config.optimizer.set_experimental_options({"remapping": True})
    found = mirage.input_gradient(overfitted, *test, dtype="float16")
    assert not tf.config.optimizer.get_experimental_options()["remapping"]
    np.testing.assert_array_equal(found, expected)


# --- Wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"method": "fgms"}, r"method 'fgms': allowed are apgd, .*deepfool, fgsm, .*pgd"),
        ({"epsilon": None}, "epsilon: attack fgsm needs one"),
        ({"epsilon": -1}, "epsilon -1: it must be a finite number, at least 0"),
        ({"epsilon": "0.1"}, "epsilon '0.1': it must be a finite number"),
        ({"method": "deepfool"}, "epsilon 0.1: attack deepfool takes none"),
        (
            {"method": "jsma", "epsilon": None, "gradient": "exact_sign"},
            "gradient: attack jsma takes no such parameter; its own are theta, gamma",
        ),
        (
            {"gradient": "exact"},
            "gradient 'exact': allowed are cross_entropy_sum, .*exact_sign",
        ),
        ({"dtype": "float8"}, "dtype 'float8': allowed are float16, bfloat16, float32, float64"),
        ({"seed": -1}, "seed -1: it must be a whole number, at least 0"),
        ({"seed": 0.5}, "seed 0.5: it must be a whole number"),
        ({"steps": 3}, "steps: attack fgsm takes no such parameter; its own are gradient, clip"),
        ({"signs": 3}, "signs: attack fgsm takes no such parameter"),
        ({"method": "pgd", "norm": "l3"}, "norm 'l3': allowed are linf, l2"),
        ({"method": "pgd", "steps": 0}, "steps 0: it must be greater than or equal to 1"),
        ({"method": "pgd", "steps": "9"}, "steps '9': it must be a valid integer"),
        ({"clip": (0, 255)}, "clip.1 255: it must be less than or equal to 2"),
        ({"method": "jsma", "epsilon": None, "theta": 0}, "theta 0: it must not be 0"),
    ],
)
def test_an_argument_that_is_not_allowed_is_told_with_what_is(overfitted, test, options, told):
    with pytest.raises(ValueError, match=told):
        mirage.attack(overfitted, *test, **{"epsilon": 0.1, **options})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x, y: (x.astype("int32"), y), "images: int32. They must be uint8 .* or floats"),
        (lambda x, y: (x.astype("float32"), y), "images: pixels from 0 to 255"),
        (lambda x, y: (x[:, :27], y), r"images: shape \(40, 27, 28\). The network takes \(n, 784"),
        (lambda x, y: (x.tolist(), y), "images: a list. They must be a NumPy array"),
        (lambda x, y: (x, y[:9]), r"labels: shape \(9,\)"),
        (lambda x, y: (x, y + 9), "labels: from 9 to 18"),
        (lambda x, y: (x, y / 1), "labels: float64. They must be integers"),
        (lambda x, y: (x[:0], y[:0]), "there are none"),
    ],
)
@pytest.mark.parametrize("function", [mirage.attack, mirage.masking])
def test_images_and_labels_that_do_not_fit_are_refused(overfitted, test, function, change, told):
    options = {"epsilon": 0.1} if function is mirage.attack else {}
    with pytest.raises(DataError, match=told):
        function(overfitted, *change(*test), **options)


def test_images_whose_axes_stand_in_another_order_are_refused():
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    for shape in ((2, 8, 8, 3), (2, 192)):
        assert inputs.shaped(network, np.zeros(shape)).shape == (2, 8, 8, 3)
    grey = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten()])
    for shape in ((2, 8, 8), (2, 8, 8, 1), (2, 64)):
        assert inputs.shaped(grey, np.zeros(shape)).shape == (2, 8, 8)
    with pytest.raises(DataError, match=r"shape \(2, 3, 8, 8\). The network takes \(n, 8, 8, 3\)"):
        inputs.shaped(network, np.zeros((2, 3, 8, 8)))
    first = keras.Sequential([keras.Input((1, 8, 9)), keras.layers.Flatten()])
    for shape in ((2, 1, 8, 9), (2, 8, 9), (2, 8, 9, 1), (2, 72)):
        assert inputs.shaped(first, np.zeros(shape)).shape == (2, 1, 8, 9)
    anywhere = keras.Sequential([keras.Input((None, None, 1)), keras.layers.GlobalMaxPooling2D()])
    assert inputs.shaped(anywhere, np.zeros((2, 9, 7))).shape == (2, 9, 7, 1)
    with pytest.raises(DataError, match=r"takes \(n, any, any, 1\)"):
        inputs.shaped(anywhere, np.zeros((2, 9, 7, 3)))


@pytest.mark.parametrize("last", ["activation", "layer"])
def test_a_network_that_ends_in_a_softmax_is_the_one_without_it(test, last):
    plain = mirage.build(mlp(8), seed=1)
    network = mirage.cast(plain, "float32")
    if last == "layer":
        network = keras.Sequential([network, keras.layers.Softmax()])
    else:
        network.layers[-1].activation = keras.activations.softmax
    assert mirage.accuracy(network, *test) == mirage.accuracy(plain, *test)
    for gradient in ("cross_entropy_sum", "exact_sign"):
        found, expected = (
            mirage.input_gradient(one, *test, gradient=gradient) for one in (network, plain)
        )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "network", [None, keras.Sequential([keras.layers.Dense(10)]), "mlp-8"], ids=str
)
def test_what_is_no_built_network_is_refused(test, network):
    with pytest.raises(NetworkError, match="Keras model of one input and one output"):
        mirage.accuracy(network, *test)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epochs": 0}, "epochs 0: it must be a whole number, at least 1"),
        ({"epochs": 2, "initial_epoch": 2}, "epochs 2: it must be a whole number, at least 3"),
        ({"initial_epoch": -1}, "initial_epoch -1"),
        ({"epochs": 3, "initial_epoch": 2}, "the network has no optimizer to go on with"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"optimizer": "adamm"}, "optimizer 'adamm': .*Allowed are Keras' optimizers"),
        ({"optimizer": {"name": "sgd", "momentun": 1}}, "optimizer .*momentun"),
        ({"optimizer": None}, "optimizer None: it must be a name, or a mapping with `name`"),
        ({"objective": "trades"}, "objective 'trades': allowed are cross_entropy, distilled, fgsm"),
        ({"objective": {"name": "distilled", "temperature": 2}}, "teacher: .*distilled needs one"),
        ({"teacher": "mine"}, "teacher: .*no other takes one"),
        ({"objective": {"name": "pgd", "epsilon": 1}}, "objective 'pgd': .* steps"),
        ({"learning_rate": 0}, "learning_rate 0: it must be a finite number above 0"),
        ({"learning_rate": "fast"}, "learning_rate 'fast'"),
        ({"learning_rate": {"initial": 1}}, "learning_rate .*decay_epochs"),
        ({"l2": -1}, "l2 -1: it must be a finite number, at least 0"),
    ],
)
def test_training_says_which_argument_is_wrong_and_what_is_allowed(digits, options, told):
    network = mirage.build(mlp(8), seed=1)
    before = network.get_weights()
    with pytest.raises(ArgumentError, match=told):
        mirage.train(network, *digits, **{"epochs": 1, **options})
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("vgg",), "network 'vgg': it must be a mapping.*known are mlp"),
        ((mlp(), "half"), "dtype 'half': allowed are float16"),
        ((mlp(), "float32", -1), "seed -1"),
        ((mlp(), "float32", 1, (8, 8), "glorot_uniform", None, 1), "classes 1: it must be a whole"),
    ],
)
def test_build_says_what_is_wrong(arguments, told):
    with pytest.raises(ValueError, match=told):
        mirage.build(*arguments)


def test_a_checkpoint_that_is_not_there_is_told_so(tmp_path):
    with pytest.raises(mirage.MirageError, match=r"mine\.keras: there is no such file"):
        mirage.load(tmp_path / "mine.keras")


def test_a_result_says_which_images_were_misled(overfitted, test):
    found = mirage.attack(overfitted, *test, epsilon=0.1)
    assert isinstance(found, single.Attacked)
    before = mirage.attack(overfitted, *test, epsilon=0.0)
    right = before.predictions == test[1]
    assert not before.success.any()
    np.testing.assert_array_equal(found.success, right & (found.predictions != test[1]))
    assert found.success.any()
