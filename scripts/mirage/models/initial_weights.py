"""The weights that training begins with."""

import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.models.architectures import Normal, Part


def draw(
    wanted: Part, variables: Sequence[keras.Variable], seed: int, dtype: str
) -> Iterator[tf.Tensor]:
    """Initial values of weights.

    Args:
        wanted: One of `mirage.models.architectures.INITIAL_WEIGHTS`.
        variables: The weights, from the network's input to its output.
        seed: Of the draw, at least 0.
        dtype: Of the values.

    Yields:
        For each variable a tensor of its shape, in `dtype`.
    """
    for number, variable in enumerate(variables):
        if not isinstance(wanted, Normal) and wanted.one_seed:
            yield one_seed(variable.shape, seed, dtype)
            continue
        own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        if isinstance(wanted, Normal):
            start = keras.initializers.RandomNormal(0.0, wanted.deviation, own)
        else:
            start = keras.initializers.GlorotUniform(seed=own)
        yield keras.ops.cast(start(variable.shape, dtype="float64"), dtype)


def one_seed(shape: Sequence[int], seed: int, dtype: str) -> tf.Tensor:
    """Glorot-uniform weights as TensorFlow 1's Xavier initializer of op seed `seed` draws them.

    With graph seed 0, in `dtype`. Each call begins the same random stream, so that the smaller of
    two layers has the first numbers of the larger, scaled to its own size.
    """
    # TensorFlow 1 takes this seed in place of two that are 0, which would be none.
    counter = tf.constant([0, seed or 2**31 - 1], tf.uint64)
    key = tf.constant([0], tf.uint64)
    with tf.device("CPU"):
        drawn = tf.raw_ops.StatelessRandomUniformV2(
            shape=shape, key=key, counter=counter, alg=tf.random.Algorithm.PHILOX.value, dtype=dtype
        )
    inputs, outputs = (math.prod(shape[:-2]) * side for side in shape[-2:])
    limit = tf.constant(math.sqrt(3 / ((inputs + outputs) / 2)), dtype)
    return drawn * (limit - -limit) - limit
