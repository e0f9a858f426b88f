"""All audits side by side: a row for each and for each of its epsilons."""

from collections.abc import Mapping, Sequence

import pandas as pd

ATTACKS = ("fgsm", "pgd")


def table(subjects: Sequence[Mapping], found: Sequence[Mapping]) -> pd.DataFrame:
    """The numbers that decide.

    Args:
        subjects: What was audited: `audit`, `model`, `seed`, `epoch`; the last two are None for a
            model that others made.
        found: The content of each `audit.json`, in the same order.

    Returns:
        A row for each epsilon. Of each attack of the headline there are the accuracies, plain and
        exact, what is lost from one to the other, and the ends of its 95 % interval; of PGD and of
        the worst case none where the audit is quick. The verdict is that of the whole audit,
        `decided_at` the epsilon whose numbers it gives, `red` the indicators that are.
    """
    rows = []
    for subject, content in zip(subjects, found, strict=True):
        findings, verdict = content["findings"], content["verdict"]
        worst = {one["epsilon"]: one["accuracy"]["value"] for one in findings["worst"]}
        for epsilon in findings["epsilons"]:
            row = {
                **subject,
                "images": findings["images"],
                "norm": findings["norm"],
                "epsilon": epsilon,
                "clean_accuracy": findings["clean"]["value"],
            }
            headlines = {
                one["attack"]: one for one in findings["headlines"] if one["epsilon"] == epsilon
            }
            for attack in ATTACKS:
                one = headlines.get(attack)
                values = [one["plain"]["value"], one["exact"]["value"]] if one else [None] * 2
                values += [one[key] for key in ("loss", "low", "high")] if one else [None] * 3
                names = ("plain", "exact", "loss", "loss_low", "loss_high")
                row |= {f"{attack}_{name}": v for name, v in zip(names, values, strict=True)}
            red = [one["name"] for one in findings["indicators"] if one["light"] == "red"]
            rows.append(
                {
                    **row,
                    "worst_case": worst.get(epsilon),
                    "verdict": verdict["name"],
                    "decided_at": verdict["epsilon"],
                    "red": " ".join(red),
                }
            )
    return pd.DataFrame(rows).astype({"seed": "Int64", "epoch": "Int64"})


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """The same as text, the verdict beside the epsilon that decided."""

    def lost(row: Mapping, attack: str) -> str:
        loss, low, high = (row[f"{attack}_{name}"] for name in ("loss", "loss_low", "loss_high"))
        return "" if pd.isna(loss) else f"{loss:.3f} [{low:.3f}, {high:.3f}]"

    def number(value: object) -> str:
        return "" if pd.isna(value) else f"{value:.3f}"

    lines = []
    for row in rows.to_dict("records"):
        decided = row["epsilon"] == row["decided_at"]
        lines.append(
            {
                "audit": row["audit"],
                "model": row["model"],
                "seed": "" if pd.isna(row["seed"]) else str(row["seed"]),
                "epoch": "" if pd.isna(row["epoch"]) else str(row["epoch"]),
                "epsilon": f"{row['epsilon']:g}",
                "clean": number(row["clean_accuracy"]),
                "FGSM, plain": number(row["fgsm_plain"]),
                "FGSM, exact": number(row["fgsm_exact"]),
                "lost to arithmetic": lost(row, "fgsm"),
                "PGD, plain": number(row["pgd_plain"]),
                "PGD, exact": number(row["pgd_exact"]),
                "lost to arithmetic, PGD": lost(row, "pgd"),
                "worst case": number(row["worst_case"]),
                "verdict": row["verdict"] if decided else "",
                "red indicators": row["red"].replace(" ", ", ") if decided else "",
            }
        )
    return pd.DataFrame(lines)
