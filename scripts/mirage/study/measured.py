"""Which jobs train and measure: for each its files and its specification.

What the methods are given are Snakemake's wildcards, or anything else that has values by name.
"""

from pathlib import Path
from typing import Any

from mirage.auditing import indicators
from mirage.auditing import jobs as of_auditing
from mirage.data import jobs as of_data
from mirage.data import register
from mirage.data.columns import BARE
from mirage.evaluation import jobs as of_evaluation
from mirage.runtime import code
from mirage.runtime.job import Job
from mirage.study import audits, study
from mirage.study.paths import Paths, expand, size
from mirage.study.study import Study
from mirage.training import job as of_training


class Measured:
    """The jobs that train and measure.

    Attributes:
        study: What is to be made.
        paths: Where it is put.
    """

    def __init__(self, study: Study, paths: Paths, folder: Path, models: str = ""):
        """Plan a study.

        Args:
            study: What is to be made.
            paths: Where it is put.
            folder: The workflow's, with scripts and studies.
            models: Folder of the models of others; empty for the working folder.
        """
        self.study, self.paths, self.folder, self.models = study, paths, folder, models
        self.config, self.runs = study.config, study.runs
        self.attacks, self.figures = self.config["attacks"], self.config["figures"]
        self.tables = self.config["tables"]
        self.subjects = {(one.audit, one.place): one for one in audits.subjects(self.config)}

    def code(self, script: str, *modules: str) -> dict:
        """The code of a job, see `mirage.runtime.code.of`."""
        return code.of((self.folder / "scripts" / script).resolve(), *modules)

    # --- Data and training ------------------------------------------------------------------------

    def data(self, run: str | None, split: str) -> str:
        """The prepared images of a run's split of the data, or of that of the configuration."""
        sizes = self.runs.get(run, self.config)["split"]
        drawn = f"-seed{sizes['seed']}" if "seed" in sizes else ""
        return self.paths.data.format(split=split, drawn=drawn, **sizes)

    def download(self, _: object = None) -> str:
        """The files of the data set."""
        name = self.config["dataset"]
        sums = tuple(register.checksum(name, file)[1] for file in register.REGISTER[name]["files"])
        job = of_data.Download(code=self.code("download.py"), dataset=name, sums=sums)
        return job.text()

    def prepare(self, wildcards: Any) -> str:
        """The three files of images and labels."""
        return of_data.Prepare(
            code=self.code("prepare.py"),
            dataset=self.config["dataset"],
            train=wildcards.train,
            validation=wildcards.validation,
            seed=wildcards.drawn.removeprefix("-seed") or None,
        ).text()

    def checkpoints(self, run: str, seed: object) -> list[str]:
        """All checkpoints of a run and seed."""
        return self._checkpoints_at(run, seed, self.runs[run]["epochs"])

    def _checkpoints_at(self, run: str, seed: object, epochs: list[int]) -> list[str]:
        return expand(self.paths.checkpoint, {"run": run, "seed": seed, "epoch": epochs})

    def previous_epoch(self, run: str, epoch: object) -> int:
        """The epoch of the checkpoint that a link starts from; 0 for the initial weights."""
        return max((e for e in self.runs[run]["epochs"] if e < int(epoch)), default=0)

    def link_inputs(self, wildcards: Any) -> dict[str, str | list[str]]:
        """The images a link is trained and validated on, and the checkpoints that it takes.

        A fine-tuned run starts from another run's checkpoint of the same seed, and may be trained
        on an attack's answers to the prepared images. A distilled run learns from the checkpoint of
        its teacher, of the same seed.
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
        teacher = []
        if "teacher" in run:
            teacher = self.paths.checkpoint.format(**run["teacher"], seed=seed)
        return {
            "training": training,
            "validation": self.data(wildcards.run, "validation"),
            "before": before,
            "teacher": teacher,
        }

    def link(self, wildcards: Any) -> str:
        """One link of a chain."""
        run = self.runs[wildcards.run]
        taken = ("network", "initial_weights", "dtype", "optimizer", "learning_rate")
        taken += ("objective", "l2", "batch_size")
        return of_training.Link(
            code=self.code("train.py", f"training.objectives.{run['objective']['name']}"),
            dataset=self.config["dataset"],
            run=wildcards.run,
            seed=wildcards.seed,
            first_epoch=self.previous_epoch(wildcards.run, wildcards.epoch) + 1,
            last_epoch=wildcards.epoch,
            teacher=self.trained(run["teacher"]["run"]) if "teacher" in run else None,
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
            "checkpoints": self.paths.checkpoint.format(
                run=wildcards.run, seed=wildcards.seed, epoch=wildcards.epoch
            ),
        }

    def attacked(self, wildcards: Any) -> dict[str, list[str]]:
        """As `of_run`, and for a transfer attack the checkpoints whose gradient it uses."""
        attack, seed = self.attacks[wildcards.attack], wildcards.seed
        epochs = self.study.epochs(wildcards.run, attack)
        source = attack.get("source")
        return {
            **self.of_run(wildcards),
            "checkpoints": self._checkpoints_at(wildcards.run, seed, epochs),
            "sources": self._checkpoints_at(source, seed, epochs) if source else [],
        }

    def probed(self, wildcards: Any) -> dict[str, list[str]]:
        """The test images and the checkpoints of a probe."""
        epochs = self.study.epochs(wildcards.run, self.config["probes"][wildcards.probe])
        files = self._checkpoints_at(wildcards.run, wildcards.seed, epochs)
        return {**self.of_run(wildcards), "checkpoints": files}

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

    def probe(self, wildcards: Any) -> str:
        """A probe of the checkpoints of a run and seed."""
        given = self.config["probes"][wildcards.probe]
        apart = ("method", "images", "checkpoints")
        return of_evaluation.Probe(
            code=self.code("probe.py", f"evaluation.probes.{given['method']}"),
            run=wildcards.run,
            seed=wildcards.seed,
            split="test",
            trained=self.trained(wildcards.run),
            epochs=self.study.epochs(wildcards.run, given),
            probe=wildcards.probe,
            method=given["method"],
            parameters={key: value for key, value in given.items() if key not in apart},
            images=given.get("images"),
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
            epochs=self.study.epochs(wildcards.run, self.attacks[wildcards.attack]),
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

    # --- Audits -----------------------------------------------------------------------------------

    def audited(self, wildcards: Any) -> dict[str, str | list[str]]:
        """The model that is audited, the images, and the file of its architecture."""
        subject, audit = self._audit(wildcards)

        def of_others(written: str | None) -> str | list[str]:
            folders = self.models, self.folder
            return audits.place(wildcards.audit, written, *folders) if written else []

        if subject.model:
            given = audit["models"][subject.model]
            model, architecture = of_others(given["file"]), of_others(given.get("architecture"))
        else:
            (model,) = self._checkpoints_at(subject.run, subject.seed, [subject.epoch])
            architecture = []
        data = of_others(audit.get("data")) or self.data(subject.run, audit["split"])
        return {"data": data, "model": model, "architecture": architecture}

    def audit(self, wildcards: Any) -> str:
        """The audit of a checkpoint, or of a model of others."""
        subject, audit = self._audit(wildcards)
        # Our checkpoints take pixels in 0 to 1.
        given = audit["models"][subject.model] if subject.model else {"range": [0, 1]}
        of_data_set = f"{audit.get('split')} images of {self.config['dataset']}"
        names = indicators.QUICK if audit["quick"] else indicators.NAMES
        return of_auditing.Audit(
            code=self.code("audit.py", *(f"auditing.indicators.{name}" for name in names)),
            title=subject.title,
            data=audit.get("data", of_data_set),
            trained=None if subject.model else self.trained(subject.run),
            function=audits.function(given.get("architecture", "")),
            range=given.get("range"),
            allow_code=given.get("allow_code", False),
            images=None if audit["images"] == "all" else audit["images"],
            **{key: audit[key] for key in ("epsilons", "norm", "quick", "queries", "seed")},
        ).text()

    def _audit(self, wildcards: Any) -> tuple[audits.Subject, dict]:
        subject = self.subjects[wildcards.audit, wildcards.subject]
        return subject, self.config["audits"][wildcards.audit]

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


class Named(dict):
    """Values by name, as Snakemake's wildcards are."""

    __getattr__ = dict.__getitem__


def _epsilon(named: str) -> str:
    """The epsilon that `size` named; empty where there is none."""
    return "" if named == "minimal" else named.removeprefix("eps")
