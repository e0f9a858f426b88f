"""More files of rows than a command line takes."""

import re
import subprocess

import pandas as pd

TABLE = "results/digits/tables/gradients"


def test_a_table_takes_more_files_than_a_command_line(jobs, finished, tmp_path):
    rows = next((finished / "results/digits/gradients").rglob("*.csv"))
    file = tmp_path.joinpath(*["a" * 200] * 15, "float64.csv")
    file.parent.mkdir(parents=True)
    file.write_bytes(rows.read_bytes())
    words = " ".join([str(file.relative_to(tmp_path))] * 800)
    no_room = subprocess.run(
        ["bash", "-c", "/bin/true $(cat)"], input=words, text=True, check=False
    )
    assert no_room.returncode == 126

    log, command = jobs.by_output[f"{TABLE}.csv"]
    (tmp_path / log).parent.mkdir(parents=True)
    # Snakemake, too, writes a long command into a file for bash.
    script = tmp_path / "command.sh"
    script.write_text(
        re.sub(r"--data .* --output", f"--data {words} --output", command).replace(
            "scripts/", f"{finished}/scripts/"
        )
    )
    subprocess.run(["bash", script], cwd=tmp_path, env=jobs.environment, check=True)
    one, all_rows = pd.read_csv(file), pd.read_csv(tmp_path / f"{TABLE}.csv")
    assert all_rows.equals(pd.concat([one] * 800, ignore_index=True))
