"""The locks, the container and the conda environment have the same versions."""

import hashlib
import re
import shutil
import subprocess
import sys
from importlib import util

import pytest
import yaml
from packaging.requirements import Requirement
from workflow import ROOT, dry_run, make_dry_run

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
        line = make_dry_run(ROOT, "container", option)
        assert line.split()[-2:] == [name, "Singularity.def"]
        assert lock in line
        assert line.startswith("apptainer build ")


def test_the_container_comes_from_a_registry_by_the_digest_where_that_is_set(fresh, monkeypatch):
    def container(address):
        monkeypatch.setenv("MIRAGE_REGISTRY", address)
        (fresh / "Snakefile").write_text(f"{snakefile}\nprint('container', CONTAINER)\n")
        result = dry_run(fresh, "configuration", "--configfile", "config/test.yaml")
        return re.findall(r"^container (.*)$", result.stdout, re.M) or result.stdout

    snakefile = (fresh / "Snakefile").read_text()
    recorded = fresh / "envs/image.txt"
    name = recorded.read_text().split()[0]
    recorded.write_text(f"{name}\n")
    assert container("") == [name]
    tag = name.removeprefix("mirage-").removesuffix(".sif")
    assert container("oras://here/a/mirage") == [f"oras://here/a/mirage:{tag}"]
    # As `make push` records it, and make knows the name all the same.
    recorded.write_text(f"{name} sha256:12ab\n")
    assert container("oras://here/a/mirage") == ["oras://here/a/mirage@sha256:12ab"]
    assert container("") == [name]
    assert "MIRAGE_REGISTRY is 'here/a/mirage'; it must be" in container("here/a/mirage")
    if not shutil.which("make"):
        pytest.skip("needs make")
    shutil.copy2(ROOT / "Makefile", fresh)
    push, digest = make_dry_run(fresh, "push", "REGISTRY=oras://here/a/mirage").splitlines()
    assert push.split() == ["apptainer", "push", name, f"oras://here/a/mirage:{tag}"]
    assert digest.endswith(f" envs/digest.py {name}")


def test_the_digest_is_that_of_the_manifest_which_a_registry_gives(fresh):
    """The manifest of an image of three bytes, in the form that docker-registry 2.8 gave ours."""
    shutil.copytree(ENVS, fresh / "pushed")
    (fresh / "mirage-a.sif").write_bytes(b"abc")
    command = [sys.executable, fresh / "pushed/digest.py", "mirage-a.sif"]
    subprocess.run(command, cwd=fresh, check=True, capture_output=True)
    manifest = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
        '"config":{"mediaType":"application/vnd.sylabs.sif.config.v1+json","size":2,'
        '"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},'
        '"layers":[{"mediaType":"application/vnd.sylabs.sif.layer.v1.sif","size":3,'
        '"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",'
        '"annotations":{"org.opencontainers.image.title":"mirage-a.sif"}}]}'
    )
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    assert (fresh / "pushed/image.txt").read_text() == f"mirage-a.sif sha256:{digest}\n"
