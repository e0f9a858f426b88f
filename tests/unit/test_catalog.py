"""What snakedeploy and the catalog of Snakemake workflows look for is where they look for it.

As read in their code: `scripts/generate-catalog.py` and `source/build_wf_pages.py` of
snakemake/snakemake-workflow-catalog, `snakedeploy/deploy.py` of snakemake/snakedeploy.
tests/dag/test_deployed.py runs what they deploy.
"""

import json
import re
import subprocess

import pytest
import yaml
from workflow import ROOT

from mirage.study import config


def test_the_search_of_the_catalog_finds_the_repository():
    text = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in text
    assert "workflow" in text


def test_the_main_snakefile_and_the_rules_have_the_names_that_are_asked_for():
    assert (ROOT / "workflow/Snakefile").is_file()
    # All of it is the root's: nothing is said twice.
    assert '"../Snakefile"' in (ROOT / "workflow/Snakefile").read_text()
    # Rules beside it would have to end in .smk; those of the root do.
    assert not (ROOT / "workflow/rules").exists()
    assert all(file.suffix == ".smk" for file in (ROOT / "rules").iterdir())


def test_the_catalog_s_settings_are_a_mapping_that_says_how_to_run():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    methods = usage["software-stack-deployment"]
    assert all(isinstance(works, bool) for works in [*methods.values(), usage["report"]])
    # `--sdm conda` makes this environment.
    conda = re.search(r'^conda: "(.*)"$', (ROOT / "Snakefile").read_text(), re.M)[1]
    assert methods["conda"] == (ROOT / conda).is_file()


def test_the_configuration_that_is_deployed_is_the_only_one():
    """A copy and no link: where links are not allowed, Git makes a text file of one."""
    told = "copy config.yaml to config/config.yaml"
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text(), told
    assert not (ROOT / "config/config.yml").exists()


def test_no_file_is_a_link():
    listed = ["git", "ls-files", "--stage"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("needs the git repository")
    assert [line for line in files.stdout.splitlines() if line.startswith("120000")] == []


def test_the_page_of_the_catalog_can_show_the_instructions():
    text = (ROOT / "config/README.md").read_text()
    # It is shown elsewhere, where a path leads nowhere.
    assert not re.findall(r"\]\((?!https://)", text)
    assert "docs/configuration.md" in text
    assert "workflow/schemas/config.schema.json" in text
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    assert list(config.read(yaml.safe_load(example), ROOT).config["figures"]) == ["masking"]
    keys = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.M)))
    assert set(keys) <= set(_schema()["properties"])
    assert len(keys) > 5


def test_the_schema_is_where_snakedeploy_looks_for_it():
    assert all({"description", "$ref", "anyOf"} & set(p) for p in _schema()["properties"].values())


def _schema():
    return json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
