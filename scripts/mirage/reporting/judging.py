"""Published claims and the verdict on each: a ledger computed from the tables of a run.

A claim is data (claims.yaml of a study): what a source says, where, and how it is tested.
A test is a list of conditions, each of one of the kinds of `mirage.reporting.conditions.KINDS`;
all must hold. Every verdict is computed from the rows of a run, by the rule of
`mirage.reporting.verdicts`:

- *reproduced*: the interval over seeds of every condition lies where the claim says;
- *partly*: that of one does, and that of another lies elsewhere; the reason says which;
- *undecided*: an interval reaches from the one into the other, or there is one seed;
- *not reproduced*: an interval lies elsewhere, and no condition holds;
- *fitted*: the protocol was chosen by the answer, so that nothing is tested;
- *measured*: nothing is published to hold the number against;
- *not testable here*: data for it cannot exist here, whatever is run;
- *data not given*: it could be tested with a data set that this run was not given;
- *no data*: the run lacks rows that the test looks for; the reason says which.

The second verdict repeats the test with the exact-sign gradient in the place of the masked one
(`exact` of an attack, `exact_sign` of a gradient): does the conclusion survive when the attack is
not masked?

A third one repeats it with the strongest attack that was run: `mirage.reporting.strongest`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from mirage.attacks.parameters import EXACT
from mirage.reporting import on_source, strongest
from mirage.reporting.claims import selections
from mirage.reporting.conditions import KINDS, OF_NUMBERS, Outcome
from mirage.reporting.rows import Missing
from mirage.reporting.selections import STRONGEST
from mirage.reporting.verdicts import (
    FITTED,
    NO_DATA,
    NOT_GIVEN,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    VERDICTS,
    family,
    holm,
)
from mirage.study.sentences import named

# The data set that published values were measured on, where a claim names no other.
PUBLISHED_FOR = "mnist"

COLUMNS = [
    *["id", "source", "place", "claim", "published", "quantity", "measured", "spread", "seeds"],
    *["images", "image_error", "test", "p_value", "p_holm", "interval_low", "interval_high"],
    *["verdict", "reason", "exact_measured", "exact_spread", "exact_seeds", "exact_p_value"],
    *["exact_verdict", "exact_reason", "strongest", "strongest_measured", "strongest_verdict"],
    *["strongest_reason", "on_source", "figure", "note"],
]


# --- Verdicts -------------------------------------------------------------------------------------


def judge(tables: Mapping, conditions: Sequence[Mapping], fitted: str | None = None) -> Outcome:
    """The verdict on conditions that must all hold.

    The p-value is the largest (an intersection-union test: the weakest link decides), the images
    are the fewest and their error the largest; mean, spread and interval are the first condition's;
    reasons are those of the conditions that decide.

    Args:
        tables: attacks, gradients, measures, history, restarts and series; those there are.
        conditions: As in claims.yaml.
        fitted: Why nothing is tested: the verdict is `fitted`, unless there is no data.
    """
    outcomes = []
    for condition in conditions:
        try:
            outcomes.append(KINDS[condition["kind"]][0](tables, condition))
        except Missing as missing:
            outcomes.append(Outcome(NO_DATA, str(missing)))
    verdict = family([outcome.verdict for outcome in outcomes])
    if verdict == PARTLY:
        names = _told_apart(conditions)
        parts = zip(names, outcomes, strict=True)
        reasons = [f"{name}: {part.verdict}, {part.reason}" for name, part in parts]
    else:
        reasons = [outcome.reason for outcome in outcomes if outcome.verdict == verdict]
    reason = "; ".join(dict.fromkeys(reasons))
    if len(reasons) < len(outcomes):
        reason = f"{len(reasons)} of {len(outcomes)} conditions: {reason}"
    if verdict == NO_DATA:
        return Outcome(NO_DATA, reason)
    shown = replace(
        next(outcome for outcome in outcomes if outcome.verdict != NO_DATA),
        images=min((outcome.images for outcome in outcomes if outcome.images), default=0),
        image_error=max(outcome.image_error for outcome in outcomes),
    )
    if fitted:
        return replace(shown, verdict=FITTED, reason=f"{fitted}; {reason}", p_value=math.nan)
    p_values = [outcome.p_value for outcome in outcomes]
    p_value = math.nan if any(map(math.isnan, p_values)) else max(p_values)
    return replace(shown, verdict=verdict, reason=reason, p_value=p_value)


def _told_apart(conditions: Sequence[Mapping]) -> list[str]:
    """A name for each condition: its kind, or what it selects and the others do not."""
    kinds = [condition["kind"] for condition in conditions]
    if len(set(kinds)) > 1:
        return kinds
    flat = [dict(_leaves(condition)) for condition in conditions]
    keys = dict.fromkeys(key for one in flat for key in one)
    differ = [key for key in keys if len({str(one.get(key)) for one in flat}) > 1]
    return [", ".join(dict.fromkeys(str(one[key]) for key in differ if key in one)) for one in flat]


def _leaves(part: Mapping, path: tuple[str, ...] = ()) -> Iterator[tuple]:
    """What the selections of a condition name, by the path of their keys."""
    for key, inner in part.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, (*path, key))
        elif path:
            yield (*path, key), inner


def under_exact_sign(
    conditions: Sequence[Mapping], replaced: Mapping[str, str]
) -> tuple[list[dict], str]:
    """The same conditions with the exact-sign gradient in the place of a masked one.

    A selection's own `exact` goes before `replaced`; what is the same for every attack on a network
    (clean accuracy) stays as it is.

    Returns:
        The conditions, or an empty list and the reason if there is nothing to replace.
    """
    changed, attacks = [], []
    copies = [
        {key: dict(part) if isinstance(part, Mapping) else part for key, part in condition.items()}
        for condition in conditions
    ]
    for selection in (one for condition in copies for one in selections(condition)):
        kind = "gradient" if "gradient" in selection else "attack"
        attack = selection.get(kind)
        if attack is None or selection.get("column") == "clean_accuracy":
            continue
        attacks.append(attack)
        own = EXACT if kind == "gradient" and attack != EXACT else replaced.get(attack)
        other = selection.pop("exact", own)
        if other:
            selection[kind] = other
            changed.append(attack)
    if changed:
        return copies, ""
    if not attacks:
        return [], "no attack"
    if set(attacks) & {EXACT, *replaced.values()}:
        return [], "tested with the exact-sign gradient already"
    return [], f"{named(dict.fromkeys(attacks))}: no gradient of a loss that could be masked"


def ledger(
    claims: Sequence[Mapping],
    twins: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    dataset: str,
    ball: Mapping[str, str],
    points: Sequence[Mapping],
) -> pd.DataFrame:
    """Every claim with its verdicts.

    Args:
        claims: As `mirage.reporting.claims.check` wants them.
        twins: Attacks, and for each the one that takes its place in the second verdict.
        tables: Tables by name: attacks, gradients, measures, history, restarts (those there are)
            and series, the published points.
        dataset: What the tables were measured on. Published numbers are those of MNIST: on
            another data set they are not testable, while orders and trends are.
        ball: As `mirage.reporting.strongest.table` wants it.
        points: As `mirage.reporting.on_source.tables` wants them.

    Returns:
        A row for each claim, columns `COLUMNS`.
    """
    if "attacks" in tables:
        tables = {**tables, STRONGEST: strongest.table(tables["attacks"], ball)}
    own = {
        source: on_source.tables(tables["series"], points, source)
        for source in {claim["source"] for claim in claims}
        if "series" in tables
    }
    judged = [_verdicts(claim, tables, dataset, twins, ball) for claim in claims]
    adjusted = holm([plain.p_value for plain, *_ in judged])
    lines = []
    for claim, (plain, exact, least, taken), p_holm in zip(claims, judged, adjusted, strict=True):
        conditions = claim.get("test", [])
        public, failed = on_source.verdict(own.get(claim["source"], {}), conditions)
        if failed:
            failed = f"; the source's own numbers fail it: {failed}"
        kinds = dict.fromkeys(KINDS[condition["kind"]][1] for condition in conditions)
        lines.append(
            {
                "id": claim["id"],
                "source": claim["source"],
                "place": claim.get("place", ""),
                "claim": claim["statement"],
                "published": claim.get("published", _published(conditions)),
                "quantity": KINDS[conditions[0]["kind"]][2] if conditions else "",
                "measured": plain.mean,
                "spread": plain.sd,
                "seeds": plain.seeds or None,
                "images": plain.images or None,
                "image_error": plain.image_error or None,
                "test": "; ".join(kinds),
                "p_value": plain.p_value,
                "p_holm": p_holm,
                "interval_low": plain.low,
                "interval_high": plain.high,
                "verdict": plain.verdict,
                "reason": plain.reason + failed,
                "exact_measured": exact.mean,
                "exact_spread": exact.sd,
                "exact_seeds": exact.seeds or None,
                "exact_p_value": exact.p_value,
                "exact_verdict": exact.verdict,
                "exact_reason": exact.reason,
                "strongest": taken,
                "strongest_measured": least.mean,
                "strongest_verdict": least.verdict,
                "strongest_reason": least.reason,
                "on_source": public,
                "figure": claim.get("figure", ""),
                "note": claim.get("note", ""),
            }
        )
    table = pd.DataFrame(lines, columns=COLUMNS)
    counts = ("seeds", "images", "exact_seeds")
    return table.astype({**dict.fromkeys(counts, "Int64"), "image_error": float})


def _verdicts(
    claim: Mapping,
    tables: Mapping,
    dataset: str,
    replaced: Mapping[str, str],
    ball: Mapping[str, str],
) -> tuple[Outcome, Outcome, Outcome, str]:
    """The verdict, those under the exact sign and the strongest attack, and that one's name."""
    none = Outcome("", "")
    for key, verdict in (("not_testable", NOT_TESTABLE), ("data_not_given", NOT_GIVEN)):
        if key in claim:
            return Outcome(verdict, claim[key]), none, none, ""
    conditions, fitted = claim["test"], claim.get("fitted")
    published_for = claim.get("dataset", PUBLISHED_FOR)
    if dataset != published_for and any(one["kind"] in OF_NUMBERS for one in conditions):
        return Outcome(NOT_TESTABLE, f"published for {published_for}"), none, none, ""
    plain = judge(tables, conditions, fitted)
    if "no_exact" in claim:
        # It speaks of the attack or its gradient, in whose place no other can stand.
        return plain, *[Outcome("", claim["no_exact"])] * 2, ""
    others, why = under_exact_sign(conditions, replaced)
    exact = judge(tables, others, fitted) if others else Outcome("", why)
    others, changed, why = strongest.conditions(conditions, ball)
    taken = strongest.taken(tables, changed)
    if not taken:
        return plain, exact, Outcome("", why or "no stronger attack was run"), ""
    return plain, exact, judge(tables, others, fitted), taken


def _published(conditions: Sequence[Mapping]) -> str:
    """The published numbers of a test, as text."""
    return ", ".join(
        f"{one['published']:g}" if one["kind"] == "value" else f"series {one['series']}"
        for one in conditions
        if one["kind"] in OF_NUMBERS
    )


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many claims have which of the verdicts that there are.

    A row for each source and one for all of them.
    """
    found = pd.crosstab(table["source"], table["verdict"])
    found = found[[verdict for verdict in VERDICTS if verdict in found]]
    found = found.loc[list(dict.fromkeys(table["source"]))]
    found.loc["all"] = found.sum()
    return found


def conclusions(table: pd.DataFrame, under: str) -> pd.DataFrame:
    """The claims of a ledger that are reproduced, and tested again: conclusions, no numbers.

    A conclusion is an order, a trend or the like. One that speaks of an attack or its gradient
    (`no_exact`) is not tested again: that it falls would follow from how it is made.

    Args:
        table: As `ledger` gives it, or read from its file.
        under: `exact` or `strongest`.

    Returns:
        Their rows. Those whose `{under}_verdict` is not reproduced have fallen.
    """
    numbers = [KINDS[kind][1] for kind in OF_NUMBERS]
    compares = table["test"].fillna("").str.split("; ").map(set(numbers).isdisjoint)
    again = ~table[f"{under}_verdict"].fillna("").isin(["", NO_DATA])
    return table[compares & again & (table["verdict"] == REPRODUCED)]
