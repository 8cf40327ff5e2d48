# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # $at is for the tests
# family.bash: what the tests of victims/family share: a peer that accepts all that comes, and processes that hold connections to it.
# `load helpers` comes before it.
#
#   $peer $port   the peer's pid and port, from setup on
#   $at           after `asleep`: the pids of the processes that say where they are

setup()
{
    helpers_setup
    start peer "$VICTIMS/family" peer
    # shellcheck disable=SC2154 # by start
    peer=$pid
    port=$(port_of peer)
}

teardown()
{
    local p
    sed -n 's/^at //p' "$TESTTMP"/*.out 2>/dev/null | while read -r p; do kill -KILL "$p" 2>/dev/null; done
    helpers_teardown
}

# asleep N: until N processes of the victim sleep
asleep()
{
    wait_for 20 sleep_all "$1"
    mapfile -t at < <(sed -n 's/^at //p' "$TESTTMP/v.out" | sort -n)
}
sleep_all() { [ "$(grep -c '^at ' "$TESTTMP/v.out")" -ge "$1" ]; }

peer_closes()
{
    kill -USR1 "$peer"
    # the accept that the signal interrupts may come before it
    python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port"
    wait_for 20 grep -q closed "$TESTTMP/peer.out"
}

# by_agent REPORT: it is of the process' own table. A child makes that when its agent has looked, and is judged by the kernel's tables until then.
by_agent() { ! grep -q 'it has no state file\|it has not looked yet' "$1"; }

# ss_has PID: how many connections to the peer in CLOSE_WAIT ss(8) finds with that process
ss_has() { ss -Htnp state close-wait "dport = :$port" | grep -c "pid=$1,"; }
