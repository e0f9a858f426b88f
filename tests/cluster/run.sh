#!/usr/bin/env bash
# `make cluster-test`: what the tests of container and cluster need is brought up, unless it is here
# already, and taken down again whatever comes of them. Arguments go to pytest; IMAGE names the image.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v apptainer > /dev/null; then
    tests/container/apptainer.sh .tools/apptainer
    PATH=$PWD/.tools/apptainer/bin:$PATH
fi
if [ ! -s "$IMAGE" ]; then tests/container/image.sh "$IMAGE"; fi
trap 'tests/cluster/slurm.sh down' EXIT
tests/cluster/slurm.sh up
# What the tests print is shown where they pass, too: the places of the jobs, SLURM's account of them.
.venv/bin/pytest -raP tests/container tests/cluster "$@"
