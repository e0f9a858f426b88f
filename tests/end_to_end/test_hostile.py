"""Text and folders that a shell, a browser or a report would take for orders are data, or refused.

A file named `pwned` anywhere, or a page whose title says so, is the sign that an order was obeyed.
"""

import json
import os
import time

import pandas as pd
import pytest
import yaml
from architectures import mlp
from workflow import copy_sources, dry_run, snakemake, write

from mirage.data import folders

SHELL = (
    "a b $(touch pwned) ;touch pwned; `touch pwned` && touch pwned | touch pwned > pwned"
    " --help ../x ' \" \\ {input} {{wildcards}} %s #é\nsecond line"
)
FOLDER = "a b'c\"d$(touch pwned)`touch pwned`;touch pwned;&> pwned #é --help"
# What a browser would run, what the text format of captions lets a page hold, and what breaks out
# of the places that a report puts text in.
PAGE = """<script>document.title='pwned'</script><img src=x onerror="document.title='pwned'">"""
MARKUP = f"""</script></textarea>{PAGE}

.. raw:: html

   {PAGE}

.. include:: /etc/hostname

`click <javascript:document.title='pwned'>`__ {{{{ 7 * 191 }}}} {{% for %}}
${{document.title='pwned'}}
"""


def configuration(text, **more):
    """A tiny study whose every free text is `text`: a run, an attack, a table and a figure."""
    selection = {"run": "plain", "attack": "fgsm", "dtype": "float32", "split": "test"}
    shown = {"title": text, "caption": text, "category": "Section"}
    return {
        "dataset": "digits",
        "split": {"train": 60, "validation": 20},
        "runs": {
            "plain": {
                "network": mlp(4),
                "dtype": "float32",
                "optimizer": {"name": "sgd"},
                "learning_rate": 0.1,
                "batch_size": 20,
                "epochs": [1],
                "seeds": [1],
            }
        },
        "attacks": {"fgsm": {"method": "fgsm", "gradient": "exact_sign"}},
        "figures": {
            "figure": {
                **shown,
                "plot": "lines",
                "x": "epsilon",
                "x_label": text,
                "y_label": text,
                "colours": {text: "black"},
                "select": [{**selection, "epsilons": ["0.1", "0.2"], "label": text, "panel": text}],
            }
        },
        "tables": {
            "cells": {
                **shown,
                "rows": [{**selection, "label": text}],
                "columns": [
                    {"label": text, "epsilon": "0.1", "value": "accuracy"},
                    {"label": "none", "missing": text},
                ],
            }
        },
        "summary": {
            "runs": ["plain"],
            "split": "test",
            "epsilon": "0.1",
            "columns": [{"label": text, "attack": "fgsm", "dtype": "float32"}],
        },
        **more,
    }


def assert_nothing_was_obeyed(folder):
    assert not list(folder.rglob("pwned*"))
    assert not os.path.exists("pwned")


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    """A finished run of shell commands for texts, in a folder named like some."""
    folder = tmp_path_factory.mktemp("shell") / FOLDER / "mirage"
    copy_sources(folder)
    write(folder, "mine.yaml", configuration(SHELL))
    result = snakemake(folder, "--configfile", "mine.yaml")
    assert result.returncode == 0, result.stdout
    return folder


@pytest.mark.thorough
def test_text_and_the_working_folder_are_no_orders_to_a_shell(ordered):
    assert_nothing_was_obeyed(ordered.parents[1])
    table = pd.read_csv(ordered / "results/digits/tables/cells.csv", dtype=str)
    assert SHELL in set(table["row"])
    assert SHELL in set(table["column"])
    record = yaml.safe_load((ordered / "results/digits/configuration.yaml").read_text())
    assert record["configuration"]["figures"]["figure"]["title"] == SHELL
    provenance = json.loads((ordered / "results/digits/provenance.json").read_text())
    (drawn,) = (job for job in provenance["jobs"] if job["rule"] == "figure")
    assert drawn["parameters"]["figure"]["title"] == SHELL
    assert "Nothing to be done" in snakemake(ordered, "--configfile", "mine.yaml").stdout


@pytest.mark.thorough
def test_the_workflow_s_folder_and_that_of_temporary_files_are_no_orders(
    ordered, tmp_path, monkeypatch
):
    """The workflow is called from elsewhere, so that its folder stands in every command."""
    temporary = tmp_path / FOLDER
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    called = ("-s", ordered / "Snakefile", "--configfile", ordered / "mine.yaml")
    result = snakemake(elsewhere, *called, "--directory", str(elsewhere))
    assert result.returncode == 0, result.stdout
    assert_nothing_was_obeyed(tmp_path)
    assert_nothing_was_obeyed(ordered.parents[1])
    assert (elsewhere / "results/digits/figures/figure.png").exists()
    # And nothing private of that folder is in what may be shown to others.
    text = (elsewhere / "results/digits/provenance.json").read_text()
    assert "touch pwned)`" not in text.replace(json.dumps(SHELL)[1:-1], "")
    assert '"scripts/train.py"' in text


def test_a_workflow_in_a_folder_that_snakemake_cannot_use_is_refused_in_words(tmp_path):
    folder = tmp_path / "a{b}c"
    copy_sources(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    called = ("-s", f"{folder}/Snakefile", "--configfile", f"{folder}/config/test.yaml")
    result = dry_run(elsewhere, *called, "--directory", str(elsewhere))
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "braces" in result.stdout
    assert "a{b}c" in result.stdout
    # Called in that folder it works: no path has the folder's name.
    assert dry_run(folder, "--configfile", "config/test.yaml").returncode == 0


FOLDERS = ("$(touch pwned)", "--help", "../x y", "'\"", ";touch pwned;")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        # Each name with one of the two; with both in `make test-all`.
        pytest.param(dataset, name, marks=pytest.mark.thorough if (number + other) % 2 else [])
        for other, dataset in enumerate(("mnist", "cifar10"))
        for number, name in enumerate(FOLDERS)
    ],
)
def test_a_folder_of_data_is_no_order(fresh, dataset, name, monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    write(fresh, "mine.yaml", configuration("text", dataset=dataset, data_folder=name))
    # Files of no length: a folder without them is refused before any job.
    for file in folders.LAYOUTS[dataset].files:
        (fresh / name / file).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name / file).touch()
    data = f"results/{dataset}/data/60-20/train.npz"
    result = snakemake(fresh, data, "--configfile", "mine.yaml")
    assert result.returncode != 0
    assert_nothing_was_obeyed(fresh)
    logs = "".join(log.read_text() for log in (fresh / f"results/{dataset}/logs").rglob("*.log"))
    assert "usage:" not in logs
    assert repr(name)[1:-1] in logs or name in logs
    assert "Traceback" not in logs


# --- The report ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The report of a run whose every text is markup."""
    folder = tmp_path_factory.mktemp("markup") / "mirage"
    copy_sources(folder)
    lower, higher = ({"run": "plain", "attack": "fgsm", "epsilon": one} for one in ("0.2", "0.1"))
    claim = {
        **dict.fromkeys(["statement", "place", "published", "note"], MARKUP),
        **{"id": "own-01", "figure": "figure"},
        "test": [{"kind": "order", "less": lower, "greater": higher}],
    }
    config = configuration(MARKUP, claims=[claim])
    # The report's first page has its picture, title and caption.
    config["figures"]["masking"] = config["figures"]["figure"]
    write(folder, "mine.yaml", config)
    result = snakemake(folder, "--configfile", "mine.yaml")
    assert result.returncode == 0, result.stdout
    result = snakemake(folder, "--configfile", "mine.yaml", "--report", "page_of_all.html")
    assert result.returncode == 0, result.stdout
    return folder


def obeyed(page):
    """Whether a page has run what it shows."""
    return "pwned" in page.title


@pytest.mark.thorough
def test_text_is_no_order_to_the_browser_that_shows_the_report(pages, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get((pages / "page_of_all.html").as_uri())
    WebDriverWait(browser, 30).until(
        lambda page: "Is this classifier robust" in page.find_element(By.TAG_NAME, "body").text
    )
    assert not obeyed(browser)
    (picture,) = browser.find_elements(By.CSS_SELECTOR, ".story img")
    assert "{{ 7 * 191 }} {% for %}" in picture.get_dom_attribute("alt")
    (caption,) = browser.find_elements(By.CSS_SELECTOR, ".story .caption")
    assert "{{ 7 * 191 }} {% for %}" in caption.text
    names = browser.execute_script("return Object.keys(results)")
    assert "results/digits/figures/figure.png" in names
    sections = browser.execute_script("return Object.keys(categories)")
    assert "Section" in sections
    for call, values in (("showCategory", sections), ("showResultInfo", names)):
        for value in values:
            browser.execute_script(f"app.{call}(arguments[0])", value)
            assert not obeyed(browser), (call, value)
    # As a reader sees it: the caption as it was written.
    browser.execute_script("app.showResultInfo('results/digits/figures/figure.png')")
    assert (
        "<script>document.title='pwned'</script>" in browser.find_element("tag name", "body").text
    )
    links = browser.execute_script("return [...document.links].map(link => link.href)")
    assert not [link for link in links if "pwned" in link]
    # What a picture with an error handler does is done later.
    time.sleep(1)
    assert not obeyed(browser)
    faults = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert faults == []


@pytest.mark.thorough
def test_text_is_no_order_to_the_browser_that_shows_the_claims(pages, browser):
    from mirage.reporting import ledger

    claims = pd.read_csv(pages / "results/digits/tables/claims.csv")
    assert len(claims) == 1
    # There is no second or third verdict on it, and so no text in these columns.
    empty = ["exact_verdict", "strongest", "strongest_verdict", "strongest_reason", "on_source"]
    texts = list(dict.fromkeys([*claims.select_dtypes(exclude="number").columns, *empty]))
    assert len(texts) > 8
    claims[texts] = MARKUP
    figures = {"figure": f"results/{MARKUP}.png"}
    (pages / "page.html").write_text(ledger.page(claims, figures, pages))
    browser.get((pages / "page.html").as_uri())
    assert "javascript:document" in browser.find_element("tag name", "body").text
    assert not obeyed(browser)
