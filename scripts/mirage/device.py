"""The one place that says what TensorFlow may use: threads, and GPU memory."""

import logging
import os

# Before TensorFlow is imported: its start-up notices would fill every job's log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

log = logging.getLogger(__name__)


def configure(threads: int) -> None:
    """Give this process `threads` CPU threads and let GPU memory grow as needed.

    Must be called before the first TensorFlow operation. With a fixed number of threads the
    order of every floating-point sum is fixed too, so that a job repeated on the same machine
    gives the same bits whatever else runs beside it.

    Args:
        threads: Threads of one TensorFlow operation, at least 1.

    Raises:
        RuntimeError: TensorFlow has already started.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
        log.info("GPU: %s", gpu.name)
