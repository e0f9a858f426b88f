"""What was measured, as tables and a figure."""

import csv
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from benchmarks.comparison import OURS, SEVERAL, SHORTEST, Row, markdown
from benchmarks.growth import Peak
from benchmarks.targets import Target
from benchmarks.whole import CATEGORIES, Run
from mirage.runtime.files import atomic

SPEED = ("", "whose", "seconds", "fastest to slowest", "times ours", "result", "remark")


# What must be the same for numbers of several days to stand in one report.
SAME = ("processor", "cores", "memory", "versions")
# And the measured speed by no more than this factor.
ALIKE = 1.25


class ReportError(ValueError):
    """A report that cannot be added to; the message says why."""


def speed_of(machine: Mapping[str, str]) -> float:
    """GFLOP/s, of what `setting.about` says of a machine; NaN where it says nothing."""
    return float(machine.get("speed", "nan").split()[0])


def speed(rows: Sequence[Row], today: str | None = None) -> str:
    """Rows as a Markdown table; those of another day than `today` say so, if it is given."""
    lines = []
    for row in rows:
        timed = row.seconds is not None
        remarks = [row.note] if row.note else []
        if row.images_run != row.images:
            remarks.append(f"scaled from {row.images_run:,} images to {row.images:,}")
        if today and row.date != today:
            remarks.append(f"measured on {row.date}")
        lines.append(
            [
                row.comparison,
                row.side,
                f"{row.seconds:.3g}" if timed else "",
                f"{row.fastest:.3g} to {row.slowest:.3g}" if timed else "",
                f"{row.ratio:.3g}" if row.ratio else "",
                f"{row.quality} {row.value:.4g}" if row.quality else "",
                "; ".join(remarks).replace("\n", " ").replace("|", "/"),
            ]
        )
    return markdown(SPEED, lines)


def read(path: Path, kind: type | None = None) -> list:
    """The rows of a CSV file that `Report.write` has written, as dictionaries or of a dataclass."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if kind is None:
        return rows

    def value(text: str, wanted: object) -> object:
        if wanted is str:
            return text
        number = int if wanted in (int, int | None) else float
        return number(text) if text else None

    return [
        kind(**{one.name: value(row[one.name], one.type) for one in fields(kind)}) for row in rows
    ]


def replaced(earlier: list, later: list, name: Callable[[object], object]) -> list:
    """The earlier ones, with the later ones in place of those of the same name, or at the end."""
    order = list(dict.fromkeys(map(name, [*earlier, *later])))
    anew = set(map(name, later))
    kept = [one for one in earlier if name(one) not in anew]
    return sorted([*kept, *later], key=lambda one: order.index(name(one)))


@dataclass
class Report:
    """Everything measured in one run of the benchmark, and in earlier ones on the same machine."""

    machine: dict[str, str]
    repeats: int
    images: str = ""
    rows: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    load: tuple[float, float, float] = field(default_factory=os.getloadavg)

    def add(self, folder: Path) -> None:
        """Take over what an earlier report has and this run has not measured.

        Raises:
            ReportError: It is of another machine, of other versions, or of other images.
        """
        machine = {row["name"]: row["value"] for row in read(folder / "machine.csv")}
        other = [name for name in SAME if machine and machine[name] != self.machine[name]]
        if machine and not 1 / ALIKE < speed_of(machine) / speed_of(self.machine) < ALIKE:
            other.append("speed")
        if self.rows and machine.get("images") not in (None, "", self.images):
            other.append("set of images")
        if other:
            raise ReportError(
                f"{folder} is of another {' and '.join(other)}: measure everything (no --only), or "
                "choose another --output"
            )
        if not self.rows:
            self.images = machine.get("images", "")
            self.repeats = int(machine.get("repeats", self.repeats))
        self.rows = replaced(read(folder / "speed.csv", Row), self.rows, lambda row: row.comparison)
        self.peaks = replaced(
            read(folder / "growth.csv", Peak),
            self.peaks,
            lambda peak: (peak.work, peak.epochs, peak.epsilons),
        )
        self.runs = replaced(earlier_runs(folder), self.runs, lambda run: run.target)

    def whole(self) -> dict[str, dict[str, float]]:
        """Wall seconds and overhead of the runs, as `targets` takes them."""
        return {run.target: {"seconds": run.seconds, "overhead": run.overhead} for run in self.runs}

    def workflow(self) -> list[dict[str, object]]:
        """One row for each run and category."""
        return [
            {
                "target": run.target,
                "seconds": round(run.seconds, 1),
                "cores": run.cores,
                "cores_busy": round(run.busy, 3),
                "category": category,
                "core_seconds": round(run.core_seconds[category], 2),
                "wall_seconds": round(run.wall_seconds[category], 2),
                "wall_share": round(run.wall_seconds[category] / run.seconds, 4),
                "date": run.date,
                "sittings": run.sittings,
            }
            for run in self.runs
            for category in CATEGORIES
        ]

    def memory(self) -> list[dict[str, object]]:
        """One row for each run and script."""
        return [
            {"target": run.target, "script": script, "processes": count, "peak_mb": round(peak)}
            for run in self.runs
            for script, (count, peak) in run.memory.items()
        ]

    def markdown(self) -> str:
        """The whole report."""
        parts = ["# Speed and memory\n"]
        parts.append(
            markdown(
                ("", ""), [*self.machine.items(), ("load at the start", f"{self.load[0]:.1f}")]
            )
        )
        if self.rows:
            parts.append(
                f"## Against peers and the limit\n\nImages: {self.images}. Float32 unless it says "
                f"otherwise. Seconds are the median of {self.repeats} rounds, in which the sides "
                f"take turns, after one that is not timed; what takes less than {SHORTEST:g} s is "
                "repeated within a round. *Times ours* is the median of the "
                "rounds' ratios: above 1, we are faster. All sides attack one network, "
                "784-200-300-10.\n"
            )
            parts.append(speed(self.rows, self.machine.get("date")))
        if self.runs:
            parts.append("## Whole runs\n")
            lines = [
                [
                    row["target"],
                    row["category"],
                    f"{row['core_seconds']:.1f}",
                    f"{row['wall_seconds']:.1f}",
                    f"{row['wall_share']:.1%}",
                    CATEGORIES[row["category"]],
                ]
                for row in self.workflow()
            ]
            for run in self.runs:
                parts.append(
                    f"**{run.target}**, `{run.command}`: {run.seconds:,.0f} s on {run.cores} "
                    f"cores, which were busy {run.busy:.0%} of the time; one run"
                    f"{f' in {run.sittings} sittings' * (run.sittings > 1)}, {run.date}.\n"
                )
            parts.append(
                "Each twentieth of a second of wall time is divided among what ran in it, by CPU "
                "time. A core that waits while another works is not *waiting*.\n"
            )
            parts.append(
                markdown(("", "", "core seconds", "wall seconds", "of the wall time", "is"), lines)
            )
            parts.append("## Memory\n\nThe largest resident memory of a process of each kind.\n")
            lines = [
                [r["target"], r["script"], r["processes"], f"{r['peak_mb']:,}"]
                for r in self.memory()
            ]
            parts.append(markdown(("", "script", "processes", "peak, MB"), lines))
        if self.peaks:
            parts.append("## Memory of one job\n\nOn 10,000 images, by what it is asked for.\n")
            lines = [
                [peak.work, peak.epochs, peak.epsilons, f"{peak.peak_mb:,.0f}", peak.date]
                for peak in self.peaks
            ]
            parts.append(markdown(("", "epochs", "epsilons", "peak, MB", "measured on"), lines))
        parts += [f"Failed:\n\n```\n{failure}\n```\n" for failure in self.failures]
        parts.append("## Targets\n")
        header = ("target, on two cores", "asked", "measured", "")
        parts.append(markdown(header, [target.cells() for target in self.targets]))
        return "\n".join(parts)

    def write(self, folder: Path) -> None:
        """Write Markdown, CSV and the figure."""
        with atomic(folder / "benchmarks.md") as path:
            path.write_text(self.markdown(), encoding="utf-8")
        tables = {
            "machine": [
                {"name": k, "value": v}
                for k, v in (
                    self.machine | {"images": self.images, "repeats": self.repeats}
                ).items()
            ],
            "speed": [asdict(row) for row in self.rows],
            "workflow": self.workflow(),
            "memory": self.memory(),
            "growth": [asdict(peak) for peak in self.peaks],
            "targets": [asdict(target) | {"verdict": target.verdict} for target in self.targets],
        }
        for name, rows in tables.items():
            if rows:
                with (
                    atomic(folder / f"{name}.csv") as path,
                    open(path, "w", newline="", encoding="utf-8") as file,
                ):
                    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
        draw(self, folder)


def earlier_runs(folder: Path) -> list[Run]:
    """The runs of an earlier report."""
    runs: dict[str, Run] = {}
    for row in read(folder / "workflow.csv"):
        target, category = row["target"], row["category"]
        run = Run(target, float(row["seconds"]), int(row["cores"]), {}, {}, {}, row["date"])
        run.sittings = int(row["sittings"])
        run = runs.setdefault(target, run)
        run.core_seconds[category] = float(row["core_seconds"])
        run.wall_seconds[category] = float(row["wall_seconds"])
    for row in read(folder / "memory.csv"):
        runs[row["target"]].memory[row["script"]] = int(row["processes"]), float(row["peak_mb"])
    return list(runs.values())


def draw(report: Report, folder: Path) -> None:
    """Seconds of each side beside ours, and what the whole runs went into; PNG and SVG."""
    import matplotlib.pyplot as plt
    import pandas as pd
    import seaborn as sns

    from mirage.reporting.plots import style

    rows = pd.DataFrame([asdict(row) for row in report.rows if row.ratio])
    panels = [not rows.empty, bool(report.runs)]
    if not any(panels):
        return
    figure, axes = plt.subplots(
        1, sum(panels), figsize=(9 * sum(panels), 7.5), squeeze=False, layout="constrained"
    )
    axes = list(axes[0])
    if panels[0]:
        ax = axes.pop(0)
        others = rows[~rows.side.str.startswith(OURS)]
        others = others.assign(whose=others.side.str.removesuffix(SEVERAL))
        sides = list(dict.fromkeys(others.whose))
        several = others.side.str.endswith(SEVERAL)
        for shown, alpha in ((others[~several], 1), (others[several], 0.35)):
            if shown.empty:
                continue
            sns.scatterplot(
                data=shown,
                x="ratio",
                y="comparison",
                hue="whose",
                style="whose",
                hue_order=sides,
                style_order=sides,
                palette=dict(zip(sides, itertools.cycle(style.COLOURS), strict=False)),
                alpha=alpha,
                legend=alpha == 1,
                s=110,
                ax=ax,
            )
        ax.axvline(1, color=style.NEUTRAL)
        ax.set(xscale="log", ylabel="", title="The same work")
        ax.set_xlabel("seconds, in units of ours (pale: several processes at once, as ours)")
        # Below, where it hides no point.
        ax.legend(title=None, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    if panels[1]:
        ax = axes.pop(0)
        shares = pd.DataFrame(report.workflow()).pivot(
            index="target", columns="category", values="wall_share"
        )
        shares = shares.loc[[run.target for run in report.runs], list(CATEGORIES)] * 100
        shares.index = [f"{run.target}\n{run.seconds:,.0f} s" for run in report.runs]
        shares.plot.barh(stacked=True, ax=ax, color=style.COLOURS[: len(CATEGORIES)], width=0.5)
        ax.invert_yaxis()
        ax.set(xlabel="share of the wall time, %", xlim=(0, 100), title="A whole run")
        ax.legend(title=None, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    figure.suptitle(f"{report.machine['processor']}; cores: {report.machine['cores']}")
    for kind in ("png", "svg"):
        with atomic(folder / f"speed.{kind}") as path:
            figure.savefig(path, format=kind)
    plt.close(figure)
