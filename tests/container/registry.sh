#!/usr/bin/env bash
# A container registry, Debian's docker-registry, unpacked below a folder of its own; nothing is installed:
#
#   tests/container/registry.sh FOLDER; PATH=FOLDER/usr/bin:$PATH
set -euo pipefail

if [ -x "$1/usr/bin/docker-registry" ]; then exit; fi
mkdir -p "$1"
cd "$1"
apt-get -qq update
apt-get -qq download docker-registry 2> /dev/null
dpkg-deb -x docker-registry_*.deb .
