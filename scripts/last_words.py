"""How a failed job ended: what it said last, in its log, and what ended it.

This file is beside the library and not in it: no job runs it.
"""

import os
import re
import signal
from collections.abc import Sequence

TAIL = 1 << 20  # bytes at the end of a log in which the last message is looked for
PARAGRAPH = 20  # lines at most of a message of which it is not known where it begins
# The end of the exception that Snakemake raises for a command that failed.
STATUS = re.compile(
    r"returned non-zero exit status (\d+)\.$|died with <Signals\.\w+: (\d+)>\.$", re.M
)
TRACEBACK = "Traceback (most recent call last):"


def exit_status(message: str) -> int | None:
    """Of the failed command that Snakemake tells of; minus the number of the signal that ended it.

    None where it tells of something else.
    """
    found = list(STATUS.finditer(message))
    if not found:
        return None
    status, number = found[-1].groups()
    if number:
        return -int(number)
    # A shell gives 128 and the signal that ended its command.
    return 128 - int(status) if 128 < int(status) <= 128 + signal.NSIG else int(status)


def account(
    logs: Sequence[str],
    written: Sequence[str],
    script: str | None,
    status: int | None,
    told: str | None,
) -> str:
    """How a job ended, in indented lines.

    Args:
        logs: Its logs.
        written: Those that it has written to.
        script: Name of its script, without `.py`; None where it is not known.
        status: Exit status, as `exit_status` gives it.
        told: What the executor says, such as the state of a SLURM job.
    """
    lines = [told] if told else []
    if status is not None and status < 0:
        lines.append(f"ended by {signal_named(-status)}")
    for log in written:
        said = last_words(read_end(log), script, killed=status is not None and status < 0)
        lines.append(f"{log}{':' if said else ' is empty'}")
        lines += [f"  {line}" for line in said]
        if said:
            break
    if not logs:
        lines.append("this job has no log; what it said stands above")
    elif not written:
        lines.append(f"nothing was written to its log, {', '.join(logs)}")
    return "\n".join(f"  {line}".rstrip() for line in lines)


def signal_named(number: int) -> str:
    """A signal by number and what it may mean."""
    try:
        name = signal.strsignal(number)
    except ValueError:
        name = None
    guess = "; was memory short?" if number == signal.SIGKILL else ""
    return f"signal {number} ({name or 'unknown'}{guess})"


def read_end(log: str) -> str:
    """The end of a log, whatever is in it."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL))
            return stream.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def last_words(text: str, script: str | None = None, killed: bool = False) -> list[str]:
    """The last message in a log, all lines of it.

    Our scripts end with a message that begins with their name. Of a traceback it is what stands
    below the frames. Else it is the last paragraph, or where the job was killed, which leaves it no
    time for a message, the last line.

    Args:
        text: Of the log.
        script: Name of the script, without `.py`.
        killed: Whether the job was ended from outside.
    """
    # Of a line that was written over again and again, what stands there last.
    lines = [shown(line.rstrip("\r").rsplit("\r", 1)[-1]) for line in text.rstrip().split("\n")]
    begin = None
    for number, line in enumerate(lines):
        if script and re.match(rf"{re.escape(script)}(\.py)?: ", line):
            begin = number
        elif line == TRACEBACK:
            frames = (n for n in range(number + 1, len(lines)) if lines[n][:1] not in (" ", ""))
            begin = next(frames, number)
    if begin is None and killed:
        begin = len(lines) - 1
    if begin is None:
        blank = (n + 1 for n in range(len(lines) - 1, -1, -1) if not lines[n])
        begin = max(next(blank, 0), len(lines) - PARAGRAPH)
    return lines[begin:] if any(lines) else []


def shown(line: str) -> str:
    """A line without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in line).rstrip()
