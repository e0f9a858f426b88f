"""Rows of known outcome, and claims and conditions about them."""

from pathlib import Path

import numpy as np
import pandas as pd

from mirage.reporting import judging
from mirage.reporting.conditions import KINDS

ROOT = Path(__file__).parents[2]
CLAIMS = [
    ROOT / "studies" / name / "claims.yaml"
    for name in ("yue2017", "yue2018", "rana", "moosavi-dezfooli2016", "alzantot", "hao")
]
SERIES = [file.with_name("published.csv") for file in CLAIMS]


def attacks(curves, **columns):
    """Attack rows: for each seed its accuracies at epochs 1, 2, ..., and what else is given."""
    return pd.DataFrame(
        [
            {
                "run": "one",
                "seed": seed,
                "epoch": epoch,
                "split": "test",
                "attack": "fgsm",
                "dtype": "float32",
                "defence": "bare",
                "epsilon": "0.1",
                "clean_accuracy": 0.9,
                "accuracy": accuracy,
                "n": 10_000,
                "seconds": 200.0,
                **columns,
            }
            for seed, curve in enumerate(curves, 1)
            for epoch, accuracy in enumerate(np.atleast_1d(curve), 1)
        ]
    )


def given(*parts):
    """Tables with these attack rows."""
    return {"attacks": pd.concat(parts, ignore_index=True)}


def condition(kind, **keys):
    return {"kind": kind, **keys}


ONE = {"run": "one", "attack": "fgsm", "epsilon": "0.1"}
OTHER = {"run": "other", "attack": "fgsm", "epsilon": "0.1"}


def outcome(rows, kind, **keys):
    return KINDS[kind][0](rows, condition(kind, **keys))


# The 90 % interval of these three seeds is 0.5 ± 0.0084.
CLOSE = [0.495, 0.5, 0.505]

EQUALS = condition("value", select=ONE, published=0.5, tolerance=0.05)
FAILS = condition("value", select=ONE, published=0.9, tolerance=0.05)
DOUBTFUL = condition("value", select=ONE, published=0.55, tolerance=0.05)
LACKS = condition("value", select=OTHER, published=0.5, tolerance=0.05)
SHOWN = condition("measurement", select=ONE)
SLOPE = {
    **{"table": "gradients", "run": "one"},
    **{"gradient": "cross_entropy_mean", "column": "zero_share"},
}


def points(values, **columns):
    """Published points of accuracy at epochs 1, 2, ..."""
    return pd.DataFrame(
        [
            {
                "source": "s",
                "series": "curve",
                "split": "test",
                "epoch": epoch,
                "epsilon": "0.1",
                "quantity": "accuracy",
                "item": None,
                "value": value,
                **columns,
            }
            for epoch, value in enumerate(values, 1)
        ]
    )


def claim(**keys):
    return {"id": "s-01", "source": "s", "place": "table 1", "statement": "It is so.", **keys}


POINTS = [
    {"series": "curve", "split": "test", "epoch": 9, "dtype": "float32", "defence": "bare", **ONE}
]
BALL = {"fgsm": "fgsm", "fgsm_exact": "fgsm", "pgd": "pgd", "square": "square"}


def line(rows, dataset="mnist", exact=None, **keys):
    """The one line of a ledger of one claim."""
    twins = exact or {"fgsm": "fgsm_exact"}
    return judging.ledger([claim(**keys)], twins, rows, dataset, BALL, POINTS).iloc[0]
