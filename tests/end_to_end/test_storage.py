"""Results may lie in a storage: nothing but Snakemake's own records needs a shared disk."""

import shutil

import pytest
from compared import differences
from small import CONFIGURATION, configure
from workflow import copy_sources, snakemake


@pytest.mark.thorough
def test_a_run_from_and_to_a_storage_gives_the_same_files(tmp_path):
    pytest.importorskip("snakemake_storage_plugin_fs", reason="needs `make .venv/cluster`")
    if not shutil.which("rsync"):
        pytest.skip("needs rsync, by which the plugin copies")
    folder, storage = tmp_path / "mirage", tmp_path / "storage"
    copy_sources(folder)
    configure(folder)
    stored = snakemake(
        *(folder, "--configfile", CONFIGURATION),
        *("--default-storage-provider", "fs", "--default-storage-prefix", str(storage)),
        *("--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache"),
    )
    assert stored.returncode == 0, stored.stdout
    # No result was left on what would be the shared disk.
    assert not (folder / "results").exists()
    plain = snakemake(folder, "--configfile", CONFIGURATION)
    assert plain.returncode == 0, plain.stdout
    (results,) = (folder / "results").iterdir()
    assert differences(results, storage / "results" / results.name) == []
