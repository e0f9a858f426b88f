"""docs/audit.md shows the kept tables of audits, and the rates of those of others."""

import audit_rates
from workflow import ROOT


def test_the_page_shows_the_kept_audits_of_models_of_others():
    page = (ROOT / "docs/audit.md").read_text().partition("### On models of others")[2]
    for line in audit_rates.lines(audit_rates.of_others()):
        assert line in page, line


def test_the_page_shows_the_kept_audits_of_the_studies():
    page = (ROOT / "docs/audit.md").read_text().partition("### On the networks of the studies")[2]
    for line in audit_rates.of_studies():
        assert line in page, line
