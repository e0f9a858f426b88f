"""A script that is handed over does what it would by itself, and no process outlives its reason.

The servers here are copies that import NumPy alone: they are ready at once, and a script can tell
by its modules who runs it.
"""

import ast
import importlib.util
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from workflow import LONG

import serve as original

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux only")

SCRIPTS = Path(original.__file__).parent
BEGINNING = """
import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

import json, os, signal, sys
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of scripts, with a server that has less to import."""
    monkeypatch.delenv("MIRAGE_PRELOAD", raising=False)
    monkeypatch.delenv("MIRAGE_PRELOADED", raising=False)
    for name, value in original.ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    shutil.copy(SCRIPTS / "preloaded.py", tmp_path)
    packages = "(\n" + "".join(f'    "{name}",\n' for name in original.PACKAGES) + ")"
    text = (SCRIPTS / "serve.py").read_text()
    assert packages in text
    (tmp_path / "serve.py").write_text(text.replace(packages, '("numpy",)'))
    return tmp_path


@pytest.fixture
def loaded(folder):
    """The copy of serve.py as a module."""
    spec = importlib.util.spec_from_file_location("serve_copy", folder / "serve.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(module, monkeypatch, *arguments):
    """A server that has been started."""
    server = module.Server()
    with monkeypatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")
        server.start(*arguments)
    return server


@pytest.fixture
def server(loaded, monkeypatch):
    """A running server; its address is in the environment."""
    server = started(loaded, monkeypatch)
    yield server
    server.stop()


def popen(folder, body, *arguments, options=(), **more):
    """Start a script with this body."""
    (folder / "script.py").write_text(BEGINNING + body)
    # pytest sets this one anew for each phase of a test, after the server has been started.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return subprocess.Popen(
        [sys.executable, *options, "script.py", *arguments],
        cwd=folder,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | more,
        # Where the tests run in the background of a shell, it has them ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(folder, body, *arguments, given="", **more):
    """Run a script to its end; gives its status and what it has printed and complained."""
    with popen(folder, body, *arguments, **more) as process:
        try:
            out, err = process.communicate(given, timeout=LONG)
        finally:
            process.kill()
    return Result(process.returncode, out, err)


class Result(NamedTuple):
    """How a script has ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def start(folder):
    """Starts a script that hangs; gives its process and a handle of the one that really runs it."""
    processes = []

    def started(body):
        process = popen(folder, "print(os.getpid(), flush=True)\n" + body)
        processes.append(process)
        really = int(process.stdout.readline())
        assert really != process.pid
        return process, os.pidfd_open(really)

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def ended(handle):
    """Whether a process ends, of which there is a handle."""
    return bool(select.select([handle], [], [], LONG)[0])


def by_itself(folder, monkeypatch, body, *arguments, **more):
    """Run a script without the server."""
    with monkeypatch.context() as patch:
        patch.delenv("MIRAGE_PRELOADED")
        return run(folder, body, *arguments, **more)


HANG = "while True:\n    signal.pause()"
WHO = 'print("numpy" in sys.modules, os.getppid())'


def test_a_script_is_run_by_a_fork_of_the_server(folder, server):
    assert run(folder, WHO).out == f"True {server.process.pid}\n"


def test_a_step_of_slurm_is_run_by_the_server_of_its_job(folder, server):
    body = f"{WHO}\nprint(os.environ['SLURM_STEP_ID'], os.environ['SRUN_DEBUG'])"
    out = run(folder, body, SLURM_STEP_ID="3", SRUN_DEBUG="3").out
    assert out == f"True {server.process.pid}\n3 3\n"


def test_the_server_is_started_in_the_container_of_the_jobs(folder, loaded, monkeypatch):
    # As Apptainer, another shell with variables and a `python` of its own.
    inside = f"env WITHIN=1 PATH={Path(sys.executable).parent}:$PATH bash -c "
    server = started(loaded, monkeypatch, lambda command: inside + shlex.quote(command))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    assert run(folder, WHO).out.startswith("False ")
    assert run(folder, WHO, WITHIN="1", PATH=path).out == f"True {server.process.pid}\n"
    server.stop()
    assert not os.path.exists(server.folder)


def test_each_job_has_a_fork_of_its_own(folder, server):
    body = "import numpy\nprint(hasattr(numpy, 'marked'), os.getpid())\nnumpy.marked = True"
    first, second = run(folder, body).out.split(), run(folder, body).out.split()
    assert first[0] == second[0] == "False"
    assert first[1] != second[1]


@pytest.mark.parametrize(
    "body",
    [
        "print('out'); print('err', file=sys.stderr)",
        "sys.exit()",
        "sys.exit(3)",
        "sys.exit(-1)",
        "sys.exit(256)",
        "sys.exit('a sentence')",
        "sys.stdout.write('no end of line'); raise ValueError('wrong')",
        "def f():\n    g()\n\ndef g():\n    1 / 0\n\nf()",
        "try:\n    1 / 0\nexcept ArithmeticError as error:\n    raise OSError('later') from error",
        "import missing",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "raise KeyboardInterrupt",
        "print('before', flush=True); os.kill(os.getpid(), signal.SIGTERM)",
        "print('before', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
        "os._exit(7)",
        "x = (",
    ],
)
def test_the_output_and_the_end_are_the_same(folder, server, monkeypatch, body):
    assert run(folder, body) == by_itself(folder, monkeypatch, body)


def test_what_a_script_can_see_is_the_same(folder, server, monkeypatch):
    body = """
main = sys.modules["__main__"]
print(json.dumps([
    sys.argv, sys.path, os.getcwd(), {k: v for k, v in os.environ.items() if k != "TF_XLA_FLAGS"},
    sys.stdin.read(), __name__, __file__,
    main.__dict__ is globals(), sys.stdout.encoding, sys.stdout.line_buffering,
    signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    __import__("tempfile").gettempdir(),
]))"""
    monkeypatch.setenv("TMPDIR", str(folder))
    arguments = ("--labels", '{"a": "ü"}', "", b"\xff")
    handed = run(folder, body, *arguments, given="from\nstdin")
    alone = by_itself(folder, monkeypatch, body, *arguments, given="from\nstdin")
    assert handed.err == ""
    assert json.loads(handed.out) == json.loads(alone.out)
    assert run(folder, WHO).out.startswith("True ")


def test_what_xla_compiles_is_kept_in_the_folder_of_the_server(folder, server, monkeypatch):
    body = 'print(os.environ["TF_XLA_FLAGS"])'
    place = f"--tf_xla_persistent_cache_directory={server.folder}/compiled"
    assert run(folder, body).out == f"{place}\n"
    monkeypatch.setenv("TF_XLA_FLAGS", "--own")
    # Of another setting than the server's: by itself.
    assert run(folder, body).out == "--own\n"


def test_no_file_of_the_server_or_of_another_job_is_left_open(folder, server, start, monkeypatch):
    body = 'print(len(os.listdir("/proc/self/fd")))'
    start(HANG)
    start(HANG)
    # One more than by itself: the pipe that tells the server of its end.
    assert int(run(folder, body).out) == int(by_itself(folder, monkeypatch, body).out) + 1


def test_a_command_line_may_be_long(folder, server):
    files = [f"results/{number:0100}.csv" for number in range(10_000)]
    result = run(folder, 'print("numpy" in sys.modules, len(" ".join(sys.argv[1:])))', *files)
    assert result.out == f"True {len(' '.join(files))}\n"


def test_what_is_edited_between_two_jobs_is_read_anew(folder, server):
    body = "import library\nprint(library.VALUE)"
    for value in ("old", "newer", "the newest"):
        (folder / "library.py").write_text(f"VALUE = {value!r}")
        assert run(folder, body).out == f"{value}\n"


def test_no_two_jobs_have_the_same_global_random_state(folder, server):
    body = "import random, numpy\nprint(random.random())\nprint(numpy.random.random())"
    drawn = [number for _ in range(3) for number in run(folder, body).out.split()]
    assert len(set(drawn)) == 6


def test_where_modules_are_is_known_already(folder, server):
    body = "import inspect\nprint('numpy' in inspect.modulesbyfile.values())"
    assert run(folder, body).out == "True\n"


def test_jobs_run_at_the_same_time(folder, server, start):
    # Each waits for the other.
    os.mkfifo(folder / "a")
    os.mkfifo(folder / "b")
    process, _ = start("open('a').read(); open('b', 'w').write('done')")
    result = run(folder, "open('a', 'w').close(); print(open('b').read())")
    assert result.out == "done\n"
    assert process.wait(LONG) == 0


# --- Where the script runs by itself --------------------------------------------------------------


@pytest.mark.parametrize(
    "variable", ["KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS", "PYTHONHASHSEED"]
)
def test_a_script_with_another_environment_runs_by_itself(folder, server, monkeypatch, variable):
    monkeypatch.setenv(variable, "2")
    assert run(folder, WHO).out == f"False {os.getpid()}\n"


def test_a_script_with_other_options_of_python_runs_by_itself(folder, server):
    assert run(folder, WHO, options=["-O"]).out == f"False {os.getpid()}\n"


def test_a_script_runs_by_itself_where_the_server_is_gone(folder, server):
    server.process.kill()
    server.process.wait()
    assert run(folder, WHO).out == f"False {os.getpid()}\n"


@pytest.mark.parametrize(
    "trouble",
    [
        ('("numpy",)', '("missing",)'),
        # A fork would take a thread's locks along, but not the thread.
        ("    gc.freeze()", "    import threading; threading.Thread(target=input).start()"),
    ],
)
def test_a_script_runs_by_itself_where_the_server_cannot_be_ready(folder, request, trouble):
    text = (folder / "serve.py").read_text()
    assert trouble[0] in text
    (folder / "serve.py").write_text(text.replace(*trouble))
    server = request.getfixturevalue("server")
    assert run(folder, WHO).out == f"False {os.getpid()}\n"
    assert "MIRAGE_PRELOADED" in os.environ
    server.stop()
    assert not os.path.exists(server.folder)


def test_there_is_no_server_where_it_is_switched_off(folder, monkeypatch, request):
    monkeypatch.setenv("MIRAGE_PRELOAD", "0")
    server = request.getfixturevalue("server")
    assert server.process is None
    assert "MIRAGE_PRELOADED" not in os.environ


def test_there_is_a_server_where_the_path_of_its_socket_is_long(folder, monkeypatch, request):
    """A socket's name has 107 characters at most, and temporary folders may lie deep."""
    deep = folder / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    server = request.getfixturevalue("server")
    assert run(folder, WHO).out.startswith("True ")
    server.stop()
    assert not list(deep.iterdir())


# --- Nothing outlives its reason ------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_runs_a_script_ends_when_the_script_is_killed(folder, server, start, number):
    process, really = start(HANG)
    process.send_signal(number)
    assert process.wait(LONG) == -number
    assert ended(really)
    assert run(folder, WHO).out.startswith("True ")


def test_children_of_what_runs_a_script_end_with_it(folder, server, start):
    body = f"if not os.fork():\n    print(os.getpid(), flush=True)\n{HANG}"
    process, really = start(body)
    child = os.pidfd_open(int(process.stdout.readline()))
    process.kill()
    assert ended(really)
    assert ended(child)


def test_an_interrupt_reaches_what_runs_the_script(server, start):
    body = """
try:
    print("ready", flush=True)
    while True:
        signal.pause()
finally:
    print("cleared up")
"""
    process, really = start(body)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=LONG)
    assert output == "cleared up\n"
    assert process.returncode == -signal.SIGINT
    assert ended(really)


def test_a_job_fails_and_leaves_nothing_where_the_server_is_killed(folder, server, start):
    process, really = start(HANG)
    server.process.kill()
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 1
    assert "server" in errors
    assert ended(really)


def test_nothing_is_left_when_the_server_is_stopped(folder, server, start):
    assert Path(server.folder).stat().st_mode & 0o777 == 0o700
    process, really = start(HANG)
    server.stop()
    assert select.select([really], [], [], 0)[0]
    assert process.wait(LONG) == 1
    process.communicate()
    assert not os.path.exists(server.folder)
    assert "MIRAGE_PRELOADED" not in os.environ


@pytest.mark.parametrize("used", [False, True])
def test_nothing_is_left_when_the_parent_of_the_server_is_killed(folder, used):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, serve, signal; server = serve.Server(); server.start();"
            'print(server.process.pid, os.environ["MIRAGE_PRELOADED"], flush=True); signal.pause()',
        ],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        text=True,
        stdout=subprocess.PIPE,
    )
    pid, address = parent.stdout.readline().split()
    handle = os.pidfd_open(int(pid))
    if used:
        assert run(folder, WHO, MIRAGE_PRELOADED=address).out == f"True {pid}\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ended(handle)
    assert not os.path.exists(os.path.dirname(address))


# --- The scripts of the workflow ------------------------------------------------------------------


def imports(file):
    """The top-level statements of a file that import, by line, and the names they import."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            yield node.lineno, {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, {node.module.split(".")[0]}


@pytest.mark.parametrize(
    "name",
    [
        "attack",
        "examples",
        "figure",
        "gradients",
        "measure",
        "perturb",
        "restarts",
        "table",
        "train",
    ],
)
def test_a_script_is_handed_over_before_its_slow_imports(name):
    file = SCRIPTS / f"{name}.py"
    (handing,) = (
        number
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line == "    preloaded.hand_over()"
    )
    before = set().union(*(names for line, names in imports(file) if line < handing))
    assert before - {"preloaded"} <= sys.stdlib_module_names


def test_handing_over_imports_the_standard_library_only():
    names = set().union(*(names for _, names in imports(SCRIPTS / "preloaded.py")))
    assert names <= sys.stdlib_module_names
