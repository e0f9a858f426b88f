"""A full disk and a folder that cannot be written to: a sentence, no remains, and it goes on later.

Disks of a few kilobytes are mounted, which takes root's rights.
"""

import os
import shutil
import subprocess

import pytest
from compared import differences
from small import CONFIGURATION, configure
from workflow import snakemake

from mirage.runtime import files

RESULTS = "results/digits"


@pytest.fixture
def mounted():
    """Mounts file systems, for as long as the test lasts; skips where that is not allowed."""
    folders = []

    def mount(*command):
        result = subprocess.run(["mount", *command], text=True, capture_output=True, check=False)
        if result.returncode:
            pytest.skip(f"needs the right to mount: {result.stderr.strip()}")
        folders.append(command[-1])

    try:
        if not shutil.which("mount"):
            pytest.skip("needs mount")
        yield mount
    finally:
        for folder in dict.fromkeys(folders[::-1]):
            subprocess.run(["umount", folder], check=True)


def fill(folder, left):
    """Fill the disk of a folder but for so many blocks of 4096 bytes."""
    filler = folder / "filler"
    disk = os.statvfs(folder)
    filler.write_bytes(bytes(disk.f_bavail * disk.f_bsize - left * 4096))
    return filler


@pytest.fixture
def small_disk(run, mounted):
    """A copy of a finished run with its results on a disk of their own."""
    disk = run / "results"
    shutil.move(disk, run / "former")
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk))
    shutil.copytree(run / "former", disk, dirs_exist_ok=True)
    return run


@pytest.mark.thorough
@pytest.mark.parametrize(
    "output",
    [
        "checkpoints/float64/seed1/epoch4.keras",
        "tables/attacks.csv",
        "figures/by-epoch.png",
        "attacks/float64/seed1/test/bare/deepfool/float64/examples_epoch4_minimal.npz",
    ],
)
def test_a_job_on_a_full_disk_says_so_and_leaves_the_old_file(jobs, small_disk, output):
    output = f"{RESULTS}/{output}"
    before = (small_disk / output).read_bytes()
    filler = fill(small_disk / "results", 1)
    ended = jobs.run(small_disk, output)
    assert ended.status == 1
    assert f"{output}: cannot be written (No space left on device). Make room" in ended.log
    assert "Traceback" not in ended.log
    assert (small_disk / output).read_bytes() == before
    assert not list(small_disk.rglob("*.tmp*"))
    filler.unlink()
    assert jobs.run(small_disk, output).status == 0


@pytest.mark.thorough
def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(fresh, mounted, tmp_path):
    configure(fresh)
    twin = shutil.copytree(fresh, tmp_path / "twin")
    disk = fresh / "results"
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk))
    data = f"{RESULTS}/data/300-100/train.npz"
    first = snakemake(fresh, data, "--configfile", CONFIGURATION)
    assert first.returncode == 0, first.stdout
    filler = fill(disk, 20)
    full = snakemake(fresh, "--configfile", CONFIGURATION)
    assert full.returncode == 1
    assert "cannot be written (No space left on device)" in full.stdout
    assert "Traceback" not in full.stdout
    assert not list(fresh.rglob("*.tmp*"))
    assert not list(fresh.rglob("*.keras"))
    filler.unlink()
    for folder in (fresh, twin):
        result = snakemake(folder, "--configfile", CONFIGURATION)
        assert result.returncode == 0, result.stdout
    assert differences(fresh / RESULTS, twin / RESULTS) == []


@pytest.mark.thorough
@pytest.mark.parametrize("made_before", [False, True])
def test_results_that_cannot_be_written_to_are_told_in_a_sentence(
    fresh, finished, mounted, made_before
):
    results = fresh / "results"
    if made_before:
        shutil.copytree(finished / "results", results)
        (results / "digits/tables/summary.csv").unlink()
    results.mkdir(exist_ok=True)
    mounted("--bind", str(results), str(results))
    mounted("-o", "remount,ro,bind", str(results))
    result = snakemake(fresh, "--configfile", "config/test.yaml")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    told = "Write-protected output files" if made_before else "Read-only file system: 'results/"
    assert told in result.stdout
    assert f"{RESULTS}/" in result.stdout


@pytest.mark.thorough
def test_a_file_that_cannot_be_written_is_told_with_the_reason(tmp_path, mounted):
    (tmp_path / "old").write_text("old")
    mounted("-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path))
    with (
        pytest.raises(files.WriteError, match=r"new: cannot be written \(Read-only file system\)"),
        files.atomic(tmp_path / "new") as temporary,
    ):
        temporary.write_text("new")
