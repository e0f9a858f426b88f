"""Claims under the strongest attack that was run, of all that stay within one ball.

The exact sign answers whether a gradient is gone, but is one step. A network can be masked without
a zero or a wrong sign, and only more steps, or none along a gradient, show it. So the accuracy
under an attack is replaced by the lowest one of the same network, images and epsilon: whatever the
method, its loss and its type, whether it clips and whether it sees a filter. Each of them lies in
the L-infinity ball, and what the lowest leaves is the least that is known to be left.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mirage.reporting.claims import selections
from mirage.reporting.rows import Missing
from mirage.reporting.selections import ALL_IMAGES, STRONGEST, rows

# What tells one network, and one ball around its images, from another.
PLACE = ["run", "seed", "epoch", "split", "defence", "epsilon"]
REPLACED = ("accuracy", "success")
ONE_STEP = "fgsm"


def table(attacks: pd.DataFrame, ball: Mapping[str, str]) -> pd.DataFrame:
    """The rows of attacks in the ball, each with what the strongest one leaves.

    Only those where one of more than a step was run. `taken` is the strongest one's name, and `n`
    how many images it attacked.

    Args:
        attacks: Attack rows.
        ball: The method of each attack that stays in the L-infinity ball, by its name.
    """
    found = attacks[attacks["attack"].isin(list(ball))]
    stronger = found["attack"].map(ball) != ONE_STEP
    found = found[stronger.groupby([found[key] for key in PLACE]).transform("any").astype(bool)]
    lowest = found.loc[found.groupby(PLACE)["accuracy"].idxmin()].assign(
        taken=lambda t: t["attack"]
    )
    taken = [column for column in (*REPLACED, "n", "taken") if column in lowest]
    return found.drop(columns=taken, errors="ignore").merge(lowest[[*PLACE, *taken]], on=PLACE)


def conditions(
    given: Sequence[Mapping], ball: Mapping[str, str]
) -> tuple[list[dict], list[dict], str]:
    """The same conditions with the strongest attack in the place of one in the ball.

    Returns:
        The conditions, their selections that were changed, and if there are none the reason.
    """
    changed, places = [], []
    for condition in given:
        one = {key: dict(p) if isinstance(p, Mapping) else p for key, p in condition.items()}
        own = []
        for selection in selections(one):
            if _replaceable(selection, one, ball):
                selection["table"] = STRONGEST
                own.append(selection)
        if len({_place(selection) for selection in own}) < len(own):
            return [], [], "it compares attacks with one another"
        changed.append(one)
        places += own
    return (changed, places, "") if places else ([], [], "no attack at a stated epsilon")


def _replaceable(selection: Mapping, condition: Mapping, ball: Mapping[str, str]) -> bool:
    column = selection.get("column", condition.get("quantity", "accuracy"))
    stated = "epsilon" in selection or condition["kind"] == "series"
    attacked = selection.get("table", "attacks") == "attacks" and selection.get("attack") in ball
    return attacked and stated and column in REPLACED and "epsilon_where" not in selection


def _place(selection: Mapping) -> str:
    """What is left of a selection if attacks are not told apart."""
    told = ("attack", "dtype", "exact")
    return str(sorted((k, str(v)) for k, v in selection.items() if k not in told))


def taken(tables: Mapping, changed: Sequence[Mapping]) -> str:
    """The names of the attacks that were taken, with their images where these are a sample."""
    images = {}
    for selection in changed:
        try:
            found = rows(tables, selection)
        except Missing:
            continue
        for name, n in found.groupby("taken")["n"].min().items():
            images[name] = min(n, images.get(name, n))
    return ", ".join(
        name + (f" ({n:,} images)" if n < ALL_IMAGES else "") for name, n in sorted(images.items())
    )
