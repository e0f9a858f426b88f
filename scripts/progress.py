"""How far a run is: its jobs by stage, and the time that is left.

This file is beside the library and not in it: no job runs it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

KNOWN = 5  # jobs that have to be done before the time left is told


@dataclass
class Stage:
    """The jobs of one rule."""

    name: str
    total: int
    running: dict[int, float] = field(default_factory=dict)  # when each began, by its number
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)  # that each took that is done
    first: float | None = None  # when the first began
    last: float | None = None  # when the last one ended

    @property
    def complete(self) -> bool:
        """Whether all of its jobs are done."""
        return len(self.done) == self.total

    def passed(self, now: float) -> float | None:
        """Seconds from its first job to its last, or till now."""
        if self.first is None:
            return None
        return (now if self.running or self.last is None else self.last) - self.first

    def mean(self) -> float | None:
        """Seconds a job takes.

        Those that came first count for nothing: they import and compile what others find done.
        """
        later = self.seconds[len(self.seconds) // 2 :]
        return sum(later) / len(later) if later else None

    def work(self, now: float, mean: float) -> float:
        """Seconds that the jobs that are not done will take, one after another."""
        waiting = self.total - len(self.done) - len(self.failed) - len(self.running)
        running = sum(max(mean - (now - begun), 0) for begun in self.running.values())
        return mean * waiting + running

    def worked(self, now: float) -> float:
        """Seconds that its jobs have taken so far, one after another."""
        return sum(self.seconds) + sum(now - begun for begun in self.running.values())


class Run:
    """The stages of a run, and how far each is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count the time."""
        self.clock = clock
        self.begun = clock()
        self.first: float | None = None  # when the first job began
        self.stages: dict[str, Stage] = {}
        self.rules: dict[int, str] = {}  # of each job, by its number

    def plan(self, jobs: dict[str, int]) -> None:
        """Take in how many jobs of each rule there are."""
        self.stages = {name: Stage(name, number) for name, number in jobs.items() if number}

    def begin(self, job: int, rule: str) -> None:
        """Note that a job begins, or begins anew after it failed."""
        stage = self.stages.get(rule)
        if stage is None:
            return
        now = self.clock()
        self.rules[job] = rule
        self.first = now if self.first is None else self.first
        stage.first = now if stage.first is None else stage.first
        stage.failed.discard(job)
        stage.running[job] = now
        # A checkpoint of another workflow adds jobs.
        stage.total = max(stage.total, len({*stage.done, *stage.failed, *stage.running}))

    def finish(self, job: int) -> Stage | None:
        """Note that a job is done; the stage that it belongs to."""
        stage = self.stages.get(self.rules.get(job, ""))
        if stage is None or job in stage.done:
            return None
        stage.last = self.clock()
        stage.seconds.append(stage.last - stage.running.pop(job, stage.last))
        stage.failed.discard(job)
        stage.done.add(job)
        return stage

    def stop(self, job: int, failed: bool = True) -> None:
        """Note that a job runs no more: it has failed, or another of its group has."""
        stage = self.stages.get(self.rules.get(job, ""))
        if stage is None:
            return
        if stage.running.pop(job, None) is not None:
            stage.last = self.clock()
        if failed:
            stage.failed.add(job)

    @property
    def total(self) -> int:
        """Number of all jobs."""
        return sum(stage.total for stage in list(self.stages.values()))

    @property
    def done(self) -> int:
        """Number of the jobs that are done."""
        return sum(len(stage.done) for stage in list(self.stages.values()))

    @property
    def failed(self) -> int:
        """Number of the jobs that have failed and are not tried again."""
        return sum(len(stage.failed) for stage in list(self.stages.values()))

    @property
    def running(self) -> int:
        """Number of the jobs that run."""
        return sum(len(stage.running) for stage in list(self.stages.values()))

    def passed(self) -> float:
        """Seconds since this was made."""
        return self.clock() - self.begun

    def left(self) -> float | None:
        """Seconds until all jobs are done, about; None where too few are done to tell.

        A job is taken to last as long as others of its rule did, or where none of these is done, as
        all others did; and as many to run side by side as did so far.
        """
        if self.done < KNOWN or self.done == self.total:
            return None
        now, stages = self.clock(), list(self.stages.values())
        mean = sum(len(stage.done) * stage.mean() for stage in stages if stage.done) / self.done
        work = sum(stage.work(now, stage.mean() or mean) for stage in stages)
        side_by_side = sum(stage.worked(now) for stage in stages) / max(now - self.first, 1e-9)
        return work / max(side_by_side, 1)

    def left_of(self, stage: Stage) -> float | None:
        """The same for one stage."""
        if not stage.running or not stage.done:
            return None
        now = self.clock()
        side_by_side = stage.worked(now) / max(now - stage.first, 1e-9)
        return stage.work(now, stage.mean()) / max(side_by_side, 1)


def clock_time(seconds: float | None) -> str:
    """As 0:07, 12:34 or 1:02:03."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def jobs_named(number: int) -> str:
    """A number of jobs."""
    return f"{number:,} job{'' if number == 1 else 's'}"
