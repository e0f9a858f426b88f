"""What is shown of a run: the counts, the time left, the plain lines, the table on a terminal."""

import io
import logging
import signal
import sys
import types

import pytest
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

import follow
import progress
import shown


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(clock):
    """Four jobs of a and two of b."""
    made = progress.Run(clock)
    made.plan({"a": 4, "b": 2, "none": 0})
    return made


def do(run, clock, job, rule, seconds):
    """A job by itself, from begin to end."""
    run.begin(job, rule)
    clock.now += seconds
    return run.finish(job)


def test_jobs_are_counted_by_stage(run, clock):
    assert list(run.stages) == ["a", "b"]
    assert not do(run, clock, 1, "a", 5).complete
    for job in (2, 3):
        do(run, clock, job, "a", 5)
    assert do(run, clock, 4, "a", 5).complete
    run.begin(5, "b")
    clock.now += 3
    assert (run.done, run.total, run.running, run.failed) == (4, 6, 1, 0)
    assert run.stages["a"].passed(clock.now) == 20
    assert run.stages["b"].passed(clock.now) == 3
    assert run.passed() == 23


def test_a_job_that_is_tried_again_has_not_failed(run, clock):
    run.begin(1, "a")
    run.stop(1)
    assert (run.failed, run.running) == (1, 0)
    run.begin(1, "a")
    assert (run.failed, run.running) == (0, 1)
    run.finish(1)
    run.finish(1)
    assert (run.failed, run.done) == (0, 1)


def test_what_only_asks_for_others_and_what_is_added_later_break_no_count(run):
    run.begin(7, "all")
    assert run.finish(7) is None
    run.stop(8)
    for job in range(10, 15):
        run.begin(job, "a")
        run.finish(job)
    assert (run.done, run.total) == (5, 7)
    assert run.stages["a"].complete


def test_the_time_left_comes_from_jobs_of_the_same_rule(run, clock):
    run.plan({"a": 6, "b": 2})
    for job, seconds in enumerate((30, 30, 10, 10)):  # the later ones count
        do(run, clock, job, "a", seconds)
    assert run.left() is None
    do(run, clock, 6, "b", 1)
    # Two of a and one of b, one at a time.
    assert run.left() == pytest.approx(21)
    run.begin(4, "a")
    clock.now += 4
    assert run.left() == pytest.approx(17)
    assert run.left_of(run.stages["a"]) == pytest.approx(16)
    clock.now += 100  # longer than any before
    assert run.left() == pytest.approx(11)


def test_the_time_left_counts_jobs_that_run_side_by_side(clock):
    run = progress.Run(clock)
    run.plan({"a": 8, "later": 2})
    for pair in (0, 2, 4, 6):
        run.begin(pair, "a")
        run.begin(pair + 1, "a")
        clock.now += 10
        run.finish(pair)
        run.finish(pair + 1)
    # Nothing is known of the others but what the jobs so far took.
    assert run.left() == pytest.approx(10)
    assert run.left_of(run.stages["later"]) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")],
)
def test_a_time_is_told_as_a_clock_does(seconds, text):
    assert progress.clock_time(seconds) == text


def test_where_there_is_no_room_stages_that_run_are_kept(run, clock):
    run.plan({"over": 1, "runs": 1, "failed": 1, "later": 1})
    do(run, clock, 1, "over", 1)
    run.begin(2, "runs")
    run.begin(3, "failed")
    run.stop(3)
    stages = list(run.stages.values())
    names = [[stage.name for stage in shown.chosen(stages, room)] for room in (4, 3, 2, 1)]
    assert names[0] == ["over", "runs", "failed", "later"]
    assert names[1:] == [["runs", "failed", "later"], ["runs", "failed"], ["runs"]]


# --- Plain lines, from records of Snakemake's -----------------------------------------------------


def event(kind=None, message="", level=logging.INFO, **values):
    """A record as Snakemake logs it."""
    record = logging.LogRecord("snakemake", level, "", 0, message, (), None)
    vars(record).update(event=kind, indent=False, rule_msg=None, **values)
    return record


def began(job, rule="train", **wildcards):
    return event(LogEvent.JOB_INFO, jobid=job, rule_name=rule, wildcards=wildcards, log=[])


def ended(job):
    return event(LogEvent.JOB_FINISHED, job_id=job)


def failed(job, rule="train"):
    return event(
        LogEvent.JOB_ERROR, "", logging.ERROR, jobid=job, rule_name=rule, log=[], shellcmd=None
    )


def settings(**changed):
    names = ("dryrun", "quiet", "verbose", "printshellcmds", "debug_dag", "log_handler_settings")
    return types.SimpleNamespace(**{**dict.fromkeys(names), "nocolor": False, **changed})


def rule(name, *output):
    return types.SimpleNamespace(name=name, output=output)


@pytest.fixture
def follow_run(monkeypatch, tmp_path, clock):
    """Make a follower of a run that `make quick` asked for, where there is no terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRAGE_SHOWN", "make quick")
    stream = logging.StreamHandler(io.StringIO())
    stream.name = "DefaultStreamHandler"
    logger.addHandler(stream)
    before = signal.getsignal(signal.SIGINT)
    made = []

    def make(**changed):
        made.append(
            follow.Follower(
                types.SimpleNamespace(
                    output_settings=settings(**changed),
                    dryrun=True,  # no server
                    rules=[rule("train", "a"), rule("figure", "b"), rule("all")],
                    scheduler=types.SimpleNamespace(failed=set()),
                    logger_manager=types.SimpleNamespace(
                        get_logfile=lambda: [str(tmp_path / "log/x.log")]
                    ),
                )
            )
        )
        if show := made[-1].shown:
            show.run.clock, show.run.begun = clock, 0
        return made[-1], stream

    yield make
    for one in made:
        one.close()
    logger.removeHandler(stream)
    signal.signal(signal.SIGINT, before)


def begin(follower, clock):
    """A run of three jobs, one second after the begin."""
    clock.now += 1
    follower.emit(event(LogEvent.WORKFLOW_STARTED))
    stats = {"train": 2, "figure": 1, "all": 1, "total": 4}
    follower.emit(event(LogEvent.RUN_INFO, stats=stats))


def test_a_run_is_told_in_a_line_a_stage_and_one_a_minute(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    follower.emit(began(1, seed="1"))
    clock.now += 59
    follower.shown.display.tick()
    follower.emit(ended(1))
    follower.emit(event(None, "Select jobs to execute..."))
    follower.emit(began(2, seed="2"))
    clock.now += 60
    follower.emit(ended(2))
    for record in (began(3, "figure"), ended(3), began(4, "all"), ended(4)):
        follower.emit(record)
    follower.close()
    follower.close()
    assert capsys.readouterr().err.splitlines() == [
        "0:01  make quick: 3 jobs (train 2, figure 1)",
        "1:00  0 of 3 jobs done",
        "2:00  train: 2 of 2 jobs done in 1:59",
        "2:00  figure: 1 of 1 job done in 0:00",
        "Time: 2:00",
        "Snakemake's log: log/x.log",
    ]


def test_failures_are_told_at_once_and_what_to_call_next_at_the_end(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    for record in (began(1, seed="1"), failed(1), began(1, seed="1"), failed(1)):
        follower.emit(record)
    final = "Exiting because a job execution failed. Look above for error messages"
    follower.emit(event(None, final, logging.ERROR))
    follower.shown.display.tick()
    follower.close()
    assert capsys.readouterr().err.splitlines()[1:] == [
        "0:01  failed: train (seed=1)",
        "0:01  failed: train (seed=1)",
        "0:01  0 of 3 jobs done, 1 failed",
        "",
        "Stopped after 0:01: 0 of 3 jobs done, 1 failed",
        "Snakemake's log: log/x.log",
        "Next: mend this and call `make quick` again: it goes on where it stopped.",
    ]


def test_an_interrupt_is_no_failure(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    follower.emit(began(1, seed="1"))
    follower.emit(event(None, f"{follow.TERMINATING}, this might take some time."))
    follower.emit(failed(1))
    follower.close()
    told = capsys.readouterr().err
    assert "failed" not in told
    assert "\nInterrupted after 0:01: 0 of 3 jobs done\n" in told
    assert "\nNext: call `make quick` again" in told


def test_what_snakemake_says_over_and_over_again_is_told_once(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    for _ in range(3):
        follower.emit(event(None, "Will exit after finishing currently running jobs (scheduler)."))
    assert capsys.readouterr().err.count("Will exit after") == 1


def test_errors_and_warnings_of_snakemake_are_told_whole(follow_run, clock, capsys):
    follower, _ = follow_run()
    follower.emit(event(None, "before the run", logging.WARNING))
    follower.emit(event(LogEvent.WORKFLOW_STARTED))
    follower.emit(event(None, "a warning\nof two lines", logging.WARNING))
    missing = event(LogEvent.ERROR, "MissingInputException in rule x:\n  y", logging.ERROR)
    follower.emit(missing)
    follower.close()
    assert capsys.readouterr().err.splitlines() == [
        "0:00  a warning",
        "of two lines",
        "0:00  MissingInputException in rule x:",
        "  y",
        "",
        "Stopped after 0:00",
        "Snakemake's log: log/x.log",
        "Next: mend this and call `make quick` again: it goes on where it stopped.",
    ]


def test_a_job_that_did_not_write_its_output_runs_no_more(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    follower.emit(began(1))
    text = 'MissingOutputException in rule train in file "a", line 3:\nJob 1  completed, but'
    follower.emit(event(LogEvent.ERROR, text, logging.ERROR))
    run = follower.shown.run
    assert (run.running, run.failed) == (0, 1)
    assert text in capsys.readouterr().err


def test_of_a_group_only_the_member_that_failed_counts(follow_run, clock, capsys):
    follower, _ = follow_run()
    begin(follower, clock)
    infos = []
    for job in (1, 2):
        follower.emit(began(job, seed=str(job)))
        infos.append(
            {
                **{"jobid": job, "rule_name": "train", "log": [], "shellcmd": None},
                **{"output": ["a"], "rule_msg": None},
            }
        )
    follower.emit(event(LogEvent.GROUP_ERROR, job_error_info=infos, aux_logs=[]))
    for job in (1, 2):
        record = failed(job)
        record.indent = True
        follower.emit(record)
    run = follower.shown.run
    assert (run.running, run.failed) == (0, 1)
    assert capsys.readouterr().err.count("failed: ") == 1


def test_snakemake_s_own_log_is_hidden_from_the_begin_of_the_run_on(follow_run, clock, capsys):
    follower, stream = follow_run()
    said = stream.stream
    for record in (
        event(None, "Unlocked working directory."),
        event(None, f"{shown.ASSUMING}."),
        event(LogEvent.WORKFLOW_STARTED, "Workflow has started!"),
        event(None, "Building DAG of jobs..."),
        event(None, "an error", logging.ERROR),
    ):
        if stream.filter(record):
            stream.emit(record)
        follower.emit(record)
    assert said.getvalue() == "Unlocked working directory.\n"
    assert "an error" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        {"dryrun": True},
        {"quiet": {"rules"}},
        {"verbose": True},
        {"printshellcmds": True},
        {"log_handler_settings": {"other": None}},
    ],
)
def test_an_option_on_what_snakemake_shows_has_it_show_its_own(follow_run, option):
    follower, stream = follow_run(**option)
    assert follower.shown is None
    assert stream.filter(event(LogEvent.WORKFLOW_STARTED))


def test_jobs_do_not_see_that_make_asked(follow_run, monkeypatch):
    follow_run()
    assert shown.ASKED not in shown.os.environ
    # So another run that begins from here shows Snakemake's own.
    assert follow_run()[0].shown is None


# --- The table ------------------------------------------------------------------------------------

TABLE = """\
| run     | clean         | sign_disagreement |
|:--------|:--------------|:------------------|
| float32 | 0.763 ± 0.030 | 0.094 ± 0.013     |
| é [b]   | 0.969 ± 0.004 | –                 |
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def table(monkeypatch, columns, stream):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", stream)
    shown.table_shown(TABLE, "tables/summary.md")
    return stream.getvalue()


def test_a_table_goes_to_a_file_as_it_is_and_to_a_wide_terminal(monkeypatch):
    assert table(monkeypatch, 20, io.StringIO()) == TABLE + "\n"
    assert table(monkeypatch, 80, Terminal()) == TABLE + "\n"


def test_on_a_terminal_that_is_a_little_narrow_the_head_has_two_lines(monkeypatch):
    lines = table(monkeypatch, 39, Terminal()).splitlines()
    assert max(map(len, lines)) <= 39
    assert [line.split() for line in lines[1:3]] == [["sign"], ["run", "clean", "disagreement"]]
    assert "float32  0.763 ± 0.030  0.094 ± 0.013" in lines


def test_on_a_narrow_terminal_there_are_means_only_and_it_is_told_where_the_rest_is(monkeypatch):
    lines = table(monkeypatch, 30, Terminal()).splitlines()
    assert ["float32", "0.763", "0.094"] in [line.split() for line in lines]
    assert ["é", "[b]", "0.969", "–"] in [line.split() for line in lines]
    assert "summary.md" in "".join(lines)
