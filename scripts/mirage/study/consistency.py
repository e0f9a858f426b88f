"""What no schema can say: whether the parts of a configuration agree.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from mirage.attacks.parameters import parameters_of
from mirage.data.columns import BARE, MEASURES
from mirage.data.register import SIZES
from mirage.study import audits, by_gradient, drawable, limits, probed
from mirage.study.drawable import empty_columns, unmeasured
from mirage.study.model import Run
from mirage.study.sentences import named, shown
from mirage.study.study import CLEAN, KEPT, TABLES, Study, cell_series


def of_configuration(config: Mapping, also: Sequence[Mapping], folder: str) -> list[str]:
    """The faults of a plan.

    Args:
        config: The plan, all of whose names are known.
        also: What is measured though nothing shows it, as it was written.
        folder: Local folder of the data, where the configuration names none.
    """
    return [
        *_folder_faults(config, folder),
        *limits.of_images(config),
        *_order_faults(config),
        *limits.of_epsilons(config, also),
        *_agreement_faults(config),
        *probed.of_configuration(config),
        *audits.of_configuration(config),
    ]


def of_study(study: Study, published: drawable.Published | None) -> list[str]:
    """The faults of a study: what it shows in a way that cannot be.

    Args:
        study: Of a configuration without faults.
        published: As in `mirage.study.config.read`.
    """
    return [
        *drawable.faults(study, published),
        *_summary_faults(study),
        *_table_faults(study),
    ]


def of_published(study: Study, studies: Sequence[str], published: Mapping) -> list[str]:
    """Published values of the studies that are named, which nothing shows.

    Args:
        study: The whole.
        studies: Names of the studies that are named.
        published: Rows of published values by `series`.
    """
    used = {
        one["published"]
        for figure in study.config["figures"].values()
        for one in figure["series"]
        if "published" in one
    }
    used |= {
        condition.get("series") for claim in study.claims for condition in claim.get("test", ())
    }
    used |= {
        "/".join([table["published"], row["key"], column["key"]])
        for table in study.config["tables"].values()
        for row, column in itertools.product(table["rows"], table["columns"])
        if "key" in row and "key" in column
    }
    return [
        f"studies/{name.partition('/')[0]}/published.csv: {name.partition('/')[2]!r} is shown "
        "nowhere; a figure or a claim must name this series, or a table have a cell of this key"
        for name in published
        if name.partition("/")[0] in studies and name not in used
    ]


def _folder_faults(config: Mapping, folder: str) -> list[str]:
    """A folder of results that are not this configuration's, and no folder of data."""
    dataset, results = config["dataset"], config.get("folder", config["dataset"])
    faults = []
    if results in KEPT:
        faults.append(
            f"folder: results/{results} holds results that are kept with the code, and would be "
            "written over; take another name"
        )
    elif results in SIZES and results != dataset:
        faults.append(
            f"folder: {results!r} is the name of another data set, whose results belong there; the "
            f"data set is {dataset}: take another name, or leave folder out"
        )
    if dataset == "cifar10" and not config["data_folder"] and not folder:
        faults.append(
            "dataset: cifar10 is not downloaded; name the folder of its binary version "
            "(data_batch_1.bin to data_batch_5.bin, test_batch.bin) in data_folder, or in the "
            "environment variable MNIST_DIR"
        )
    return faults


def _order_faults(config: Mapping) -> list[str]:
    """Epochs that must ascend and do not."""
    return [
        f"runs.{name}.epochs: {shown(run['epochs'])} must ascend, no number standing twice"
        for name, run in config["runs"].items()
        if run["epochs"] != sorted(set(run["epochs"]))
    ]


def of_names(config: Mapping, also: Sequence[Mapping]) -> list[str]:
    """Names that stand for nothing.

    Args:
        config: The plan.
        also: What is measured though nothing shows it, as it was written.
    """
    runs, attacks = config["runs"], config["attacks"]
    defences = {BARE: None, **config["defences"]}
    kinds = [("run", runs), ("attack", attacks), ("defence", defences)]
    kinds += [("measure", config["probes"])]
    used = [
        *(
            (f"also.{number}.{kind}", name, known)
            for number, entry in enumerate(also)
            for kind, known in kinds
            if kind in entry
            for name in (entry[kind] if isinstance(entry[kind], list) else [entry[kind]])
        ),
        *(
            (f"runs.{name}.{key}.{kind}", run[key][kind], known)
            for name, run in runs.items()
            for key, kind, known in (
                *(("start", "run", runs), ("teacher", "run", runs)),
                ("perturbed_by", "attack", attacks),
            )
            if key in run
        ),
        *(
            (f"attacks.{name}.source", attack["source"], runs)
            for name, attack in attacks.items()
            if "source" in attack
        ),
        *(("summary.runs", name, runs) for name in config.get("summary", {}).get("runs", ())),
        *(
            (f"summary.columns.{number}.attack", column["attack"], attacks)
            for number, column in enumerate(config.get("summary", {}).get("columns", ()))
        ),
        *(
            (f"figures.{name}.series.{number}.{kind}", series[kind], known)
            for name, figure in config["figures"].items()
            for number, series in enumerate(figure["series"])
            for kind, known in kinds
            if kind in series
        ),
        *(
            (f"tables.{name}.{part}.{number}.{kind}", cells[kind], known)
            for name, table in config["tables"].items()
            for part in ("rows", "columns")
            for number, cells in enumerate(table[part])
            for kind, known in kinds
            if kind in cells
        ),
    ]
    faults = [
        f"{key}: there is no {kind} {shown(name)}; there are {named(known)}"
        for key, name, known in used
        for kind, names in kinds
        if known is names and name not in known
    ]
    faults += [
        f"probes.{name}: every checkpoint has a measure of this name; take another"
        for name in config["probes"]
        if name in MEASURES
    ]
    if BARE in config["defences"]:
        faults.append(f"defences.{BARE}: this name stands for no defence; take another")
    return [*faults, *audits.of_names(config)]


def _agreement_faults(config: Mapping) -> list[str]:
    """Runs and attacks that do not fit those that they take something from; all names are known."""
    runs, attacks = config["runs"], config["attacks"]
    faults = []
    for name, run in runs.items():
        if "perturbed_by" in run:
            faults += _perturbed_faults(config, name, run)
        if ("teacher" in run) != (run["objective"]["name"] == "distilled"):
            faults.append(
                f"runs.{name}: the objective distilled needs a 'teacher', and no other takes one"
            )
        for key, verb in (("start", "starts"), ("teacher", "learns")):
            if key in run:
                faults += _checkpoint_faults(runs, name, key, verb)
        faults += _endless(runs, name)
        if "start" in run:
            start = runs[run["start"]["run"]]
            for key in ("network", "dtype", "split"):
                if run[key] != start[key]:
                    faults.append(
                        f"runs.{name}.{key}: {shown(run[key])} is not that of run "
                        f"{run['start']['run']!r}, from which it starts: {shown(start[key])}"
                    )
            if run["initial_weights"] != Run.model_fields["initial_weights"].default.model_dump():
                faults.append(
                    f"runs.{name}.initial_weights: the run begins with the weights of run "
                    f"{run['start']['run']!r}; leave it out"
                )
    for number, entry in enumerate(config["evaluations"]):
        for attack in entry["attacks"]:
            source = attacks[attack].get("source")
            for run in entry["runs"] if source else ():
                for key in ("seeds", "epochs"):
                    lacking = [x for x in runs[run][key] if x not in runs[source][key]]
                    if lacking:
                        faults.append(
                            f"evaluations.{number}: attack {attack!r} on run {run!r} takes its "
                            f"gradient from run {source!r}, which lacks the {key} {lacking}"
                        )
    return faults


def _perturbed_faults(config: Mapping, name: str, run: Mapping) -> list[str]:
    """Runs that train on the answers of an attack on the network they start from."""
    given = run["perturbed_by"]
    faults = []
    if "start" not in run:
        faults.append(f"runs.{name}: with perturbed_by, 'start' is missing: whose images?")
    attack = config["attacks"][given["attack"]]
    minimal = parameters_of(attack["method"]).kind == "minimal"
    if minimal == ("epsilon" in given):
        verb = "takes no epsilon" if minimal else "needs an epsilon"
        faults.append(f"runs.{name}.perturbed_by: attack {given['attack']!r} {verb}")
    for key in ("source", "adaptive"):
        if key in attack:
            faults.append(f"runs.{name}.perturbed_by: attack {given['attack']!r} has {key!r}")
    return faults


def _checkpoint_faults(runs: Mapping, name: str, key: str, verb: str) -> list[str]:
    """A checkpoint of another run, at `key` of a run, that there is not for all of its seeds."""
    given = runs[name][key]
    other, faults = runs[given["run"]], []
    if given["epoch"] not in other["epochs"]:
        faults.append(
            f"runs.{name}.{key}.epoch: run {given['run']!r} has no checkpoint of "
            f"{given['epoch']}; it has {named(other['epochs'])}"
        )
    if lacking := [seed for seed in runs[name]["seeds"] if seed not in other["seeds"]]:
        faults.append(
            f"runs.{name}.seeds: run {given['run']!r}, from which it {verb}, lacks the seeds "
            f"{lacking}"
        )
    return faults


def _endless(runs: Mapping, name: str) -> list[str]:
    """A run that starts or learns from itself, directly or through others."""
    waiting = [("", [name])]
    while waiting:
        first, path = waiting.pop()
        for key in ("start", "teacher"):
            other = runs[path[-1]].get(key, {}).get("run")
            if other == name:
                circle = " from ".join([*path, other])
                return [f"runs.{name}.{first or key}: a circle, {circle}"]
            if other in runs and other not in path:
                waiting.append((first or key, [*path, other]))
    return []


def _summary_faults(study: Study) -> list[str]:
    """Columns of the summary that no evaluation measures."""
    if "summary" not in study.config:
        return []
    summary = study.config["summary"]
    return [
        fault
        for run in summary["runs"]
        for number, column in enumerate(summary["columns"])
        for fault in unmeasured(
            study,
            f"summary.columns.{number}",
            {
                "run": run,
                "attack": column["attack"],
                "dtype": column["dtype"],
                "split": summary["split"],
                "epsilons": [summary["epsilon"]],
            },
        )
    ]


def _table_faults(study: Study) -> list[str]:
    """Cells that no evaluation measures."""
    faults = [
        f"tables.{name}: there is a table of this name already; take another"
        for name in study.config["tables"]
        if name in TABLES
    ]
    for name, table in study.config["tables"].items():
        for row, column in itertools.product(table["rows"], table["columns"]):
            cell = {**table["common"], **row, **column}
            if "missing" in cell:
                continue
            where = f"tables.{name}: cell ({row['label']}, {column['label']})"
            if found := list(by_gradient.faults(where, cell)):
                faults += found
                continue
            kind = "gradient" if "gradient" in cell else "attack"
            needed = [key for key in ("run", kind, "split", "value") if key not in cell]
            if needed:
                faults.append(f"{where}: {named(needed)} missing in both row and column")
                continue
            faults += _cell_faults(study, where, cell)
        for part in ("rows", "columns"):
            labels = [cells["label"] for cells in table[part]]
            faults += [
                f"tables.{name}.{part}: label {label!r} stands there twice"
                for label, times in Counter(labels).items()
                if times > 1
            ]
    return faults


def _cell_faults(study: Study, where: str, cell: Mapping) -> list[str]:
    """What is wrong with what one cell selects: it must be one measurement of each seed."""
    attacks = study.config["attacks"]
    if found := list(by_gradient.lacking(where, cell, [cell["value"]], attacks)):
        return found
    condition = cell.get("epsilon_where")
    selections = [cell, *([{**cell, **condition}] if condition else [])]
    faults = [
        fault
        for one in selections
        for fault in unmeasured(study, where, cell_series(one)) + _epoch_faults(study, where, one)
    ]
    if faults:
        return faults
    if "epsilon" in cell and study.kind(cell["attack"]) == "minimal":
        return [f"{where}: attack {cell['attack']!r} takes no epsilons"]
    if condition and not all(one.epsilons for one in study.chosen(cell_series(selections[1]))):
        return [f"{where}: epsilon_where needs an attack that takes epsilons"]
    if "attack" in cell:
        faults += empty_columns(study, where, cell["attack"], [cell["value"]])
    for one in selections:
        chosen = study.chosen(cell_series(one))
        dtypes = sorted({evaluation.dtype for evaluation in chosen})
        if cell["value"] not in CLEAN and len(dtypes) > 1:
            faults.append(f"{where}: dtype is missing; measured are {named(dtypes)}")
    epsilons = {epsilon for one in study.chosen(cell_series(cell)) for epsilon in one.epsilons}
    if cell["value"] not in CLEAN and not condition and len(epsilons) > 1:
        measured = named(sorted(epsilons, key=float))
        faults.append(f"{where}: epsilon or epsilon_where is missing; measured are {measured}")
    return faults


def _epoch_faults(study: Study, where: str, wanted: Mapping) -> list[str]:
    """An epoch without a checkpoint, or one that the attack does not look at."""
    if "epoch" not in wanted or wanted["run"] not in study.runs:
        return []
    epochs = study.epochs(wanted["run"], study.config["attacks"].get(wanted.get("attack"), {}))
    if wanted["epoch"] in epochs:
        return []
    return [
        f"{where}: run {wanted['run']!r} has no checkpoint of {wanted['epoch']}; it has "
        f"{named(epochs)}"
    ]
