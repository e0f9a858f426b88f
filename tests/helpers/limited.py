"""Run pytest with the instructions of an older processor: `limited.py avx2|avx [arguments]`.

Libraries choose their code by what the processor offers. Each can be told to take less; what it
takes then rounds as it would on a processor that has no more. TensorFlow's wheel is compiled for
AVX, so that is the least. `tests/compute/test_limit.py` shows that each limit took effect.
"""

import os
import sys

LIMIT = "MIRAGE_TEST_LIMIT"  # tells the tests which limit they must find
# Limit -> how XLA and oneDNN, OpenBLAS, NumPy (what it must not use) and glibc name it.
NAMES = {
    "avx2": ("AVX2", "Haswell", ("X86_V4", "AVX512"), ("AVX512F",)),
    "avx": ("AVX", "Sandybridge", ("X86_V3", "X86_V4", "AVX512"), ("AVX2", "FMA", "AVX512F")),
}


def environment(limit: str) -> dict[str, str]:
    """The variables that limit each library, for a process that has imported none of them."""
    from numpy._core import _multiarray_umath as numpy  # where NumPy lists what it can switch off

    isa, core, beyond, features = NAMES[limit]
    unwanted = [
        name
        for name in numpy.__cpu_dispatch__
        if name.startswith(beyond) and numpy.__cpu_features__[name]
    ]
    return {
        LIMIT: limit,
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={isa}".strip(),
        "ONEDNN_MAX_CPU_ISA": isa,
        # TensorFlow asks the processor, not oneDNN, and would take operations that need AVX-512.
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "OPENBLAS_CORETYPE": core,
        "NPY_DISABLE_CPU_FEATURES": " ".join(unwanted),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(f"-{name}" for name in features),
    }


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"{sys.argv[0]}: name a limit, {' or '.join(NAMES)}, then arguments of pytest")
    command = [sys.executable, "-m", "pytest", *sys.argv[2:]]
    os.execve(sys.executable, command, {**os.environ, **environment(sys.argv[1])})
