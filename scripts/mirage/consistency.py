"""What no schema can say: whether the parts of a configuration agree.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping

from mirage.schemas import named, shown
from mirage.signatures import signature
from mirage.study import BARE, CLEAN, NOT_PARAMETERS, TABLES, Study, cell_series


def of_configuration(config: Mapping, folder: str) -> list[str]:
    """The faults of a completed configuration, before it is laid out.

    Args:
        config: Valid by the schema.
        folder: Local folder of the data, where the configuration names none.
    """
    return [
        *_folder_faults(config, folder),
        *_order_faults(config),
        *_signature_faults(config),
        *(_name_faults(config) or _agreement_faults(config)),
    ]


def of_study(study: Study, published: Collection[str] | None) -> list[str]:
    """The faults of a study: what it repeats, and what it shows and does not measure.

    Args:
        study: Of a configuration without faults.
        published: Names of the published series that figures may show; any where it is None.
    """
    return [
        *_repeated(study),
        *_figure_faults(study, published),
        *_summary_faults(study),
        *_table_faults(study),
    ]


def _folder_faults(config: Mapping, folder: str) -> list[str]:
    """A data set that is not downloaded, and no folder to take it from."""
    if config["dataset"] != "cifar10" or config["data_folder"] or folder:
        return []
    return [
        "dataset: cifar10 is not downloaded; name the folder of its binary version "
        "(data_batch_1.bin to data_batch_5.bin, test_batch.bin) in data_folder, or in the "
        "environment variable MNIST_DIR"
    ]


def _order_faults(config: Mapping) -> list[str]:
    """Lists that must ascend and do not."""
    lists = {
        **{f"runs.{name}.epochs": run["epochs"] for name, run in config["runs"].items()},
        **{
            f"attacks.{name}.clip": attack["clip"]
            for name, attack in config["attacks"].items()
            if "clip" in attack
        },
    }
    return [
        f"{key}: {shown(values)} must ascend, no number standing twice"
        for key, values in lists.items()
        if values != sorted(set(values))
    ]


def _signature_faults(config: Mapping) -> list[str]:
    """Attacks without a file, and parameters that their files do not take."""
    faults = []
    for name, attack in config["attacks"].items():
        try:
            takes = signature(attack["method"])
        except ValueError as error:
            faults.append(f"attacks.{name}.method: {error}")
            continue
        given = [key for key in attack if key not in NOT_PARAMETERS]
        allowed = [*takes.required, *takes.optional]
        unknown = [key for key in given if key not in allowed]
        if unknown:
            faults.append(
                f"attacks.{name}: {attack['method']} does not take {named(unknown)}; "
                f"it takes {named(allowed)}"
            )
        missing = [key for key in takes.required if key not in given]
        if missing:
            faults.append(f"attacks.{name}: {attack['method']} needs {named(missing)} as well")
    for number, entry in enumerate(config["evaluations"]):
        for attack in entry["attacks"]:
            method = config["attacks"].get(attack, {}).get("method")
            if method is None or any(fault.startswith(f"attacks.{attack}.") for fault in faults):
                continue
            minimal = signature(method).kind == "minimal"
            if minimal == ("epsilons" in entry):
                verb = "takes no epsilons" if minimal else "needs epsilons"
                faults.append(f"evaluations.{number}: attack {attack!r} ({method}) {verb}")
    return faults


def _name_faults(config: Mapping) -> list[str]:
    """Names that stand for nothing."""
    runs, attacks = config["runs"], config["attacks"]
    defences = {BARE: None, **config["defences"]}
    kinds = [("run", runs), ("attack", attacks), ("defence", defences)]
    used = [
        *(
            (f"evaluations.{number}.{kind}", name, known)
            for number, entry in enumerate(config["evaluations"])
            for kind, known in (("runs", runs), ("attacks", attacks), ("defences", defences))
            for name in entry[kind]
        ),
        *(
            (f"runs.{name}.{key}.{kind}", run[key][kind], known)
            for name, run in runs.items()
            for key, kind, known in (("start", "run", runs), ("perturbed_by", "attack", attacks))
            if key in run
        ),
        *(
            (f"attacks.{name}.source", attack["source"], runs)
            for name, attack in attacks.items()
            if "source" in attack
        ),
        *(("summary.runs", name, runs) for name in config["summary"]["runs"]),
        *(
            (f"summary.columns.{number}.attack", column["attack"], attacks)
            for number, column in enumerate(config["summary"]["columns"])
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
    if BARE in config["defences"]:
        faults.append(f"defences.{BARE}: this name stands for no defence; take another")
    return faults


def _agreement_faults(config: Mapping) -> list[str]:
    """Runs and attacks that do not fit those that they take something from; all names are known."""
    runs, attacks = config["runs"], config["attacks"]
    faults = []
    for name, run in runs.items():
        if "perturbed_by" in run:
            faults += _perturbed_faults(config, name, run)
        if "start" in run:
            start = runs[run["start"]["run"]]
            if run["start"]["epoch"] not in start["epochs"]:
                faults.append(
                    f"runs.{name}.start.epoch: run {run['start']['run']!r} has no checkpoint of "
                    f"{run['start']['epoch']}; it has {named(start['epochs'])}"
                )
            lacking = [seed for seed in run["seeds"] if seed not in start["seeds"]]
            if lacking:
                faults.append(
                    f"runs.{name}.seeds: run {run['start']['run']!r}, from which it starts, lacks "
                    f"the seeds {lacking}"
                )
            for key in ("network", "dtype", "split"):
                if run[key] != start[key]:
                    faults.append(
                        f"runs.{name}.{key}: {shown(run[key])} is not that of run "
                        f"{run['start']['run']!r}, from which it starts: {shown(start[key])}"
                    )
            faults += _endless(runs, name)
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
    minimal = signature(attack["method"]).kind == "minimal"
    if minimal == ("epsilon" in given):
        verb = "takes no epsilon" if minimal else "needs an epsilon"
        faults.append(f"runs.{name}.perturbed_by: attack {given['attack']!r} {verb}")
    for key in ("source", "adaptive"):
        if key in attack:
            faults.append(f"runs.{name}.perturbed_by: attack {given['attack']!r} has {key!r}")
    return faults


def _endless(runs: Mapping, name: str) -> list[str]:
    """Runs that start from one another in a circle."""
    seen = [name]
    while "start" in runs[seen[-1]]:
        seen.append(runs[seen[-1]]["start"]["run"])
        if seen[-1] in seen[:-1]:
            return [f"runs.{name}.start: a circle, {' from '.join(seen)}"]
        if seen[-1] not in runs:
            break
    return []


def _repeated(study: Study) -> list[str]:
    """Evaluations listed twice: their epsilons belong in one list."""
    seen, faults = set(), []
    for one in study.evaluations:
        key = (one.run, one.attack, one.dtype, one.split, one.defence)
        if key in seen:
            faults.append(
                f"evaluations: attack {one.attack!r} in {one.dtype} on run {one.run!r} "
                f"({one.defence}), split {one.split!r}, is listed twice; put its epsilons into one "
                "entry"
            )
        seen.add(key)
    return faults


def _figure_faults(study: Study, published: Collection[str] | None) -> list[str]:
    """Figures that ask for what no evaluation measures, or for more than their plot can show."""
    faults = []
    for name, figure in study.config["figures"].items():
        for number, series in enumerate(figure["series"]):
            where = f"figures.{name}.series.{number}"
            run = study.runs[series["run"]]
            lacking = [epoch for epoch in series.get("epochs", ()) if epoch not in run["epochs"]]
            if lacking:
                faults.append(
                    f"{where}.epochs: run {series['run']!r} has no checkpoint of {shown(lacking)};"
                    f" it has {named(run['epochs'])}"
                )
            shows = series.get("published")
            if None not in (shows, published) and shows not in published:
                faults.append(
                    f"{where}.published: there is no series {shows!r} in "
                    f"resources/published/series.csv; there are {named(sorted(published))}"
                )
            match figure["plot"]:
                case "by_epoch" | "by_epsilon" | "by_value":
                    faults += _unmeasured(study, where, series)
                    if figure["plot"] == "by_value" and "x" not in series:
                        faults.append(f"{where}: a figure by value needs x, the value, as well")
                case "examples" | "filtered":
                    faults += _example_faults(study, where, series)
                case "restarts":
                    faults += _restart_faults(study, where, series)
                case "digits" if number:
                    faults.append(f"{where}: a figure of digits takes one series")
    return faults


def _unmeasured(study: Study, where: str, wanted: Mapping) -> list[str]:
    if study.chosen(wanted):
        return []
    keys = ("run", "attack", "dtype", "split", "defence", "epsilons")
    selection = ", ".join(
        f"{key} {named(wanted[key]) if key == 'epsilons' else wanted[key]}"
        for key in keys
        if key in wanted
    )
    return [f"{where}: no entry of evaluations measures {selection}"]


def _example_faults(study: Study, where: str, series: Mapping) -> list[str]:
    attack = series.get("attack")
    minimal = attack is not None and study.kind(attack) == "minimal"
    needed = ("attack", "dtype", "split", "epochs", *(() if minimal else ("epsilons",)))
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of examples needs {named(missing)} as well"]
    if minimal and "epsilons" in series:
        return [f"{where}: attack {attack!r} takes no epsilons"]
    faults = [
        f"{where}.{key}: {shown(series[key])} is not allowed; a figure of examples takes one"
        for key in ("epsilons", "epochs")
        if len(series.get(key, [1])) > 1
    ]
    for key in ("source", "adaptive"):
        if key in study.config["attacks"][attack]:
            faults.append(f"{where}.attack: a figure of examples shows no attack with {key!r}")
    return faults


def _restart_faults(study: Study, where: str, series: Mapping) -> list[str]:
    needed = ("attack", "dtype", "split", "epsilons", "epochs")
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of restarts needs {named(missing)} as well"]
    faults = [
        f"{where}.{key}: {shown(series[key])} is not allowed; a figure of restarts takes one"
        for key in ("epsilons", "epochs")
        if len(series[key]) > 1
    ]
    attack = study.config["attacks"][series["attack"]]
    if attack["method"] != "pgd":
        faults.append(f"{where}.attack: only PGD has restarts")
    for key in ("source", "adaptive"):
        if key in attack:
            faults.append(f"{where}.attack: a figure of restarts shows no attack with {key!r}")
    if series.get("defence", BARE) != BARE:
        faults.append(f"{where}.defence: a figure of restarts shows the bare network")
    return faults


def _summary_faults(study: Study) -> list[str]:
    """Columns of the summary that no evaluation measures."""
    summary = study.config["summary"]
    return [
        fault
        for run in summary["runs"]
        for number, column in enumerate(summary["columns"])
        for fault in _unmeasured(
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
            needed = [key for key in ("run", "attack", "split", "value") if key not in cell]
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
    condition = cell.get("epsilon_where")
    selections = [cell, *([{**cell, **condition}] if condition else [])]
    faults = [
        fault
        for one in selections
        for fault in _unmeasured(study, where, cell_series(one)) + _epoch_faults(study, where, one)
    ]
    if faults:
        return faults
    if condition and not all(one.epsilons for one in study.chosen(cell_series(selections[1]))):
        return [f"{where}: epsilon_where needs an attack that takes epsilons"]
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
    """An epoch without a checkpoint."""
    if "epoch" not in wanted or wanted["run"] not in study.runs:
        return []
    epochs = study.runs[wanted["run"]]["epochs"]
    if wanted["epoch"] in epochs:
        return []
    return [
        f"{where}: run {wanted['run']!r} has no checkpoint of {wanted['epoch']}; it has "
        f"{named(epochs)}"
    ]
