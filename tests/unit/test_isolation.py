"""What a user has set for other programs reaches no job, and text is UTF-8 in every locale."""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest
from workflow import ROOT, environment

import isolation

# An ASCII locale that Python does not take for UTF-8, on every system.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TEXT = "ρ → é 漢"


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONOPTIMIZE"),
        *("PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE", "PYTHONINSPECT", "PYTHONHASHSEED"),
        *("PYTHONIOENCODING", "PYTHONUSERBASE", "PYTHONMALLOC"),
        *("KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_NNX_ENABLED"),
        *("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "TF_USE_LEGACY_KERAS", "TF_USE_DEEP_CONV2D"),
        *("TF_SET_ONEDNN_FPMATH_MODE", "TF2_BEHAVIOR", "ONEDNN_DEFAULT_FPMATH_MODE"),
        *("NVIDIA_TF32_OVERRIDE", "NPY_PROMOTION_STATE", "PANDAS_COPY_ON_WRITE"),
        *("MPLBACKEND", "MATPLOTLIBRC"),
        *("APPTAINERENV_PYTHONPATH", "SINGULARITYENV_KERAS_BACKEND"),
    ],
)
def test_what_changes_or_breaks_jobs_in_silence_is_taken_out(name):
    environment = {name: "1", "PATH": "/bin"}
    isolation.isolate(environment)
    assert environment == {"PATH": "/bin"} | isolation.SET


@pytest.mark.parametrize(
    "name",
    [
        *("XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "NPY_DISABLE_CPU_FEATURES", "OMP_NUM_THREADS"),
        *("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR"),
        *("TF_DETERMINISTIC_OPS", "TF_CPP_MIN_LOG_LEVEL"),
        *("MNIST_DIR", "MIRAGE_PRELOAD", "MIRAGE_PRELOADED", "MPLCONFIGDIR", "XDG_CACHE_HOME"),
        *("HOME", "TMPDIR", "LC_ALL", "SLURM_JOB_ID", "APPTAINERENV_CUDA_VISIBLE_DEVICES"),
        *("MY_PYTHONPATH", "https_proxy"),
    ],
)
def test_what_is_set_on_purpose_stays(name):
    environment = {name: "1"}
    isolation.isolate(environment)
    assert environment == {name: "1"} | isolation.SET


def run(code, environment, folder):
    """Run a script in an environment, among files of its own."""
    (folder / "script.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, folder / "script.py"],
        env=environment,
        cwd=folder,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize("own", ["PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONOPTIMIZE"])
def test_a_script_runs_as_ever_where_python_is_told_otherwise(tmp_path, own):
    traps = tmp_path / "traps"
    traps.mkdir()
    (traps / "numpy.py").write_text("raise ImportError('of another Python')\n", encoding="utf-8")
    (tmp_path / "neighbour.py").touch()
    code = (
        "import neighbour, numpy, sys\nassert numpy.ones(3).sum() == 3\nprint(sys.flags.optimize)"
    )
    environment = dict(os.environ) | {own: str(traps) if own.endswith(("PATH", "HOME")) else "1"}
    # Each of them does harm.
    assert run(code, environment, tmp_path).stdout != "0\n"
    isolation.isolate(environment)
    assert run(code, environment, tmp_path).stdout == "0\n"


SPEAK = f"""
import sys
open("text", "w").write({TEXT!r})
print({TEXT!r}, open("text").read(), "\\udcff")
print({TEXT!r}, file=sys.stderr)
"""


def test_a_process_that_has_begun_in_another_locale_reads_writes_and_prints_utf8(tmp_path):
    environment = dict(os.environ) | ASCII | {"PYTHONPATH": str(ROOT / "scripts")}
    assert "UnicodeEncodeError" in run(SPEAK, environment, tmp_path).stdout
    result = run(f"import isolation\nisolation.use_utf8()\n{SPEAK}", environment, tmp_path)
    assert result.returncode == 0, result.stdout
    assert sorted(result.stdout.splitlines()) == [TEXT, f"{TEXT} {TEXT} \\udcff"]
    assert (tmp_path / "text").read_text(encoding="utf-8") == TEXT


def test_what_a_process_starts_is_told_of_utf8(tmp_path):
    environment = dict(os.environ) | ASCII
    isolation.isolate(environment)
    result = run(f'print({TEXT!r}, open("script.py").encoding)', environment, tmp_path)
    assert result.stdout == f"{TEXT} utf-8\n"


OF_BYTES = ("urllib.", "os.open", "Image.")  # such calls read no text


def without_encoding(tree):
    """The calls that read or write text and leave it to the locale in which encoding."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if "encoding" in given or ast.unparse(call.func).startswith(OF_BYTES):
            continue
        values = [*call.args, *filter(None, [given.get("mode")])]
        words = [one.value for one in values if isinstance(one, ast.Constant)]
        binary = any(re.fullmatch(r"[rwax+]*b[rwax+]*", str(word)) for word in words)
        if (
            name in ("read_text", "write_text")
            or given.keys() & {"text", "universal_newlines"}
            or (name == "open" and not binary)
        ):
            yield ast.unparse(call)


@pytest.mark.parametrize(
    "code", ["open(a)", "Path(a).open('w')", "a.read_text(errors='replace')", "run(a, text=True)"]
)
def test_a_call_without_an_encoding_is_found(code):
    assert list(without_encoding(ast.parse(code))) == [ast.unparse(ast.parse(code))]
    assert not list(without_encoding(ast.parse(code[:-1] + ", encoding='utf-8')")))


@pytest.mark.parametrize("folder", ["scripts", "envs", "benchmarks"])
def test_every_text_file_is_opened_as_utf8(folder):
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        assert not list(without_encoding(ast.parse(file.read_text(encoding="utf-8")))), file


# --- make -----------------------------------------------------------------------------------------

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def make(folder, *arguments, **variables):
    """Run make, with a target that shows its environment, in a folder with little in it."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "envs", folder / "envs", dirs_exist_ok=True)
    (folder / "show.mk").write_text("show:\n\t@env\n", encoding="utf-8")
    return subprocess.run(
        ["make", "-s", "-f", "Makefile", "-f", "show.mk", *arguments],
        cwd=folder,
        env=environment() | variables,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@needs_make
@pytest.mark.parametrize("typed", [False, True])
def test_make_hands_on_nothing_of_another_python(tmp_path, typed):
    foreign = dict.fromkeys(["PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUSERBASE"], "1")
    foreign |= {"KERAS_BACKEND": "jax", "PYTHONUTF8": "0"}
    kept = {"XLA_FLAGS": "--x", "MIRAGE_PRELOAD": "0"}
    given = [f"{name}={value}" for name, value in foreign.items()] if typed else []
    shown = make(tmp_path, "show", *given, **kept, **({} if typed else foreign))
    found = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    python = {name: found[name] for name in found if re.match("PYTHON|KERAS_", name)}
    assert python == {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    assert kept.items() <= found.items()


@needs_make
def test_make_keeps_caches_here_where_the_home_folder_cannot_hold_them(tmp_path):
    here = f"XDG_CACHE_HOME={tmp_path}/.tools/cache"
    home = tmp_path / "home"
    home.mkdir()
    for variables, expected in (
        ({"HOME": "/proc/none"}, True),
        ({"HOME": ""}, True),
        ({"HOME": str(home), "XDG_CACHE_HOME": "/proc/none"}, True),
        ({"HOME": str(home), "XDG_CACHE_HOME": ""}, False),
        ({"HOME": "/proc/none", "XDG_CACHE_HOME": str(home)}, False),
    ):
        shown = make(tmp_path, "show", **{"XDG_CACHE_HOME": "", **variables}).stdout.splitlines()
        assert (here in shown) == expected, variables


@needs_make
@pytest.mark.parametrize(
    ("python", "remedy"),
    [
        ("no-such-python", "Python from 3.11 to 3.13"),
        # As one of 3.6 answers.
        ("exit 1", "Python from 3.11 to 3.13"),
        # As Debian's without python3-venv.
        ('case "$2" in *venv*) exit 1;; esac', "apt install python3-venv"),
    ],
)
def test_make_says_what_to_do_without_a_python_to_begin_with(tmp_path, python, remedy):
    if " " in python:
        (tmp_path / "python").write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
        (tmp_path / "python").chmod(0o755)
        python = tmp_path / "python"
    result = make(tmp_path, ".tools/bin/uv", f"PYTHON={python}")
    assert result.returncode == 2
    assert f"{python} " in result.stdout
    assert remedy in result.stdout
    assert "make PYTHON=python3.12" in result.stdout
    assert "Traceback" not in result.stdout
    assert not (tmp_path / ".tools").exists()
