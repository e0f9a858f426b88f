"""README.md and docs/ name what there is, and their examples can be run."""

import re

import pandas as pd
import pytest
import yaml
from architectures import mlp
from simulated import SPREADS
from workflow import ROOT

from mirage.reporting.conditions import KINDS
from mirage.reporting.judging import conclusions
from mirage.reporting.verdicts import ALPHA, NOT_REPRODUCED, REPRODUCED, VERDICTS
from mirage.study import config
from mirage.study.model import Configuration, Run
from mirage.study.model_audits import Audit, Model
from mirage.study.model_shown import Cells, Figure, Selected

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDE = (ROOT / "docs/configuration.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.M | re.S)
# What the examples name.
RUNS = {
    name: {"network": mlp(16), "epochs": [1, 2]}
    for name in ("small", "wide", "width16", "width64", "base", "pgd")
}


def anchors(page):
    """The places of a page that a link can lead to."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_guide_names_every_key():
    models = (Configuration, Run, Audit, Model, Selected, Figure, Cells)
    keys = {key for model in models for key in model.model_fields}
    shown = set(re.findall(r"\w+", " ".join([*re.findall(r"`([^`\n]+)`", GUIDE), *EXAMPLES])))
    assert keys <= shown
    assert set(KINDS) <= shown
    assert all(f"*{verdict}*" in GUIDE for verdict in VERDICTS)


def test_the_readme_counts_the_reference_ledger():
    table = pd.read_csv(ROOT / "results/reference/tables/claims.csv")
    text = (ROOT / "README.md").read_text()
    head, _, *lines = re.findall(r"^\|(.*)\|$", text.partition("## What holds")[2], re.M)
    _, *verdicts, rest = (cell.strip() for cell in head.split("|"))
    assert rest == "not tested"
    counted = {}
    for source, group in table.groupby("source", sort=False):
        numbers = [int((group["verdict"] == verdict).sum()) for verdict in verdicts]
        counted[source] = [*numbers, len(group) - sum(numbers)]
    shown = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert {source: list(map(int, numbers)) for source, *numbers in shown} == counted

    holds = table[table["verdict"] == REPRODUCED]
    sentences = " ".join(text.split())
    adjusted = (holds["p_holm"] < ALPHA).sum()
    assert f"Of the {len(holds)} reproduced ones {adjusted} stand" in sentences
    exact, strongest = (conclusions(table, under) for under in ("exact", "strongest"))
    both = (exact["exact_verdict"] == REPRODUCED).sum()
    assert f"Of the {len(exact)} conclusions" in sentences
    assert f"that hold under the sources' attack, {both} hold under it too" in sentences
    fallen = exact["id"][exact["exact_verdict"] == NOT_REPRODUCED]
    assert set(fallen) == {"yue2017-10", "hao-23", "defences-05"}
    three = (strongest["strongest_verdict"] == REPRODUCED).sum()
    assert f"of the {len(strongest)} conclusions that met one of more than a step, {three}" in (
        sentences
    )


def test_the_readme_s_ladder_is_that_of_the_reference():
    rows = pd.read_csv(ROOT / "results/reference/tables/attacks.csv", dtype={"epsilon": str})
    rows = rows[(rows["run"] == "yue2018-float32") & (rows["epsilon"] == "0.1")]
    left = rows.groupby("attack")["accuracy"].mean().round(2)
    text = " ".join((ROOT / "README.md").read_text().split())
    fgsm, sign = left["strength_fgsm"], left["strength_sign"]
    assert f"FGSM leaves an accuracy of {fgsm}, the exact sign in its place {sign}" in text
    assert f"along the exact sign {left['strength_apgd_exact']};" in text
    assert f"plain gradient Auto-PGD leaves {left['strength_apgd']} " in text


def test_every_study_is_in_the_table_of_studies():
    text = (ROOT / "docs/reproducibility.md").read_text()
    core, _, named = text.partition("Further studies are asked for by name")
    asked = yaml.safe_load((ROOT / "config.yaml").read_text())["studies"]
    there = {path.parent.name for path in ROOT.glob("studies/*/study.yaml")}
    for part, studies in ((core, set(asked)), (named, there - set(asked))):
        shown = set(re.findall(r"^\| ([\w-]+) \|", part, re.M)) - {"study", "model"}
        assert studies <= shown, studies - shown


def spread_in_units(condition, row):
    """The spread over seeds in tolerances, or in effects; None of a kind that has neither."""
    if "tolerance" in condition:
        unit = condition["tolerance"]
    elif condition["kind"] in ("order", "trend", "minimum", "correlation"):
        unit = abs(row["measured"] - condition.get("by", 0) * (condition["kind"] == "order"))
    else:
        return None
    return row["spread"] / unit


def test_the_simulated_spread_is_that_of_most_claims():
    table = pd.read_csv(ROOT / "results/reference/tables/claims.csv")
    rows = table[table["spread"].notna()].set_index("id")
    units = []
    for page in ROOT.glob("studies/*/claims.yaml"):
        for claim in yaml.safe_load(page.read_text())["claims"]:
            if claim["id"] in rows.index:
                units.append(spread_in_units(claim["test"][0], rows.loc[claim["id"]]))
    units = pd.Series(units).dropna()
    share = (units <= min(SPREADS)).mean()
    assert len(units) > 100
    assert f"{share:.0%}".replace("%", " %") in (ROOT / "docs/ledger.md").read_text()


def figures():
    """The figures of the guide, and one for each of its selections and names."""
    lines = {"plot": "lines", "title": "An example"}
    for text in EXAMPLES:
        for one in re.split(r"^(?=select:|label:)", text, flags=re.M):
            content = yaml.safe_load(one) or {}
            if "select" in content:
                several = isinstance(content["select"], list)
                by_epsilon = not several and "epsilons" in content["select"]
                names = {} if several else {"label": {"run": {r: r for r in RUNS}}}
                if not several and "attack" in content["select"]:
                    names["panel"] = "attack"
                yield {**lines, **content, **names, "x": "epsilon" if by_epsilon else "epoch"}
            elif "label" in content:
                select = {"run": ["base", "pgd"], "attack": "fgsm", "epsilon": "0.1"}
                if content["label"] == "plain gradient":
                    select["run"] = "base"
                yield {**lines, **content, "select": select}


def test_the_examples_of_the_guide_can_be_run():
    given = {"dataset": "digits", "runs": RUNS, "figures": {}}
    for text in EXAMPLES:
        if not re.match("select:|label:", text):
            for key, content in yaml.safe_load(text).items():
                if isinstance(content, list):
                    given.setdefault(key, []).extend(content)
                else:
                    given.setdefault(key, {}).update(content)
    more = dict(enumerate(figures()))
    assert len(more) == 7
    given["figures"] |= {f"example-{number}": one for number, one in more.items()}
    study = config.read(given, ROOT)
    # As the comments beside them say.
    counts = [len(study.config["figures"][f"example-{number}"]["series"]) for number in range(4)]
    assert counts == [1, 4, 1, 2]
    assert set(study.config["tables"]) == {"widths"}
