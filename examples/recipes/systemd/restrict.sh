#!/bin/bash
# Starts a program under the restrictions of rewards.service, without systemd: for the test.
#
#     unshare --mount --pid --ipc --uts --fork --kill-child restrict.sh FILES USER COMMAND...
#
# FILES has the directories opt, credentials and state, which the program sees where the unit puts them. Everything is
# mounted in the namespace of this script alone: the program gets a /tmp and a /run of its own, and nothing else of the
# machine can be written to. Needs root.
set -eu
files=$1 user=$2
shift 2

# private DIRECTORY OPTIONS: an empty directory of this namespace.
private() {
    mount -t tmpfs -o "$2" tmpfs "$1"
}

private /opt mode=0755
cp -R "$files/opt/." /opt/
# LoadCredential=
private /run mode=0755
mkdir -p /run/credentials/rewards.service
cp "$files"/credentials/* /run/credentials/rewards.service/
chmod 0400 /run/credentials/rewards.service/*
chmod 0500 /run/credentials/rewards.service
chown -R "$user:$user" /run/credentials/rewards.service
# StateDirectory=, StateDirectoryMode=
private /var/lib mode=0755
mkdir /var/lib/rewards
chown -R "$user:$user" "$files/state"
chmod 0700 "$files/state"
mount --bind "$files/state" /var/lib/rewards
# PrivateDevices=
private /dev mode=0755
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/urandom c 1 9
# DynamicUser= implies ProtectSystem=strict and PrivateTmp=
for directory in / /opt /run /var/lib /dev /sys; do mount -o remount,bind,ro "$directory"; done
private /tmp mode=1777
private /var/tmp mode=1777
# ProtectHome=
private /home mode=0000,ro
private /root mode=0000,ro
# ProcSubset=, ProtectProc=, and with them ProtectKernelTunables=
mount -t proc -o hidepid=invisible,subset=pid proc /proc

# LimitCORE=, UMask=
ulimit -c 0
umask 0077
cd /
# DynamicUser=, CapabilityBoundingSet=. The filter of system calls comes last.
exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    /usr/bin/python3 -I /opt/rewards/restrict_calls.py "$@"
