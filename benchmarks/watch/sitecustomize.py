"""Watches one Python process of a run of the workflow: where its CPU time goes, and its memory.

The environment that `benchmarks/whole.py` makes has every Python import it at its start. A thread
notes the main thread's stack fifty times a second, with the CPU time used since the last note. The
notes are appended to a file in the folder `MIRAGE_WATCH`: a line of JSON on the way out, and one
before that for each `PART` notes. So one that is killed has most of them, and a long one holds few.

No signals: one that arrives within a program compiled by XLA was seen to crash it.
"""

import atexit
import json
import os
import resource
import sys
import threading
import time

FOLDER = os.environ.get("MIRAGE_WATCH")
INTERVAL = 0.02  # seconds
PART = 500  # notes

# From the innermost frame out, the first that tells; a path's part, a function's name or "".
PLACES = (
    ("input and output", "mirage/runtime/files.py", ""),
    ("input and output", "mirage/data/columns.py", ""),
    ("input and output", "mirage/data/images.py", "load"),
    ("input and output", "mirage/data/images.py", "save"),
    ("input and output", "mirage/training/chain.py", "save"),
    ("input and output", "mirage/models/networks.py", "load"),
    ("input and output", "mirage/models/networks.py", "load_weights"),
    ("input and output", "/numpy/lib/", "load"),
    ("input and output", "/pandas/io/", ""),
    ("start-up", "<frozen importlib", ""),
    # A graph is traced, and a network or an optimizer built.
    ("start-up", "polymorphic_function/", "_maybe_define_function"),
    ("start-up", "polymorphic_function/", "_initialize"),
    ("start-up", "mirage/models/networks.py", "build"),
    ("start-up", "mirage/models/networks.py", "cast"),
    ("start-up", "mirage/training/chain.py", "start"),
    ("start-up", "mirage/runtime/device.py", ""),
    ("start-up", "argparse.py", ""),
)


class Watch:
    """The record of one process."""

    def __init__(self) -> None:
        """Begin with what the process has used so far, which is its start."""
        self.begin()
        self.events.append((self.began, self.last, "start-up"))
        # A server forks, and has no threads.
        self.forks = any(argument.endswith("serve.py") for argument in sys.orig_argv)
        if not self.forks:
            threading.Thread(target=self.follow, daemon=True).start()

    def begin(self) -> None:
        """Forget everything."""
        self.events: list[tuple[float, float, str]] = []
        self.last, self.began = time.process_time(), time.time()

    def forked(self) -> None:
        """In a fork: its own record, from here on."""
        self.begin()
        if self.forks:
            threading.Thread(target=self.follow, daemon=True).start()

    def follow(self) -> None:
        """Note the main thread's place until the process ends."""
        main = threading.main_thread().ident
        while True:
            time.sleep(INTERVAL)
            self.note(place(sys._current_frames().get(main)))

    def note(self, category: str) -> None:
        """Note the CPU time since the last note."""
        now = time.process_time()
        if now - self.last > INTERVAL / 20:
            self.events.append((time.time(), now - self.last, category))
            self.last = now
        if len(self.events) >= PART:
            self.write()

    def end(self) -> None:
        """Note the last CPU time and write."""
        self.note("end")
        self.write()

    def write(self) -> None:
        """Append what was noted since the last record to the file of this process' number."""
        events, self.events = self.events, []
        main = sys.modules.get("__main__")
        script = getattr(main, "__file__", None) or sys.argv[0] or "python"
        record = {
            "script": os.path.basename(script),
            "log": printed_to(),
            "imported": "numpy" in sys.modules,
            "began": self.began,
            "ended": time.time(),
            # Kilobytes.
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "events": events,
        }
        with open(os.path.join(FOLDER, f"{os.getpid()}.json"), "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def printed_to() -> str:
    """The file that standard output goes to, on Linux; of a job it is its log."""
    try:
        return os.readlink("/proc/self/fd/1")
    except OSError:
        return ""


def place(frame) -> str:
    """The category of a stack: the innermost frame that `PLACES` knows, else `arithmetic`."""
    while frame:
        code = frame.f_code
        for category, path, name in PLACES:
            if path in code.co_filename and name in ("", code.co_name):
                return category
        frame = frame.f_back
    return "arithmetic"


def leave(status: int, end=os._exit) -> None:
    """Write the record, then end as `os._exit` does."""
    WATCH.end()
    end(status)


if FOLDER:
    WATCH = Watch()
    os.register_at_fork(before=lambda: WATCH.note("start-up"), after_in_child=WATCH.forked)
    atexit.register(WATCH.end)
    # The stand-ins of serve.py end this way, and so does what waits for them.
    os._exit = leave
