"""Two runs from nothing give the same bytes, however many jobs run beside one another."""

import shutil

import pytest
from compared import differences, files
from workflow import snakemake

RESULTS = "results/digits"


@pytest.fixture(scope="module")
def one_worker(pristine, tmp_path_factory):
    """Results of config/test.yaml, one job after another; `finished` runs two at a time."""
    folder = tmp_path_factory.mktemp("one_worker") / "mirage"
    shutil.copytree(pristine, folder, ignore=shutil.ignore_patterns(".*"))
    one = ("--cores", "1", "--configfile", "config/test.yaml")
    result = snakemake(folder, *one, own_server=True)
    assert result.returncode == 0, result.stdout
    assert "Provided cores: 1 " in result.stdout
    return folder / RESULTS


@pytest.mark.thorough
def test_a_second_run_with_one_worker_gives_the_same_bytes(finished, one_worker):
    kinds = {file.suffix for file in files(one_worker).values()}
    assert kinds >= {".csv", ".md", ".html", ".keras", ".npz", ".png", ".svg", ".yaml"}
    assert differences(finished / RESULTS, one_worker) == []


@pytest.mark.parametrize("file", ["tables/attacks.csv", "checkpoints/small/seed1/epoch1.keras"])
def test_a_difference_is_seen(finished, tmp_path, file):
    """In a digit of a table, and in a bit of a weight."""
    copy = shutil.copytree(finished / RESULTS, tmp_path / "copy")
    path = copy / file
    content = bytearray(path.read_bytes())
    place = content.index(b"0.") + 3 if path.suffix == ".csv" else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)
    if path.suffix == ".csv":
        assert differences(finished / RESULTS, copy) == [f"{file}: not the same"]
    else:
        with pytest.raises(Exception, match="CRC"):
            differences(finished / RESULTS, copy)
    path.unlink()
    assert differences(finished / RESULTS, copy) == [f"{file}: in one of the two only"]
