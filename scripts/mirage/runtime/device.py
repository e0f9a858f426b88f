"""The one place that says what TensorFlow may use: threads, one GPU, and Keras' own type."""

import logging
import os
import platform
from collections.abc import Mapping

# Before TensorFlow is imported: its start-up notices would fill every job's log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

log = logging.getLogger(__name__)


def configure(threads: int, dtype: str = "float32") -> None:
    """Give this process `threads` CPU threads and one GPU, if there are any, and log where it runs.

    Must be called before the first TensorFlow operation. With a fixed number of threads the
    order of every floating-point sum is fixed too, so that a job repeated on the same machine
    gives the same bits whatever else runs beside it. The GPU's memory is taken as needed, so that
    jobs can share a device.

    Args:
        threads: Threads of one TensorFlow operation, at least 1.
        dtype: Keras' default type. It keeps the learning rate in it: in float32 that of a
            float64 run would be rounded.

    Raises:
        RuntimeError: TensorFlow has already started.
    """
    # For scripts that log nothing themselves; where there is a handler, this does nothing.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    keras.config.set_floatx(dtype)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keep_operations_apart()
    log.info("%s", place(os.environ))
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[:1], "GPU")
        tf.config.experimental.set_memory_growth(gpus[0], True)
        details = tf.config.experimental.get_device_details(gpus[0])
        log.info("GPU: %s, the first of %d seen", details.get("device_name", "?"), len(gpus))
    elif allocated(os.environ):
        log.warning("WARNING: %s", unseen(os.environ, tf.test.is_built_with_cuda()))


def keep_operations_apart() -> None:
    """Have TensorFlow round after each operation, in this process and from now on.

    It would fuse a product with the bias and the activation after it. In float16 that takes
    hundreds of times as long on some processors, and in both half-precision types it keeps the sum
    in float32: another arithmetic than the one under test.
    """
    tf.config.optimizer.set_experimental_options({"remapping": False})


def allocated(environment: Mapping[str, str]) -> str:
    """The GPUs that a scheduler has given this job, as it names them; empty where it gave none."""
    devices = environment.get("CUDA_VISIBLE_DEVICES", "")
    # SLURM's word, and CUDA's, for none.
    return "" if devices in ("NoDevFiles", "-1") else devices


def place(environment: Mapping[str, str]) -> str:
    """Where a job runs, in a line: node, SLURM job, GPUs allocated, and container image."""
    parts = [f"Node {environment.get('SLURMD_NODENAME') or platform.node()}"]
    if "SLURM_JOB_ID" in environment:
        parts += [f"SLURM job {environment['SLURM_JOB_ID']}"]
    if allocated(environment):
        parts += [f"GPU allocated: {allocated(environment)}"]
    # The older name of Apptainer is Singularity.
    image = environment.get("APPTAINER_CONTAINER") or environment.get("SINGULARITY_CONTAINER")
    parts += [f"image {image}" if image else "no container"]
    return "; ".join(parts)


def unseen(environment: Mapping[str, str], cuda: bool) -> str:
    """What to tell a user whose job was given a GPU that TensorFlow does not see.

    Args:
        environment: Environment variables of the job.
        cuda: Whether this TensorFlow is built for NVIDIA GPUs.
    """
    remedy = (
        "it finds no NVIDIA driver or device (a container needs --nv)"
        if cuda
        else "it is built for the CPU alone (`make container CUDA=1` builds an image with CUDA)"
    )
    return (
        f"this job was given a GPU (CUDA_VISIBLE_DEVICES={allocated(environment)}), but TensorFlow "
        f"sees none and computes on the CPU: {remedy}"
    )
