"""Follow a run by the events that Snakemake logs: start the server, show how far it is where `make`
asks for that, and tell what failed jobs said.

Hooks (`onstart`, `onerror`) would do for the workflow by itself. Where another workflow uses it as
a module, Snakemake runs only the hooks of that one. The events are the same in both.

This file is beside the library and not in it, so that it is an input of no job.
"""

import contextlib
import logging
import os
import re
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from snakemake.deployment import singularity
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod, ExecMode
from snakemake.shell import shell
from snakemake_interface_logger_plugins.common import LogEvent

import last_words
import progress
import serve
import shown as showing

# Snakemake's own --max-jobs-per-timespan: jobs, seconds.
NOT_ASKED_FOR = (100, 1)
# What Snakemake logs when an interrupt has reached it.
TERMINATING = "Terminating processes on user request"
# Of what Snakemake logs besides events, what a person has to know, too.
TOLD = (
    "Nothing to be done",
    "Will exit after finishing currently running jobs",
    "Creating conda environment",
    "Pulling singularity image",
)
# What it says where jobs have failed, of which more is told.
FAILED = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not")
MISSING = re.compile(r"^MissingOutputException .*\nJob (\d+) ")
SCRIPT = re.compile(r"\bscripts/(\w+)\.py\b")  # in the command of a job
MEND = "mend this and "
NEXT = "Next: {}call {} again: it goes on where it stopped."


def follow(workflow) -> None:
    """Follow the run of a workflow; once, however many modules of it ask for that.

    Where Snakemake runs a job of another Snakemake's, that one tells of it.
    """
    handlers = {ExecMode.DEFAULT: Follower, ExecMode.REMOTE: GroupServer}
    kind = handlers.get(workflow.exec_mode)
    if kind and not any(isinstance(one, kind) for one in logger.handlers):
        logger.addHandler(kind(workflow))
        # Here and not where a server starts: after a kill there may be nothing left to run.
        serve.remove_left_folders()


def follower() -> "Follower | None":
    """What follows the run that this process does."""
    return next((one for one in logger.handlers if isinstance(one, Follower)), None)


@contextlib.contextmanager
def last(text: str) -> Iterator[None]:
    """Show what is done after the jobs; when that is done, show no more."""
    found = follower()
    show = found.shown if found else None
    if show:
        show.note(text)
    try:
        yield
    finally:
        if show:
            show.end()


class GroupServer(logging.Handler):
    """Starts the server in a job of a cluster that has several members."""

    def __init__(self, workflow) -> None:
        """Nothing is started yet."""
        super().__init__(logging.INFO)
        self.workflow = workflow
        self.server = serve.Server()

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one event; the first job that begins starts the server."""
        if getattr(record, "event", None) != LogEvent.JOB_INFO or self.server.folder:
            return
        try:
            # Where a Snakemake above this one has started it, that one serves.
            if len(self.workflow.dag_settings.target_jobs) > 1:
                self.begin()
        except Exception:
            self.handleError(record)

    def begin(self) -> None:
        """Start the server with the Python of the members; none where that is of conda."""
        settings = self.workflow.deployment_settings
        methods = set(settings.deployment_method)
        if methods == {DeploymentMethod.APPTAINER}:
            image = next(iter(self.workflow.dag.jobs)).container_img_path

            def contained(command: str) -> str:
                return singularity.shellcmd(
                    image,
                    command,
                    bind=self.workflow.runtime_paths,
                    args=settings.apptainer_args,
                    shell_executable="bash",
                )

            self.server.start(contained)
        elif not methods:
            self.server.start()

    def close(self) -> None:
        """Stop the server."""
        self.server.stop()
        super().close()


class Follower(logging.Handler):
    """Starts the server, shows the run, and tells at the end what failed jobs said."""

    def __init__(self, workflow) -> None:
        """Follow this run from now on."""
        super().__init__(logging.INFO)
        self.workflow = workflow
        self.server = serve.Server()
        # None where Snakemake shows its own log.
        self.shown = showing.shown(workflow, self.lock)
        self.names: dict[int, str] = {}  # of jobs, by their numbers
        self.told: set[str] = set()  # what is said over and over again, once
        self.error = False  # whether Snakemake told of one that is not of a job
        self.begun = False
        self.ending = False
        self.interrupted = False
        # Of each log of a job, by the job's number: what it was before the job.
        self.before: dict[int, dict[str, tuple | None]] = {}
        self.statuses: dict[int, int | None] = {}  # exit status, by the thread that waited for it
        # What the attempts at a job said, by its number.
        self.said: dict[int, list[str]] = defaultdict(list)
        # Elsewhere it is not for us to say what an interrupt does.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self.interrupt)

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one event."""
        try:
            if self.shown:
                self.show(record)
            match getattr(record, "event", None):
                # Before the first job; in a dry run, too, which has none.
                case LogEvent.RUN_INFO if not self.begun and not self.workflow.dryrun:
                    self.begin()
                case LogEvent.JOB_INFO:
                    self.before[record.jobid] = {log: state(log) for log in record.log}
                case LogEvent.ERROR:
                    self.statuses[record.thread] = last_words.exit_status(record.getMessage())
                # The members of a group follow one by one, and it is not said which have failed.
                case LogEvent.JOB_ERROR if not record.indent:
                    status = self.statuses.pop(record.thread, None)
                    self.failed(vars(record), record.log, status)
                case LogEvent.GROUP_ERROR:
                    self.group_failed(record)
                case None if str(record.msg).startswith(TERMINATING):
                    self.ending = True
        except Exception:
            self.handleError(record)

    def show(self, record: logging.LogRecord) -> None:
        """Show one event."""
        run = self.shown.run
        match getattr(record, "event", None):
            case LogEvent.WORKFLOW_STARTED:
                self.shown.begin()
            # Snakemake shows what was before that.
            case _ if not self.shown.begun:
                pass
            case LogEvent.RUN_INFO:
                rules = {rule.name: rule for rule in self.workflow.rules}
                # Without those that only ask for others.
                self.shown.plan(
                    {k: v for k, v in record.stats.items() if k in rules and rules[k].output}
                )
            case LogEvent.JOB_INFO:
                self.names[record.jobid] = named(record.rule_name, record.wildcards)
                run.begin(record.jobid, record.rule_name)
            case LogEvent.JOB_FINISHED:
                self.shown.finish(record.job_id)
            # A job may end by Ctrl-C before Snakemake says that there was one.
            case LogEvent.JOB_ERROR if (
                self.interrupted or self.statuses.get(record.thread) == -signal.SIGINT
            ):
                run.stop(record.jobid, failed=False)
            case LogEvent.JOB_ERROR:
                # Of a group only those that are known to have failed count as such.
                run.stop(record.jobid, failed=not record.indent)
                if not record.indent:
                    self.shown.say(f"failed: {self.names.get(record.jobid, record.rule_name)}")
            case LogEvent.ERROR if missing := MISSING.match(record.getMessage()):
                run.stop(int(missing[1]))
                self.shown.say(record.getMessage())
            # Another event tells which job it was.
            case LogEvent.ERROR if (
                self.begun and last_words.exit_status(record.getMessage()) is not None
            ):
                pass
            case LogEvent.ERROR | None if not str(record.msg).startswith(FAILED):
                self.error |= record.levelno >= logging.ERROR
                if record.levelno >= logging.WARNING:
                    self.shown.say(record.getMessage())
                elif str(record.msg).startswith(TOLD) and record.msg not in self.told:
                    self.told.add(record.msg)
                    self.shown.say(record.msg)
                elif str(record.msg).startswith(TERMINATING):
                    self.interrupted = True
                    self.shown.say("interrupted: waits for the jobs to end (Ctrl-C: at once)")

    def begin(self) -> None:
        """Start the server, and have the scheduler look for jobs only when one has ended."""
        self.begun = True
        # It has the packages of this machine and this environment, for jobs with the same.
        if self.workflow.local_exec and not self.workflow.deployment_settings.deployment_method:
            self.server.start()
        # Snakemake's limit on jobs a second, where none is asked for, has the scheduler look again
        # a second after each look. Every job that ends begins another such chain, and soon it does
        # nothing else: after 250 of the 1,490 jobs of the published protocol it took a whole core.
        # The limits here are cores and, on a cluster, `jobs`.
        limit = self.workflow.scheduler.job_rate_limiter
        if limit and (limit.max_jobs, limit.timespan) == NOT_ASKED_FOR:
            self.workflow.scheduler.job_rate_limiter = None

    def failed(self, job: dict, logs: Sequence[str], status: int | None = None) -> None:
        """Keep what an attempt at a job said; the next one writes its log anew."""
        before = self.before.get(job["jobid"], {})
        written = [log for log in logs if state(log) not in (None, before.get(log))]
        script = SCRIPT.search(job["shellcmd"] or "")
        words = last_words.account(logs, written, script and script[1], status, job["rule_msg"])
        self.said[job["jobid"]].append(words)

    def group_failed(self, record: logging.LogRecord) -> None:
        """The same for a group: its members that began and did not finish, or else all of it."""
        jobs = record.job_error_info
        begun = [
            job
            for job in jobs
            if any(
                state(log) not in (None, self.before.get(job["jobid"], {}).get(log))
                for log in job["log"]
            )
            and not all(os.path.exists(re.sub(r" \(.*\)$", "", one)) for one in job["output"])
        ]
        for job in begun:
            self.failed(job, [*job["log"], *record.aux_logs])
        for job in jobs[: 0 if begun else 1]:
            self.failed(job, record.aux_logs)
        for job in (begun or jobs[:1]) if self.shown and not self.interrupted else ():
            self.shown.run.stop(job["jobid"])
            self.shown.say(f"failed: {self.names.get(job['jobid'], job['rule_name'])}")

    def close(self) -> None:
        """Stop the server, and tell what the jobs said that have failed for good."""
        self.ending = True
        self.server.stop()
        if self.shown:
            self.shown.end()
        # Python closes each handler once more when it ends.
        texts = self.summary() if self.begun else []
        self.begun = False
        show, self.shown = self.shown, None
        for text in texts:
            print(f"\n{text}", file=sys.stderr)
        if show and show.begun:
            print(self.end_of(show), file=sys.stderr)
        elif texts:
            print(f"\n{NEXT.format(MEND, 'the same')}", file=sys.stderr)
        super().close()

    def end_of(self, show: showing.Shown) -> str:
        """How the run ended, how long it took, where the log is, and what to call next."""
        run = show.run
        logs = ", ".join(os.path.relpath(one) for one in self.workflow.logger_manager.get_logfile())
        took = progress.clock_time(run.passed())
        if run.done == run.total and not (self.error or self.interrupted):
            return f"Time: {took}\nSnakemake's log: {logs}"
        counts = [f"{run.done:,} of {progress.jobs_named(run.total)} done"] if run.total else []
        counts += [f"{run.failed:,} failed"] if run.failed else []
        mend = MEND if (self.error or run.failed) and not self.interrupted else ""
        return "\n".join(
            [
                "",
                f"{'Interrupted' if self.interrupted else 'Stopped'} after {took}"
                + (f": {', '.join(counts)}" if counts else ""),
                f"Snakemake's log: {logs}",
                NEXT.format(mend, f"`{show.title}`"),
            ]
        )

    def summary(self) -> list[str]:
        """A paragraph for each failed job: rule, wildcards, and each thing it said once."""
        texts = []
        for one in self.workflow.scheduler.failed:
            jobs = one.jobs if one.is_group() else [one]
            if not any(job.jobid in self.said for job in jobs):
                # Its command succeeded, but did not write what it should have.
                self.said[next(iter(jobs)).jobid] = ["  what was wrong stands above"]
            for job in jobs:
                for said, times in Counter(self.said.get(job.jobid, ())).items():
                    which = named(job.rule.name, job.wildcards_dict)
                    often = f" in {times} attempts" if times > 1 else ""
                    texts.append(f"Failed{often}: {which}\n{said}")
        return sorted(texts)

    def interrupt(self, number: int, frame) -> None:
        """End quietly on Ctrl-C. While Snakemake waits for its jobs to end, end them at once."""
        self.interrupted = True
        if not self.ending:
            # As the scheduler takes a KeyboardInterrupt; before and after it there is no traceback.
            raise SystemExit(128 + number)
        signal.signal(number, signal.SIG_IGN)
        self.server.stop()
        scheduler = getattr(self.workflow, "scheduler", None)
        for job in list(scheduler.running) if scheduler else ():
            for member in job.jobs if job.is_group() else [job]:
                shell.kill(member.jobid)
        signal.signal(number, self.interrupt)


def named(rule: str, wildcards: Mapping[str, str]) -> str:
    """A job by its rule and wildcards."""
    text = ", ".join(f"{k}={v}" for k, v in wildcards.items())
    return f"{rule} ({text})" if text else rule


def state(log: str) -> tuple | None:
    """What tells whether a log has been written since; None where there is none."""
    try:
        found = os.stat(log)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
