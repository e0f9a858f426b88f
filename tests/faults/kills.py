"""Kill the workflow at random moments and go on, again and again; then nothing may be different.

    make kills ARGS="--kills 50 --seed 1"

Runs on the embedded digits are killed while they plan, train, attack and draw, and started again
with the same command, until they are complete. Then

- all results are equal to those of a run that nobody disturbed, byte for byte but for times;
- no temporary file and no process is left, and Snakemake finds nothing to do;
- no job was begun again but those that were running when they were killed.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # pytest has them in its path
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root / "scripts"), str(root / "tests/helpers")]

from attempts import Account, Attempt
from compared import differences
from small import CONFIGURATION, configure
from workflow import LONG, copy_sources

KINDS = [
    ("SIGTERM to Snakemake", signal.SIGTERM, False),
    ("SIGKILL to Snakemake", signal.SIGKILL, False),
    ("SIGTERM to all", signal.SIGTERM, True),
    ("SIGKILL to all", signal.SIGKILL, True),
]


@dataclass
class Kill:
    """One kill.

    Attributes:
        kind: Which signal, to whom.
        moment: Where no job was running: whether any had.
        running: The jobs that were.
        enough: Whether all ended of it; if not, SIGKILL followed.
    """

    kind: str
    moment: str
    running: list[str]
    enough: bool


@dataclass
class Outcome:
    """What all kills of a series came to."""

    kills: list[Kill] = field(default_factory=list)
    runs: int = 0
    jobs: int = 0  # in each run
    repeated: Counter = field(default_factory=Counter)  # by script
    unlocked: int = 0

    def report(self) -> str:
        """The kills by kind and by stage, and the work repeated, as text."""
        by_kind = Counter(kill.kind for kill in self.kills)
        stages = Counter(
            stage
            for kill in self.kills
            for stage in {stage_of(job) for job in kill.running} or {kill.moment}
        )
        ran = sum(len(kill.running) for kill in self.kills)
        lines = [
            f"{len(self.kills)} kills survived in {self.runs} runs of {self.jobs} jobs each",
            "  by kind:  "
            + ", ".join(f"{kind} {count}" for kind, count in sorted(by_kind.items())),
            "  by stage: " + ", ".join(f"{stage} {count}" for stage, count in stages.most_common()),
            f"  SIGTERM that SIGKILL had to follow: {sum(not kill.enough for kill in self.kills)}",
            f"  locks taken off (--unlock): {self.unlocked}",
            f"work repeated: {ran} jobs ran when their run was killed; {self.repeated.total()} of "
            f"{self.runs * self.jobs} jobs were begun a further time: "
            + (", ".join(f"{k} {n}" for k, n in self.repeated.most_common()) or "none"),
            "no finished job was begun again; all results are those of an undisturbed run, but for "
            "times; no temporary file and no process is left",
        ]
        return "\n".join(lines)


def stage_of(job: str) -> str:
    """The stage a job belongs to, from the name of its log."""
    return job.split("/logs/")[1].split("/")[0]


def one_run(
    folder: Path,
    configuration: str,
    reference: Path,
    kills: list[tuple],
    chance: random.Random,
    say,
) -> tuple[list[Kill], Counter, int]:
    """A run that is killed again and again, until it is complete.

    Args:
        folder: A copy of the sources; notes are taken beside it.
        configuration: Path of the configuration in it.
        reference: The results of an undisturbed run.
        kills: For each the kind, and how many jobs are to have been begun before it.
        chance: Where random moments come from.
        say: Takes a line about each kill.

    Returns:
        The kills (fewer, where the run was complete before), the jobs that were begun again, by
        stage, and how often a lock was left.
    """
    account = Account()
    made: list[Kill] = []
    unlocked = 0
    for number, (kind, jobs) in enumerate([*kills, (None, None)]):
        attempt = Attempt(folder, configuration, number)
        unlocked += attempt.unlocked
        if kind:
            name, signal_number, everyone = kind
            # Somewhere in these jobs; and where there was nothing to wait for, in the beginning.
            waited = attempt.wait_for(jobs, account.done)
            time.sleep(chance.uniform(0, 1.5 if waited else 8))
            ended = attempt.process.poll() is not None
            running = attempt.running()
            enough = ended or attempt.kill(signal_number, everyone)
        else:
            ended = attempt.process.wait(LONG) is not None
        account.add(attempt, killed=not ended)
        if ended:
            break
        moment = "between jobs" if attempt.begun() else "planning"
        made.append(Kill(name, moment, running, enough))
        shown = ", ".join(job.split("/logs/")[1] for job in running) or f"nothing, {moment}"
        say(f"{name}, {len(account.done)} jobs done, running: {shown}")
    log = attempt.log.read_text()
    assert attempt.process.returncode == 0, log
    found = differences(reference, folder / reference.relative_to(reference.parents[1]))
    assert found == [], found
    account.check(folder, configuration)
    repeated = Counter()
    for job, count in account.often.items():
        repeated[stage_of(job)] += count - 1
    return made, +repeated, unlocked


def series(
    parent: Path, prepare, configuration: str, kills: int, seed: int, in_a_run: int, say=print
) -> Outcome:
    """Kill so often, in as many runs as it takes.

    Args:
        parent: An empty folder.
        prepare: Makes a copy of the sources, at a path, that has the configuration.
        configuration: Its path in the copy.
        kills: How many, in all.
        seed: Of the moments; the kinds take turns.
        in_a_run: Kills in a run, at most.
        say: Takes lines about what happens.
    """
    chance = random.Random(seed)
    undisturbed = parent / "undisturbed/mirage"
    prepare(undisturbed)
    attempt = Attempt(undisturbed, configuration, 0)
    assert attempt.process.wait(LONG) == 0, attempt.log.read_text()
    (reference,) = (undisturbed / "results").iterdir()
    outcome = Outcome(jobs=len(attempt.begun()))
    assert set(attempt.begun()) == attempt.finished()
    left = list((undisturbed.parent / "temporary").iterdir())
    assert left == [], left
    say(f"seed {seed}; an undisturbed run has {outcome.jobs} jobs")
    while len(outcome.kills) < kills:
        outcome.runs += 1
        folder = parent / f"run{outcome.runs}/mirage"
        prepare(folder)
        count = min(in_a_run, kills - len(outcome.kills))
        turn = len(outcome.kills)
        moments = sorted(chance.randrange(outcome.jobs) for _ in range(count))
        planned = [(KINDS[(turn + n) % len(KINDS)], jobs) for n, jobs in enumerate(moments)]
        number = outcome.runs
        made, repeated, unlocked = one_run(
            *(folder, configuration, reference, planned, chance),
            lambda line, number=number: say(f"run {number}: {line}"),
        )
        outcome.kills += made
        outcome.repeated += repeated
        outcome.unlocked += unlocked
        shutil.rmtree(folder.parent)
    return outcome


def main() -> None:
    """Read the command line, and kill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, help="of the moments; a new one if not given")
    parser.add_argument("--in-a-run", type=int, default=7, help="kills in a run, at most")
    parser.add_argument("--small", action="store_true", help="a smaller run, without some stages")
    args = parser.parse_args()
    seed = random.randrange(10**6) if args.seed is None else args.seed

    def prepare(folder: Path) -> None:
        copy_sources(folder)
        if args.small:
            configure(folder)

    configuration = CONFIGURATION if args.small else "config/test.yaml"
    parent = Path(tempfile.mkdtemp(prefix="mirage-kills-"))
    began = time.monotonic()
    try:
        outcome = series(
            *(parent, prepare, configuration, args.kills, seed, args.in_a_run),
            lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True),
        )
    except BaseException:
        print(f"seed {seed}; what was left behind is in {parent}", flush=True)
        raise
    print(outcome.report())
    shutil.rmtree(parent)


if __name__ == "__main__":
    main()
