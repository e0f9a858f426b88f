"""A run with fewer instructions (tests/helpers/limited.py) is one: each library keeps to its limit.

Where no limit is set, that of this processor is not known, and only the naming of limits is tested.
"""

import os
import re
import shutil
import subprocess
import sys

import limited
import pytest

LIMIT = os.environ.get(limited.LIMIT)
needs_limit = pytest.mark.skipif(not LIMIT, reason="no limit is set: `make test-limited` sets one")
# What each limit must not show: instructions of AVX-512 in machine code (its registers and masks),
# and, of AVX2's time, fused multiplication and addition.
AVX512 = r"zmm|%k[1-7]|[xy]mm(1[6-9]|2\d|3[01])\b"
FORBIDDEN = {"avx2": AVX512, "avx": rf"{AVX512}|vfn?m(add|sub)"}
COMPILED = """
import sys
import tensorflow as tf
values = tf.random.stateless_normal((300, 784), [1, 2])
compiled = tf.function(lambda x: tf.reduce_sum(tf.exp(x) * x + 1, axis=0), jit_compile=True)
compiled(values)
tf.linalg.matmul(values, values, transpose_b=True)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A folder with the machine code of XLA, and what oneDNN says that it takes."""
    folder = tmp_path_factory.mktemp("compiled")
    environment = os.environ | {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={folder}",
        "ONEDNN_VERBOSE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return folder, done.stdout + done.stderr


@needs_limit
def test_xla_compiles_no_other_instructions(said):
    folder, _ = said
    assert shutil.which("objdump"), "shows machine code (Debian: binutils)"
    objects = list(folder.glob("*.o"))
    assert objects
    code = subprocess.run(
        ["objdump", "-d", *objects], capture_output=True, text=True, check=True
    ).stdout
    assert "%ymm" in code  # it is read: AVX is used
    assert re.findall(FORBIDDEN[LIMIT], code) == []


@needs_limit
def test_onednn_takes_no_other_instructions(said):
    assert re.findall(r"cpu,isa:(.*)", said[1]) == [f"Intel {limited.NAMES[LIMIT][0]}"]


@needs_limit
def test_openblas_takes_no_other_instructions():
    import scipy.linalg  # noqa: F401, SciPy brings an OpenBLAS of its own
    from threadpoolctl import threadpool_info

    kernels = {one["architecture"] for one in threadpool_info() if "openblas" in one["prefix"]}
    assert kernels == {limited.NAMES[LIMIT][1]}


@needs_limit
def test_numpy_takes_no_other_instructions():
    from numpy._core import _multiarray_umath as numpy

    taken = [name for name in numpy.__cpu_dispatch__ if numpy.__cpu_features__[name]]
    assert set(taken) <= ({"X86_V3"} if LIMIT == "avx2" else set())


@needs_limit
def test_glibc_takes_no_other_instructions():
    loader = "/lib64/ld-linux-x86-64.so.2"
    shown = subprocess.run([loader, "--help"], capture_output=True, text=True, check=True).stdout
    taken = re.findall(r"(x86-64-v\d) \(supported", shown)
    assert "x86-64-v2" in taken
    assert set(taken) <= {"x86-64-v2", *(["x86-64-v3"] if LIMIT == "avx2" else [])}


@pytest.mark.parametrize("limit", limited.NAMES)
def test_flags_of_xla_that_were_set_before_are_kept(monkeypatch, limit):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=folder")
    flags = limited.environment(limit)["XLA_FLAGS"].split()
    assert flags == ["--xla_dump_to=folder", f"--xla_cpu_max_isa={limited.NAMES[limit][0]}"]
