"""One training epoch: compiled here, by Keras `fit`, and what its products alone would take."""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.comparison import LIMIT, OURS, Side
from benchmarks.setting import Setting
from mirage import networks, training

BATCH = 100
# Network -> images of an epoch, and how many are run: convolutions take long on a CPU.
NETWORKS = {"mlp-200-300": (60_000, 60_000), "cnn-32-64-1024-dropout0.4": (60_000, 3_000)}
DTYPES = ("float32", "float64")
# Rows of the square matrices whose product tells how fast the arithmetic can be.
SIZE = 2048


def products(network: keras.Model) -> int:
    """Floating-point operations of the matrix products and convolutions of training on one image.

    A product of a by b by c counts 2abc. Backward each layer has two of the same size, the gradient
    with respect to its weights and, but for the first layer, to what comes in.
    """
    forward = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            forward.append(2 * int(np.prod(layer.kernel.shape)))
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            forward.append(2 * height * width * int(np.prod(layer.kernel.shape)))
    return 3 * sum(forward) - forward[0]


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


def sides(setting: Setting, name: str, dtype: str) -> list[Side]:
    """The compiled epoch, Keras `fit` and the arithmetic limit, of one network in one type."""
    keras.config.set_floatx(dtype)
    wanted, done = NETWORKS[name]
    images, labels = (array[:done] for array in setting.training)
    ours, optimizer = training.start(networks.build(name, dtype, 1), {"name": "adam"})
    theirs, _ = training.start(networks.build(name, dtype, 1), {"name": "adam"})
    # As Keras does by itself, and without a metric, which our side does not compute either.
    theirs.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    loss = training.loss_of({"name": "cross_entropy"})
    epoch = training.compiled_epoch(ours, optimizer, images, labels, loss)
    pixels, classes = tf.constant(images.astype(dtype) / 255), tf.constant(labels)
    orders = iter(range(1, 1_000_000))

    def compiled():
        number = next(orders)
        order = tf.constant(training.order(1, number, done, BATCH))
        epoch(order, tf.constant(training.seeds(1, number, len(order), 0)[0]))
        return ours

    def fit():
        theirs.fit(pixels, classes, batch_size=BATCH, epochs=1, verbose=0)
        return theirs

    def accuracy(network):
        network.trainable_variables[0].numpy()
        return "accuracy after one epoch", training.loss_and_accuracy(network, *setting.test)[1]

    def waited(run):
        def finished():
            network = run()
            network.trainable_variables[0].numpy()  # waits for a device that works on its own
            return network

        return finished

    work, measure = products(ours) * done, speed(dtype)
    return [
        Side(OURS, waited(compiled), done, wanted, accuracy),
        Side("Keras fit", waited(fit), done, wanted, accuracy),
        Side(
            LIMIT,
            lambda: work / measure(),
            *(done, wanted),
            lambda seconds: ("GFLOP/s", work / seconds / 1e9),
            f"{work * wanted / done / 1e9:,.0f} GFLOP at the speed of a product of {SIZE}x{SIZE}",
            own_clock=True,
        ),
    ]
