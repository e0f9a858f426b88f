"""A run with the server that spares the jobs the import of TensorFlow: the same, and no remains."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from workflow import LONG, copy_sources, environment, processes, server, snakemake, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux only")

CHECKPOINT = "results/digits/checkpoints/float64/seed1/epoch1"
SWEEP = "results/digits/attacks/float64/seed1/test/bare/fgsm_exact/float64/sweep.csv"


def begin(folder, *targets, **variables):
    """Start Snakemake as the first process of a group, as a terminal does."""
    (folder / "log.txt").touch()
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(
            [
                *(Path(sys.executable).parent / "snakemake", *targets),
                *("--cores", "2", "--configfile", "config/test.yaml"),
            ],
            cwd=folder,
            env={**environment(), "MIRAGE_PRELOAD": "1", **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Where the tests run in the background of a shell, it has them ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def copy(folder, line):
    """A copy of the workflow whose jobs with a network run this line first."""
    copy_sources(folder)
    with (folder / "scripts/mirage/runtime/device.py").open("a") as stream:
        stream.write(f"\n{line}\n")
    return folder


WHOSE = 'print(open(f"/proc/{os.getppid()}/cmdline").read())'


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two folders, run with the server and without."""
    folders = [tmp_path_factory.mktemp(name) / "mirage" for name in ("with", "without")]
    for folder, switch in zip(folders, "10", strict=True):
        copy(folder, WHOSE)
        process = begin(folder, SWEEP, MIRAGE_PRELOAD=switch)
        assert process.wait(LONG) == 0, (folder / "log.txt").read_text()
        assert not processes(folder)
    return folders


@pytest.mark.thorough
def test_the_jobs_are_run_by_the_server_where_there_is_one(both):
    for folder, expected in zip(both, (True, False), strict=True):
        logs = sorted((folder / "results/digits/logs").rglob("*.log"))
        logs = [log.read_text() for log in logs if log.parent.name != "prepare"]
        assert len(logs) == 3  # two links of the chain and the attack
        assert [("serve.py" in log) for log in logs] == [expected] * 3


@pytest.mark.thorough
def test_a_run_takes_the_server_that_it_is_told_of(tmp_path):
    folder = copy(tmp_path / "mirage", WHOSE)
    result = snakemake(folder, SWEEP, "--configfile", "config/test.yaml")
    assert result.returncode == 0, result.stdout
    logs = [log.read_text() for log in (folder / "results/digits/logs").rglob("*.log")]
    assert [str(Path(server()).parent) in log for log in logs if "Node" in log] == [True] * 3
    assert Path(server()).exists()


@pytest.mark.thorough
@pytest.mark.parametrize("epochs", [(1, 4), (4,)])
def test_a_job_of_a_cluster_has_a_server_where_it_has_several_members(tmp_path, epochs):
    folder = copy(tmp_path / "mirage", WHOSE)
    links = [f"train:run=float64,seed=1,epoch={epoch}" for epoch in epochs]
    process = begin(folder, "--mode", "remote", "--target-jobs", *links, TMPDIR=str(tmp_path))
    assert process.wait(LONG) == 0, (folder / "log.txt").read_text()
    logs = [log.read_text() for log in (folder / "results/digits/logs/train").rglob("*.log")]
    assert [("serve.py" in log) for log in logs] == [len(epochs) > 1] * 2
    assert not processes(folder)
    assert not list(tmp_path.glob("mirage-*"))


@pytest.mark.thorough
def test_not_a_bit_of_a_checkpoint_is_different(both):
    contents = []
    for folder in both:
        with zipfile.ZipFile(folder / f"{CHECKPOINT}.keras") as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        metadata = json.loads(content["metadata.json"])
        assert metadata.pop("date_saved")
        contents.append(content | {"metadata.json": metadata})
    assert contents[0] == contents[1]


@pytest.mark.thorough
@pytest.mark.parametrize("file", [f"{CHECKPOINT}.csv", SWEEP])
def test_not_a_digit_of_a_table_is_different(both, file):
    first, second = (pd.read_csv(folder / file, dtype=str) for folder in both)
    assert "seconds" in first
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), second.drop(columns="seconds"))


@pytest.mark.parametrize(
    ("number", "deaf"),
    [
        pytest.param(signal.SIGINT, False, marks=pytest.mark.thorough),
        pytest.param(signal.SIGKILL, False, marks=pytest.mark.thorough),
        # As TensorFlow is while it computes: Ctrl-C again, and it is killed.
        pytest.param(signal.SIGINT, True, marks=pytest.mark.thorough),
    ],
)
def test_nothing_is_left_of_a_run_that_is_ended(tmp_path, number, deaf):
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)" if deaf else ""
    folder = copy(
        tmp_path / "mirage",
        f"from pathlib import Path\nimport signal\n{ignored}\nPath('here').touch()\nsignal.pause()",
    )
    process = begin(folder, f"{CHECKPOINT}.keras", TMPDIR=str(tmp_path))
    wait_until((folder / "here").exists, "a job is at work")
    assert any("serve.py" in command for command in processes(folder).values())
    if number == signal.SIGINT:
        for _ in range(1 + deaf):
            os.killpg(process.pid, number)  # as Ctrl-C does
            time.sleep(0.5)
    else:
        process.send_signal(number)
    assert process.wait(LONG) != 0
    assert "Traceback" not in (folder / "log.txt").read_text()
    wait_until(lambda: not processes(folder), "no process is left")
    assert not list(tmp_path.glob("mirage-*"))
    assert not (folder / f"{CHECKPOINT}.keras").exists()
