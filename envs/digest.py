"""Put the digest that the image has in a registry into image.txt: `make push` runs this.

The digest is that of the manifest, whose one layer is the file; Apptainer writes it so
(application/vnd.oci.image.manifest.v1+json). Were another version to write it otherwise, no
registry would know the digest, and a pull would say so.
"""

import hashlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def manifest(image: Path) -> bytes:
    """What `apptainer push` puts into a registry for an image."""
    with image.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    layer = {
        "mediaType": "application/vnd.sylabs.sif.layer.v1.sif",
        "size": image.stat().st_size,
        "digest": f"sha256:{digest}",
        "annotations": {"org.opencontainers.image.title": image.name},
    }
    empty = hashlib.sha256(b"{}").hexdigest()
    content = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.sylabs.sif.config.v1+json",
            "size": 2,
            "digest": f"sha256:{empty}",
        },
        "layers": [layer],
    }
    return json.dumps(content, separators=(",", ":")).encode()


if __name__ == "__main__":
    image = Path(sys.argv[1])
    line = f"{image.name} sha256:{hashlib.sha256(manifest(image)).hexdigest()}\n"
    (FOLDER / "image.txt").write_text(line, encoding="utf-8")
    print(line, end="")
