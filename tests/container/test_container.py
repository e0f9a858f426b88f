"""The workflow in its container, locally: whose packages it uses, and that results are the same."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version

import pandas as pd
import pytest
from workflow import copy_sources, read, snakemake, write

CONFIGURATION = "config/test.yaml"


def every_rule_once(folder):
    """Leave of config/test.yaml what it takes to run every rule: a job in a container is slow."""
    config = read(folder, CONFIGURATION)
    config["runs"] = {name: config["runs"][name] for name in ("float64", "tuned")}
    config["runs"]["tuned"]["epochs"] = [1]
    config["also"] = [
        entry
        for entry in config["also"]
        if entry["run"] in config["runs"] and entry["attack"] in ("fgsm", "pgd", "jsma", "deepfool")
    ]
    del config["attacks"]["transfer"]
    figures = ("by-epoch", "examples", "restarts", "ladder")
    config["figures"] = {name: config["figures"][name] for name in figures}
    write(folder, CONFIGURATION, config)


@pytest.fixture(scope="session")
def outside(tmp_path_factory):
    """A copy in which the same has been run without a container."""
    folder = tmp_path_factory.mktemp("outside") / "mirage"
    copy_sources(folder)
    every_rule_once(folder)
    result = snakemake(folder, "--configfile", CONFIGURATION)
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture(scope="session")
def contained(image, tmp_path_factory):
    """A copy in which every rule has been run in the container, on a host full of traps.

    Whatever Python finds on the host before its own packages is there, broken.
    """
    folder = tmp_path_factory.mktemp("contained") / "mirage"
    copy_sources(folder)
    every_rule_once(folder)
    (folder / image.name).symlink_to(image)
    traps = folder / "traps"
    traps.mkdir()
    for package in ("keras", "numpy", "pandas", "tensorflow", "matplotlib"):
        (traps / f"{package}.py").write_text(f"raise ImportError('{package} of the host')\n")
    # For jobs only: Snakemake itself has its packages by then. It does catch a job on the host.
    environment = {**os.environ, "PYTHONPATH": str(traps)}
    host = subprocess.run(
        [sys.executable, "-c", "import numpy"], env=environment, text=True, capture_output=True
    )
    assert "numpy of the host" in host.stderr
    snakefile = folder / "Snakefile"
    text = snakefile.read_text()
    snakefile.write_text(f"{text}\nos.environ.update(PYTHONPATH={str(traps)!r})\n")
    result = snakemake(folder, "--configfile", CONFIGURATION, "--sdm", "apptainer")
    assert result.returncode == 0, result.stdout
    (folder / "output").write_text(result.stdout)
    return folder


def inside(image, code):
    """What a line of Python prints in the container."""
    command = ["apptainer", "exec", image, "python", "-c", code]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


def test_every_rule_ran_in_the_container(contained):
    rules = re.findall(
        r"^rule (\w+):", "".join(p.read_text() for p in contained.glob("rules/*")), re.M
    )
    ran = (contained / "output").read_text()
    # The embedded digits are not downloaded.
    assert [rule for rule in rules if f"rule {rule}:" not in ran] == ["download"]
    logs = list((contained / "results/digits/logs").rglob("*.log"))
    assert logs
    named = [log for log in logs if re.search(r"^Node ", log.read_text(), re.M)]
    kinds = {str(log.relative_to(contained / "results/digits/logs")).split("/")[0] for log in named}
    assert kinds >= {"train", "attacks", "measures"}
    for log in named:
        assert re.search(r"; image \S+/mirage-[0-9a-f]{12}\.sif$", log.read_text(), re.M), log
    # Scripts without TensorFlow name no place; outside, a trap would have ended them.
    assert (contained / "results/digits/configuration.yaml").exists()


def test_results_inside_and_outside_are_equal_bit_for_bit(contained, outside):
    tables = sorted(file.name for file in (outside / "results/digits/tables").glob("*.csv"))
    assert {"attacks.csv", "measures.csv", "history.csv", "summary.csv"} <= set(tables)
    for table in tables:
        one, other = (
            pd.read_csv(folder / "results/digits/tables" / table, dtype=str)
            for folder in (contained, outside)
        )
        seconds = ["seconds"] if "seconds" in one else []  # of the clock, not of the computation
        pd.testing.assert_frame_equal(one.drop(columns=seconds), other.drop(columns=seconds))


def test_packages_are_the_images_and_have_the_versions_of_the_lock(image):
    code = (
        "import json, keras, numpy, pandas, tensorflow;"
        "print(json.dumps({m.__name__: [m.__version__, m.__file__]"
        " for m in (keras, numpy, pandas, tensorflow)}))"
    )
    found = json.loads(inside(image, code).splitlines()[-1])
    for name, (number, file) in found.items():
        assert file.startswith("/opt/venv/lib/"), file
        assert number == version("tensorflow-cpu" if name == "tensorflow" else name)


def test_the_image_says_what_is_in_it(image):
    shown = ["apptainer", "inspect", "--json", image]
    labels = json.loads(subprocess.run(shown, capture_output=True, check=True).stdout)
    labels = labels["data"]["attributes"]["labels"]
    assert labels["mirage.keras"] == version("keras")
    assert labels["mirage.tensorflow-cpu"] == version("tensorflow-cpu")
    assert labels["mirage.lock"].startswith("requirements.txt ")
    tested = subprocess.run(
        ["apptainer", "test", image], text=True, capture_output=True, check=True
    )
    assert f"keras {version('keras')}" in tested.stdout
    assert "GPU: this image is for the CPU" in tested.stdout
    helped = subprocess.run(
        ["apptainer", "run-help", image], text=True, capture_output=True, check=True
    )
    assert "--sdm apptainer" in helped.stdout


def test_a_missing_image_is_asked_for_by_name(fresh):
    if not shutil.which("apptainer"):
        pytest.skip("needs Apptainer; `make cluster-test` brings it along (Debian)")
    result = snakemake(fresh, "--configfile", CONFIGURATION, "--sdm", "apptainer")
    assert result.returncode != 0
    assert re.search(r"mirage-[0-9a-f]{12}\.sif", result.stdout), result.stdout
