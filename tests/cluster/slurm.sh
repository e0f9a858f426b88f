#!/usr/bin/env bash
# A real SLURM on this machine, for the tests: three nodes with two counted GPUs each, and accounting.
# The third node is down until a test has it join. Jobs of the partition `urgent` preempt those of `main`.
#
#   tests/cluster/slurm.sh up      installs Debian's packages if need be, and starts the daemons
#   tests/cluster/slurm.sh down    stops what `up` started and removes its folder; packages stay
#
# Where a SLURM answers already, `up` starts nothing, and `down` has nothing to stop. Everything
# listens on the loopback interface alone. MIRAGE_SLURM names the folder (default: below /tmp).
set -euo pipefail

FOLDER=${MIRAGE_SLURM:-/tmp/mirage-slurm}
HOST=$(hostname -s)
SOCKET=/run/mysqld/mysqld.sock
export SLURM_CONF=/etc/slurm/slurm.conf

fail() { echo "slurm.sh: $*" >&2; exit 1; }

# until_true SECONDS COMMAND...
until_true() {
    local tries=$(($1 * 5)); shift
    for ((i = 0; i < tries; i++)); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.2
    done
    fail "waited in vain for: $* (logs: $FOLDER/log)"
}

install_packages() {
    local wanted=(slurmctld slurmd slurmdbd slurm-client munge mariadb-server) package missing=()
    for package in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q "ok installed" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    # Nothing is to start by itself while this script installs.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
        ours=$policy
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod +x $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq > "$FOLDER/log/apt.log" 2>&1 &&
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >> "$FOLDER/log/apt.log" 2>&1 ||
        { rm -f $ours; tail -n 5 "$FOLDER/log/apt.log" >&2; fail "apt-get could not install ${missing[*]}"; }
    rm -f $ours
}

configure() {
    local memory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024 / 3 - 500)) gpu
    # SLURM counts device files. These are clones of /dev/null; any number of jobs may open one.
    for gpu in 0 1; do mknod "$FOLDER/gpu$gpu" c 1 3; done
    cat > "$FOLDER/etc/gres.conf" <<CONF
AutoDetect=off
NodeName=node[1-3] Name=gpu File=$FOLDER/gpu[0-1]
CONF
    cat > "$FOLDER/etc/slurm.conf" <<CONF
ClusterName=mirage
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$FOLDER/state
SlurmctldPidFile=$FOLDER/run/slurmctld.pid
SlurmctldLogFile=$FOLDER/log/slurmctld.log
SlurmdSpoolDir=$FOLDER/spool/%n
SlurmdPidFile=$FOLDER/run/%n.pid
SlurmdLogFile=$FOLDER/log/%n.log
# Without systemd and its control groups: processes are found by their parents, memory is sampled.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
# Nodes of one host, which may have fewer CPUs than they say.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
# Each job to the node with the least to do, so that all are used.
SelectTypeParameters=CR_Core_Memory,CR_LLN
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_interval=2
# squeue remembers jobs for this long.
MinJobAge=3600
# A node that is gone is given up after SlurmdTimeout; a job that will not end, after KillWait.
SlurmdTimeout=30
KillWait=2
# What runs over its time is ended within seconds.
OverTimeLimit=0
# A node that was set down stays so until it is resumed.
ReturnToService=1
JobRequeue=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStorageTRES=gres/gpu
NodeName=node[1-3] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=[17001-17003] CPUs=2 RealMemory=$memory Gres=gpu:2
# A job that is preempted goes back to the queue if it may (`sbatch --requeue`).
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=node[1-3] Default=YES MaxTime=1-00:00:00 PriorityTier=1
PartitionName=urgent Nodes=node[1-3] MaxTime=1-00:00:00 PriorityTier=2
CONF
    (umask 077; cat > "$FOLDER/etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
DbdHost=$HOST
DbdAddr=127.0.0.1
SlurmUser=root
PidFile=$FOLDER/run/slurmdbd.pid
LogFile=$FOLDER/log/slurmdbd.log
CommunicationParameters=NoInAddrAny
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
CONF
    )
    install -d /etc/slurm
    local file
    for file in slurm gres slurmdbd; do
        [ ! -e /etc/slurm/$file.conf ] || fail "/etc/slurm/$file.conf is there and is not ours"
        ln -sfn "$FOLDER/etc/$file.conf" /etc/slurm/$file.conf
    done
}

# Is the process of a pid file alive, and is it the program named? Debian adds -wlm to some names.
alive() {
    local pid; pid=$(cat "$1" 2> /dev/null) && [ -n "$pid" ] &&
        readlink "/proc/$pid/exe" 2> /dev/null | grep -q -E "/$2(-wlm)?\$"
}

stop() {
    alive "$1" "$2" || return 0
    local pid; pid=$(cat "$1")
    kill "$pid"
    for ((i = 0; i < 100; i++)); do
        alive "$1" "$2" || return 0
        sleep 0.2
    done
    kill -KILL "$pid"
}

all_nodes() { [ "$(sinfo -h -N -p main -o '%N %t' | grep -c -E ' (idle|mix|alloc)$')" = 3 ]; }

up() {
    if timeout 10 scontrol ping > /dev/null 2>&1; then
        echo "slurm.sh: a SLURM answers here already; it is used"
        return
    fi
    [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null ||
        fail "to bring up a SLURM this must be root on Debian"
    getent hosts "$HOST" | grep -q '^127\.' || fail "$HOST must be 127.0.0.1 in /etc/hosts"
    [ ! -e "$FOLDER" ] || down
    install -d "$FOLDER"/{etc,log,run,spool/node{1,2,3},state}
    install_packages
    configure

    # Who a message is from.
    install -d -o munge -g munge /run/munge
    if ! alive /run/munge/munged.pid munged; then
        if [ ! -s /etc/munge/munge.key ]; then
            (umask 077; head -c 1024 /dev/urandom > /etc/munge/munge.key)
            chown munge:munge /etc/munge/munge.key
        fi
        runuser -u munge -- /usr/sbin/munged
        touch "$FOLDER/run/munged-is-ours"
        until_true 10 munge -n
    fi
    # Accounting, by way of a socket that its user alone reaches.
    install -d -o mysql -g mysql /run/mysqld
    install -d -o mysql -g mysql -m 700 "$FOLDER/database"
    mariadb-install-db --no-defaults --user=mysql --datadir="$FOLDER/database" --skip-test-db \
        --auth-root-authentication-method=socket > "$FOLDER/log/mariadb.log" 2>&1
    setsid mariadbd --no-defaults --user=mysql --datadir="$FOLDER/database" --socket=$SOCKET \
        --skip-networking --pid-file="$FOLDER/database/pid" >> "$FOLDER/log/mariadb.log" 2>&1 < /dev/null &
    until_true 60 mariadb-admin --no-defaults --socket=$SOCKET ping
    slurmdbd
    until_true 60 sacctmgr -n list cluster
    sacctmgr -i add cluster mirage > /dev/null
    sacctmgr -i add account lab cluster=mirage Description=lab Organization=lab > /dev/null
    sacctmgr -i add user root account=lab > /dev/null
    slurmctld
    until_true 30 scontrol ping
    local node
    for node in node1 node2 node3; do slurmd -N $node; done
    until_true 60 all_nodes
    scontrol update NodeName=node3 State=DOWN Reason="joins in a test"
    sinfo -N -o "%8N %6t %4c %8m %8G %10P"
}

down() {
    [ -d "$FOLDER" ] || return 0
    if alive "$FOLDER/run/slurmctld.pid" slurmctld; then
        timeout 10 scancel --partition=main,urgent || true
        for ((i = 0; i < 50; i++)); do
            [ -n "$(timeout 10 squeue -h)" ] || break
            sleep 0.2
        done
    fi
    local node
    for node in node1 node2 node3; do stop "$FOLDER/run/$node.pid" slurmd; done
    stop "$FOLDER/run/slurmctld.pid" slurmctld
    stop "$FOLDER/run/slurmdbd.pid" slurmdbd
    stop "$FOLDER/database/pid" mariadbd
    [ ! -e "$FOLDER/run/munged-is-ours" ] || stop /run/munge/munged.pid munged
    local file
    for file in slurm gres slurmdbd; do
        [ "$(readlink /etc/slurm/$file.conf)" != "$FOLDER/etc/$file.conf" ] || rm /etc/slurm/$file.conf
    done
    rm -rf "$FOLDER"
}

case ${1:-} in
    up | down) "$1" ;;
    *) fail "up or down?" ;;
esac
