"""Which jobs a study needs: for each its files and its specification. Pure functions of the study.

`Plan` answers the rules. It is given Snakemake's wildcards, or anything with values by name.
What is trained and measured stands in `mirage.study.measured`.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from mirage.attacks.parameters import parameters_of
from mirage.data import published
from mirage.data.columns import BARE
from mirage.study import jobs as of_reporting
from mirage.study import study
from mirage.study.measured import Measured, Named
from mirage.study.paths import expand, size
from mirage.study.study import Evaluation, Gradient

KINDS = ["png", "svg"]  # of figures


class Plan(Measured):
    """The jobs of a study: those that train and measure, and those that show what was found."""

    def evaluation_files(self, evaluations: Iterable[Evaluation | Gradient]) -> list[str]:
        """The rows of evaluations or gradients, over all seeds of their runs, each file once."""
        patterns = {"sweep": self.paths.sweep, "iterative": self.paths.attack}
        patterns["minimal"] = self.paths.minimal
        return _once(
            file
            for one in evaluations
            for file in expand(
                self.paths.gradients
                if isinstance(one, Gradient)
                else patterns[self.study.kind(one.attack)],
                {**vars(one), "epsilon": one.epsilons, "seed": self.runs[one.run]["seeds"]},
            )
        )

    def per_seed(self, pattern: str, run: str, **more: object) -> list[str]:
        """A file for each seed of a run."""
        return expand(pattern, {"run": run, "seed": self.runs[run]["seeds"], **more})

    def of_series(self, pattern: str, series: Mapping, seeds: list[int]) -> list[str]:
        """The files of a figure's series that shows one checkpoint and epsilon."""
        epsilon = series.get("epsilons", [None])[0]
        shown = {"epoch": series["epochs"][0], "epsilon": epsilon, "size": size(epsilon)}
        return expand(pattern, {"defence": BARE, **series, **shown, "seed": seeds})

    def rows(self, table: str) -> list[str]:
        """The files that a table of all rows gathers."""
        if table == "attacks":
            return self.evaluation_files(self.study.evaluations)
        if table == "gradients":
            return self.evaluation_files(self.study.gradients)
        if table == "measures":
            files = [file for run in self.runs for file in self.per_seed(self.paths.measures, run)]
            return [*files, *self.probe_files()]
        return [
            file
            for run in self.runs
            for file in self.per_seed(self.paths.history, run, epoch=self.runs[run]["epochs"])
        ]

    def probe_files(self) -> list[str]:
        """The rows of all probes."""
        return [
            file
            for run, probe in self.study.probed
            for file in self.per_seed(self.paths.probe, run, probe=probe)
        ]

    def all_restarts(self) -> list[str]:
        """The final losses that some figure shows."""
        shown = [name for name, figure in self.figures.items() if figure["reads"] == "restarts"]
        return _once(file for name in shown for file in self.figure_data(name))

    def figure_data(self, name: str) -> list[str]:
        """The tables, or the examples, that a figure is drawn from."""
        figure, paths = self.figures[name], self.paths
        files = []
        for series in (one for one in figure["series"] if "measure" not in one):
            run, seeds = series["run"], self.runs[series["run"]]["seeds"]
            match figure["reads"]:
                case "history":
                    files += self.per_seed(paths.history, run, epoch=self.runs[run]["epochs"])
                case "measures":
                    files += self.per_seed(paths.measures, run)
                case "images":
                    files += [self.data(run, series.get("split", "train"))]
                case "examples":
                    files += self.of_series(paths.examples, series, seeds[:1])
                case "restarts":
                    files += self.of_series(paths.restarts, series, seeds)
                case _:
                    files += self.evaluation_files(self.study.chosen(series))
        return _once(files)

    def figure_probes(self, name: str) -> list[str]:
        """The rows of probes that a figure shows beside attacks."""
        shown = [one for one in self.figures[name]["series"] if "measure" in one]
        return _once(
            file
            for one in shown
            for file in self.per_seed(self.paths.probe, one["run"], probe=one["measure"])
        )

    def figure_published(self, *figures: str) -> list[str]:
        """The files of the published values that figures show."""
        series = [one for name in figures for one in self.figures[name]["series"]]
        return self.published_files(one["published"] for one in series if "published" in one)

    def published_files(self, names: Iterable[str]) -> list[str]:
        """The files of published values by their whole names (STUDY/KEY), within the workflow."""
        studies = sorted({name.partition("/")[0] for name in names})
        files = [f"studies/{name}/{published.FILE}" for name in studies]
        return [file for file in files if (self.folder / file).exists()]

    def claims_published(self) -> list[str]:
        """The files of the published values that claims are held against, or tested on."""
        conditions = [one for claim in self.study.claims for one in claim.get("test", ())]
        names = [one["series"] for one in (*conditions, *self.points()) if "series" in one]
        return self.published_files(names)

    def points(self) -> list[dict]:
        """What published values are of: the series, and what a figure or a cell beside it selects.

        `epoch` is that of a value which names none.
        """
        series = [one for figure in self.figures.values() for one in figure["series"]]
        found = [
            {**one, "series": one["published"], "epoch": one["epochs"][-1]}
            for one in ({"epochs": self.runs[one["run"]]["epochs"], **one} for one in series)
            if "published" in one
        ]
        for table in self.tables.values():
            for row, column in itertools.product(table["rows"], table["columns"]):
                cell = {**table["common"], **row, **column}
                if "key" in row and "key" in column and "missing" not in cell:
                    name = "/".join([table["published"], row["key"], column["key"]])
                    last = self.runs[cell["run"]]["epochs"][-1]
                    found.append({"epoch": last, **cell, "series": name})
        kept = (*study.SELECTED, "epoch", "epsilon", "epsilon_where", "value", "series")
        return [{key: one[key] for key in kept if key in one} for one in found]

    def cell_files(self, name: str, kind: str) -> list[str]:
        """The rows that the cells of a table select, by `attack` or by `gradient`."""
        table = self.tables[name]
        pairs = [(row, column) for row in table["rows"] for column in table["columns"]]
        cells = [{**table["common"], **row, **column} for row, column in pairs]
        cells = [cell for cell in cells if "missing" not in cell and kind in cell]
        cells += [{**cell, **cell["epsilon_where"]} for cell in cells if "epsilon_where" in cell]
        return self._chosen(map(study.cell_series, cells))

    def summary_files(self) -> list[str]:
        """The tables of attacks that the summary shows."""
        summary = self.config["summary"]
        common = {"split": summary["split"], "epsilons": [summary["epsilon"]]}
        return self._chosen(
            {"run": run, "attack": column["attack"], "dtype": column["dtype"], **common}
            for run in summary["runs"]
            for column in summary["columns"]
        )

    def summary_gradients(self) -> list[str]:
        """The rows of gradients that the summary shows."""
        return self._chosen(filter(None, self.config["summary"]["gradients"]))

    def gradient_table(self) -> list[str]:
        """The table of all rows of gradients, where any are measured."""
        return [self.paths.table.format(table="gradients.csv")] * bool(self.study.gradients)

    def _chosen(self, selections: Iterable[Mapping]) -> list[str]:
        chosen = [one for selection in selections for one in self.study.chosen(selection)]
        return self.evaluation_files(chosen)

    def table(self, table: str, options: object = None) -> str:
        """A table of all rows, or one with its part of the plan."""
        of_table = of_reporting.Table(code=self.code("table.py"), table=table, options=options)
        return of_table.text()

    def cells(self, wildcards: Any) -> str:
        """A table of chosen cells."""
        table = self.tables[wildcards.custom]
        return self.table("cells", _without(table, "title", "caption", "category"))

    def published(self, _: object = None) -> str:
        """The published values beside ours."""
        series = [one for figure in self.figures.values() for one in figure["series"]]
        return self.table("published", [one for one in series if "published" in one])

    def figure(self, wildcards: Any) -> str:
        """A figure; its job depends on the code of its kind of plot, not of the others."""
        figure = _without(self.figures[wildcards.figure], "caption", "category")
        plot = f"reporting.plots.{figure['plot']}"
        return of_reporting.Figure(code=self.code("figure.py", plot), figure=figure).text()

    def claims(self, prefix: str = "") -> str:
        """The ledger; `prefix` stands before the paths of figures, which it links to."""
        return of_reporting.Claims(
            code=self.code("judge.py"),
            dataset=self.config["dataset"],
            own=self.config["claims"],
            dtypes={name: run["dtype"] for name, run in self.runs.items()},
            twins=dict(self.study.twins),
            ball={
                name: attack["method"]
                for name, attack in self.attacks.items()
                if parameters_of(attack["method"]).bounded
                and self.study.kind(name) != "minimal"
                and attack.get("norm") != "l2"
            },
            points=self.points(),
            figures={
                name: f"{prefix}{self.paths.figure.format(figure=name)}.png"
                for name in self.figures
            },
        ).text()

    def configuration(self, _: object = None) -> str:
        """The configuration; where the data lay makes no result, and is nobody else's business."""
        return of_reporting.Configuration(
            code=self.code("configuration.py"),
            configuration={**self.config, "data_folder": "", "models_folder": ""},
        ).text()

    def provenance(self, lock: str) -> str:
        """Where all results come from."""
        return of_reporting.Provenance(code=self.code("provenance.py"), lock=lock).text()

    # --- Audits -----------------------------------------------------------------------------------

    def audit_files(self, *names: str) -> list[str]:
        """Of every audit these files, or all: `audit.json`, `images.csv`, `audit.html`."""
        names = names or ("audit.json", "images.csv", "audit.html")
        patterns = [f"{self.paths.audit}/{name}" for name in names]
        return [
            pattern.format(audit=audit, subject=place)
            for audit, place in self.subjects
            for pattern in patterns
        ]

    def files_of_others(self) -> list[str]:
        """The files of models and data that audits take from outside of this workflow."""
        read = [self.audited(Named(audit=audit, subject=place)) for audit, place in self.subjects]
        files = [file for one in read for file in one.values() if file]
        return _once(file for file in files if not self.is_result(file))

    def is_result(self, file: str) -> bool:
        """Whether a file is made by this workflow."""
        return file.startswith(f"{self.paths.results}/")

    def audits(self, _: object = None) -> str:
        """The table of all audits."""
        options = [
            {
                "audit": one.audit,
                "model": one.run or one.model,
                "seed": one.seed,
                "epoch": one.epoch,
            }
            for one in self.subjects.values()
        ]
        job = of_reporting.Table(code=self.code("audits.py"), table="audits", options=options)
        return job.text()

    # --- All --------------------------------------------------------------------------------------

    def all_data(self) -> list[str]:
        """Every file of prepared images."""
        splits = ("train", "validation", "test")
        of_runs = [self.data(run, split) for run in self.runs for split in splits]
        audited = [one for one in self.config["audits"].values() if "models" in one]
        of_models = [self.data(None, one["split"]) for one in audited if "split" in one]
        return _once([*of_runs, *of_models])

    def all_checkpoints(self) -> list[str]:
        """Every checkpoint."""
        return [
            file
            for run in self.runs
            for seed in self.runs[run]["seeds"]
            for file in self.checkpoints(run, seed)
        ]

    def all_tables(self) -> list[str]:
        """Every table, as CSV and Markdown."""
        names = ["attacks", *["gradients"] * bool(self.study.gradients), "measures", "history"]
        names *= bool(self.runs)  # audits of models that others made need none
        names += ["summary"] * ("summary" in self.config)
        names += ["audits"] * bool(self.subjects)
        # Nothing to compare where no figure shows a published series.
        names += ["published"] * bool(self.figure_published(*self.figures))
        kinds = [f"{name}.{kind}" for name in (*names, *self.tables) for kind in ("csv", "md")]
        return expand(self.paths.table, {"table": kinds})

    def all_claims(self) -> list[str]:
        """The ledger in its three forms, where there are claims."""
        names = ["claims.csv", "claims.md", "claims.html"] * bool(self.study.claims)
        return expand(self.paths.table, {"table": names})

    def all_figures(self) -> list[str]:
        """Every figure, as PNG and SVG."""
        return expand(f"{self.paths.figure}.{{kind}}", {"figure": [*self.figures], "kind": KINDS})


def _without(shown: Mapping, *texts: str) -> dict:
    """A figure or a table without texts that the report alone shows."""
    return {key: value for key, value in shown.items() if key not in texts}


def _once(files: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(files))
