"""What `make` shows of a run: a panel on a terminal, a few plain lines elsewhere.

Snakemake's own log has it all, in its file. `snakemake` called by hand shows that log, and so does
`make V=1`.

No plugin for Snakemake's `--logger` is used: the one there is (snakemake-logger-plugin-rich 0.5.1)
tells no time that is left, counts the running jobs wrongly, and prints whole logs of failed jobs.

This file is beside the library and not in it, so that it is an input of no job.
"""

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from progress import Run, Stage, clock_time, jobs_named

# What make sets to what it was asked for, such as "make quick".
ASKED = "MIRAGE_SHOWN"
WIDTH = 100  # columns at most
# What Snakemake says before it says that a run begins.
ASSUMING = "Assuming unrestricted shared filesystem usage"


# --- How it is shown ------------------------------------------------------------------------------


class Lines:
    """Plain lines: one when a stage is complete and one a minute."""

    period = 60

    def __init__(self, run: Run, title: str) -> None:
        """Show nothing yet."""
        self.run, self.title = run, title

    def begin(self) -> None:
        """Tell nothing: it is not known yet what there is to do."""

    def planned(self) -> None:
        """Tell what there is to do."""
        stages = ", ".join(f"{stage.name} {stage.total:,}" for stage in self.run.stages.values())
        self.say(f"{self.title}: {jobs_named(self.run.total)} ({stages})")

    def say(self, text: str) -> None:
        """Show a line, with the time passed."""
        write(f"{clock_time(self.run.passed())}  {text}")

    def stage_ended(self, stage: Stage) -> None:
        """Tell that a stage is complete."""
        took = clock_time(stage.passed(stage.last))
        self.say(f"{stage.name}: {len(stage.done):,} of {jobs_named(stage.total)} done in {took}")

    def tick(self) -> None:
        """Tell how far the run is."""
        run = self.run
        if run.done < run.total:
            left, failed = run.left(), f", {run.failed:,} failed" if run.failed else ""
            about = f", about {clock_time(left)} left" if left is not None else ""
            self.say(f"{run.done:,} of {jobs_named(run.total)} done{failed}{about}")

    def note(self, text: str) -> None:
        """Tell what goes on besides the jobs."""
        self.say(text)

    def end(self) -> None:
        """Nothing is left to be put away."""


class PanelOnTerminal:
    """One panel, drawn anew each second: a bar for all jobs and one for each stage.

    What jobs, and the shells that run them, write to the terminal would tear it. While it is there,
    they write to a file instead, and what they wrote is shown above it.
    """

    period = 1

    def __init__(self, run: Run, title: str, no_color: bool = False) -> None:
        """Show nothing yet."""
        self.run, self.title, self.subtitle = run, title, ""
        self.ended = False
        self.terminal = open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")  # noqa: SIM115
        self.console = Console(file=self.terminal, no_color=no_color or None, highlight=False)
        self.others = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115
        self.seen = 0  # bytes of that
        self.kept: dict[int, int] = {}  # what the numbers of standard output and error stand for
        self.live = Live(
            console=self.console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=self.panel,
        )

    def begin(self) -> None:
        """Draw it for the first time, while it is not known yet what there is to do."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            if stream.isatty():
                self.kept[stream.fileno()] = os.dup(stream.fileno())
                os.dup2(self.others.fileno(), stream.fileno())
        self.subtitle = "looks for what is to be done"
        self.console.size = os.get_terminal_size(self.terminal.fileno())
        self.live.start(refresh=True)

    def planned(self) -> None:
        """Draw it with its stages."""
        self.note("")

    def say(self, text: str) -> None:
        """Show a text above the panel."""
        self.console.print(Text(text), soft_wrap=True)

    def stage_ended(self, stage: Stage) -> None:
        """Nothing: the bar is full."""

    def tick(self) -> None:
        """Draw it anew, below what others have written."""
        if self.live.is_started:
            # Where the numbers of the standard streams do not stand for it, rich does not find it.
            self.console.size = os.get_terminal_size(self.terminal.fileno())
            self.say_others()
            self.live.refresh()

    def say_others(self) -> None:
        """Show what others have written since."""
        # Not `read`, which goes on where they have written last.
        text = os.pread(self.others.fileno(), 1 << 20, self.seen)
        self.seen += len(text)
        if text.strip():
            self.say(text.decode("utf-8", errors="replace").rstrip("\n"))

    def note(self, text: str) -> None:
        """Show below the bars what goes on besides the jobs."""
        self.subtitle = text
        self.tick()

    def end(self) -> None:
        """Draw it for the last time and leave it there, or nothing where there were no jobs."""
        if not self.live.is_started:
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            if stream.fileno() in self.kept:
                terminal = self.kept.pop(stream.fileno())
                os.dup2(terminal, stream.fileno())
                os.close(terminal)
        self.say_others()
        self.ended, self.subtitle = True, ""
        self.live.transient = not self.run.stages
        self.live.stop()

    def panel(self) -> Group:
        """As it is now."""
        run, now, console = self.run, self.run.clock(), self.console
        stages = list(run.stages.values())
        # Without borders, heads, the bar of all, the line on what is hidden, and two below.
        room = console.height - 7
        shown = stages if self.ended else chosen(stages, max(room, 1))
        table = Table(
            box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim"
        )
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=1)
        table.add_column("done", justify="right", no_wrap=True)
        table.add_column("running", justify="right", no_wrap=True)
        if run.failed:
            table.add_column("failed", justify="right", no_wrap=True, style="bold red")
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("left", justify="right", no_wrap=True)

        def add(name, style, done, total, running, failed, passed, left):
            bar = ProgressBar(
                total=max(total, 1),
                completed=done,
                complete_style="red" if failed else "cyan",
                finished_style="green",
            )
            counts = [f"{failed:,}" if failed else ""] if run.failed else []
            table.add_row(
                Text(name, style),
                bar,
                f"{done:,} of {total:,}",
                f"{running:,}" if running else "",
                *counts,
                clock_time(passed),
                clock_time(left),
            )

        left = None if self.ended else run.left()
        add("all", "bold", run.done, run.total, run.running, run.failed, run.passed(), left)
        for stage in shown:
            add(
                stage.name,
                "" if stage.running else "dim",
                *(len(stage.done), stage.total, len(stage.running), len(stage.failed)),
                stage.passed(now),
                None if self.ended else run.left_of(stage),
            )
        parts = [table]
        if hidden := len(stages) - len(shown):
            parts.append(Text(f"and {hidden} stage{'' if hidden == 1 else 's'} more", "dim"))
        panel = Panel(
            Group(*parts),
            title=Text(self.title, "bold"),
            subtitle=Text(self.subtitle) if self.subtitle else None,
            width=min(console.width, WIDTH),
            border_style="dim",
            box=box.ROUNDED,
        )
        # On a line of its own the terminal has room to echo Ctrl-C.
        return Group(panel) if self.ended else Group(panel, "")


def chosen(stages: list[Stage], room: int) -> list[Stage]:
    """The stages to show where there is no room for all: those that run, then those to come."""

    def rank(stage):
        return 0 if stage.running or stage.failed else 2 if stage.complete else 1

    kept = sorted(stages, key=rank)[:room]
    return [stage for stage in stages if any(stage is one for one in kept)]


def write(text: str) -> None:
    """Write lines to the standard error, which is where Snakemake writes its own."""
    print(text, file=sys.stderr, flush=True)


# --- In place of what Snakemake shows -------------------------------------------------------------


class Shown:
    """Shows a run in place of Snakemake's own log, which goes on in its file."""

    def __init__(self, title: str, lock, plain: bool, no_color: bool = False) -> None:
        """Show nothing yet.

        Args:
            title: What was asked for, such as "make quick".
            lock: Of the handler, which holds it while it takes in a record.
            plain: Whether there is no terminal to draw on.
            no_color: Whether there are to be no colours.
        """
        self.title, self.lock, self.run = title, lock, Run()
        self.display = (
            Lines(self.run, title) if plain else PanelOnTerminal(self.run, title, no_color)
        )
        self.begun = False  # whether Snakemake has said that a run begins
        self.ended = threading.Event()

    def hides(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake is not to show a record: this does so, from the begin of a run on."""
        if getattr(record, "event", None) == LogEvent.WORKFLOW_STARTED:
            self.begun = True
        return self.begun or str(record.msg).startswith(ASSUMING)

    def begin(self) -> None:
        """Show from now on what goes on."""
        self.begun = True
        if not self.ended.is_set():
            self.display.begin()
            threading.Thread(target=self.tick, name="shown", daemon=True).start()

    def plan(self, jobs: dict[str, int]) -> None:
        """Show how many jobs of each rule there are."""
        if not self.run.stages:
            self.run.plan(jobs)
            self.display.planned()

    def tick(self) -> None:
        """Show the time that passes, until the end."""
        while not self.ended.wait(self.display.period):
            # A terminal that is gone ends no run.
            with self.lock, contextlib.suppress(OSError):
                if not self.ended.is_set():
                    self.display.tick()

    def finish(self, job: int) -> None:
        """Show that a job is done."""
        stage = self.run.finish(job)
        if stage and stage.complete:
            self.display.stage_ended(stage)

    def say(self, text: str) -> None:
        """Show a text."""
        self.display.say(text)

    def note(self, text: str) -> None:
        """Show what goes on besides the jobs."""
        with self.lock, contextlib.suppress(OSError):
            self.display.note(text)

    def end(self) -> None:
        """Show the last state and no more: others may write to the terminal now."""
        with self.lock, contextlib.suppress(OSError):
            if not self.ended.is_set():
                self.ended.set()
                self.display.end()


def shown(workflow, lock) -> Shown | None:
    """What shows a run, or None where Snakemake is to show its own.

    That is where `make` did not ask for it, and where an option of Snakemake's says what to show.
    """
    title = os.environ.pop(ASKED, None)  # not for the jobs
    handlers = [one for one in logger.handlers if one.name == "DefaultStreamHandler"]
    if not title or not handlers:
        return None
    settings = workflow.output_settings
    own = (
        *(settings.dryrun, settings.quiet, settings.verbose, settings.printshellcmds),
        *(settings.debug_dag, settings.log_handler_settings),
    )
    if any(own):
        return None
    plain = not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb"
    found = Shown(title, lock, plain, settings.nocolor)
    for handler in handlers:
        handler.addFilter(lambda record: not found.hides(record))
    return found


# --- A table on a terminal ------------------------------------------------------------------------


def table_shown(markdown: str, where: str) -> None:
    """Print a Markdown table; on a terminal that is too narrow for it, one that fits.

    Where that is too wide, too, only means are shown, without "± standard deviation".

    Args:
        markdown: The table.
        where: The file of it, which is told where not all is shown.
    """
    lines = markdown.rstrip().split("\n")
    console = Console(highlight=False)
    if not sys.stdout.isatty() or max(map(len, lines)) <= console.width:
        print(markdown, flush=True)
        return
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    head = [name.replace("_", " ") for name in head]

    def widths(rows):
        """Of the columns: no cell is broken, a head only between its words."""
        return [
            max(map(len, [*name.split(), *cells])) for name, *cells in zip(head, *rows, strict=True)
        ]

    gap = 2
    whole = sum(widths(rows)) + gap * (len(head) - 1) <= console.width
    if not whole:
        rows = [[re.sub(r" ± \S+$", "", cell) for cell in row] for row in rows]
    made = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style=""
    )
    for name, width, *cells in zip(head, widths(rows), *rows, strict=True):
        number = all(cell[:1].isdigit() for cell in cells)
        made.add_column(name, justify="right" if number else "left", width=width)
    for row in rows:
        made.add_row(*map(Text, row))
    console.print("", made)
    console.print(Text("" if whole else f"\nMeans only; the spread over seeds is in {where}\n"))
    sys.stdout.flush()
