"""The language of a study, and the plan that it stands for.

A person writes what is trained, and what figures, tables and claims show. Each of these *selects*
measurements, all in one way: a mapping of run, attack, dtype, split, defence, epsilon and epoch,
each a value or a list. Lists are crossed: two runs and two attacks are four lines. What is left out
is the run's own dtype, the test split, the bare network; the last epoch where one is shown, else
all. A gradient in the place of the attack selects measures of that gradient. The plan spells all of
this out, and from it follows what has to be measured: nothing else is.

    select: {run: [base, l2], attack: [fgsm, fgsm_exact], epsilons: fine}
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mirage.attacks.parameters import parameters_of
from mirage.data.columns import BARE
from mirage.study import audits, by_gradient, probed
from mirage.study.kinds import DEFAULTS, kind
from mirage.study.needed import Needed, claimed
from mirage.study.sentences import named, shown

# What a list in a selection is crossed over. `epsilons` and `epochs` are lists that stay together:
# the points of one line.
DIMENSIONS = (
    *("run", "attack", "gradient", "measure", "item"),
    *("dtype", "split", "defence", "epsilon", "epoch"),
)
# What names lines, panels and places: in a figure, or in one of its selections, which goes first.
NAMES = ("label", "panel", "row", "published", "clean", "x")
PASSED_ON = ("title", "caption", "y", "show", "digit", "x_label", "y_label", "log_x", "colours")


@dataclass
class Written:
    """What was found while a plan was laid out.

    Attributes:
        faults: Sentences that name the key, the value and what is allowed.
        origins: Keys of the plan, such as `figures.fig03.series.1`, to the keys that were written.
    """

    faults: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)


def plan(config: Mapping, claims: Sequence[Mapping], points: Mapping, written: Written) -> dict:
    """Spell a configuration out.

    Args:
        config: Valid and completed: `runs`, `attacks`, `grids`, `figures`, `tables`, `audits`,
            `also`, `summary`.
        claims: Of the studies and of the configuration, as in claims.yaml.
        points: Published points (`quantity`, `epsilon`, `split` as text) by series.
        written: Takes faults and origins.

    Returns:
        The configuration with `series` in place of what figures select, cells with their dtype and
        split, the gradients of the summary, audits with lists, and `evaluations` and `gradients`,
        what has to be measured.
    """
    figures = {
        name: _figure(name, figure, config, written) for name, figure in config["figures"].items()
    }
    tables = {name: _table(name, table, config) for name, table in config["tables"].items()}
    needed = Needed(config)
    for name, figure in figures.items():
        if figure["reads"] in ("attacks", "gradients"):
            for number, series in enumerate(figure["series"]):
                where = written.origins[f"figures.{name}.series.{number}"]
                needed.add(series, series.get("epsilons", ()), where)
    for name, table in config["tables"].items():
        where = f"tables.{name}"
        for cell in _cells(tables[name], table):
            needed.add_cell(cell, _epsilons(cell, config, where, written), where)
    summary = dict(config.get("summary", {}))
    if summary:
        for run, column in itertools.product(summary["runs"], summary["columns"]):
            chosen = {**column, "run": run, "split": summary["split"]}
            needed.add(chosen, [summary["epsilon"]], "summary")
        first = {**summary["columns"][0], "split": summary["split"]}
        summary["gradients"] = [
            by_gradient.of_attack({**first, "run": run}, config["attacks"])
            for run in summary["runs"]
        ]
        for one in filter(None, summary["gradients"]):
            needed.add(one, (), "summary")
    for number, entry in enumerate(config["also"]):
        where = f"also.{number}"
        written.faults += by_gradient.faults(where, entry)
        if not {"attack", "gradient", "measure"} & set(entry):
            written.faults.append(f"{where}: 'attack', 'gradient' or 'measure' is missing")
        for one in crossed(entry):
            epsilons = _epsilons(one, config, where, written)
            needed.add(one, epsilons, where)
            if one.get("attack") not in config["attacks"] or {"gradient", "measure"} & set(one):
                continue  # told with all other names
            method = config["attacks"][one["attack"]]["method"]
            named_none = "epsilon" not in one and "epsilons" not in one
            if named_none != (parameters_of(method).kind == "minimal"):
                needs = "needs an epsilon: epsilon or epsilons"
                verb = needs if named_none else "takes no epsilons"
                written.faults.append(f"{where}: attack {one['attack']!r} ({method}) {verb}")
    # Last: where a claim looks for its epsilon, it does so among those that others ask for.
    for claim in claims:
        for chosen, epsilons, sweep in claimed(claim, config["attacks"], points):
            written.faults += probed.faults(f"claims: {claim['id']}", chosen, config["probes"])
            looked_at = [*epsilons, *(needed.epsilons(sweep) if sweep else ())]
            needed.add(chosen, looked_at, f"claims: {claim['id']}")
    audited = {
        name: audits.planned(one, _epsilons(one, config, f"audits.{name}", written))
        for name, one in config["audits"].items()
    }
    entries = needed.entries()
    for number, (_, where) in enumerate(entries):
        written.origins[f"evaluations.{number}"] = where
    return {
        **{key: value for key, value in config.items() if key not in ("also", "grids")},
        "figures": figures,
        "tables": tables,
        "audits": audited,
        **({"summary": summary} if summary else {}),
        "evaluations": [entry for entry, _ in entries],
        "gradients": needed.gradients(),
        "probed": [list(key) for key in needed.probed],
    }


def crossed(selection: Mapping) -> Iterator[dict]:
    """Every choice of a selection: its lists crossed, in the order of `DIMENSIONS`.

    The first varies slowest. The order in which keys were written does not matter, as elsewhere.
    """
    lists = [key for key in DIMENSIONS if isinstance(selection.get(key), list)]
    for values in itertools.product(*(selection[key] for key in lists)):
        yield {**selection, **dict(zip(lists, values, strict=True))}


def leave_out(planned: dict, wanted: Iterable[str]) -> None:
    """Leave out runs, attacks, probes and defences that nothing asks for.

    Args:
        planned: A plan, without faults in its names; changed in place.
        wanted: Runs that are kept whether or not anything asks for them.
    """
    entries, gradients = planned["evaluations"], planned["gradients"]
    shown_series = [one for figure in planned["figures"].values() for one in figure["series"]]
    runs, attacks = planned["runs"], planned["attacks"]
    kept = dict.fromkeys(
        [*wanted, *(name for one in entries for name in one["runs"])]
        + [one["run"] for one in [*gradients, *shown_series]]
        + [run for run, _ in planned["probed"]]
        + [run for one in planned["audits"].values() for run in one.get("run", ())]
    )
    used = dict.fromkeys(
        [name for one in entries for name in one["attacks"]]
        + [one["attack"] for one in shown_series if "attack" in one]
    )
    waiting = list(kept)
    while waiting:
        run = runs[waiting.pop()]
        if "perturbed_by" in run:
            used[run["perturbed_by"]["attack"]] = None
        more = [run[key]["run"] for key in ("start", "teacher") if key in run]
        more += [attacks[name]["source"] for name in used if "source" in attacks[name]]
        waiting += [name for name in more if name not in kept]
        kept |= dict.fromkeys(more)
    filters = {name for one in entries for name in one["defences"]}
    filters |= {one.get("defence") for one in [*gradients, *shown_series]}
    probes = {name for _, name in planned["probed"]}
    parts = (("runs", kept), ("attacks", used), ("probes", probes), ("defences", filters))
    for key, names in parts:
        planned[key] = {name: one for name, one in planned[key].items() if name in names}


# --- Figures --------------------------------------------------------------------------------------


def _figure(name: str, figure: Mapping, config: Mapping, written: Written) -> dict:
    """A figure with its series spelled out."""
    where = f"figures.{name}"
    # In a study's own folder its name is left out.
    study = f"{name.rpartition('/')[0]}/" if "/" in name else ""
    plot = figure["plot"]
    planned = {"plot": plot, "category": figure.get("category", "Figures"), **DEFAULTS[plot]}
    planned |= {key: figure[key] for key in PASSED_ON if key in figure}
    if "x" in figure:
        planned["x"] = "value" if isinstance(figure["x"], Mapping) else figure["x"]
    planned["reads"] = kind(planned).reads
    select = figure["select"]
    several = isinstance(select, list)
    planned["series"] = []
    for number, selection in enumerate(select if several else [select]):
        key = f"{where}.select.{number}" if several else f"{where}.select"
        written.faults += by_gradient.faults(key, selection)
        for chosen in crossed(selection):
            place = f"{where}.series.{len(planned['series'])}"
            written.origins[place] = key
            for one in ("epsilon", "epoch"):
                if one in chosen:
                    written.origins[f"{place}.{one}s"] = f"{key}.{one}"
                    written.origins[f"{place}.{one}s.0"] = f"{key}.{one}"
            series = _series({**_names(figure), **chosen}, planned, config, key, written)
            if "/" not in series.get("published", "/"):
                series["published"] = study + series["published"]
            planned["series"].append(series)
    return planned


def _names(figure: Mapping) -> dict:
    """What a figure says of all of its selections."""
    found = {key: figure[key] for key in NAMES if key in figure}
    if not isinstance(found.get("x"), Mapping):
        found.pop("x", None)
    return found


def _series(
    chosen: Mapping, figure: Mapping, config: Mapping, where: str, written: Written
) -> dict:
    """One choice of a figure's selection, what was left out filled in."""
    run = config["runs"].get(chosen["run"], {})
    series = {"run": chosen["run"]}
    measured = bool({"attack", "gradient", "measure"} & set(chosen))
    keys = ("attack", "gradient", "measure", "item", "dtype", "split", "defence")
    series |= {key: chosen[key] for key in keys if key in chosen}
    if measured:
        series.setdefault("split", "test")
    if measured and "measure" not in chosen:
        series.setdefault("defence", BARE)
        if "dtype" in run:
            series.setdefault("dtype", run["dtype"])
    if epsilons := _epsilons(chosen, config, where, written):
        series["epsilons"] = list(epsilons)
    epochs = chosen.get("epochs", [chosen["epoch"]] if "epoch" in chosen else None)
    if epochs is None and measured and figure.get("x") != "epoch" and run:
        epochs = run["epochs"][-1:]
    if epochs is not None:
        series["epochs"] = epochs
    for key in NAMES:
        if key in chosen:
            value = _named(key, chosen[key], chosen, where, written)
            if value is not None:
                series[key] = value
    return series


def _named(key: str, given: object, chosen: Mapping, where: str, written: Written) -> object:
    """What a name says of one choice; None where it says nothing.

    `given` is a plain value; or a dimension, whose value is the name; or a mapping of dimensions,
    each a mapping of values to text, which are joined by commas.
    """
    if isinstance(given, str) and key != "published" and given in DIMENSIONS:
        return str(chosen.get(given, "")) or None
    if not isinstance(given, Mapping):
        return given
    parts = []
    for dimension, texts in sorted(given.items(), key=lambda item: DIMENSIONS.index(item[0])):
        value = chosen.get(dimension, BARE if dimension == "defence" else None)
        if key == "clean":
            if value != texts and value not in (texts if isinstance(texts, list) else [texts]):
                return None
            parts.append(True)
        elif value in texts:
            parts.append(texts[value])
        elif key not in ("published", "label"):
            written.faults.append(
                f"{where}: {key} has no name for {dimension} {shown(value)}; it has {named(texts)}"
            )
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ", ".join(map(str, parts))


def _epsilons(chosen: Mapping, config: Mapping, where: str, written: Written) -> Sequence[str]:
    """The epsilons of a choice: one, a list, or a grid by its name."""
    if "epsilon" in chosen:
        return (chosen["epsilon"],)
    given = chosen.get("epsilons", ())
    if not isinstance(given, str):
        return given
    grids = config["grids"]
    if given not in grids:
        written.faults.append(
            f"{where}.epsilons: there is no grid {shown(given)}; there are {named(grids)}"
        )
        return ()
    return grids[given]


# --- Tables ---------------------------------------------------------------------------------------


def _table(name: str, table: Mapping, config: Mapping) -> dict:
    """A table whose cells name dtype, split and defence."""
    kept = ("key", "label", *DIMENSIONS, "epsilon_where", "value", "missing")

    def copied(part: Mapping) -> dict:
        return {key: value for key, value in part.items() if key in kept}

    planned = {
        "title": table["title"],
        "caption": table["caption"],
        "category": table.get("category", "Tables"),
        "published": table.get("published", name),
        "common": {"split": "test", "defence": BARE, **copied(table["common"])},
        "rows": [copied(part) for part in table["rows"]],
        "columns": [copied(part) for part in table["columns"]],
    }
    parts = [planned["common"], *planned["rows"], *planned["columns"]]
    if not any("dtype" in part for part in parts):
        for part in parts:
            if part.get("run") in config["runs"]:
                part["dtype"] = config["runs"][part["run"]]["dtype"]
    return planned


def _cells(planned: Mapping, table: Mapping) -> Iterator[dict]:
    """Each cell of a table with the grid that its epsilon is looked for in."""
    pairs = itertools.product(
        zip(planned["rows"], table["rows"], strict=True),
        zip(planned["columns"], table["columns"], strict=True),
    )
    for (row, row_written), (column, column_written) in pairs:
        cell = {**planned["common"], **row, **column}
        for part in (table["common"], row_written, column_written):
            if "epsilons" in part and "epsilon_where" in cell:
                cell["epsilons"] = part["epsilons"]
        if "missing" not in cell:
            yield cell
