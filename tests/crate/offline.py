"""The public validator of RO-Crates where there is no network: `python offline.py validate ...`.

The validator fetches the two JSON-LD contexts that a crate names. They are answered here, from the
schema.org vocabulary that the rocrate library brings along and the few terms that the profiles add;
any other address is out of reach. A property that is in neither is unknown to the validator.
"""

import json
from pathlib import Path

import requests
import rocrate
from requests.adapters import HTTPAdapter
from rocrate_validator.cli.main import cli

BIOSCHEMAS = "https://bioschemas.org/"
WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run#"
vocabulary = json.loads((Path(rocrate.__file__).parent / "data/schema.jsonld").read_text())
names = [entry["@id"].rsplit("/", 1)[-1].split(":")[-1] for entry in vocabulary["@graph"]]
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {
        **{name: f"http://schema.org/{name}" for name in names},
        "File": "http://schema.org/MediaObject",
        "conformsTo": "http://purl.org/dc/terms/conformsTo",
        "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
        "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
        "input": f"{BIOSCHEMAS}properties/input",
        "output": f"{BIOSCHEMAS}properties/output",
    },
    "https://w3id.org/ro/terms/workflow-run/context": {"sha256": f"{WORKFLOW_RUN}sha256"},
}


def send(_adapter: HTTPAdapter, request: requests.PreparedRequest, **_) -> requests.Response:
    """Answer a request for a context."""
    if request.url not in CONTEXTS:
        raise requests.ConnectionError(f"{request.url}: out of reach", request=request)
    response = requests.Response()
    response.status_code = 200
    response.url = request.url
    response.request = request
    response.headers["Content-Type"] = "application/ld+json"
    response._content = json.dumps({"@context": CONTEXTS[request.url]}).encode()
    return response


if __name__ == "__main__":
    HTTPAdapter.send = send
    cli()
