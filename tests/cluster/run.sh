#!/usr/bin/env bash
# `make cluster-test`: what the tests of container and cluster need is brought up, unless it is here
# already, and taken down again whatever comes of them. Arguments go to pytest; IMAGE names the image.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v apptainer > /dev/null; then
    tests/container/apptainer.sh .tools/apptainer
    PATH=$PWD/.tools/apptainer/bin:$PATH
fi
if ! command -v docker-registry > /dev/null; then
    tests/container/registry.sh .tools/registry
    PATH=$PWD/.tools/registry/usr/bin:$PATH
fi
if [ ! -s "$IMAGE" ]; then tests/container/image.sh "$IMAGE"; fi
trap 'tests/cluster/slurm.sh down' EXIT
tests/cluster/slurm.sh up
# What the tests print is shown where they pass, too: the places of the jobs, SLURM's account of them.
# Those of the cluster mostly wait for it, while those of the container compute.
output=$(mktemp)
.venv/bin/pytest -raP tests/container "$@" > "$output" 2>&1 &
container=0 cluster=0
.venv/bin/pytest -raP tests/cluster "$@" || cluster=$?
wait $! || container=$?
cat "$output"
rm "$output"
# 5: with these arguments there is no such test in one of the two.
if [ "$container" = 5 ]; then exit "$cluster"; fi
if [ "$cluster" = 5 ]; then exit "$container"; fi
exit $((container || cluster))
