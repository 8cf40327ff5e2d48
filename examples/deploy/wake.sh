#!/bin/sh
# SPDX-License-Identifier: MIT
# wake.sh: wakes the dormant agents (enabled=0) of those processes that use more than a share of their descriptors.
#
# usage: wake.sh [PERCENT [SECONDS]]     once, or each SECONDS; PERCENT: 50
#
# It asks the exporter's metrics, so it sees every process of the machine when it runs as root in the host's pid namespace. A process without the library
# is left alone: nothing is loaded into it. One that records already stays as it is. SOCKLEAK names the command where it is not in $PATH.
set -u
percent=${1:-50} seconds=${2:-}
sockleak=${SOCKLEAK:-sockleak}

# full: the pids of the processes over the share
full()
{
    "$sockleak" export --once | awk -v percent="$percent" '
        /^sockleak_descriptors(_limit)?[{]/ && match($0, /pid="[0-9]+"/) {
            pid = substr($0, RSTART + 5, RLENGTH - 6)
            if (/^sockleak_descriptors_limit/)
                limit[pid] = $NF
            else
                used[pid] = $NF
        }
        END {
            for (pid in used)
                if (limit[pid] > 0 && used[pid] * 100 > limit[pid] * percent)
                    print pid
        }'
}

while :; do
    for pid in $(full); do
        grep -q '/libsockleak[^/]*$' "/proc/$pid/maps" 2>/dev/null || continue
        "$sockleak" attach "$pid" 2>/dev/null
    done
    [ "$seconds" ] || break
    sleep "$seconds"
done
