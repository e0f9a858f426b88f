"""The typed parameters of attacks: one file each, cheap to import, strict."""

import subprocess
import sys
from pathlib import Path

import pytest
from configurations import WORKFLOW
from pydantic import ValidationError

from mirage.attacks import parameters

METHODS = parameters.methods()
EACH = pytest.mark.parametrize("method", METHODS)


def example(method, **changed):
    """Valid parameters of a method."""
    model = parameters.parameters_of(method)
    needed = {"gradient": "exact_sign"} if model.uses_gradient else {}
    return model(**{**needed, **changed})


def test_every_attack_has_its_parameters():
    folder = Path(parameters.__file__).parents[1]
    attacks = [one.stem for one in folder.glob("*.py") if "\ndef attack(" in one.read_text()]
    assert sorted(attacks) == METHODS
    with pytest.raises(ModuleNotFoundError, match=r"mirage\.attacks\.parameters\.nonesuch"):
        parameters.parameters_of("nonesuch")


def test_they_are_read_without_what_computes():
    code = (
        "import sys; from mirage.attacks import parameters as p;"
        "[p.parameters_of(one) for one in p.methods()];"
        "print({'numpy', 'tensorflow', 'keras'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", code]
    found = subprocess.run(
        run, cwd=WORKFLOW / "scripts", capture_output=True, text=True, check=True
    )
    assert found.stdout == "set()\n"


@EACH
def test_the_constants_agree_with_the_fields(method):
    model = parameters.parameters_of(method)
    assert example(method).method == method
    assert model.uses_gradient == ("gradient" in model.model_fields)


@EACH
def test_every_field_says_what_it_is(method):
    properties = parameters.parameters_of(method).model_json_schema()["properties"]
    assert all("description" in str(rule) for name, rule in properties.items() if name != "method")


@EACH
def test_they_are_strict_closed_and_frozen(method):
    with pytest.raises(ValidationError, match="nonesuch"):
        example(method, nonesuch=1)
    found = example(method, clip=[0, 1])
    assert found.clip == (0.0, 1.0)
    assert found == example(method, clip=(0.0, 1.0))
    assert hash(found) == hash(example(method, clip=(0.0, 1.0)))
    with pytest.raises(ValidationError, match="frozen"):
        found.clip = None
    for bad in ([0, 0.5], [0.1, 1], [0], [0, "1"], [False, True], [0, float("nan")], 1):
        with pytest.raises(ValidationError, match="clip"):
            example(method, clip=bad)


@pytest.mark.parametrize(
    ("method", "bad"),
    [
        ("fgsm", {"gradient": "exact"}),
        ("fgsm", {"fill_zeros": 1}),
        ("fgsm", {"labels": "true"}),
        ("fgsm", {"mixed": {"clean_weight": 1.0, "epsilon": "0.1"}}),
        ("fgsm", {"mixed": {"clean_weight": 0.9, "epsilon": 0.1}}),
        ("fgsm", {"mixed": {"clean_weight": 0.9}}),
        ("pgd", {"norm": "l3"}),
        ("pgd", {"steps": 0}),
        ("pgd", {"steps": 1.0}),
        ("pgd", {"restarts": True}),
        ("pgd", {"relative_step": 0}),
        ("pgd", {"relative_step": 2.1}),
        ("pgd", {"relative_step": "0.1"}),
        ("deepfool", {"candidates": 1}),
        ("deepfool", {"overshoot": -0.1}),
        ("deepfool", {"scale": float("inf")}),
        ("lbfgs", {"initial_weight": 0}),
        ("lbfgs", {"target": "next"}),
        ("jsma", {"theta": 0}),
        ("jsma", {"theta": 1.1}),
        ("jsma", {"gamma": 1.1}),
    ],
)
def test_what_is_out_of_range_is_refused(method, bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        example(method, **bad)
