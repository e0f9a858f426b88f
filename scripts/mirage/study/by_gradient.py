"""Selections by gradient: they name a gradient in place of an attack, and show its measures."""

from collections.abc import Iterable, Iterator, Mapping

from mirage.attacks.parameters import GRADIENTS
from mirage.data.columns import BARE, MASKING
from mirage.study.sentences import named, shown


def of_attack(chosen: Mapping, attacks: Mapping) -> dict | None:
    """The gradient that an attack follows, as a selection; None where none that is measured.

    Measured is that of a loss at the true labels.

    Args:
        chosen: A choice with its run, attack, dtype and split.
        attacks: Attacks by name. One with a `source` follows the gradient of that run, one that is
            `adaptive` that of the defended network.
    """
    attack = attacks.get(chosen["attack"], {})
    other = attack.get("labels", "given") != "given" or "mixed" in attack
    if "gradient" not in attack or other:
        return None
    return {
        "run": attack.get("source", chosen["run"]),
        "gradient": attack["gradient"],
        "dtype": chosen["dtype"],
        "split": chosen["split"],
        "defence": chosen.get("defence", BARE) if attack.get("adaptive") else BARE,
    }


def faults(where: str, chosen: Mapping) -> Iterator[str]:
    """What stands beside a gradient and has no meaning there."""
    if "gradient" not in chosen:
        return
    name = f"gradient {shown(chosen['gradient'])}"
    if "attack" in chosen:
        yield (
            f"{where}: attack {shown(chosen['attack'])} and {name} stand together; keep gradient "
            f"to show {named(MASKING)}, and attack to show anything else"
        )
        return
    for key in ("epsilon", "epsilons", "epsilon_where"):
        if key in chosen:
            yield f"{where}: {name} takes no {key}, since it is that of clean images; leave it out"


def lacking(where: str, chosen: Mapping, columns: Iterable[str], attacks: Mapping) -> Iterator[str]:
    """Columns that a choice has not: a gradient has its measures, and an attack has all others."""
    for column in columns:
        if "gradient" in chosen and column not in MASKING:
            yield (
                f"{where}: gradient {chosen['gradient']!r} has no {column}; it has "
                f"{named(MASKING)}. For {column} write attack: in place of gradient:"
            )
        elif column in MASKING and "gradient" not in chosen:
            name = chosen.get("attack")
            attack = attacks.get(name, {})
            instead = attack.get("gradient", f"one of {named(GRADIENTS)}")
            source = f", run: {attack['source']}" if "source" in attack else ""
            who = f"attack {name!r} ({attack['method']})" if attack else "a selection without one"
            yield (
                f"{where}: {who} has no {column}, which is a measure of the gradient; write "
                f"gradient: {instead}{source} in place of attack:"
            )
