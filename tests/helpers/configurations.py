"""A small valid configuration, for tests to change and to spoil."""

import copy
from pathlib import Path

from architectures import mlp

WORKFLOW = Path(__file__).parents[2]

TEXT = {"title": "", "caption": "", "category": ""}
RUN = {
    "network": mlp(16),
    "dtype": "float32",
    "optimizer": {"name": "adam"},
    "learning_rate": 0.01,
    "epochs": [1, 3],
    "seeds": [1, 2],
}


def small():
    """A small valid configuration."""
    series = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test"}
    return {
        "dataset": "digits",
        "split": {"train": 100, "validation": 10},
        "runs": {
            "one": {**copy.deepcopy(RUN), "images": {"deepfool": 10}},
            "other": copy.deepcopy(RUN),
            "tuned": {
                **copy.deepcopy(RUN),
                "start": {"run": "one", "epoch": 3},
                "perturbed_by": {"attack": "deepfool"},
            },
        },
        "attacks": {
            "fgsm": {"method": "fgsm", "gradient": "exact_sign"},
            "transfer": {"method": "fgsm", "gradient": "exact_sign", "source": "other"},
            "pgd": {"method": "pgd", "gradient": "exact_sign", "steps": 2},
            "deepfool": {"method": "deepfool"},
            "adaptive": {"method": "fgsm", "gradient": "exact_sign", "adaptive": True},
        },
        "probes": {"certified": {"method": "bounds", "epsilons": ["0.1"]}},
        "defences": {"smooth": {"method": "gaussian_smoothing", "sigma": 1}},
        "also": [
            {"run": "one", "attack": ["fgsm", "transfer"], "epsilons": ["0.05", "0.1"]},
            {"run": "one", "attack": "pgd", "epsilons": ["0.05", "0.1", "0.2"]},
            {
                "run": "one",
                "attack": "deepfool",
                "dtype": ["float32", "float64"],
                "defence": ["bare", "smooth"],
            },
            {"run": "one", "measure": "certified"},
        ],
        "figures": {
            "lines": {"plot": "lines", **TEXT, "select": [{**series, "epsilons": ["0.1"]}]},
            "digits": {
                "plot": "pictures",
                **TEXT,
                "select": [{**series, "epsilons": ["0.1"], "epochs": [3]}],
            },
            "restarts": {
                "plot": "restarts",
                **TEXT,
                "select": [{**series, "attack": "pgd", "epsilons": ["0.1"], "epochs": [3]}],
            },
            "values": {
                "plot": "lines",
                "x": "value",
                **TEXT,
                "x_label": "",
                "select": [{**series, "epsilons": ["0.1"], "x": 1, "epochs": [3]}],
            },
        },
        "tables": {
            "cells": {
                **TEXT,
                "common": {"run": "one", "dtype": "float32", "split": "test"},
                "rows": [{"label": "a"}, {"label": "b", "missing": "not here"}],
                "columns": [
                    {"label": "c", "attack": "pgd", "epsilon": "0.1", "value": "accuracy"},
                    {
                        "label": "d",
                        "attack": "pgd",
                        "value": "success",
                        "epsilons": ["0.05", "0.1"],
                        "epsilon_where": {"attack": "fgsm", "accuracy": 0.5},
                    },
                    {"label": "e", "attack": "deepfool", "value": "rho_l2"},
                    {"label": "f", "attack": "fgsm", "value": "clean_error"},
                ],
            },
        },
        "summary": {
            "runs": ["one"],
            "split": "test",
            "epsilon": "0.1",
            "columns": [{"label": "FGSM", "attack": "fgsm", "dtype": "float32"}],
        },
    }


def bring(**own):
    """A configuration with one run that brings this."""
    run = {"network": mlp(16), "epochs": [1, 3]}
    return {"dataset": "digits", "runs": {"one": run}, **own}


def lines(**keys):
    """A figure of lines."""
    return {"plot": "lines", "title": "t", **keys}
