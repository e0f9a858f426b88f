#!/usr/bin/env bash
# Apptainer from Debian's packages, unpacked below a folder of its own, for machines without one:
#
#   tests/container/apptainer.sh FOLDER; PATH=FOLDER/bin:$PATH
#
# Debian's stable releases have no package of it, and the one in `sid` needs newer libraries than
# they have. So it is unpacked together with the libraries it needs, and told to use those. Nothing
# is installed; apt's settings, lists and keys are only read. Users of a cluster have its own.
set -euo pipefail
umask 022

FOLDER=$(realpath -m "$1")
if [ -x "$FOLDER/bin/apptainer" ]; then exit; fi
. /etc/os-release
# The mirror that this machine uses itself.
mirror=$(apt-get --print-uris update | sed -n "s#^'\(.*\)/dists/$VERSION_CODENAME/InRelease'.*#\1#p" | head -n 1)
[ -n "$mirror" ] || { echo "apptainer.sh: apt knows no mirror of $VERSION_CODENAME" >&2; exit 1; }
rm -rf "$FOLDER"
trap '[ $? = 0 ] || rm -rf "$FOLDER"' EXIT

# A state of apt of our own: libraries from trixie, and what it has not from sid.
apt=$FOLDER/apt
mkdir -p "$apt"/{lists/partial,cache/archives/partial}
for suite in trixie sid; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done > "$apt/sources"
printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' trixie 990 sid 100 > "$apt/preferences"
touch "$apt/status"
cat > "$apt/settings" <<CONF
Dir::Etc::sourcelist "$apt/sources";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "$apt/preferences";
Dir::Etc::preferencesparts "-";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
packages="apptainer squashfs-tools squashfuse debootstrap patchelf"
APT_CONFIG=$apt/settings apt-get -qq update
# shellcheck disable=SC2086
APT_CONFIG=$apt/settings apt-get -qq -y --download-only install $packages ||
    APT_CONFIG=$apt/settings apt-get -qq -y --download-only -t sid install $packages
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$FOLDER"; done
rm -rf "$apt"

# Programs look for their loader and libraries in the system; have them look here.
loader=$(find "$FOLDER/usr/lib" -path '*-linux-gnu/*' -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(dirname "$loader")
own=$libraries/apptainer/bin  # where apptainer looks for its helpers first
cp "$FOLDER/usr/bin/patchelf" "$FOLDER/patchelf"
here() {
    "$loader" --library-path "$libraries" "$FOLDER/patchelf" --set-interpreter "$loader" "$1"
    # Not --set-rpath alone: what the libraries need themselves is to be found here too.
    "$loader" --library-path "$libraries" "$FOLDER/patchelf" --force-rpath --set-rpath "$libraries" "$1"
}
here "$FOLDER/usr/bin/apptainer"
here "$own/starter"
for program in mksquashfs unsquashfs squashfuse squashfuse_ll; do
    [ -e "$FOLDER/usr/bin/$program" ] || continue
    here "$FOLDER/usr/bin/$program"
    ln -s "$FOLDER/usr/bin/$program" "$own/$program"
done
cat > "$own/debootstrap" <<SH
#!/bin/sh
PATH=\$PATH:/usr/sbin:/sbin
DEBOOTSTRAP_DIR=$FOLDER/usr/share/debootstrap exec $FOLDER/usr/sbin/debootstrap "\$@"
SH
chmod +x "$own/debootstrap"
# Both programs look for `etc` and `var` beside the folder they are in.
for name in etc var; do
    ln -s "../$name" "$FOLDER/usr/$name"
    ln -s "../../$name" "$FOLDER/usr/lib/$name"
done
mkdir -p "$FOLDER/var/lib/apptainer/mnt/session" "$FOLDER/bin"

# Root is expected to have every capability there is. A machine that is itself a container, or a
# small virtual one, withholds some; apptainer is told to do without those.
names=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
    SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
    AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
    PERFMON BPF CHECKPOINT_RESTORE)
given=$((16#$(awk '/^CapPrm/ {print $2}' /proc/self/status)))
last=$(cat /proc/sys/kernel/cap_last_cap)
kept= withheld=
for ((i = 0; i <= last && i < ${#names[@]}; i++)); do
    if ((given >> i & 1)); then kept+=", \"CAP_${names[i]}\""; else withheld+=",CAP_${names[i]}"; fi
done
drop=
if [ "$(id -u)" = 0 ] && [ -n "$withheld" ]; then
    echo "{\"users\": {\"root\": [${kept#, }]}}" > "$FOLDER/etc/apptainer/capability.json"
    sed -i 's/^root default capabilities = .*/root default capabilities = file/' "$FOLDER/etc/apptainer/apptainer.conf"
    drop="export APPTAINER_DROP_CAPS=${withheld#,}"
fi
cat > "$FOLDER/bin/apptainer" <<SH
#!/bin/sh
$drop
exec $FOLDER/usr/bin/apptainer "\$@"
SH
chmod +x "$FOLDER/bin/apptainer"
"$FOLDER/bin/apptainer" --version
