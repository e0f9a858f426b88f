"""The image goes to a registry, by `make push`, and the jobs of others take it from there."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from architectures import mlp
from workflow import ROOT, copy_sources, environment, snakemake, write

SETTINGS = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@pytest.fixture
def registry(tmp_path):
    """The address, without a scheme, of a registry on this machine, over plain http."""
    program = shutil.which("docker-registry")
    if not program:
        pytest.skip("needs docker-registry; `make cluster-test` brings it along (Debian)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = tmp_path / "registry.yml"
    settings.write_text(SETTINGS.format(folder=tmp_path / "registry", address=address))
    with subprocess.Popen([program, "serve", settings], stderr=subprocess.DEVNULL) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/v2/"):
                break
            time.sleep(0.1)
        yield address
        process.terminate()


@pytest.mark.thorough
def test_jobs_take_the_image_that_was_pushed(image, registry, tmp_path, monkeypatch):
    folder = tmp_path / "mirage"
    copy_sources(folder)
    shutil.copy2(ROOT / "Makefile", folder)
    (folder / image.name).symlink_to(image)
    push = ["make", "push", f"REGISTRY=oras://{registry}/owner/mirage", "ARGS=--no-https"]
    done = subprocess.run(push, cwd=folder, env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    name, digest = (folder / "envs/image.txt").read_text().split()
    assert name == image.name
    # What the registry says itself.
    tag = image.stem.removeprefix("mirage-")
    asked = urllib.request.Request(
        f"http://{registry}/v2/owner/mirage/manifests/{tag}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["Docker-Content-Digest"] == digest
        assert json.load(answer)["layers"][0]["size"] == image.stat().st_size

    # One who has the folder and no image.
    (folder / image.name).unlink()
    monkeypatch.setenv("MIRAGE_REGISTRY", f"oras://{registry}/owner/mirage")
    monkeypatch.setenv("APPTAINER_NOHTTPS", "1")
    monkeypatch.setenv("APPTAINER_CACHEDIR", os.fspath(tmp_path / "cache"))
    run = {"network": mlp(8), "epochs": [1], "seeds": [1]}
    write(folder, "mine.yaml", {"dataset": "digits", "folder": "mine", "runs": {"small": run}})
    result = snakemake(folder, "checkpoints", "--configfile", "mine.yaml", "--sdm", "apptainer")
    assert result.returncode == 0, result.stdout
    assert f"oras://{registry}/owner/mirage@{digest}" in result.stdout
    log = folder / "results/mine/logs/train/small/seed1/epoch1.log"
    assert "; image " in log.read_text()
    assert not (folder / image.name).exists()
