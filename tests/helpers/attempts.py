"""Starts of Snakemake that are killed, and what they have done: noted, and no job is done twice.

That a job begins is written down by the shell that Snakemake starts for it (`BASH_ENV`), not taken
from Snakemake's word; that it has ended well is what Snakemake says.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from workflow import LONG, environment, plan, processes, wait_until

# Seconds that a process has to end after SIGTERM; then it gets SIGKILL, as from systemd or SLURM.
# Snakemake 9.27 sometimes needs it: its handler waits for a lock that may be held by what it
# interrupted.
GRACE = 20
# Bash reads this file before the command of a job. One of more than 64 KiB it has from a file.
WRITE_DOWN = """
begun=$BASH_EXECUTION_STRING
case $0 in
*/shell_tmp.*/script.sh) begun=$(< "$0") ;;
esac
case $begun in
*"python scripts/"*) printf '%s\\0' "$begun" >> "$BEGUN" ;;
esac
"""


class Notes:
    """What is noted of one start of Snakemake in a folder, beside it."""

    def __init__(self, folder: Path, number: int) -> None:
        """Read those of start `number`."""
        self.folder = folder
        self.log = folder.parent / f"attempt{number}.txt"
        self.notes = folder.parent / f"begun{number}"

    def begun(self) -> list[str]:
        """The jobs that have begun, each by the name of its log, in their order."""
        commands = self.notes.read_text().split("\0")[:-1]
        return [re.search(r"(\S+)\.log(?: 2>&1)?$", command)[1] for command in commands]

    def finished(self) -> set[str]:
        """The jobs that have ended well, by the same names."""
        text = self.log.read_text()
        logs = {}
        for block in re.findall(r"^(?:local)?rule \w+:\n((?: {4}.*\n)*)", text, re.M):
            log = re.search(r"^ {4}log: (\S+)\.log", block, re.M)
            if log:
                logs[re.search(r"^ {4}jobid: (\d+)$", block, re.M)[1]] = log[1]
        ended = re.findall(r"^Finished jobid: (\d+) ", text, re.M)
        return {logs[number] for number in ended if number in logs}

    def running(self) -> list[str]:
        """The jobs that have begun and not ended."""
        finished = self.finished()
        return [job for job in self.begun() if job not in finished]


class Attempt(Notes):
    """One start of Snakemake in a folder."""

    def __init__(self, folder: Path, configuration: str, number: int, **variables: str) -> None:
        """Start it as a user does, in the folder's own environment where it has one."""
        super().__init__(folder, number)
        beside = folder.parent
        self.notes.touch()
        (beside / "write_down").write_text(WRITE_DOWN)
        (beside / "temporary").mkdir(exist_ok=True)
        self.environment = environment() | {
            "BASH_ENV": str(beside / "write_down"),
            "BEGUN": str(self.notes),
            "TMPDIR": str(beside / "temporary"),
            **variables,
        }
        self.environment.pop("MIRAGE_PRELOADED", None)
        own = folder / ".venv/bin"
        binaries = own if own.exists() else Path(sys.executable).parent
        self.command = [
            *(str(binaries / "snakemake"), "--cores", "2", "--nocolor"),
            *("--configfile", configuration),
        ]
        # What a user is told to do by Snakemake, which cannot know that nobody holds the lock.
        self.unlocked = any((folder / ".snakemake/locks").glob("*"))
        if self.unlocked:
            self._snakemake("--unlock").wait(LONG)
        self.process = self._snakemake()

    def _snakemake(self, *arguments: str) -> subprocess.Popen:
        with self.log.open("a") as log:
            return subprocess.Popen(
                [*self.command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, count: int, done: set[str]) -> bool:
        """Wait until so many jobs have begun, those done before included; False if they had."""

        def begun() -> bool:
            return len(done | set(self.begun())) >= count or self.process.poll() is not None

        before = begun()
        wait_until(begun, f"{count} jobs have begun")
        return not before

    def kill(self, number: int, everyone: bool) -> bool:
        """Send a signal to Snakemake, or to all that runs in its folder; whether it was enough."""
        if everyone:
            for process in processes(self.folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
        else:
            self.process.send_signal(number)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            assert number == signal.SIGTERM
            self.kill(signal.SIGKILL, everyone=True)
            return False
        return True


@dataclass
class Account:
    """What has come of all starts of Snakemake so far, by the names of the jobs' logs.

    Attributes:
        done: The jobs that have ended well.
        often: How often each has begun.
        killed: How often each was running when Snakemake was killed.
    """

    done: set[str] = field(default_factory=set)
    often: Counter = field(default_factory=Counter)
    killed: Counter = field(default_factory=Counter)

    def add(self, notes: Notes, *, killed: bool) -> None:
        """Take in one more; no finished job may have begun again."""
        begun = notes.begun()
        assert len(begun) == len(set(begun)), f"a job was begun twice by one Snakemake: {begun}"
        again = self.done & set(begun)
        assert not again, f"finished, and begun again: {sorted(again)}"
        self.often.update(begun)
        finished = notes.finished()
        self.done |= finished
        if killed:
            # Of what ran, some was allowed to end (SIGTERM), or had just ended.
            self.killed.update(job for job in begun if job not in finished)

    def check(self, folder: Path, configuration: str) -> None:
        """Refuse a complete run that has repeated more than what was killed, or left something."""
        for job, count in self.often.items():
            killed = self.killed[job]
            assert count <= 1 + killed, f"{job}: begun {count} times, killed {killed} times"
        assert self.done <= set(self.often), self.done - set(self.often)
        # Snakemake may be killed when it has recorded the end of a job and not told of it yet.
        assert set(self.often) - self.done <= set(self.killed), set(self.often) - self.done
        wait_until(lambda: not processes(folder), "no process is left")
        # Snakemake and TensorFlow leave files in the system's folder when they are killed.
        temporary = (folder.parent / "temporary").glob("mirage*")
        left = [*(folder / "results").rglob("*.tmp*"), *temporary]
        assert left == [], left
        assert plan(folder, "--configfile", configuration) == Counter()
