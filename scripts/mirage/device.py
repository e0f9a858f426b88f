"""The one place that says what TensorFlow may use: threads, GPU memory, and Keras' own type."""

import logging
import os

# Before TensorFlow is imported: its start-up notices would fill every job's log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

log = logging.getLogger(__name__)


def configure(threads: int, dtype: str = "float32") -> None:
    """Give this process `threads` CPU threads and let GPU memory grow as needed.

    Must be called before the first TensorFlow operation. With a fixed number of threads the
    order of every floating-point sum is fixed too, so that a job repeated on the same machine
    gives the same bits whatever else runs beside it.

    Args:
        threads: Threads of one TensorFlow operation, at least 1.
        dtype: Keras' default type. It keeps the learning rate in it: in float32 that of a
            float64 run would be rounded.

    Raises:
        RuntimeError: TensorFlow has already started.
    """
    keras.config.set_floatx(dtype)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
        log.info("GPU: %s", gpu.name)
