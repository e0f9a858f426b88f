"""Attacks that look for the smallest perturbation, and L2: blind to a defence, and through it."""

import itertools

import numpy as np
import pytest
from attacking import attack

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.evaluation import passes
from mirage.models import checkpoints, defences

COUNT = 40
DEFENCES = {"smooth": ("gaussian_smoothing", {"sigma": 1.0}), "binary": ("bit_depth", {"bits": 1})}
ATTACKS = {
    "jsma": ("jsma", {"gamma": 0.1}, ""),
    "jsma-next": ("jsma", {"target": "next", "gamma": 0.1}, ""),
    "deepfool": ("deepfool", {}, ""),
    "deepfool-binary": ("deepfool", {"binary": True}, ""),
    "lbfgs": ("lbfgs", {"search_steps": 4, "iterations": 15}, ""),
    "pgd-l2": (
        "pgd",
        {"norm": "l2", "gradient": "exact_sign", "steps": 5, "relative_step": 0.5},
        "1.5",
    ),
}


@pytest.fixture(scope="module")
def checkpoint(overfitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "epoch60.keras"
    overfitted.save(path)
    return path


def answers(network, images):
    return gradients.logits(network, images).argmax(axis=1)


BRIEF = (("jsma-next", "smooth"), ("deepfool-binary", "binary"))
PAIRS = [
    pytest.param(*pair, marks=[] if pair in BRIEF else pytest.mark.thorough)
    for pair in itertools.product(ATTACKS, DEFENCES)
]


@pytest.mark.parametrize(("name", "defence"), PAIRS)
def test_rows_are_of_the_defended_network_and_adapting_harms_more(
    checkpoint, digits, name, defence
):
    """Both by hand: the answers of the defended network to what each attacker gives."""
    method, parameters, epsilon = ATTACKS[name]
    filtering, setting = DEFENCES[defence]
    images, labels = (part[:COUNT] for part in digits[1])
    pixels, network = as_float(images, "float32"), checkpoints.load(checkpoint)
    target = defences.defend(network, filtering, setting)
    misled = {}
    for adaptive, attacker in ((False, network), (True, target)):
        (row,) = passes.evaluate(
            [checkpoint],
            [checkpoint],
            images,
            labels,
            method=method,
            parameters=parameters,
            dtype="float32",
            epsilons=[epsilon],
            seeds=[(1, 60)],
            defence={"method": filtering, **setting},
            adaptive=adaptive,
        )
        size = float(epsilon) if epsilon else None
        seed = (1, 60, 0)
        found = attack(method, attacker, pixels, labels, epsilon=size, seed=seed, **parameters)
        after, before = answers(target, found.images), answers(target, pixels)
        right, goals = before == labels, {"jsma-next": (labels + 1) % 10}
        if name == "lbfgs":
            goals["lbfgs"] = np.argsort(-gradients.logits(attacker, pixels), axis=1)[:, 1]
        reached = after == goals[name] if name in goals else right & (after != labels)
        expected = {
            "accuracy": (after == labels).mean(),
            "success": reached.mean() if name in goals else reached.sum() / right.sum(),
            "median_l2": np.median(np.linalg.norm(found.images - pixels, axis=1)),
        }
        assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-5)
        misled[adaptive] = row["success"]
        if reached.any():
            changed = (found.images != pixels).mean(axis=1)[reached].mean()
            assert row["changed_share_success"] == pytest.approx(changed)
        if name == "pgd-l2":
            assert row["median_l2"] == pytest.approx(1.5, rel=1e-4)
    assert misled[True] > misled[False]
