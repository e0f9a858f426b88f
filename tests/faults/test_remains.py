"""What a killed writer leaves behind is gone when the next one has written the same file."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from workflow import snakemake

import serve
from mirage.runtime import files

HANG = """
import signal, sys
from mirage.runtime.files import atomic
with atomic(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(flush=True)
    signal.pause()
"""


@pytest.fixture
def left(tmp_path):
    """A temporary file that a killed process has left beside epoch1.csv, and the path of that."""
    path = tmp_path / "epoch1.csv"
    writer = subprocess.Popen(
        [sys.executable, "-c", HANG, path],
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])},
        stdout=subprocess.PIPE,
    )
    writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    (temporary,) = tmp_path.iterdir()
    assert temporary.read_text() == "half"
    return temporary, path


def test_the_next_writer_of_the_file_removes_it(left):
    _, path = left
    with files.atomic(path) as temporary:
        temporary.write_text("whole")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "whole"


@pytest.mark.parametrize("name", ["epoch11.csv", "1.csv", "epoch1.csv.csv", "epoch?.csv", "*"])
def test_the_writer_of_another_file_leaves_it(left, name):
    before, path = left
    with files.atomic(path.with_name(name)) as temporary:
        temporary.write_text("whole")
    assert before.exists()


def test_two_that_write_at_once_both_write_the_whole_file(tmp_path):
    """As when only the Snakemake of the first was killed, and is called again."""
    path = tmp_path / "epoch1.csv"
    first = subprocess.Popen(
        [sys.executable, "-c", HANG.replace("signal.pause()", "sys.stdin.read()"), path],
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    first.stdout.readline()
    with files.atomic(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    first.communicate()
    assert first.returncode == 0
    assert path.read_text() == "half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_on_another_node_fails_and_harms_nothing(tmp_path):
    """Whether it lives cannot be seen from here."""
    path = tmp_path / "epoch1.csv"
    another = tmp_path / f".{2**22 + 1}.tmp.epoch1.csv"  # a number that no process here has
    another.write_text("from another node")
    with files.atomic(path) as temporary:
        temporary.write_text("whole")
    with pytest.raises(FileNotFoundError):
        os.replace(another, path)
    assert path.read_text() == "whole"


@pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux only")
def test_the_folder_of_a_server_that_was_killed_with_its_parent_is_removed(tmp_path, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    start = serve.start_of(gone.pid)
    gone.wait()
    assert serve.start_of(gone.pid) is None
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = os.getpid()
    alive = f"mirage-{own}-{serve.start_of(own)}-a"
    kept = [alive, f"mirage-x{gone.pid}-{start}-a", "mirage-other"]
    # The second was of another process, which had the number of this one before.
    for name in (f"mirage-{gone.pid}-{start}-a", f"mirage-{own}-1-a", *kept):
        (tmp_path / name).mkdir()
    serve.remove_left_folders()
    assert {path.name for path in tmp_path.iterdir()} == set(kept)
    server = serve.Server()
    server.start()
    (new,) = {path.name for path in tmp_path.iterdir()} - set(kept)
    serve.remove_left_folders()
    assert (tmp_path / new).exists()
    server.stop()
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


@pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux only")
def test_the_folder_is_removed_where_nothing_is_left_to_run(run, tmp_path, monkeypatch):
    """Killed in its last job, a run may have nothing to do when it is started again."""
    left = tmp_path / "temporary/mirage-1-0-a"
    left.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(left.parent))
    done = snakemake(run, "--configfile", "config/test.yaml")
    assert "Nothing to be done" in done.stdout, done.stdout
    assert not left.exists()
