"""The files that say how mirage is cited and archived agree; pyproject.toml is the truth."""

import json
import re
import tomllib

import pytest
import yaml
from workflow import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())
CODEMETA = json.loads((ROOT / "codemeta.json").read_text())
# Those of schema.json of citation-file-format 1.2.0 that may stand here.
SOFTWARE = (
    *("cff-version", "title", "message", "type", "version", "license", "authors", "keywords"),
    "references",
)
REFERENCE = ("type", "title", "authors", "year", "doi", "collection-title", "notes")
REFERENCE_TYPES = ("article", "blog", "conference-paper", "generic", "report", "thesis")


def test_title_version_licence_authors_and_keywords_are_the_same():
    title, version, licence = CITATION["title"], PROJECT["version"], PROJECT["license"]
    # The question with which the description of the package begins.
    assert title == f"mirage: {PROJECT['description'].split('? ')[0].lower()}?"
    assert title == ZENODO["title"] == CODEMETA["name"]
    assert version == CITATION["version"] == ZENODO["version"] == CODEMETA["version"]
    assert licence == CITATION["license"] == ZENODO["license"]
    assert CODEMETA["license"] == f"https://spdx.org/licenses/{licence}"
    names = [author["name"] for author in CITATION["authors"]]
    assert names == [one["name"] for one in ZENODO["creators"]]
    assert names == [one["name"] for one in CODEMETA["author"]]
    assert CITATION["keywords"] == ZENODO["keywords"] == CODEMETA["keywords"]
    assert PROJECT["description"].endswith(ZENODO["description"])
    assert ZENODO["description"] == CODEMETA["description"]
    assert CODEMETA["runtimePlatform"] == f"Python {PROJECT['requires-python']}"
    assert re.search(rf"^## {re.escape(version)}$", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_citation_is_one_by_its_schema():
    assert CITATION["cff-version"] == "1.2.0"
    assert set(CITATION) <= set(SOFTWARE)
    assert {"authors", "cff-version", "message", "title"} <= set(CITATION)
    assert all(isinstance(CITATION[key], str) for key in ("version", "message", "title"))
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])
    for reference in CITATION["references"]:
        assert set(reference) <= set(REFERENCE)
        assert {"authors", "title", "type"} <= set(reference)
        assert reference["type"] in REFERENCE_TYPES
        assert isinstance(reference.get("year", 0), int)
        assert re.fullmatch(r"10\.\d{4,9}/\S+", reference.get("doi", "10.1000/1"))
        assert all(set(one) == {"family-names", "given-names"} for one in reference["authors"])


def test_the_citation_refers_to_every_study_with_a_source():
    """Each has the authors and the title that docs/reproducibility.md gives its source."""
    text = (ROOT / "docs/reproducibility.md").read_text()
    sources = dict(re.findall(r"^\| ([\w-]+) \| ([^|]*\*[^|]*) \|", text, re.M))
    references = {one["notes"]: one for one in CITATION["references"]}
    assert set(references) == set(sources)
    published = {file.parent.name for file in ROOT.glob("studies/*/published.csv")}
    assert set(references) <= published
    for study, reference in references.items():
        title = re.search(r"\*(.*)\*", sources[study])[1]
        assert reference["title"].lower().startswith(title.lower())
        assert str(reference.get("year", "")) in sources[study]
        assert [one["family-names"] for one in reference["authors"]] == re.findall(
            r"(?:[A-Z]\. ?-?)+ ?([A-Z][a-zA-Z-]+)",
            sources[study].partition("*")[0].replace(".-", ". "),
        )


@pytest.mark.parametrize("file", ["CITATION.cff", ".zenodo.json", "codemeta.json"])
def test_they_are_plain_text_without_addresses_of_people(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text.isascii()
    assert not re.search(r"\w@\w", text)
