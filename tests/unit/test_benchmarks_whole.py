"""The benchmark of runs as a whole: its records, its sittings, and where the wall time goes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import __main__, whole


def test_wall_time_is_divided_among_what_ran_and_adds_up():
    events = [
        (0.0, 2.0, 2.0, "Snakemake"),
        (2.0, 6.0, 4.0, "arithmetic"),
        (2.0, 6.0, 4.0, "start-up"),
        # Seven to ten: nothing.
        (6.0, 7.0, 1.0, "arithmetic"),
    ]
    core_seconds, wall_seconds = whole.divided(events, 0.0, 10.0)
    assert core_seconds["arithmetic"] == pytest.approx(5)
    # To within a bin at each border.
    assert wall_seconds == pytest.approx(
        {
            "arithmetic": 3,
            "start-up": 2,
            "Snakemake": 2,
            "input and output": 0,
            "waiting": 3,
        },
        abs=4 * whole.BIN,
    )
    assert sum(wall_seconds.values()) == pytest.approx(10)


def test_compiling_is_start_up_and_what_waits_for_its_stand_in_too():
    log = (
        "I0000 00:00:1795232437.500000   12416 device_compilation_profiler.cc:113] Compiled "
        "__inference_epoch_626 1 times, compile time: 1500000 us, cumulative: 1500000 us\n"
    )
    windows = {"job.log": whole.compilations(log)}
    assert windows == {"job.log": [(1795232436.0, 1795232437.5)]}
    process = {
        "script": "train.py",
        "log": "job.log",
        "imported": True,
        "began": 1795232435.0,
        "events": [(1795232437.0, 1.0, "arithmetic"), (1795232439.0, 1.5, "arithmetic")],
    }
    assert list(whole.events_of(process, windows)) == [
        (1795232436.0, 1795232437.0, 1.0, "start-up"),
        (1795232437.5, 1795232439.0, 1.5, "arithmetic"),
    ]
    for change, category in [
        ({"imported": False}, "start-up"),
        ({"script": "serve.py"}, "start-up"),
        ({"script": "snakemake"}, "Snakemake"),
    ]:
        assert {event[3] for event in whole.events_of(process | change, {})} == {category}


def test_memory_counts_what_did_the_work():
    processes = [
        {"script": "train.py", "imported": imported, "peak": 1024 * peak, "began": began}
        # The last is one process, in two parts.
        for imported, peak, began in [
            (False, 9000, 1),
            (True, 300, 2),
            (True, 400, 3),
            (True, 500, 3),
        ]
    ]
    assert whole.memory(processes) == {"train.py": (2, 500)}


def test_of_a_process_that_is_killed_all_but_the_last_notes_are_there(tmp_path):
    code = """
import os, signal, sitecustomize
sitecustomize.PART = 3
notes = f"{sitecustomize.FOLDER}/{os.getpid()}.json"
# It is there before a line is in it.
while not os.path.exists(notes) or not open(notes).read().endswith("\\n"):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    variables = {"PYTHONPATH": str(whole.WATCH), "MIRAGE_WATCH": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ | variables, check=False)
    assert killed.returncode == -signal.SIGKILL
    (file,) = tmp_path.iterdir()
    record = json.loads(file.read_text().splitlines()[0])
    # On a busy machine more may have been noted before they were told to be written.
    assert len(record["events"]) >= 3
    assert all(seconds > 0 for _, seconds, _ in record["events"])


def test_sittings_are_added_up(tmp_path):
    def sitting(number, began, ended, cpu, events):
        records = tmp_path / whole.RECORDS / str(number)
        records.mkdir(parents=True)
        whole.note(records, began, ended, cpu)
        process = {"script": "train.py", "log": "", "imported": True, "peak": 1024 * number}
        process |= {"began": began, "events": events}
        cut_off = json.dumps(process)[:-9]
        (records / "7.json").write_text(json.dumps(process) + "\n" + cut_off)

    sitting(1, 100.0, 110.0, 9.0, [(104.0, 4.0, "arithmetic"), (107.0, 3.0, "input and output")])
    # Killed: it ends with what was noted last.
    sitting(2, 500.0, None, None, [(505.0, 5.0, "arithmetic")])
    run = whole.total("quick", 1, tmp_path)
    assert run.sittings == 2
    assert run.seconds == pytest.approx(15)
    # Nothing noted two of the CPU seconds.
    expected = {"arithmetic": 9, "input and output": 3, "start-up": 2, "Snakemake": 0, "waiting": 0}
    assert run.core_seconds == pytest.approx(expected)
    assert run.wall_seconds["waiting"] == pytest.approx(3, abs=2 * whole.BIN)
    assert run.memory == {"train.py": (2, 2)}


@pytest.fixture
def called_by_make(monkeypatch):
    """As in `make bench ARGS="--only whole"`."""
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("MAKEFLAGS", "w -- ARGS=--only\\ whole")
    monkeypatch.setenv("ARGS", "--only whole")


def test_a_sitting_is_stopped_and_the_next_goes_on(called_by_make, tmp_path):
    (tmp_path / whole.RECORDS).mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/snakemake").symlink_to("/bin/true")
    makefile = tmp_path / "Makefile"
    makefile.write_text("quick:\n\t: > begun; exec sleep 600\n")
    assert not whole.sit("quick", 1, tmp_path, 0.05)
    assert (tmp_path / "begun").exists()
    break_off = f"echo $$PPID > make; kill -INT {os.getpid()}; sleep 600"
    makefile.write_text(f"quick:\n\t{break_off}\n")
    with pytest.raises(KeyboardInterrupt):
        whole.sit("quick", 1, tmp_path, None)
    assert not (Path("/proc") / (tmp_path / "make").read_text().strip()).exists()
    makefile.write_text("ARGS ?=\nquick:\n\t@echo cannot $(ARGS).; false\n")
    with pytest.raises(RuntimeError, match=r"quick failed:\ncannot \.\n"):
        whole.sit("quick", 1, tmp_path, None)
    makefile.write_text("quick:\n\ttrue\n")
    assert whole.sit("quick", 1, tmp_path, None)
    sittings = sorted((tmp_path / whole.RECORDS).glob(f"*/{whole.SITTING}"))
    # The second was broken off: it ends with its last record, and it has none.
    ended = [bool(json.loads(one.read_text())["ended"]) for one in sittings]
    assert ended == [True, False, True, True]
    assert whole.total("quick", 1, tmp_path).sittings == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "1"], "--minutes needs --keep"),
        (["--keep", "{folder}"], "is there, and not from such a run"),
    ],
)
def test_where_a_run_is_to_go_on_is_told(options, message, tmp_path, monkeypatch, capsys):
    (tmp_path / "quick").mkdir()
    options = [option.format(folder=tmp_path) for option in options]
    monkeypatch.setattr("sys.argv", ["bench", "--only", "whole", *options])
    with pytest.raises(SystemExit):
        __main__.arguments()
    assert message in capsys.readouterr().err
