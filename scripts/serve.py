"""The server of preloaded.py: imports TensorFlow once and forks for every job.

What makes this safe:

- The server imports packages and computes nothing. TensorFlow starts its threads with its first
  operation, and a fork takes no threads along. Were there a thread all the same, the server would
  rather end. On macOS system libraries start threads of their own: only Linux has a server.
- Nothing of this library is imported before the fork: an edit counts from the next job on.
- A stand-in is killed where the job that it stands for ends before it, or the server does.
- The server ends when the process that started it does, in whatever way that ends.
- What XLA has compiled for one job it keeps for the next, as long as the server lives: code of the
  same machine and packages, for the same graph.
- Its socket lies in a folder that only its user can enter.

`MIRAGE_PRELOAD=0` switches it off.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import preloaded

# All that scripts take long to import.
PACKAGES = (
    "tensorflow",
    "keras",
    "pydantic",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "pandas",
    "scipy.ndimage",
    "scipy.stats",
    "seaborn",
    "yaml",
)
# Snakemake sets these in each job to its number of threads, which is one but for jobs that ask for
# more, and those run by themselves. It also keeps the server without threads.
ONE_THREAD = dict.fromkeys(
    [
        *("GOTO_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ],
    "1",
)
STDIN = 0
PREFIX = "mirage-"  # of the folder; which process began the server, and when, follows
READY = "ready"  # file in the folder of a server that has imported its packages
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


class Server:
    """A server as a child of this process, for all other children to find."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self.process: subprocess.Popen | None = None
        self.folder = ""

    def start(self, contained: Callable[[str], str] | None = None) -> None:
        """Start it where there can be one and `MIRAGE_PRELOAD` is not 0.

        Where `MIRAGE_PRELOADED` names the socket of one already, that one serves this run, too.

        `contained` turns a command into one that runs it in the container of the jobs.
        """
        if sys.platform != "linux" or os.environ.get("MIRAGE_PRELOAD") == "0":
            return
        if preloaded.ADDRESS in os.environ:
            return
        # Whatever the reason there is no server: the jobs run by themselves.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as listener:
            process = os.getpid()
            self.folder = tempfile.mkdtemp(prefix=f"{PREFIX}{process}-{start_of(process)}-")
            address = os.path.join(self.folder, "socket")
            with preloaded.short(address) as path:
                listener.bind(path)
            # From here on jobs can connect; they wait until the server is ready.
            listener.listen(socket.SOMAXCONN)
            command = [sys.executable, __file__, str(listener.fileno()), self.folder]
            if contained:
                within = contained(shlex.join(["exec", "python", *command[1:]]))
                command = ["bash", "-c", f"exec {within}"]
            self.process = subprocess.Popen(
                command,
                pass_fds=[listener.fileno()],
                # The other end of this pipe is nobody else's: the server waits until it is closed.
                stdin=subprocess.PIPE,
                # Where something is wrong, the jobs run by themselves and say what.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Ctrl-C is for the workflow, which then ends the server.
                start_new_session=True,
                env={**os.environ, **ONE_THREAD},
            )
            os.environ[preloaded.ADDRESS] = address

    def stop(self) -> None:
        """End it and the jobs it still runs; nothing where this process has started none.

        Interrupts do nothing meanwhile: it takes no longer than to kill some processes.
        """
        process, self.process = self.process, None
        if process:
            os.environ.pop(preloaded.ADDRESS, None)
            with interrupts_ignored():
                process.stdin.close()
                # While it imports, for seconds, it does not look up, and has no jobs yet.
                if not os.path.exists(os.path.join(self.folder, READY)):
                    process.kill()
                process.wait()
        if self.folder:
            # The server has removed it, unless it was killed or never started.
            shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Let nobody interrupt what is done meanwhile; only the main thread is ever interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def remove_left_folders() -> None:
    """Remove the folders of servers that were killed together with the process that began them.

    Were one alive after all, in another container, its jobs would run by themselves.
    """
    for name in os.listdir(tempfile.gettempdir()):
        owner = re.match(rf"{PREFIX}(\d+)-(\d+)-", name)
        # Those of other users stay, since they cannot be removed.
        if owner and start_of(int(owner[1])) != owner[2]:
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


def start_of(process: int) -> str | None:
    """When a process began, in clock ticks since the machine did; None where there is none.

    Numbers of processes are used again; with this one it is known which is meant.
    """
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            # The 22nd field; the second is a name in parentheses, which may hold anything.
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


@dataclass
class Job:
    """A stand-in, as the server sees it."""

    process: int
    client: socket.socket  # the script that it stands for
    life: int  # a pipe whose other end is the stand-in's alone

    @property
    def ends(self) -> tuple[int, int]:
        """The file descriptors to watch: of the client, and of the stand-in."""
        return self.client.fileno(), self.life

    def kill(self) -> None:
        """Kill the stand-in and its children."""
        os.killpg(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Close both."""
        self.client.close()
        os.close(self.life)


def serve(listener: socket.socket, folder: str) -> None:
    """Fork for every connection, until standard input is closed.

    `folder` is the server's own, removed when it ends.
    """
    own_setting = preloaded.setting()
    # Not before there is a job that needs them: in some runs there is none.
    ready, _, _ = select.select([STDIN, listener], [], [])
    if STDIN in ready:
        return
    import_packages()
    # A package may have had a thread for a moment.
    for _ in range(20):
        if len(os.listdir("/proc/self/task")) == 1:
            break
        time.sleep(0.1)
    else:
        return
    with open(os.path.join(folder, READY), "xb"):
        pass

    server = os.getpid()
    jobs: list[Job] = []
    poll = select.poll()
    poll.register(STDIN, select.POLLIN)
    poll.register(listener, select.POLLIN)
    while True:
        # One event at a time: it may make the others void.
        descriptor, _ = poll.poll()[0]
        if descriptor == STDIN:
            for job in jobs:
                job.kill()
            for job in jobs:
                os.waitpid(job.process, 0)
            return
        if descriptor == listener.fileno():
            client, _ = listener.accept()
            life, other_end = os.pipe()
            try:
                process = os.fork()
            except OSError:  # no memory or no process left: the script is told by the closed socket
                client.close()
                os.close(life)
                os.close(other_end)
                continue
            if not process:
                listener.close()
                os.close(life)
                for job in jobs:
                    job.close()
                stand_in(client, server, own_setting, folder)
            os.close(other_end)
            os.setpgid(process, process)  # to be killed with its own children
            jobs.append(Job(process, client, life))
            for end in jobs[-1].ends:
                poll.register(end, 0)  # tells nothing but that the other side is closed
        else:
            job = next(job for job in jobs if descriptor in job.ends)
            if descriptor == job.client.fileno():
                job.kill()
            _, status = os.waitpid(job.process, 0)
            with contextlib.suppress(OSError):  # the client may be gone
                job.client.sendall(preloaded.encoded(os.waitstatus_to_exitcode(status)))
            for end in job.ends:
                poll.unregister(end)
            job.close()
            jobs.remove(job)


def import_packages() -> None:
    """Import what the jobs will need, as they would."""
    # Read when TensorFlow is imported. Of errors it tells by exceptions; what it logs as one, each
    # time a program is read from the folder of `keep_compiled`, is that a check was skipped.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for package in PACKAGES:
        importlib.import_module(package)
    # Pydantic asks from which module code is. The first time Python looks up the paths of all that
    # are imported, thousands: a quarter of a second of each stand-in, remembered for all.
    inspect.getmodule(sys._getframe())
    # Spares each stand-in the search for garbage among a million objects, and copies of them.
    gc.freeze()


def keep_compiled(folder: str) -> None:
    """Have XLA keep its programs in a folder, and take from there what an earlier job compiled.

    Of a short training most of the arithmetic's time would go into compiling the epoch anew.
    TensorFlow names a program by its graph and the shapes it is for, and puts it in place whole.
    """
    options = os.environ.get("TF_XLA_FLAGS", ""), f"--tf_xla_persistent_cache_directory={folder}"
    os.environ["TF_XLA_FLAGS"] = " ".join(filter(None, options))


def stand_in(client: socket.socket, server: int, own_setting: str, folder: str) -> None:
    """Be the script that a client asks for, from its first line to the exit; never returns."""
    try:
        atexit._clear()  # what is registered is the server's to do
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != server:
            return
        header, files, _, _ = socket.recv_fds(client, preloaded.NUMBER, 3)
        with client.makefile("rb") as stream:
            request = json.loads(stream.read(int.from_bytes(header, "big")))
        if request["setting"] != own_setting:
            client.sendall(preloaded.encoded(0))
            return
        client.sendall(preloaded.encoded(os.getpid()))
        client.close()

        for standard, file in enumerate(files):
            os.dup2(file, standard)
            os.close(file)
        sys.stdout.reconfigure(line_buffering=os.isatty(1))
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        keep_compiled(os.path.join(folder, "compiled"))
        tempfile.tempdir = None  # to be found anew in this environment
        # The client passes on only what reaches it: a server begun in the background, where shells
        # ignore interrupts, must not make its stand-ins deaf.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv, sys.path[:] = request["argv"], request["path"]
        importlib.invalidate_caches()
        # Python's `random` starts anew in each fork by itself; NumPy's global generator does not.
        # No result is drawn from it, but no two jobs should have the same.
        sys.modules["numpy"].random.seed()
        preloaded.end(run(request["script"]))
    finally:
        os._exit(1)


def run(script: str) -> int:
    """Run a script as `python script` does, but for freeing memory; give the status for `end`.

    TensorFlow takes long for that, and nothing waits for it: files are closed where they are
    written.
    """
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = script
    status = 0
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec", dont_inherit=True)
        exec(code, main.__dict__)
    except SystemExit as error:
        if isinstance(error.code, int):
            status = error.code & 0xFF
        elif error.code is not None:
            print(error.code, file=sys.stderr)
            status = 1
    except BaseException as error:
        # Without the line above: the script begins below it.
        error = error.with_traceback(error.__traceback__.tb_next)
        preloaded.told(type(error), error, error.__traceback__)
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    # What packages have asked for at the end: TensorFlow removes code that it generated.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    try:
        serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
    finally:
        shutil.rmtree(sys.argv[2], ignore_errors=True)
