"""Timed in turn and compared as ratios: nothing here knows TensorFlow."""

import contextlib
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

OURS = "mirage"
# The side that does nothing but the products, as fast as they can be.
LIMIT = "arithmetic limit"
# Ends the name of a peer that several processes run at once, one thread each.
SEVERAL = ", several"
# Seconds of a timed round: shorter work is repeated in it. Two processes that have waited for their
# turn take a while to settle on a core each: FGSM's sweep took them 0.25 s instead of 0.18 s.
SHORTEST = 1.0


@dataclass
class Side:
    """One way of doing a piece of work, ready to be timed.

    Args:
        name: Whose it is; `OURS`, or a peer's name.
        run: Does the work once; what it returns goes to `quality`.
        done: How many images `run` works on.
        wanted: How many the table speaks of: times are scaled by wanted / done.
        quality: Of what `run` returned, what came of it: (name, value).
        note: What a reader has to know about this side.
        own_clock: Whether `run` returns the seconds itself, instead of being timed.
        close: Gives back what the side holds, when the comparison is over.
    """

    name: str
    run: Callable[[], object]
    done: int
    wanted: int
    quality: Callable[[object], tuple[str, float]] | None = None
    note: str = ""
    own_clock: bool = False
    close: Callable[[], None] | None = None


@dataclass
class Row:
    """A line of the table: one side of one comparison.

    `seconds` are the median, `fastest` and `slowest` of the repeats, scaled to `images`; `ratio` is
    the median over the repeats of this side's seconds over ours in the same repeat. `date` is the
    day it was measured.
    """

    comparison: str
    side: str
    images: int | None = None
    images_run: int | None = None
    repeats: int = 0
    seconds: float | None = None
    fastest: float | None = None
    slowest: float | None = None
    ratio: float | None = None
    quality: str = ""
    value: float | None = None
    note: str = ""
    date: str = field(default_factory=lambda: date.today().isoformat())


def compare(
    name: str,
    sides: Sequence[Side],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Row]:
    """Time all sides in turn, after one untimed round, which compiles and fills caches.

    In turn, so that whatever else the machine does falls on all of them alike.

    Args:
        name: Of the comparison.
        sides: The first is the one that all ratios refer to.
        repeats: Timed rounds, at least 1, each of at least `SHORTEST` seconds.
        clock: In seconds.

    Returns:
        A row for each side, in the order of `sides`. A side that fails has a row with the reason
        as its note, and no times; where it is the first, there are no ratios.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    rows = [Row(name, side.name, side.wanted, side.done, repeats, note=side.note) for side in sides]
    failed: set[int] = set()
    with contextlib.ExitStack() as stack:
        for side in sides:
            if side.close:
                stack.callback(side.close)
        for repeat in range(repeats + 1):
            for number, side in enumerate(sides):
                if number in failed:
                    continue
                began, times = clock(), 1
                try:
                    found = side.run()
                    while repeat and not side.own_clock and clock() - began < SHORTEST:
                        side.run()
                        times += 1
                except Exception as error:  # whatever a peer raises, the others are still compared
                    failed.add(number)
                    rows[number].note = f"failed: {type(error).__name__}: {error}"
                    rows[number].repeats = 0
                    continue
                taken = found if side.own_clock else (clock() - began) / times
                taken *= side.wanted / side.done
                if repeat:
                    seconds[number].append(taken)
                elif side.quality:
                    rows[number].quality, rows[number].value = side.quality(found)
    for number, (row, taken) in enumerate(zip(rows, seconds, strict=True)):
        if number in failed:
            continue
        row.seconds, row.fastest, row.slowest = statistics.median(taken), min(taken), max(taken)
        if 0 not in failed:
            row.ratio = statistics.median(a / b for a, b in zip(taken, seconds[0], strict=True))
    return rows


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; columns whose cells are all numbers are set to the right."""
    lines = [list(map(str, line)) for line in lines]

    def numeric(column: int) -> bool:
        cells = [line[column] for line in lines if line[column]]
        return bool(cells) and all(re.fullmatch(r"-?[\d.,]+ ?[x%s]?", cell) for cell in cells)

    rule = ["--:" if numeric(column) else ":--" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(header), rule, *lines]) + "\n"
