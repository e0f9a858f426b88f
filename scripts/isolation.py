"""What of a user's environment the jobs do not see.

A setting that was made for other programs is not to change results, or break jobs, in silence. So
the jobs get none of Python's variables, and none that have Keras, TensorFlow, Matplotlib, NumPy or
pandas compute or draw in another way. Others stay: where data lies (`MNIST_DIR`), which devices,
threads and instructions may be used (`CUDA_*`, `OMP_*`, `XLA_FLAGS`, `ONEDNN_MAX_CPU_ISA`), where
caches lie, what is logged. `rules/common.smk` calls this before there is a job, so that whatever
starts one, here, on a node of a cluster or in a container, hands on what is left.

This file is beside the library and not in it, so that it is an input of no job.
"""

import contextlib
import io
import locale
import os
import re
import sys
from collections.abc import MutableMapping

IGNORED = re.compile(
    # With these prefixes Apptainer sets a variable within the container.
    r"(?:APPTAINERENV_|SINGULARITYENV_)?"
    r"(?:"
    # Packages of another Python (PYTHONPATH, PYTHONHOME), and another way to run (PYTHONSAFEPATH,
    # PYTHONOPTIMIZE, PYTHONINSPECT). PYTHONDONTWRITEBYTECODE has TensorFlow take three times as
    # long to import.
    r"PYTHON.*"
    r"|KERAS_.*"
    # But for logs, memory of GPUs, and what makes them repeatable.
    r"|TF_(?!CPP_|GPU_|CUDA_|FORCE_|DETERMINISTIC_OPS$|CUDNN_DETERMINISTIC$).*"
    r"|TF2_BEHAVIOR"
    # Products in another type than that of their factors.
    r"|(?:ONEDNN|DNNL)_DEFAULT_FPMATH_MODE"
    r"|NVIDIA_TF32_OVERRIDE"
    r"|NPY_PROMOTION_STATE"
    r"|SCIPY_ARRAY_API"
    r"|PANDAS_.*"
    r"|MPLBACKEND|MATPLOTLIBRC"
    r")"
)
SET = {
    # Nothing from ~/.local, where the Python of a container or of conda would look.
    "PYTHONNOUSERSITE": "1",
    # In every locale, text is UTF-8.
    "PYTHONUTF8": "1",
    # Keras reads no ~/.keras/keras.json, with its own type, backend and order of axes, and writes
    # none.
    "KERAS_HOME": os.devnull,
}


def isolate(environment: MutableMapping[str, str]) -> None:
    """Take out of an environment what jobs are not to see, and put in what keeps files out too."""
    for name in [name for name in environment if IGNORED.fullmatch(name)]:
        del environment[name]
    environment.update(SET)


def use_utf8() -> None:
    """Have this process read, write and print text as UTF-8, whatever the locale.

    What it starts does so by `PYTHONUTF8`, which Python reads at its start. Names of files keep the
    bytes that they have.
    """
    with contextlib.suppress(locale.Error):  # some systems have no locale of this name
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
