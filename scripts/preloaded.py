"""Spare a job the import of TensorFlow: a process that has imported it runs the script instead.

Of a short job most of the time goes into importing TensorFlow and Keras. While the workflow runs
it therefore keeps a server that has imported them (serve.py). A script hands its command line,
environment and open files over before its own slow imports, waits, and ends as its stand-in did: a
fork of the server that reads the script and everything of this library anew. Where there is no
server, or one with another environment or Python than the script's, the script runs by itself, and
nothing but the time it takes is different. `MIRAGE_PRELOAD=0` switches the server off.

This file and serve.py are beside the library and not in it, so that they are inputs of no job: they
change no result. Every job waits for the imports here: they are of the standard library, and few.
"""

import contextlib
import json
import os
import signal
import socket
import sys

ADDRESS = "MIRAGE_PRELOADED"  # variable that holds the path of the server's socket
# A package may read any variable when it is imported, so that all must be alike, but for what a
# shell sets by itself, where temporary files go, and what is our own: the address, and the version
# for the record of provenance.
MAY_DIFFER = {"_", "OLDPWD", "PWD", "SHLVL", "TEMP", "TEMPDIR", "TMP", "TMPDIR", ADDRESS}
MAY_DIFFER |= {"MIRAGE_VERSION", "MIRAGE_RECORDS"}
# What SLURM tells a step about itself: each member of a group is one.
OF_A_STEP = ("SLURM", "SRUN_")
NUMBER = 8  # bytes of a number on the socket: a length, a process or an exit status


def hand_over() -> None:
    """Have the server run this script; return only where there is none that can.

    To be called by a script that is run, not imported, before its slow imports.
    """
    sys.excepthook = told
    address = os.environ.get(ADDRESS)
    if not address:
        return
    request = {
        "setting": setting(),
        "script": sys.modules["__main__"].__file__,
        "argv": sys.argv,
        "path": sys.path,
        "folder": os.getcwd(),
        "environment": {k: v for k, v in os.environ.items() if k != ADDRESS},
    }
    content = json.dumps(request).encode()
    interrupts = {signal.SIGINT}
    # They wait until it is known whom they have to reach.
    signal.pthread_sigmask(signal.SIG_BLOCK, interrupts)
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with short(address) as path:
                connection.connect(path)
            socket.send_fds(connection, [encoded(len(content))], [0, 1, 2])
            connection.sendall(content)
            process = received(connection)
        except OSError:
            process = None
        if not process:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts)
            return
        while True:
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts)
                status = received(connection)
                break
            except KeyboardInterrupt:
                # Ctrl-C reaches all processes of a terminal, and the stand-in is not of them.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
            except ConnectionResetError:
                status = None
                break
    if status is None:
        sys.exit("The server that ran this job has ended before it (see scripts/serve.py).")
    end(status)


@contextlib.contextmanager
def short(address: str):
    """Another path of a socket: Linux takes one of 107 characters, and folders may lie deep."""
    folder, name = os.path.split(address)
    descriptor = os.open(folder, os.O_PATH)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def told(kind: type[BaseException], error: BaseException, traceback) -> None:
    """Tell of an exception that ends a script; where that is Ctrl-C in a word."""
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def setting() -> str:
    """Environment and Python of this process: what a script may find different from another's."""
    variables = sorted(
        (k, v) for k, v in os.environ.items() if k not in MAY_DIFFER and not k.startswith(OF_A_STEP)
    )
    python = [os.path.realpath(sys.executable), sys.prefix, sys.version, sys.flags, sys.warnoptions]
    return json.dumps([variables, python])


def encoded(number: int) -> bytes:
    """A number as it goes over the socket."""
    return number.to_bytes(NUMBER, "big", signed=True)


def received(connection: socket.socket) -> int | None:
    """The next number from the socket; None where the other side has closed it."""
    content = connection.recv(NUMBER, socket.MSG_WAITALL)
    return int.from_bytes(content, "big", signed=True) if content else None


def end(status: int) -> None:
    """End this process at once: with an exit status, or by the signal of a negative one."""
    if status < 0:
        with contextlib.suppress(OSError):  # some signals cannot be set
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
