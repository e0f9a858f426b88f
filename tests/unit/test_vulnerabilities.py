"""What `make vulnerabilities` says of the answers of pip-audit: only what was looked up passes."""

import json
import sys
from importlib import util

import pytest
from workflow import ROOT

specification = util.spec_from_file_location("vulnerabilities", ROOT / "envs/vulnerabilities.py")
vulnerabilities = util.module_from_spec(specification)
specification.loader.exec_module(vulnerabilities)

PYTHON = sys.executable
CLEAN = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FLAW = {"id": "CVE-1", "fix_versions": ["2"]}
VULNERABLE = {"name": "c", "version": "1", "vulns": [FLAW]}


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Look up two locks with a pip-audit that answers as told; gives exit status and output."""

    def run(answers, *options):
        (tmp_path / "requirements.txt").touch()
        (tmp_path / "requirements-dev.txt").touch()
        tool = tmp_path / "pip-audit"
        tool.write_text(
            f"#!{PYTHON}\nimport json, sys\n"
            f"answer = json.loads({json.dumps(answers)!r})[sys.argv[-3]]\n"
            "if isinstance(answer, str): sys.exit(answer)\n"
            "print(json.dumps({'dependencies': answer}))\n"
        )
        tool.chmod(0o755)
        monkeypatch.setattr(vulnerabilities, "FOLDER", tmp_path)
        monkeypatch.setattr(vulnerabilities.sys, "executable", str(tool))
        status = vulnerabilities.main(list(options))
        return status, capsys.readouterr().out

    return run


def test_packages_that_are_known_and_have_no_flaw_pass(asked):
    status, told = asked({"pypi": [CLEAN, CLEAN]})
    assert status == 0
    assert told.count("2 packages, no known vulnerability") == 2


def test_a_flaw_is_named_and_no_pass(asked):
    status, told = asked({"pypi": [CLEAN, VULNERABLE], "osv": "unused"})
    assert status == 1
    assert "requirements.txt: c 1: CVE-1; mended in 2" in told


def test_a_flaw_counts_even_where_other_packages_are_unknown(asked):
    status, told = asked({"pypi": [UNKNOWN, VULNERABLE], "osv": "unused"}, "--may-skip")
    assert status == 1
    assert "CVE-1" in told


def test_the_second_service_is_asked_where_the_first_does_not_know(asked):
    status, told = asked({"pypi": [UNKNOWN], "osv": [CLEAN]})
    assert (status, told.count("1 packages, no known")) == (0, 2)


@pytest.mark.parametrize("answer", [[UNKNOWN, CLEAN], [UNKNOWN], "ConnectionError: no network"])
def test_what_could_not_be_asked_is_told_and_is_no_pass(asked, answer):
    answers = {"pypi": answer, "osv": "ConnectionError: no network"}
    status, told = asked(answers)
    assert status == 3
    assert told.count("NOT LOOKED UP: pypi: ") == 2
    assert "osv: ConnectionError: no network" in told
    assert "no known vulnerability" not in told
    status, told = asked(answers, "--may-skip")
    assert status == 0
    assert "this is no pass" in told


def test_every_lock_is_asked_about():
    groups = ("", "-dev", "-cuda", "-cluster", "-vulnerabilities", "-crate")
    assert {path.name for path in vulnerabilities.FOLDER.glob("requirements*.txt")} >= {
        f"requirements{name}.txt" for name in groups
    }
