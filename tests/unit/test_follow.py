"""What is told of a failed job, from the events that Snakemake logs and the log of the job."""

import logging
import signal
import types
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import follow
import last_words

FRAMES = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\n    ^^^\n'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n", []),
        ("epoch 1\ntrain: wrong", ["train: wrong"]),
        ("train.py: error: no file\n", ["train.py: error: no file"]),
        ("train: first\ntrain: last\n  a\n\n  b\n", ["train: last", "  a", "", "  b"]),
        # Another script's name, or one that is only a part, is no mark.
        ("a\n\nattack: no\nretrain: no", ["attack: no", "retrain: no"]),
        (f"train: progress\n{FRAMES}OSError: a\n  b\nc", ["OSError: a", "  b", "c"]),
        (f"{FRAMES}KeyError\n\nDuring handling:\n\n{FRAMES}OSError: b", ["OSError: b"]),
        (f"{FRAMES}OSError: ignored\ntrain: wrong", ["train: wrong"]),
        # Cut off while it was written.
        (FRAMES, FRAMES.splitlines()),
        ("a\n\nb\nc", ["b", "c"]),
        ("10 %\r20 %\r\ntrain: 30 %\rtrain: wrong\x1b[2J\r\n", ["train: wrong [2J"]),
        ("\n".join(map(str, range(100))), list(map(str, range(80, 100)))),
    ],
)
def test_the_last_message_of_a_log_is_found_whole(text, expected):
    assert last_words.last_words(text, "train") == expected


def test_a_killed_job_had_no_time_for_a_message():
    assert last_words.last_words("a\n\nepoch 1\nepoch 2\n", "train", killed=True) == ["epoch 2"]
    assert last_words.last_words("epoch 1\ntrain: x\ny", "train", killed=True) == ["train: x", "y"]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("CalledProcessError:\nCommand 'a' returned non-zero exit status 1.", 1),
        ("Command 'a' returned non-zero exit status 137.\n  File x, line 1, in __rule", -9),
        ("Command 'a' died with <Signals.SIGTERM: 15>.", -15),
        ("Command 'a' returned non-zero exit status 255.", 255),
        ("Command 'returned non-zero exit status 137.\n' returned non-zero exit status 2.", 2),
        ("MissingOutputException: of a job", None),
    ],
)
def test_the_exit_status_is_read_from_what_snakemake_tells(message, status):
    assert last_words.exit_status(message) == status


# --- A group on a cluster -------------------------------------------------------------------------


class Job:
    """A job as Snakemake's scheduler has it."""

    def __init__(self, number, **wildcards):
        self.jobid, self.wildcards_dict = number, wildcards
        self.rule = types.SimpleNamespace(name="train")

    def is_group(self):
        return False


class Group:
    """Some jobs that went out together."""

    def __init__(self, *jobs):
        self.jobs = jobs

    def is_group(self):
        return True


def event(kind, **values):
    """A record as Snakemake logs it."""
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, "", (), None)
    vars(record).update(event=kind, indent=False, rule_msg=None, aux_logs=[], **values)
    return record


@pytest.fixture
def follower(tmp_path, monkeypatch):
    """One that follows a run of four jobs in a group, which have logs of an earlier run."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    jobs = [Job(number, epoch=str(number)) for number in range(4)]
    scheduler = types.SimpleNamespace(failed={Group(*jobs)})
    follower = follow.Follower(types.SimpleNamespace(scheduler=scheduler))
    for number in range(4):
        Path(f"{number}.log").write_text("train: of an earlier run\n")
        follower.emit(event(LogEvent.JOB_INFO, jobid=number, log=[f"{number}.log"]))
    yield follower
    follower.close()
    signal.signal(signal.SIGINT, before)


def group_error(**more):
    infos = [
        {
            "jobid": number,
            "log": [f"{number}.log"],
            "output": [f"{number}.keras (update)"],
            "shellcmd": "python ../mirage/scripts/train.py --job '{}'",
            "rule_msg": None,
        }
        for number in range(4)
    ]
    return event(LogEvent.GROUP_ERROR, job_error_info=infos, **more)


def test_of_a_group_the_member_that_failed_is_told(follower):
    for number in (0, 1):
        Path(f"{number}.log").write_text(f"epoch {number}\ntrain: wrong {number}\nall of it\n")
    Path("0.keras").touch()
    follower.emit(group_error())
    # They follow for all members, the ones that never began among them.
    for number in range(4):
        record = event(LogEvent.JOB_ERROR, jobid=number, log=[f"{number}.log"], shellcmd=None)
        record.indent = True
        follower.emit(record)
    assert follower.summary() == [
        "Failed: train (epoch=1)\n  1.log:\n    train: wrong 1\n    all of it"
    ]


def test_of_a_group_that_never_began_its_scheduler_s_log_is_told(follower):
    Path("slurm.log").write_text("slurmstepd: error: no such image\n")
    record = group_error()
    record.aux_logs = ["slurm.log"]
    follower.emit(record)
    assert follower.summary() == [
        "Failed: train (epoch=0)\n  slurm.log:\n    slurmstepd: error: no such image"
    ]


def test_the_same_words_of_several_attempts_are_told_once_and_others_each(follower):
    follower.workflow.scheduler.failed = {Job(0, run="a", epoch="0")}
    for text, told in (("x", None), ("x", None), ("y", "SLURM status: OUT_OF_MEMORY")):
        Path("0.log").write_text(f"train: {text}\n")
        record = event(LogEvent.JOB_ERROR, jobid=0, log=["0.log"], shellcmd="scripts/train.py")
        record.rule_msg = told
        follower.emit(record)
    assert follower.summary() == [
        "Failed in 2 attempts: train (run=a, epoch=0)\n  0.log:\n    train: x",
        "Failed: train (run=a, epoch=0)\n  SLURM status: OUT_OF_MEMORY\n  0.log:\n    train: y",
    ]
