"""mirage as snakedeploy and the workflow catalog take it, from a git host and from workflow/."""

import shutil
import subprocess

import pytest
from architectures import mlp
from workflow import ROOT, copy_sources, plan, read, reruns, snakemake, write

CONFIGURATION = "config/config.yaml"
# What snakedeploy 0.17 writes, and the catalog tells people to run.
DEPLOYED = """
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module mirage:
    snakefile:
        github("owner/mirage", path="workflow/Snakefile", tag="{tag}")
    config:
        config

use rule * from mirage
"""


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A repository that git takes for github.com's owner/mirage, with a tag v1."""
    folder = tmp_path / "host/owner/mirage"
    copy_sources(folder)
    git(folder, "init", "--initial-branch=main")
    release(folder, "v1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path}/host/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def release(folder, tag):
    git(folder, "add", "--all")
    git(folder, "commit", "--message", tag)
    git(folder, "tag", tag)


def deploy(folder, tag):
    """What `snakedeploy deploy-workflow URL . --tag TAG` leaves."""
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(DEPLOYED.format(tag=tag))


def test_a_deployed_workflow_plans_the_same_jobs(pristine, host, tmp_path):
    folder = tmp_path / "deployed"
    deploy(folder, "v1")
    # As it is deployed it is the published protocol.
    assert (folder / CONFIGURATION).read_text() == (ROOT / "config.yaml").read_text()
    write(folder, CONFIGURATION, read(pristine, "config/test.yaml"))
    assert plan(folder) == plan(pristine, "--configfile", "config/test.yaml")


def test_the_workflow_folder_is_the_workflow(pristine):
    options = ("--configfile", "config/test.yaml")
    assert plan(pristine, "--snakefile", "workflow/Snakefile", *options) == plan(pristine, *options)


def test_the_catalog_can_draw_the_rules(pristine, tmp_path):
    """By its own command, in the folder that is there for it."""
    shutil.copytree(ROOT / ".test", pristine / ".test", ignore=shutil.ignore_patterns(".snakemake"))
    options = ("--directory", ".test", "--forceall", "--rulegraph")
    result = snakemake(pristine, "--snakefile", "workflow/Snakefile", *options)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count(" -> ") > 20
    assert 'label = "train"' in result.stdout


@pytest.mark.thorough
def test_a_later_version_of_a_deployed_workflow_repeats_what_it_changes(host, tmp_path):
    folder = tmp_path / "deployed"
    deploy(folder, "v1")
    network = {"network": mlp(8), "epochs": [1], "seeds": [1]}
    lines = {"plot": "lines", "title": "Accuracy", "label": "attack"}
    select = {"run": "small", "attack": ["fgsm", "noise"], "epsilon": "0.1"}
    study = {"dataset": "digits", "folder": "mine", "runs": {"small": network}}
    write(folder, CONFIGURATION, study | {"figures": {"attacks": {**lines, "select": select}}})
    result = snakemake(folder)
    assert result.returncode == 0, result.stdout
    assert (folder / "results/mine/figures/attacks.png").exists()
    assert str(tmp_path) not in (folder / "results/mine/provenance.json").read_text()
    assert not reruns(folder, CONFIGURATION)

    with (host / "scripts/mirage/attacks/noise.py").open("a") as stream:
        stream.write("\n# Another version.\n")
    release(host, "v2")
    (folder / "workflow/Snakefile").write_text(DEPLOYED.format(tag="v2"))
    again = {job.split()[0] for job in reruns(folder, CONFIGURATION)}
    assert again == {"sweep", "table", "figure"}
