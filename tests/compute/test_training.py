"""Training: a chain is one long run, bit for bit; schedule, order and L2 by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from architectures import cnn, mlp

from mirage.attacks import gradients
from mirage.models import checkpoints, networks
from mirage.training import chain
from mirage.training.objectives import cross_entropy, distilled, fgsm_mixed, parseval, pgd

SMALL = mlp(20, 15)
SETTINGS = {
    "seed": 7,
    "schedule": 0.005,
    "batch_size": 50,
    "objective": {"name": "cross_entropy"},
}
CROSS_ENTROPY = chain.loss_of({"name": "cross_entropy"})


@pytest.fixture(scope="module")
def data(digits):
    (images, labels), (test_images, test_labels) = digits
    return (
        (images[:520].reshape(520, -1), labels[:520]),
        (test_images.reshape(450, -1), test_labels),
    )


@pytest.fixture(scope="module")
def ordinary(data):
    """A network trained on bytes, for tests that change nothing in it, and its rows."""
    return trained(data[0][0], data)


def everything(network):
    """All numbers of a network and its optimizer but the state of dropout, set anew each epoch."""
    drawn = {id(state) for state in networks.draws(network)}
    weights = [one for one in network.variables if id(one) not in drawn]
    return [v.numpy() for v in [*weights, *network.optimizer.variables]]


def rows_without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optimizer": {"name": "sgd"}, "schedule": {"initial": 0.05, "decay_epochs": 2}},
        pytest.param(
            {"optimizer": {"name": "rmsprop", "rho": 0.9, "epsilon": 1e-7}},
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {
                "objective": {"name": "fgsm_mixed", "clean_weight": 0.9, "epsilon": "0.1"},
                "l2": 0.001,
            },
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"objective": {"name": "pgd", "epsilon": "0.1", "steps": 2, "relative_step": 0.7}},
            marks=pytest.mark.thorough,
        ),
        {"network": cnn(2, 3, dense=5, dropout=0.4)},
        pytest.param(
            {"network": {**mlp(20, 15), "dropout": 0.5, "pool": 2}},
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"network": {"name": "rbf", "units": 12, "width": 4.0}},
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_chain_of_checkpoints_equals_one_long_run(tmp_path, data, dtype, change):
    settings = {**SETTINGS, **change}
    optimizers = settings.pop("optimizer", {"name": "adam"})
    architecture = settings.pop("network", SMALL)
    long, optimizer = chain.start(networks.build(architecture, dtype, 7), optimizers)
    rows = chain.train(long, optimizer, *data, epochs=range(1, 5), **settings)

    network, optimizer = chain.start(networks.build(architecture, dtype, 7), optimizers)
    chained = []
    for number, epochs in enumerate([range(1, 2), range(2, 5)]):
        chained += chain.train(network, optimizer, *data, epochs=epochs, **settings)
        path = tmp_path / f"{number}.keras"
        chain.save(network, chained, path, path.with_suffix(".csv"))
        network = checkpoints.load(path, training=True)
        optimizer = network.optimizer

    for one, other in zip(everything(long), everything(network), strict=True):
        np.testing.assert_array_equal(one, other)
    rows, chained = rows_without_time(rows), rows_without_time(chained)
    # The training images are measured at the end of each link.
    assert [row["epoch"] for row in rows if row["loss"] is not None] == [4]
    assert [row["epoch"] for row in chained if row["loss"] is not None] == [1, 4]
    assert rows[-1] == chained[-1]
    blank = {"loss": None, "accuracy": None}
    assert [row | blank for row in rows] == [row | blank for row in chained]


def test_the_order_of_images_is_a_permutation_fixed_by_seed_and_epoch():
    order = chain.order(seed=1, epoch=2, count=205, batch_size=20)
    assert order.shape == (10, 20)
    assert len(set(order.ravel())) == 200
    np.testing.assert_array_equal(order, chain.order(1, 2, 205, 20))
    assert (order != chain.order(1, 3, 205, 20)).any()
    assert (order != chain.order(2, 2, 205, 20)).any()


def test_the_schedule_is_that_of_the_source():
    schedule = {"initial": 0.05, "decay_epochs": 100}
    assert chain.learning_rate(schedule, 1) == 0.05
    assert chain.learning_rate(schedule, 101) == pytest.approx(0.025)
    assert chain.learning_rate(0.002, 181) == 0.002


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "adam", "epsilon": 1e-8},
        pytest.param({"name": "rmsprop", "rho": 0.9, "epsilon": 1e-7}, marks=pytest.mark.thorough),
    ],
)
def test_one_epoch_equals_keras_by_hand(data, wanted):
    """The compiled epoch does what Keras' own train_on_batch does, in the same order."""
    (images, labels), _ = data
    ours, optimizer = chain.start(networks.build(SMALL, "float64", 1), wanted)
    theirs, _ = chain.start(networks.build(SMALL, "float64", 1), wanted)
    optimizer.learning_rate = theirs.optimizer.learning_rate = 0.005
    order = chain.order(1, 1, len(images), 50)
    chain.compiled_epoch(ours, optimizer, images, labels, CROSS_ENTROPY)(
        tf.constant(order), tf.zeros((len(order), 2), tf.int32)
    )
    for batch in order:
        theirs.train_on_batch(images[batch] / 255.0, labels[batch])
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        # Not to the last bit: Keras casts parts of its loss to its default type, float32.
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_an_epoch_gives_the_mean_of_what_it_minimises(data, l2):
    (images, labels), _ = data
    network, optimizer = chain.start(networks.build(SMALL, "float64", 1), {"name": "sgd"})
    optimizer.learning_rate = 0.0
    order = chain.order(1, 1, len(images), 50)
    epoch = chain.compiled_epoch(network, optimizer, images, labels, CROSS_ENTROPY, l2)
    found = epoch(tf.constant(order), tf.zeros((len(order), 2), tf.int32))
    visited = order.ravel()
    expected, _ = chain.loss_and_accuracy(network, images[visited], labels[visited])
    expected += l2 * sum(0.5 * np.square(kernel).sum() for kernel in networks.kernels(network))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_l2_by_hand(data):
    """SGD on the loss with L2 is SGD without it less rate * l2 * W, on weights only."""
    (images, labels), _ = data
    rate, l2 = 0.1, 0.01
    with_l2, without = (
        chain.start(networks.build(SMALL, "float64", 1), {"name": "sgd"}) for _ in range(2)
    )
    first = [v.numpy() for v in with_l2[0].trainable_variables]
    batch = tf.constant(chain.order(1, 1, len(images), 50)[:1])
    for (network, optimizer), weight in ((with_l2, l2), (without, 0.0)):
        optimizer.learning_rate = rate
        chain.compiled_epoch(network, optimizer, images, labels, CROSS_ENTROPY, weight)(
            batch, tf.zeros((1, 2), tf.int32)
        )
    rate = float(with_l2[1].learning_rate)  # as the optimizer holds it, in float32
    for start, one, other in zip(
        first, with_l2[0].trainable_variables, without[0].trainable_variables, strict=True
    ):
        decay = rate * l2 * start if one.path.endswith("/kernel") else 0
        np.testing.assert_allclose(one.numpy(), other.numpy() - decay, rtol=1e-12, atol=1e-15)


def test_the_mixed_objective_by_hand(data):
    (images, labels), _ = data
    network, _ = chain.start(networks.build(SMALL, "float64", 1), {"name": "adam"})
    x = tf.constant(images[:50] / 255.0)
    y = tf.constant(labels[:50].astype(np.int32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        clean = cross_entropy.loss(network, x, y)
    moved = x + 0.1 * tf.sign(tape.gradient(clean, x))
    attacked = cross_entropy.loss(network, moved, y)
    found = fgsm_mixed.loss(network, x, y, clean_weight=0.9, epsilon="0.1")
    assert float(found) == pytest.approx(float(0.9 * clean + 0.1 * attacked), rel=1e-12)
    assert float(attacked) > float(clean)


@pytest.fixture
def batch(data):
    """A network and a batch of 50, in float64."""
    (images, labels), _ = data
    network = networks.build(SMALL, "float64", 1)
    return network, tf.constant(images[:50] / 255.0), tf.constant(labels[:50].astype(np.int32))


PGD = {"epsilon": "0.1", "steps": 5, "relative_step": 0.3}


def test_the_pgd_objective_is_the_loss_at_points_of_the_ball_where_it_is_higher(batch):
    network, x, y = batch
    seen = []

    class Spy(keras.Model):
        """Keeps what the network is given in training: the examples."""

        def call(self, images, training=False):
            if training:
                seen.append(images.numpy())
            return network(images, training=training)

        output_shape = network.output_shape

    found = pgd.loss(Spy(dtype="float64"), x, y, seed=tf.constant([1, 2]), **PGD)
    (examples,) = seen
    assert np.abs(examples - x.numpy()).max() <= 0.1 + 1e-12
    assert examples.min() >= 0
    assert examples.max() <= 1
    each = gradients.cross_entropy(network(tf.constant(examples)), y)
    assert float(found) == pytest.approx(float(tf.reduce_mean(each)), rel=1e-12)
    assert float(found) > float(cross_entropy.loss(network, x, y))
    # Not the points where the descent began: uniform ones are at 0.05 on average.
    assert np.abs(examples - x.numpy())[(x.numpy() > 0.1) & (x.numpy() < 0.9)].mean() > 0.07


def test_the_pgd_objective_draws_from_its_seed_alone(batch):
    losses = [
        float(pgd.loss(*batch, seed=tf.constant(seed), **{**PGD, "steps": 1}))
        for seed in ([1, 2], [1, 2], [1, 3])
    ]
    assert losses[0] == losses[1] != losses[2]


def test_in_a_ball_of_no_size_the_pgd_objective_is_the_clean_loss(batch):
    found = pgd.loss(*batch, seed=tf.constant([1, 2]), **{**PGD, "epsilon": "0"})
    assert float(found) == pytest.approx(float(cross_entropy.loss(*batch)), rel=1e-12)


def test_cross_entropy_at_a_temperature_is_that_of_the_logits_divided(batch):
    network, x, y = batch
    each = gradients.cross_entropy(network(x) / 7.0, y)
    found = cross_entropy.loss(network, x, y, temperature=7.0)
    assert float(found) == pytest.approx(float(tf.reduce_mean(each)), rel=1e-12)


def test_a_network_has_nothing_to_learn_from_itself_and_much_from_another(batch):
    network, x, y = batch
    slopes = []
    for teacher in (network, networks.build(SMALL, "float32", 2)):
        with tf.GradientTape() as tape:
            loss = distilled.loss(network, x, y, temperature=3.0, teacher=teacher)
        slopes.append(tape.gradient(loss, network.trainable_variables))
        p, q = (tf.nn.softmax(tf.cast(one(x), "float64") / 3).numpy() for one in (teacher, network))
        assert float(loss) == pytest.approx(-(p * np.log(q)).sum(axis=1).mean(), rel=1e-6)
    assert max(np.abs(one).max() for one in slopes[0]) < 1e-15
    assert min(np.abs(one).max() for one in slopes[1]) > 1e-5


def test_a_student_comes_nearer_to_its_teacher(data, ordinary):
    teacher, _ = ordinary
    student, optimizer = chain.start(networks.build(mlp(20), "float32", 3), {"name": "adam"})
    settings = {**SETTINGS, "objective": {"name": "distilled", "temperature": 5.0}}
    rows = chain.train(student, optimizer, *data, epochs=range(1, 4), teacher=teacher, **settings)
    assert rows[0]["objective"] > rows[-1]["objective"]
    same = chain.loss_and_accuracy(teacher, *data[0])
    assert rows[-1]["accuracy"] > 0.5 * same[1] > 0.3


@pytest.mark.parametrize("architecture", [SMALL, cnn(2, 3, dense=5)])
def test_the_parseval_penalty_by_hand(data, architecture):
    (images, labels), _ = data
    network = networks.build(architecture, "float64", 1)
    x, y = tf.constant(images[:50] / 255.0), tf.constant(labels[:50].astype(np.int32))
    penalty = 0.0
    for kernel in (one.numpy() for one in networks.kernels(network)):
        if kernel.ndim == 2:
            penalty += np.square(kernel.T @ kernel - np.eye(kernel.shape[1])).sum()
    found = parseval.loss(network, x, y, beta=0.3) - cross_entropy.loss(network, x, y)
    assert float(found) == pytest.approx(0.15 * penalty, rel=1e-10)


@pytest.mark.parametrize("objective", [cross_entropy, pgd])
def test_no_gradient_flows_through_the_making_of_the_examples(batch, objective):
    """The gradient of the weights is that at the examples, held fixed."""
    network, x, y = batch
    options = {} if objective is cross_entropy else {**PGD, "seed": tf.constant([1, 2])}
    with tf.GradientTape() as tape:
        loss = objective.loss(network, x, y, **options)
    found = tape.gradient(loss, network.trainable_variables)
    assert all(np.isfinite(one).all() for one in found)
    assert all(np.abs(one).max() > 0 for one in found)


def test_seeds_of_an_epoch_depend_on_seed_and_epoch_alone_and_differ():
    steps, first, second = chain.seeds(1, 2, 30, 2)
    assert steps.shape == (30, 2)
    assert first.shape == second.shape == (2,)
    assert steps.dtype == first.dtype == np.int32
    assert min(steps.min(), first.min()) >= 0
    assert len(np.unique(steps, axis=0)) == 30
    assert (first != second).any()
    for one, same in zip(chain.seeds(1, 2, 30, 2), (steps, first, second), strict=True):
        np.testing.assert_array_equal(one, same)
    for other in (chain.seeds(1, 3, 30, 2), chain.seeds(2, 2, 30, 2)):
        assert all((one != same).any() for one, same in zip(other, (steps, first), strict=False))


def trained(images, data, architecture=SMALL, dtype="float64", optimizer="adam"):
    network, optimizer = chain.start(networks.build(architecture, dtype, 7), {"name": optimizer})
    (_, labels), validation = data
    rows = chain.train(
        network, optimizer, (images, labels), validation, epochs=range(1, 3), **SETTINGS
    )
    return network, rows_without_time(rows)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.thorough)])
def test_bytes_and_the_same_images_as_floats_train_alike(data, dtype):
    """Two programs, so that each may round each sum in its own order.

    A linear network under SGD, since there the difference is bounded. One step moves two copies no
    farther apart (the loss is convex and the step short), but for the rounding of their gradients,
    mean over images of x (p - y): x <= 1; p is off by no more than the logits are, a sum of
    d products each; the mean adds a rounding for each image. A kink of a ReLU, or Adam's division,
    could make any difference of any rounding.
    """
    bytes_ = data[0][0]
    floats = bytes_.astype(dtype) / np.dtype(dtype).type(255)
    one, rows = trained(bytes_, data, mlp(), dtype, "sgd")
    other, same = trained(floats, data, mlp(), dtype, "sgd")
    rounding = np.finfo(dtype).eps
    images, pixels = floats.shape
    products = np.abs(floats) @ np.abs(one.layers[-1].kernel.numpy())
    logits_off = (pixels + 1) * rounding * products.max()
    gradient_off = 2 * (logits_off + (SETTINGS["batch_size"] + 10) * rounding)
    steps = 2 * (images // SETTINGS["batch_size"])
    off = steps * SETTINGS["schedule"] * gradient_off
    before = networks.build(mlp(), dtype, 7)
    for first, second, begun in zip(
        one.trainable_variables, other.trainable_variables, before.trainable_variables, strict=True
    ):
        assert np.abs(first - second).max() <= off
        # Training has moved them by far more than that.
        assert np.abs(first - begun).max() > 10 * off
    for first, second in zip(rows, same, strict=True):
        numbers = {name: value for name, value in second.items() if value is not None}
        assert {name: first[name] for name in numbers} == pytest.approx(numbers, rel=1e-3)


def test_images_that_leave_the_range_of_pixels_are_trained_on_as_they_are(data, ordinary):
    """Attacks that do not clip give such: they are neither scaled nor cut."""
    floats = data[0][0] / 255.0
    _, rows = ordinary
    _, other = trained(floats + 0.5 * np.sign(floats - 0.5), data)
    assert rows[-1]["loss"] != other[-1]["loss"]
    # Validation stays what it is.
    assert rows[0]["validation_loss"] != other[0]["validation_loss"]


def test_a_run_that_starts_from_a_checkpoint_keeps_its_weights_and_has_a_fresh_optimizer(
    tmp_path, ordinary
):
    network, _ = ordinary
    path = tmp_path / "epoch2.keras"
    network.save(path)
    tuned, optimizer = chain.start(checkpoints.load(path), {"name": "adam"})
    for one, other in zip(network.trainable_variables, tuned.trainable_variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert int(network.optimizer.iterations) == 20
    assert int(optimizer.iterations) == 0
    assert tuned.optimizer is optimizer


def test_losses_are_those_of_keras(data, overfitted):
    images, labels = data[1]
    loss, accuracy = chain.loss_and_accuracy(overfitted, images, labels)
    logits = overfitted(images / np.float32(255)).numpy().astype(np.float64)
    cross_entropy_of_keras = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert loss == pytest.approx(float(cross_entropy_of_keras(labels, logits)), rel=1e-5)
    assert accuracy == (logits.argmax(axis=1) == labels).mean()


def test_divergence_is_told_with_epoch_and_loss(data):
    network, optimizer = chain.start(networks.build(SMALL, "float32", 1), {"name": "sgd"})
    with pytest.raises(chain.TrainingError, match=r"epoch \d+: the validation loss is (nan|inf)"):
        chain.train(network, optimizer, *data, epochs=range(1, 40), **{**SETTINGS, "schedule": 1e6})


def test_without_validation_images_training_is_the_same_and_their_columns_are_empty(data, ordinary):
    none = (data[1][0][:0], data[1][1][:0])
    network, rows = ordinary
    same, without = trained(data[0][0], (data[0], none))
    for one, other in zip(everything(network), everything(same), strict=True):
        np.testing.assert_array_equal(one, other)
    assert without == [
        {**row, "validation_loss": None, "validation_accuracy": None} for row in rows
    ]
    network, optimizer = chain.start(networks.build(SMALL, "float32", 1), {"name": "sgd"})
    with pytest.raises(chain.TrainingError, match=r"epoch \d+: the objective is (nan|inf)"):
        chain.train(
            *(network, optimizer, data[0], none),
            epochs=range(1, 40),
            **{**SETTINGS, "schedule": 1e6},
        )


def test_fewer_images_than_a_batch_are_refused(data):
    network, optimizer = chain.start(networks.build(SMALL, "float32", 1), {"name": "adam"})
    small = (data[0][0][:20], data[0][1][:20])
    with pytest.raises(chain.TrainingError, match=r"20 training images.*batch of 50"):
        chain.train(network, optimizer, small, small, epochs=range(1, 2), **SETTINGS)
