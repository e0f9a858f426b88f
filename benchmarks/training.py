"""One training epoch: compiled here, by Keras `fit`, and what its products alone would take."""

import functools
import itertools
import os
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.comparison import LIMIT, OURS, SEVERAL, Side
from benchmarks.setting import SIZE, Setting
from benchmarks.together import Together
from mirage.models import networks
from mirage.training import chain

BATCH = 100
FIT = "Keras fit"
UNTUNED = f"{FIT}, tf.data untuned"
# Network -> what it is, images of an epoch, and how many are run: convolutions take long on a CPU.
CNN = {"name": "cnn", "filters": [32, 64], "dense": 1024, "dropout": 0.4}
NETWORKS = {
    "mlp-200-300": ({"name": "mlp", "hidden": [200, 300]}, 60_000, 60_000),
    "cnn-32-64-1024-dropout0.4": (CNN, 60_000, 3_000),
}
DTYPES = ("float32", "float64")
ACCURACY = "accuracy after one epoch"


def forward(network: keras.Model) -> list[int]:
    """Floating-point operations of each layer's matrix product or convolution, for one image.

    A product of a by b by c counts 2abc.
    """
    found = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            found.append(2 * int(np.prod(layer.kernel.shape)))
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            found.append(2 * height * width * int(np.prod(layer.kernel.shape)))
    return found


def products(network: keras.Model) -> int:
    """Floating-point operations of the products of training on one image.

    Backward each layer has two of the size of the one forward: the gradient with respect to its
    weights and, but for the first layer, to what comes in.
    """
    operations = forward(network)
    return 3 * sum(operations) - operations[0]


def speed(dtype: str) -> Callable[[], float]:
    """A function that multiplies two large matrices and returns operations in a second.

    TensorFlow's product, XLA's and NumPy's, each for a while, and the fastest of them counts: none
    is the fastest in every type, and a limit that the work itself outruns would be none.
    """
    arrays = [
        np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype(dtype) for seed in (1, 2)
    ]
    tensors = [tf.constant(array) for array in arrays]
    compiled = tf.function(tf.matmul, jit_compile=True, autograph=False)
    ways = [
        lambda: tf.matmul(*tensors)[0, 0].numpy(),
        lambda: compiled(*tensors)[0, 0].numpy(),
    ]
    # On a GPU NumPy's is another machine's.
    if not tf.config.list_logical_devices("GPU"):
        ways.append(lambda: arrays[0] @ arrays[1])

    def fastest(way: Callable[[], object]) -> float:
        began, best = time.perf_counter(), float("inf")
        # Long enough for the clock of the processor to settle.
        while time.perf_counter() - began < 0.3:
            start = time.perf_counter()
            way()
            best = min(best, time.perf_counter() - start)
        return best

    return lambda: 2 * SIZE**3 / min(map(fastest, ways))


def limit(operations: float, dtype: str, done: int, wanted: int) -> Side:
    """The side that does so many floating-point operations for `done` images, and nothing else."""
    measure = speed(dtype)
    return Side(
        LIMIT,
        lambda: operations / measure(),
        *(done, wanted),
        lambda seconds: ("GFLOP/s", operations / seconds / 1e9),
        f"{operations * wanted / done / 1e9:,.0f} GFLOP at the speed of a product of "
        f"{SIZE}x{SIZE} on all cores",
        own_clock=True,
    )


def compiled(setting: Setting, name: str, dtype: str) -> Callable[[], keras.Model]:
    """A function that trains one epoch as the workflow does, and gives the network."""
    images, labels = (array[: NETWORKS[name][2]] for array in setting.training)
    network, optimizer = chain.start(networks.build(NETWORKS[name][0], dtype, 1), {"name": "adam"})
    loss = chain.loss_of({"name": "cross_entropy"})
    epoch = chain.compiled_epoch(network, optimizer, images, labels, loss)
    numbers = itertools.count(1)

    def train():
        number = next(numbers)
        order = tf.constant(chain.order(1, number, len(images), BATCH))
        epoch(order, tf.constant(chain.seeds(1, number, len(order), 0)[0]))
        return waited(network)

    return train


def fit(
    setting: Setting, name: str, dtype: str, *, tuned: bool = True
) -> Callable[[], keras.Model]:
    """A function that trains one epoch by Keras `fit`, and gives the network.

    Where it is not `tuned`, `fit` is given a tf.data pipeline whose autotuning is off. The thread
    that tunes sleeps twice as long each time, and the end of an epoch may wait for it: epochs with
    1.8 s of work were seen to take 2.57 s, some with 3.2 s to take 5.14 s.
    """
    images, labels = (array[: NETWORKS[name][2]] for array in setting.training)
    network = networks.build(NETWORKS[name][0], dtype, 1)
    # As Keras does by itself, and without a metric, which our side does not compute either.
    network.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    pixels, classes = tf.constant(images.astype(dtype) / 255), tf.constant(labels)
    given = {"x": pixels, "y": classes, "batch_size": BATCH}
    if not tuned:
        untuned = tf.data.Options()
        untuned.autotune.enabled = False
        pipeline = tf.data.Dataset.from_tensor_slices((pixels, classes)).shuffle(len(images))
        # It shuffles by itself.
        given = {"x": pipeline.batch(BATCH).with_options(untuned), "shuffle": False}

    def train():
        network.fit(**given, epochs=1, verbose=0)
        return waited(network)

    return train


WAYS = {OURS: compiled, FIT: fit, UNTUNED: functools.partial(fit, tuned=False)}


def waited(network: keras.Model) -> keras.Model:
    """The network, when a device that works on its own is done with it."""
    network.trainable_variables[0].numpy()
    return network


def accuracy(setting: Setting, network: keras.Model) -> tuple[str, float]:
    """What came of the training so far."""
    return ACCURACY, chain.loss_and_accuracy(network, *setting.test)[1]


def job(way: str, name: str, dtype: str, *_: str) -> tuple[Callable, Callable]:
    """One of several runs, for `benchmarks.together`: trains an epoch, gives the accuracy."""
    setting = Setting(os.environ)
    return WAYS[way](setting, name, dtype), lambda network: accuracy(setting, network)[1]


def sides(setting: Setting, name: str, dtype: str, threads: int) -> list[Side]:
    """Epochs of one network in one type: several runs at once, one run, and the limit.

    The workflow gives a job one thread and runs as many jobs as there are cores, so what an epoch
    takes is what several at once take, divided by their number. Keras is timed both ways, too. On a
    GPU one run at a time is what is compared.
    """
    keras.config.set_floatx(dtype)
    _, wanted, done = NETWORKS[name]

    def alone(label, way):
        train = WAYS[way](setting, name, dtype)
        return Side(label, train, done, wanted, lambda network: accuracy(setting, network))

    def several(label, way):
        runs = Together(threads, "training", dtype, way, name, dtype)
        return Side(
            *(label, runs.run, threads * done, wanted),
            # All of them are alike.
            lambda runs: (ACCURACY, float(runs.results()[0])),
            f"{threads} runs at once, one thread each; the time of one epoch of one of them",
            close=runs.close,
        )

    work = products(networks.build(NETWORKS[name][0], dtype, 1)) * done
    bound = limit(work, dtype, done, wanted)
    if threads == 1 or tf.config.list_logical_devices("GPU"):
        return [alone(OURS, OURS), alone(FIT, FIT), bound]
    return [
        several(OURS, OURS),
        alone(f"{OURS}, one run", OURS),
        alone(FIT, FIT),
        alone(UNTUNED, UNTUNED),
        several(UNTUNED + SEVERAL, UNTUNED),
        bound,
    ]
