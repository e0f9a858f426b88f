"""Probes of a configuration: whether they fit their runs, and what is selected of them.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

from collections.abc import Iterator, Mapping

from mirage.data.columns import MEASURES
from mirage.data.register import SIZES
from mirage.study.model_probes import PROBES
from mirage.study.sentences import named, shown


def of_configuration(config: Mapping) -> Iterator[str]:
    """Probes of more images than there are, or of networks that they do not know.

    Args:
        config: The plan, all of whose names are known.
    """
    (_, test, _), probes = SIZES[config["dataset"]], config["probes"]
    for name, probe in probes.items():
        if test < probe.get("images", 0) and test < config.get("max_images", test + 1):
            yield (
                f"probes.{name}.images: {probe['images']} is more than the {test} test images; "
                "leave it out to take all"
            )
    for run, name in config["probed"]:
        known = PROBES[probes[name]["method"]].networks
        network = config["runs"][run]["network"]["name"]
        if known and network not in known:
            yield (
                f"probes.{name}: run {run!r} is a network {network!r}; a probe by "
                f"{probes[name]['method']} takes {named(known)}"
            )


def faults(where: str, chosen: Mapping, probes: Mapping) -> Iterator[str]:
    """A measure, or an item of a probe, that is not there.

    Args:
        where: The key of the selection.
        chosen: The selection.
        probes: Those of the configuration, by name.
    """
    name = chosen.get("measure")
    if name is None or name in MEASURES:
        return
    if name not in probes:
        known = named([*MEASURES, *probes])
        yield f"{where}: there is no measure {shown(name)}; there are {known}"
        return
    items = PROBES[probes[name]["method"]].model_validate(probes[name]).items()
    if chosen.get("item") not in items:
        said = f"no item {shown(chosen['item'])}" if "item" in chosen else "several items"
        yield f"{where}: measure {name!r} has {said}; write item: with one of {named(items)}"
