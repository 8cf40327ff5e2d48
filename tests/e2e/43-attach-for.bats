#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154,SC2034 # $output, $status and $pid come from bats and the helpers; a descriptor is held by its variable
# Whatever ends `attach --for`, the process is left alone again.

load helpers

# leaking: a process without the agent that keeps a connection whose peer has closed
leaking()
{
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start leaking bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$VICTIMS/run_leak" 1 wait
    wait_for 20 grep -q ready "$TESTTMP/leaking.out"
    leaking=$pid
}

has_agent() { grep -q libsockleak "/proc/$leaking/maps"; }
recording() { "$SOCKLEAK" report "$leaking" | grep -q '^==.*sockleak'; }
left_alone()
{
    run "$SOCKLEAK" detach "$leaking"
    contains "$output" 'not recording; nothing to do'
}

# until_ended SIGNAL PID: as somebody does who loses patience
until_ended()
{
    kill "-$1" "$2" 2>/dev/null
    ended "$2"
}

@test "a reader that has had enough of the report" {
    leaking
    timeout 60 "$SOCKLEAK" attach --grace 100ms --for 1s "$leaking" 2>&1 | true
    left_alone
    run bash -c 'set -o pipefail; timeout 60 "$1" attach --grace 100ms --for 1s "$2" | true' _ "$SOCKLEAK" "$leaking"
    [ "$status" = 0 ]
    [ -z "$output" ]
    left_alone
}

@test "signal after signal while the report hangs" {
    leaking
    mkfifo "$TESTTMP/full"
    exec {FULL}<>"$TESTTMP/full"
    python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
try:
    while True: os.write(fd, b"x")
except BlockingIOError: pass' "$TESTTMP/full"
    # shellcheck disable=SC2016 # the inner shell's own
    start attach bash -c 'exec "$@" >"$0"' "$TESTTMP/full" "$SOCKLEAK" attach --grace 100ms --for 600s "$leaking"
    local attach=$pid
    wait_for 30 recording
    wait_for 30 until_ended TERM "$attach"
    status=0
    wait "$attach" || status=$?
    [ "$status" = 1 ]
    contains "$TESTTMP/attach.err" 'the report was ended by signal 15'
    left_alone
}

@test "a terminal that goes away, but not under nohup" {
    leaking
    start attach "$SOCKLEAK" attach --grace 100ms --for 600s "$leaking"
    wait_for 30 recording
    kill -HUP "$pid"
    wait "$pid"
    contains "$TESTTMP/attach.out" '^==.*sockleak: '
    left_alone

    start attach nohup "$SOCKLEAK" attach --grace 100ms --for 600s "$leaking"
    wait_for 30 recording
    kill -HUP "$pid"
    recording
    kill -0 "$pid"
    stop "$pid"
    left_alone
}

@test "a signal while the agent is being loaded" {
    leaking
    start attach "$SOCKLEAK" attach --for 600s "$leaking"
    until has_agent || ended "$pid"; do :; done
    kill -TERM "$pid"
    wait "$pid"
    left_alone
}
