"""A terminal for tests: what a program leaves on it, as a person sees it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from workflow import LONG

CODES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


class Terminal:
    """A program that runs on a terminal of its own."""

    def __init__(
        self,
        command: Sequence,
        folder: Path,
        env: dict[str, str],
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        """Start a program."""
        self.columns, self.text, self.hidden = columns, "", False
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def own_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            # Where the tests run in the background of a shell, it has them ignore interrupts.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        others = {k: v for k, v in env.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [os.fspath(part) for part in command],
            cwd=folder,
            env=others | {"TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=own_terminal,
        )
        os.close(slave)

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self.master, keys.encode())

    def read_until(self, condition, what: str) -> None:
        """Take in what it writes until something holds of the lines on the terminal."""
        last = time.monotonic() + LONG
        while not condition(self.lines()):
            if time.monotonic() > last or not self.read():
                raise AssertionError(f"{what} is not on the terminal:\n" + "\n".join(self.lines()))

    def end(self) -> int:
        """Take in all until the program ends; its exit status."""
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait(LONG)

    def read(self) -> bool:
        """Take in what there is, or wait for it; False after the end."""
        if not select.select([self.master], [], [], LONG)[0]:
            raise AssertionError("nothing is written:\n" + "\n".join(self.lines()))
        try:
            new = os.read(self.master, 1 << 16)
        except OSError:  # Linux says so at the end
            return False
        self.raw = getattr(self, "raw", b"") + new
        self.text = self.raw.decode(errors="ignore")
        return bool(new)

    def lines(self) -> list[str]:
        """All lines from the first on, also those that have left the screen."""
        lines, row, column, at = [""], 0, 0, 0
        while at < len(self.text):
            if code := CODES.match(self.text, at):
                at = code.end()
                number, kind = code[1], code[2]
                if kind == "A":
                    row = max(row - int(number or 1), 0)
                elif kind == "K":
                    lines[row] = "" if number == "2" else lines[row][:column]
                elif kind in "hl" and number == "?25":
                    self.hidden = kind == "l"
                elif kind != "m":
                    raise AssertionError(f"no terminal for {code[0]!r}")
                continue
            character = self.text[at]
            at += 1
            if character == "\r":
                column = 0
            elif character == "\n":
                row += 1
            else:
                if column == self.columns:
                    row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
                line = lines[row].ljust(column)
                lines[row] = line[:column] + character + line[column + 1 :]
                column += 1
            lines += [""] * (row + 1 - len(lines))
        return [line.rstrip() for line in lines]
