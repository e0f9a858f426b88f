"""Whether the figures of a study can be drawn, told before anything is computed.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mirage.attacks.parameters import parameters_of
from mirage.data.columns import BARE
from mirage.study import by_gradient, probed
from mirage.study.kinds import OF_EVERY_FIGURE, OF_THE_PLAN, kind
from mirage.study.sentences import named, shown
from mirage.study.study import Study

Published = Mapping[str, Iterable[Mapping]]
# What lines are drawn from that name an attack, or a gradient.
ROWS = ("attacks", "gradients")


def faults(study: Study, published: Published | None) -> list[str]:
    """Figures that ask for what no evaluation measures, or for what their plot cannot show.

    Args:
        study: Of a configuration without faults.
        published: As in `mirage.study.config.read`.
    """
    return [
        fault
        for name, figure in study.config["figures"].items()
        for fault in (
            # What a plot does not look at has no meaning to be checked.
            list(_misplaced(study, f"figures.{name}", figure))
            or list(_not_taken(f"figures.{name}", figure))
            or [
                *_figure_faults(study, f"figures.{name}", figure, published),
                *_colour_faults(f"figures.{name}.colours", figure.get("colours", {})),
            ]
        )
    ]


def unmeasured(study: Study, where: str, wanted: Mapping) -> list[str]:
    """A selection of which nothing is measured, since nothing says at which epsilon."""
    if study.chosen(wanted):
        return []
    attack = wanted.get("attack")
    method = study.config["attacks"].get(attack, {}).get("method", "none")
    return [f"{where}: attack {attack!r} ({method}) needs an epsilon: epsilon or epsilons"]


def empty_columns(study: Study, where: str, attack: str, columns: Iterable[str]) -> list[str]:
    """Columns of the attack table in which an attack has no values."""
    given = study.config["attacks"][attack]
    found = parameters_of(given["method"])
    lacking = [
        column
        for column in columns
        if (column == "iterations" and not found.counts_iterations)
        or (column == "epsilon" and found.kind == "minimal")
    ]
    return [f"{where}: attack {attack!r} ({given['method']}) has no {name}" for name in lacking]


def _misplaced(study: Study, where: str, figure: Mapping) -> Iterator[str]:
    """Measures of a gradient that are asked of an attack, and the other way about."""
    if figure["reads"] in ROWS and figure["plot"] == "lines":
        for number, series in enumerate(figure["series"]):
            yield from by_gradient.lacking(
                f"{where}.series.{number}", series, _columns(figure), study.config["attacks"]
            )


def _not_taken(where: str, figure: Mapping) -> Iterator[str]:
    """Keys that the kind of figure does not look at."""
    of = kind(figure)
    known = (*OF_EVERY_FIGURE, *of.figure)
    if unknown := [key for key in figure if key not in (*known, *OF_THE_PLAN)]:
        yield f"{where}: a figure of {of} does not take {named(unknown)}; it takes {named(known)}"
    if of.reads not in ROWS and figure.get("x", "epoch") != "epoch":
        yield f"{where}.x: {shown(figure['x'])} is not allowed; a figure of {of} takes epoch"
    for number, series in enumerate(figure["series"]):
        known = [key for key in of.series if key != "x" or figure["x"] == "value"]
        if unknown := [key for key in series if key not in known]:
            yield (
                f"{where}.series.{number}: a figure of {of} does not take {named(unknown)}; its "
                f"series take {named(known)}"
            )


def _colour_faults(where: str, colours: Mapping[str, str]) -> list[str]:
    if not colours:
        return []
    # Here, since only this needs matplotlib, and importing it takes a while.
    from matplotlib.colors import is_color_like

    return [
        f"{where}.{label}: {shown(colour)} is no colour; write a name that matplotlib knows, such "
        "as black, or #rrggbb"
        for label, colour in colours.items()
        if not is_color_like(colour)
    ]


def _figure_faults(
    study: Study, where: str, figure: Mapping, published: Published | None
) -> list[str]:
    """What is wrong with a figure that has the keys its plot takes."""
    found = []
    for number, series in enumerate(figure["series"]):
        found += _series_faults(study, f"{where}.series.{number}", figure, series, published)
    if found:
        return found
    if figure["plot"] == "ladder":
        return _ladder(where, figure)
    match figure["reads"]:
        case "attacks" | "gradients":
            return [*_axis_faults(study, where, figure, published), *_lines(study, where, figure)]
        case "history" | "measures":
            return _alike(where, figure, ("panel", "label"))
        case "images" if len(figure["series"]) > 1:
            return [f"{where}.series.1: a figure of digits takes one series"]
        case "examples":
            return _one_choice(study, where, figure)
    return found


def _series_faults(
    study: Study, where: str, figure: Mapping, series: Mapping, published: Published | None
) -> list[str]:
    """What is wrong with one series by itself."""
    found = []
    run = study.runs[series["run"]]
    there = run["epochs"]
    if figure["reads"] == "attacks":
        there = study.epochs(series["run"], study.config["attacks"].get(series.get("attack"), {}))
    if lacking := [epoch for epoch in series.get("epochs", ()) if epoch not in there]:
        found.append(
            f"{where}.epochs: run {series['run']!r} has no checkpoint of {shown(lacking)};"
            f" it has {named(there)}"
        )
    if "published" in series and published is not None:
        found += _published_faults(where, figure, series, published)
    if figure["plot"] == "ladder":
        return [*found, *_rung_faults(study, where, series)]
    match figure["reads"]:
        case "attacks" | "gradients":
            found += _line_faults(study, where, figure, series)
        case "examples":
            found += _example_faults(study, where, series)
        case "restarts":
            found += _restart_faults(study, where, series)
    return found


def _columns(figure: Mapping) -> list[str]:
    return [figure["y"]] if isinstance(figure["y"], str) else figure["y"]


def _published_faults(
    where: str, figure: Mapping, series: Mapping, published: Published
) -> list[str]:
    """A published series that does not exist, or has no point of what the figure draws."""
    name = series["published"]
    if name not in published:
        return [
            f"{where}.published: there is no published series {name!r}; there are "
            f"{named(sorted(one for one in published if one.count('/') < 2))}"
        ]
    there = sorted({row["quantity"] for row in published[name]})
    drawn = list(_columns(figure))
    if "accuracy" in drawn and (figure["x"] == "epsilon" or series.get("clean")):
        drawn.append("clean_accuracy")
    if set(there) & set(drawn):
        return []
    return [f"{where}.published: series {name!r} has {named(there)}, and no {named(drawn)}"]


def _line_faults(study: Study, where: str, figure: Mapping, series: Mapping) -> list[str]:
    """A series of attacks or of a gradient that is no line of its own."""
    chosen = study.chosen(series)
    if not chosen:
        return unmeasured(study, where, series)
    found = []
    of = "gradient" if "gradient" in series else "attack"
    for key in (of, "dtype", "split"):
        several = sorted({getattr(one, key) for one in chosen})
        if len(several) > 1:
            found.append(f"{where}: {key} is missing; measured are {named(several)}")
    if found:
        return found
    name = getattr(chosen[0], of)
    if "epsilons" in series and study.kind(name) == "minimal":
        return [f"{where}: attack {name!r} takes no epsilons"]
    if of == "attack":
        found += empty_columns(study, where, name, _columns(figure))
    if figure["x"] == "epsilon" and not chosen[0].epsilons:
        found.append(f"{where}.{of}: {name!r} takes no epsilons to be drawn by")
    if figure["x"] == "value":
        if "x" not in series:
            found.append(f"{where}: a figure by value needs x, the value, as well")
        epochs = series.get("epochs", study.runs[series["run"]]["epochs"])
        if len(epochs) > 1:
            found.append(f"{where}.epochs: a figure by value takes one, not {named(epochs)}")
    return found


def _rung_faults(study: Study, where: str, series: Mapping) -> list[str]:
    """A series of a ladder that is not one number of each seed."""
    if "measure" in series:
        if "attack" in series:
            return [f"{where}: attack and measure stand together; keep one of them"]
        return list(probed.faults(where, series, study.config["probes"]))
    if "attack" not in series:
        return [f"{where}: a figure of ladder needs an attack, or a measure and its item"]
    if not study.chosen(series):
        return unmeasured(study, where, series)
    minimal = study.kind(series["attack"]) == "minimal"
    several = [
        key
        for key in ("epsilons", "epochs")
        if len(series.get(key, [1])) > 1 or (minimal and key == "epsilons" and key in series)
    ]
    return [f"{where}.{key}: {shown(series[key])} is not allowed; it takes one" for key in several]


def _ladder(where: str, figure: Mapping) -> list[str]:
    """A ladder that has no attack to begin with."""
    if any("attack" in series for series in figure["series"]):
        return []
    return [f"{where}: a figure of ladder needs an attack as well"]


def _axis_faults(
    study: Study, where: str, figure: Mapping, published: Published | None
) -> list[str]:
    """An axis without a name, or a logarithmic one that begins at zero or below."""
    found = []
    if figure["x"] == "value" and "x_label" not in figure:
        found.append(f"{where}: a figure by value needs x_label, what the value is, as well")
    if not figure.get("log_x"):
        return found
    for number, series in enumerate(figure["series"]):
        if figure["x"] == "value":
            places = [series["x"]]
        elif figure["x"] == "epsilon":
            places = [float(one) for one in study.chosen(series)[0].epsilons]
            for row in (published or {}).get(series.get("published"), ()):
                if row["quantity"] == "clean_accuracy":
                    places.append(0)  # where there is no attack
                elif row["epsilon"]:
                    places.append(float(row["epsilon"]))
        else:
            places = []
        if any(place <= 0 for place in places):
            found.append(
                f"{where}.series.{number}: a logarithmic x axis cannot show {min(places):g}; leave "
                "log_x out"
            )
    return found


def _lines(study: Study, where: str, figure: Mapping) -> list[str]:
    """Lines of one panel that have the same name, and points at one place of a line.

    As `mirage.reporting.plots.series` names lines: by the label, the epsilon (by epsilon the
    epoch), or both.
    """
    entries = {}
    places = Counter()
    for number, series in enumerate(figure["series"]):
        (chosen,) = study.chosen(series)
        run = study.runs[series["run"]]
        panel, label = series.get("panel", ""), series.get("label", "")
        if figure["x"] == "epsilon":
            values = series.get("epochs", run["epochs"])
        else:
            values = chosen.epsilons or (None,)
        key = number
        if figure["x"] == "value":
            key = (panel, label)
            places.update(
                (panel, label, value, series["x"], seed)
                for value in values
                for seed in run["seeds"]
            )
        name = series.get("gradient") or chosen.attack
        entry = entries.setdefault(key, (panel, label, name, {}))
        entry[-1].update(dict.fromkeys(values))
    prefix = "epoch " if figure["x"] == "epsilon" else "ε = "
    lines = Counter()
    for panel, label, measured, values in entries.values():
        for value in values:
            if value is None:
                name = label or measured
            elif label:
                name = f"{label}, {prefix}{value}" if len(values) > 1 else label
            else:
                name = f"{prefix}{value}"
            lines[panel, name] += 1
    found = [
        f"{where}: two lines are called {name!r}" + (f" in panel {panel!r}" if panel else "") + "; "
        "give their series labels that differ"
        for (panel, name), times in lines.items()
        if times > 1
    ]
    twice = {(panel, label, x) for (panel, label, _, x, _), times in places.items() if times > 1}
    found += [
        f"{where}: two series (label {label!r}, panel {panel!r}) have the x {x}; give them labels "
        "that differ"
        for panel, label, x in sorted(twice)
    ]
    return found


def _alike(where: str, figure: Mapping, keys: tuple[str, ...]) -> list[str]:
    """Series that could not be told apart."""
    seen = Counter(tuple(series.get(key, "") for key in keys) for series in figure["series"])
    return [
        f"{where}: {times} series have the {' and the '.join(keys)} {named(map(repr, values))}; "
        "give them labels that differ"
        for values, times in seen.items()
        if times > 1
    ]


def _one_choice(study: Study, where: str, figure: Mapping) -> list[str]:
    """Series whose images cannot stand beside one another."""
    keys = ["split"]
    if figure["show"] == "filtered":  # one adversarial image is put to all filters
        keys += ["run", "attack", "dtype", "epsilons", "epochs"]
    found = [
        f"{where}.series.{number}.{key}: {shown(series.get(key))} is not that of the first series, "
        f"{shown(figure['series'][0].get(key))}; a figure of {figure['show']} shows the same "
        "images in all"
        for number, series in enumerate(figure["series"])
        for key in keys
        if series.get(key) != figure["series"][0].get(key)
    ]
    sizes = [study.runs[series["run"]]["split"] for series in figure["series"]]
    if not found and figure["series"][0]["split"] != "test" and sizes.count(sizes[0]) < len(sizes):
        found.append(f"{where}: the runs of its series have other splits, and so other images")
    return found


def _example_faults(study: Study, where: str, series: Mapping) -> list[str]:
    attack = series.get("attack")
    minimal = attack is not None and study.kind(attack) == "minimal"
    needed = ("attack", "dtype", "split", "epochs", *(() if minimal else ("epsilons",)))
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of examples needs {named(missing)} as well"]
    if minimal and "epsilons" in series:
        return [f"{where}: attack {attack!r} takes no epsilons"]
    found = [
        f"{where}.{key}: {shown(series[key])} is not allowed; a figure of examples takes one"
        for key in ("epsilons", "epochs")
        if len(series.get(key, [1])) > 1
    ]
    for key in ("source", "adaptive"):
        if key in study.config["attacks"][attack]:
            found.append(f"{where}.attack: a figure of examples shows no attack with {key!r}")
    return found


def _restart_faults(study: Study, where: str, series: Mapping) -> list[str]:
    needed = ("attack", "dtype", "split", "epsilons", "epochs")
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of restarts needs {named(missing)} as well"]
    found = [
        f"{where}.{key}: {shown(series[key])} is not allowed; a figure of restarts takes one"
        for key in ("epsilons", "epochs")
        if len(series[key]) > 1
    ]
    attack = study.config["attacks"][series["attack"]]
    if attack["method"] != "pgd":
        found.append(f"{where}.attack: only PGD has restarts")
    for key in ("source", "adaptive"):
        if key in attack:
            found.append(f"{where}.attack: a figure of restarts shows no attack with {key!r}")
    if series["defence"] != BARE:
        found.append(f"{where}.defence: a figure of restarts shows the bare network")
    return found
