"""What a data set allows: so many images, and no epsilon in another unit.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from mirage.data.register import SIZES
from mirage.study.sentences import shown


def of_images(config: Mapping) -> list[str]:
    """More images than there are."""
    available, test, _ = SIZES[config["dataset"]]
    splits = {"split": config["split"]}
    splits |= {
        f"runs.{name}.split": run["split"]
        for name, run in config["runs"].items()
        if run["split"] != config["split"]
    }
    faults = [
        f"{key}: train {split['train']} and validation {split['validation']} make "
        f"{split['train'] + split['validation']} images; {config['dataset']} has {available} "
        "training images"
        for key, split in splits.items()
        if split["train"] + split["validation"] > available
    ]
    faults += [
        f"runs.{name}.batch_size: {run['batch_size']} is more than the {run['split']['train']} "
        "training images; lower it, or raise split.train"
        for name, run in config["runs"].items()
        if run["batch_size"] > run["split"]["train"]
    ]
    faults += [
        f"runs.{name}.network.units: {units} is more than the {run['split']['train']} training "
        "images, of which each unit starts at one; lower it, or raise split.train"
        for name, run in config["runs"].items()
        if (units := run["network"].get("units", 0)) > run["split"]["train"]
    ]
    side = 32 if config["dataset"] == "cifar10" else 28
    faults += [
        f"runs.{name}.network.pool: {pool} does not divide {side}, the side of an image in pixels"
        for name, run in config["runs"].items()
        if side % (pool := run["network"].get("pool", 1))
    ]
    faults += [
        f"figures.{name}.series.{number}: run {one['run']!r} has no validation images to show; "
        "raise split.validation"
        for name, figure in config["figures"].items()
        for number, one in enumerate(figure["series"])
        if figure["reads"] == "history" or one.get("split") == "validation"
        if not config["runs"].get(one["run"], config)["split"]["validation"]
    ]
    measured = [
        (entry, name, split)
        for entry in config["evaluations"]
        for split, name in itertools.product(entry["splits"], entry["runs"])
    ]
    measured += [(entry, entry["run"], entry["split"]) for entry in config["gradients"]]
    for entry, name, split in measured:
        images = min(entry.get("images", 0), config.get("max_images", math.inf))
        sizes = {"test": test, **config["runs"].get(name, config)["split"]}
        if not sizes[split]:
            faults.append(
                f"runs.{name}.split.validation: 0, but something is measured on split {split!r} of "
                f"run {name!r}; raise it, or measure another split"
            )
        elif images > sizes[split]:
            faults.append(
                f"runs.{name}.images: {images} is more than the {sizes[split]} of split "
                f"{split!r} of run {name!r}; leave it out to attack all"
            )
    return faults


def of_epsilons(config: Mapping, also: Sequence[Mapping]) -> list[str]:
    """Epsilons in another unit than that of pixels, which lie in 0 to 1."""
    return [
        f"{key}: {shown(epsilon)} is too large; pixels lie in 0 to 1, and {most}. "
        f"An epsilon of 8 grey levels is 8/255, 0.031"
        for key, epsilon, attack in _epsilons(config, also)
        for limit, most in [_largest(config, attack)]
        if float(epsilon) > limit
    ]


def _epsilons(config: Mapping, also: Sequence[Mapping]) -> Iterator[tuple[str, str, Mapping]]:
    """Each epsilon with its key and its attack; summary and tables show measured ones only."""
    attacks = config["attacks"]
    for name, run in config["runs"].items():
        if "epsilon" in run["objective"]:
            yield f"runs.{name}.objective.epsilon", run["objective"]["epsilon"], {"norm": "linf"}
        given = run.get("perturbed_by", {})
        if "epsilon" in given and given["attack"] in attacks:
            yield f"runs.{name}.perturbed_by.epsilon", given["epsilon"], attacks[given["attack"]]
    for number, entry in enumerate(also):
        named_attacks = entry.get("attack", [])
        for attack in named_attacks if isinstance(named_attacks, list) else [named_attacks]:
            for key in ("epsilon", "epsilons"):
                given = entry.get(key, ())
                for place, epsilon in enumerate(given if isinstance(given, list) else ()):
                    yield f"also.{number}.{key}.{place}", epsilon, attacks.get(attack, {})
            if isinstance(entry.get("epsilon"), str):
                yield f"also.{number}.epsilon", entry["epsilon"], attacks.get(attack, {})
    for name, figure in config["figures"].items():
        for number, series in enumerate(figure["series"]):
            for place, epsilon in enumerate(series.get("epsilons", ())):
                if series.get("attack") in attacks:
                    key = f"figures.{name}.series.{number}.epsilons.{place}"
                    yield key, epsilon, attacks[series["attack"]]


def _largest(config: Mapping, attack: Mapping) -> tuple[float, str]:
    """The largest epsilon that an attack can have a use for, and why."""
    if attack.get("norm") == "l2":
        # The diagonal of the cube in which all images lie.
        longest = round(math.sqrt(SIZES[config["dataset"]][2]), 1)
        return longest, f"no two images are further apart than {longest} in L2"
    if attack.get("method") == "noise":
        return 2, "noise with a standard deviation of more than 2 leaves nothing of an image"
    return 1, "no two images are further apart than 1 in L-infinity"
