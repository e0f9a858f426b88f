"""The locks, the container and the conda environment have the same versions."""

import hashlib
import re
import shutil
import subprocess
from importlib import util

import pytest
import yaml
from packaging.requirements import Requirement
from workflow import ROOT

ENVS = ROOT / "envs"
specification = util.spec_from_file_location("conda", ENVS / "conda.py")
conda = util.module_from_spec(specification)
specification.loader.exec_module(conda)


def versions(lock):
    """Name and marker of each package of a lock, and the version."""
    found = {}
    for pin in conda.pins((ENVS / lock).read_text()):
        requirement = Requirement(pin)
        (version,) = requirement.specifier
        assert version.operator == "=="
        found[requirement.name, str(requirement.marker)] = version.version
    assert found
    return found


def by_name(lock):
    names = {}
    for (name, _), version in versions(lock).items():
        names.setdefault(name, set()).add(version)
    return names


@pytest.mark.parametrize("name", ["dev", "peers", "bench", "cluster"])
def test_a_larger_lock_has_every_version_of_the_lock(name):
    larger = by_name(f"requirements-{name}.txt")
    for package, found in by_name("requirements.txt").items():
        assert larger[package] == found, package


def test_cuda_differs_from_the_lock_in_tensorflow_and_nvidias_packages_only():
    lock, cuda = by_name("requirements.txt"), by_name("requirements-cuda.txt")
    assert set(lock) - set(cuda) == {"tensorflow-cpu"}
    assert all(name.startswith("nvidia-") for name in set(cuda) - set(lock))
    assert any(name.startswith("nvidia-cudnn") for name in cuda)
    assert all(cuda[name] == lock[name] for name in set(lock) & set(cuda))
    # On Linux on x86-64, where the lock has the build for the CPU.
    markers = [marker for name, marker in versions("requirements-cuda.txt") if name == "tensorflow"]
    environment = {"platform_machine": "x86_64", "sys_platform": "linux"}
    assert any(
        marker == "None" or Requirement(f"x; {marker}").marker.evaluate(environment)
        for marker in markers
    )
    assert lock["tensorflow-cpu"] == lock["tensorflow"]


def test_the_conda_environment_has_the_pins_of_the_lock():
    lock = (ENVS / "requirements.txt").read_text()
    text = (ENVS / "environment.yaml").read_text()
    assert text == conda.environment(lock), "envs/environment.yaml is stale: make lock"
    python, pip, packages = yaml.safe_load(text)["dependencies"]
    assert pip == "pip"
    found = [(r.name, str(r.specifier)) for r in map(Requirement, packages["pip"])]
    pinned = re.findall(r"^([\w.-]+)(==[^ ]+)", lock, re.M)
    assert sorted(found) == sorted(pinned)
    definition = (ROOT / "Singularity.def").read_text()
    # The same Python in both, of which the patch release is the base's.
    assert f"from=python:{python.removeprefix('python=')}-slim" in definition


def test_the_container_installs_a_lock_with_hashes_and_carries_its_hash_in_its_name():
    definition = (ROOT / "Singularity.def").read_text()
    assert "    lock=requirements.txt\n" in definition
    assert "envs/{{ lock }} /opt/requirements.txt" in definition
    assert "--require-hashes -r /opt/requirements.txt" in definition
    if not shutil.which("make"):
        pytest.skip("needs make")
    locks = b"".join(
        (ENVS / name).read_bytes() for name in ("requirements.txt", "requirements-cuda.txt")
    )
    name = f"mirage-{hashlib.sha256(locks).hexdigest()[:12]}.sif"
    for option, lock in (("CUDA=", ""), ("CUDA=1", "--build-arg lock=requirements-cuda.txt")):
        command = ["make", "--no-print-directory", "-n", "container", option]
        line = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
        assert line.split()[-2:] == [name, "Singularity.def"]
        assert lock in line
        assert line.startswith("apptainer build ")
