#!/usr/bin/env bash
# The image of `make container`, built where Docker Hub may not be reached: its base is made of
# packages of this machine's Debian mirror, and this machine's certificates and package index are
# lent to the build, of which nothing stays in the image.
#
#   tests/container/image.sh mirage-HASH.sif
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -s "$1" ]; then exit; fi

. /etc/os-release
mirror=$(apt-get --print-uris update | sed -n "s#^'\(.*\)/dists/$VERSION_CODENAME/InRelease'.*#\1#p" | head -n 1)
lent=$(mktemp -d)
trap 'rm -rf "$lent"' EXIT
certificates=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
if [ -r "$certificates" ]; then
    cp "$certificates" "$lent/certificates"
    # /mnt is a folder of every base, which a bind needs.
    export APPTAINERENV_PIP_CERT=/mnt/certificates APPTAINERENV_SSL_CERT_FILE=/mnt/certificates
fi
for name in PIP_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
    if [ -n "${!name-}" ]; then export "APPTAINERENV_$name=${!name}"; fi
done
if [ -z "${PIP_INDEX_URL-}" ] && index=$(python3 -m pip config get global.index-url 2> /dev/null); then
    export APPTAINERENV_PIP_INDEX_URL=$index
fi
# A compression that is quick, since the image is used once.
make container ARGS="--bind $lent:/mnt:ro --mksquashfs-args '-comp lz4' --build-arg bootstrap=debootstrap \
    --build-arg osversion=bookworm --build-arg mirror=$mirror"
