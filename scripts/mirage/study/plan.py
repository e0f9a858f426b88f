"""Which jobs a study needs: for each its files and its specification. Pure functions of the study.

`Plan` answers the rules. What they give it are Snakemake's wildcards, or anything else that has
values by name.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mirage.data import jobs as of_data
from mirage.data import published
from mirage.data.columns import BARE
from mirage.evaluation import jobs as of_evaluation
from mirage.runtime import code
from mirage.runtime.job import Job
from mirage.study import jobs as of_reporting
from mirage.study import study
from mirage.study.paths import Paths, expand, size
from mirage.study.study import Evaluation, Gradient, Study
from mirage.training import job as of_training


class Plan:
    """The jobs of a study.

    Attributes:
        study: What is to be made.
        paths: Where it is put.
    """

    def __init__(self, study: Study, paths: Paths, folder: Path):
        """Plan a study.

        Args:
            study: What is to be made.
            paths: Where it is put.
            folder: The workflow's, with scripts and studies.
        """
        self.study, self.paths, self.folder = study, paths, folder
        self.config, self.runs = study.config, study.runs
        self.attacks, self.figures = self.config["attacks"], self.config["figures"]
        self.tables = self.config["tables"]

    def code(self, script: str, *modules: str) -> dict:
        """The code of a job, see `mirage.runtime.code.of`."""
        return code.of((self.folder / "scripts" / script).resolve(), *modules)

    # --- Data and training ------------------------------------------------------------------------

    def data(self, run: str, split: str) -> str:
        """The prepared images of a run's split of the data."""
        return self.paths.data.format(split=split, **self.runs[run]["split"])

    def download(self, _: object = None) -> str:
        """The files of the data set."""
        job = of_data.Download(code=self.code("download.py"), dataset=self.config["dataset"])
        return job.text()

    def prepare(self, wildcards: Any) -> str:
        """The three files of images and labels."""
        return of_data.Prepare(
            code=self.code("prepare.py"),
            dataset=self.config["dataset"],
            train=wildcards.train,
            validation=wildcards.validation,
        ).text()

    def checkpoints(self, run: str, seed: object) -> list[str]:
        """All checkpoints of a run and seed."""
        epochs = self.runs[run]["epochs"]
        return expand(self.paths.checkpoint, {"run": run, "seed": seed, "epoch": epochs})

    def previous_epoch(self, run: str, epoch: object) -> int:
        """The epoch of the checkpoint that a link starts from; 0 for the initial weights."""
        return max((e for e in self.runs[run]["epochs"] if e < int(epoch)), default=0)

    def link_inputs(self, wildcards: Any) -> dict[str, str | list[str]]:
        """The images a link is trained and validated on, and the checkpoint that it starts from.

        A fine-tuned run starts from another run's checkpoint of the same seed, and may be trained
        on an attack's answers to the prepared images.
        """
        run, seed = self.runs[wildcards.run], wildcards.seed
        training, before = self.data(wildcards.run, "train"), []
        if by := run.get("perturbed_by"):
            named = {"attack": by["attack"], "size": size(by.get("epsilon")), "seed": seed}
            training = self.paths.perturbed.format(**run["start"], **named)
        if epoch := self.previous_epoch(wildcards.run, wildcards.epoch):
            before = self.paths.checkpoint.format(run=wildcards.run, seed=seed, epoch=epoch)
        elif "start" in run:
            before = self.paths.checkpoint.format(**run["start"], seed=seed)
        return {
            "training": training,
            "validation": self.data(wildcards.run, "validation"),
            "before": before,
        }

    def link(self, wildcards: Any) -> str:
        """One link of a chain."""
        run = self.runs[wildcards.run]
        taken = ("network", "dtype", "optimizer", "learning_rate", "objective", "l2", "batch_size")
        return of_training.Link(
            code=self.code("train.py", f"training.objectives.{run['objective']['name']}"),
            dataset=self.config["dataset"],
            run=wildcards.run,
            seed=wildcards.seed,
            first_epoch=self.previous_epoch(wildcards.run, wildcards.epoch) + 1,
            last_epoch=wildcards.epoch,
            **{key: run[key] for key in taken},
        ).text()

    # --- Attacks and measures ---------------------------------------------------------------------

    def of_run(self, wildcards: Any, split: str = "test") -> dict[str, list[str]]:
        """The images and the checkpoints of a job on all checkpoints of a run."""
        return {
            "data": self.data(wildcards.run, wildcards.get("split", split)),
            "checkpoints": self.checkpoints(wildcards.run, wildcards.seed),
        }

    def of_checkpoint(self, wildcards: Any, split: str = "train") -> dict[str, str]:
        """The images and the checkpoint of a job on one."""
        return {
            "data": self.data(wildcards.run, wildcards.get("split", split)),
            "checkpoint": self.paths.checkpoint.format(
                run=wildcards.run, seed=wildcards.seed, epoch=wildcards.epoch
            ),
        }

    def attacked(self, wildcards: Any) -> dict[str, list[str]]:
        """As `of_run`, and for a transfer attack the checkpoints whose gradient it uses."""
        source = self.attacks[wildcards.attack].get("source")
        epochs, seed = self.runs[wildcards.run]["epochs"], wildcards.seed
        named = {"run": source, "seed": seed, "epoch": epochs}
        sources = expand(self.paths.checkpoint, named) if source else []
        return {**self.of_run(wildcards), "sources": sources}

    def trained(self, run: str) -> dict[str, object]:
        """What the checkpoints of a run must say of themselves."""
        about = {key: self.runs[run][key] for key in ("network", "dtype")}
        return {"dataset": self.config["dataset"], **about}

    def measure(self, wildcards: Any) -> str:
        """The measures of all checkpoints of a run and seed."""
        return of_evaluation.Measure(
            code=self.code("measure.py"),
            run=wildcards.run,
            seed=wildcards.seed,
            split="test",
            trained=self.trained(wildcards.run),
            epochs=self.runs[wildcards.run]["epochs"],
        ).text()

    def gradients(self, wildcards: Any) -> str:
        """The measures of a gradient of all checkpoints of a run and seed."""
        names = ("run", "gradient", "dtype", "split", "defence")
        (gradient,) = self.study.chosen({key: wildcards[key] for key in names})
        modules = ["models.defences"] * (wildcards.defence != BARE)
        return of_evaluation.Gradient(
            code=self.code("gradients.py", *modules),
            seed=wildcards.seed,
            trained=self.trained(wildcards.run),
            epochs=self.runs[wildcards.run]["epochs"],
            filter=self.config["defences"].get(wildcards.defence),
            images=gradient.images,
            **{key: wildcards[key] for key in names},
        ).text()

    def attack(self, wildcards: Any) -> str:
        """An attack on all checkpoints of a run and seed, at one epsilon or at all of a sweep."""
        (evaluation,) = self.study.chosen(
            {key: wildcards[key] for key in ("run", "attack", "dtype", "split", "defence")}
        )
        epsilon = wildcards.get("epsilon")
        return self._with_attack(
            of_evaluation.Attack,
            "attack.py",
            wildcards,
            epochs=self.runs[wildcards.run]["epochs"],
            epsilons=[epsilon] if epsilon else list(evaluation.epsilons),
            images=evaluation.images,
            adaptive=self.attacks[wildcards.attack].get("adaptive", False),
        )

    def examples(self, wildcards: Any) -> str:
        """Images that mislead one checkpoint."""
        return self._with_attack(
            of_evaluation.Examples,
            "examples.py",
            wildcards,
            epoch=wildcards.epoch,
            epsilon=_epsilon(wildcards.size),
        )

    def perturb(self, wildcards: Any) -> str:
        """An attack's answers to the training images, in the type of the run that is attacked."""
        named = {"run": wildcards.run, "seed": wildcards.seed, "attack": wildcards.attack}
        named |= {"split": "train", "dtype": self.runs[wildcards.run]["dtype"], "defence": BARE}
        return self._with_attack(
            of_evaluation.AttackOne,
            "perturb.py",
            Named(named),
            epoch=wildcards.epoch,
            epsilon=_epsilon(wildcards.size),
        )

    def restarts(self, wildcards: Any) -> str:
        """Many restarts of PGD at a few images."""
        return self._with_attack(
            of_evaluation.Restarts,
            "restarts.py",
            wildcards,
            epoch=wildcards.epoch,
            epsilon=wildcards.epsilon,
        )

    def _with_attack(self, kind: type[Job], script: str, wildcards: Any, **fields: object) -> str:
        attack, defence = self.attacks[wildcards.attack], wildcards.defence
        # Its own method's code, not the other methods'.
        modules = [f"attacks.{attack['method']}"]
        modules += ["models.defences"] * (defence != BARE)
        return kind(
            code=self.code(script, *modules),
            run=wildcards.run,
            seed=wildcards.seed,
            split=wildcards.split,
            trained=self.trained(wildcards.run),
            attack=wildcards.attack,
            method=attack["method"],
            parameters={k: v for k, v in attack.items() if k not in study.NOT_PARAMETERS},
            dtype=wildcards.dtype,
            defence=defence,
            filter=self.config["defences"].get(defence),
            **fields,
        ).text()

    # --- Reporting --------------------------------------------------------------------------------

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
            return [file for run in self.runs for file in self.per_seed(self.paths.measures, run)]
        return [
            file
            for run in self.runs
            for file in self.per_seed(self.paths.history, run, epoch=self.runs[run]["epochs"])
        ]

    def all_restarts(self) -> list[str]:
        """The final losses that some figure shows."""
        shown = [name for name, figure in self.figures.items() if figure["reads"] == "restarts"]
        return _once(file for name in shown for file in self.figure_data(name))

    def figure_data(self, name: str) -> list[str]:
        """The tables, or the examples, that a figure is drawn from."""
        figure, paths = self.figures[name], self.paths
        files = []
        for series in figure["series"]:
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
        """The files of the published values that claims are held against."""
        conditions = [one for claim in self.study.claims for one in claim.get("test", ())]
        return self.published_files(one["series"] for one in conditions if "series" in one)

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
            figures={
                name: f"{prefix}{self.paths.figure.format(figure=name)}.png"
                for name in self.figures
            },
        ).text()

    def configuration(self, _: object = None) -> str:
        """The configuration; where the data lay makes no result, and is nobody else's business."""
        return of_reporting.Configuration(
            code=self.code("configuration.py"), configuration={**self.config, "data_folder": ""}
        ).text()

    def provenance(self, lock: str) -> str:
        """Where all results come from."""
        return of_reporting.Provenance(code=self.code("provenance.py"), lock=lock).text()

    # --- All --------------------------------------------------------------------------------------

    def all_data(self) -> list[str]:
        """Every file of prepared images."""
        splits = ("train", "validation", "test")
        return _once(self.data(run, split) for run in self.runs for split in splits)

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
        names += ["summary"] * ("summary" in self.config)
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


KINDS = ["png", "svg"]  # of figures


class Named(dict):
    """Values by name, as Snakemake's wildcards are."""

    __getattr__ = dict.__getitem__


def _epsilon(named: str) -> str:
    """The epsilon that `size` named; empty where there is none."""
    return "" if named == "minimal" else named.removeprefix("eps")


def _without(shown: Mapping, *texts: str) -> dict:
    """A figure or a table without texts that the report alone shows."""
    return {key: value for key, value in shown.items() if key not in texts}


def _once(files: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(files))
