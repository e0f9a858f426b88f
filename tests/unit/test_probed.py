"""What asks for a probe, what is selected of it, and what looks at the last checkpoint alone."""

import copy

import pytest
from configurations import WORKFLOW, small

from mirage.evaluation import jobs
from mirage.study import config
from mirage.study.measured import Named
from mirage.study.model_probes import PROBES
from mirage.study.paths import Paths
from mirage.study.plan import Plan

SELECTION = {"table": "measures", "run": "one", "measure": "certified", "item": "0.1"}


def claim(**changed):
    test = [{"kind": "measurement", "select": {**SELECTION, **changed}}]
    return {"id": "own-01", "statement": "It is certified.", "test": test}


@pytest.fixture
def given():
    """A small configuration that asks for no probe."""
    found = copy.deepcopy(small())
    found["also"].pop()
    return found


def read(given):
    return config.read(given, WORKFLOW)


def told(given):
    with pytest.raises(config.ConfigError) as caught:
        read(given)
    return str(caught.value)


def test_nothing_is_probed_that_nothing_asks_for(given):
    found = read(given)
    assert (found.probed, found.config["probes"]) == ((), {})


def test_a_claim_on_a_probe_s_item_asks_for_it(given):
    given["claims"] = [claim()]
    assert read(given).probed == (("one", "certified"),)
    given["claims"] = [claim(measure="spectral_norm", item="layer1")]
    assert read(given).probed == ()


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"measure": "bound"}, "own-01: there is no measure 'bound'; there are spectral_norm, "),
        ({"item": "0.2"}, "measure 'certified' has no item '0.2'; write item: with one of 0.1, la"),
    ],
)
def test_a_claim_on_what_is_not_there_is_told(given, changed, fault):
    given["claims"] = [claim(**changed)]
    assert fault in told(given)


def test_a_network_that_a_probe_does_not_know_is_told(given):
    given["runs"]["other"]["network"] = {"name": "lenet"}
    given["also"].append({"run": "other", "measure": "certified"})
    assert "probes.certified: run 'other' is a network 'lenet'; a probe by bounds takes mlp" in (
        told(given)
    )


def test_max_images_holds_for_probes(given):
    given["also"].append({"run": "one", "measure": "certified"})
    given["max_images"] = 7
    assert read(given).config["probes"]["certified"]["images"] == 7


def test_an_attack_on_the_last_checkpoint_alone_is_given_no_other(given):
    given["attacks"]["late"] = {**given["attacks"]["transfer"], "checkpoints": "last"}
    given["also"] = [{"run": "one", "attack": ["late", "transfer"], "epsilon": "0.1"}]
    plan = Plan(read(given), Paths("results"), WORKFLOW)
    for attack, epochs in (("late", [3]), ("transfer", [1, 3])):
        named = {"run": "one", "attack": attack, "dtype": "float32", "defence": "bare"}
        wildcards = Named(named, seed="1", split="test")
        job = jobs.Attack.model_validate_json(plan.attack(wildcards))
        assert job.epochs == epochs
        assert "checkpoints" not in job.parameters
        found = plan.attacked(wildcards)
        for key, run in (("checkpoints", "one"), ("sources", "other")):
            assert found[key] == [
                f"results/checkpoints/{run}/seed1/epoch{epoch}.keras" for epoch in epochs
            ]


def test_an_epoch_that_an_attack_does_not_look_at_is_told(given):
    given["attacks"]["fgsm"]["checkpoints"] = "last"
    given["figures"]["lines"]["select"][0]["epochs"] = [1, 3]
    given["tables"]["cells"]["columns"][3] |= {"epsilon": "0.1", "epoch": 1}
    text = told(given)
    assert "figures.lines.select.0.epochs: run 'one' has no checkpoint of [1]; it has 3" in text
    assert "tables.cells: cell (a, f): run 'one' has no checkpoint of 1; it has 3" in text


@pytest.mark.parametrize("method", PROBES)
def test_every_probe_names_its_items(method):
    needed = {"epsilon": "0.1", "epsilons": ["0.1"]}
    fields = PROBES[method].model_fields
    given = {key: value for key, value in needed.items() if key in fields}
    items = PROBES[method](method=method, **given).items()
    assert items
    assert len(set(items)) == len(items)
