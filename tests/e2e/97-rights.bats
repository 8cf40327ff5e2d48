#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# The watcher keeps no right that the program has given up, by whichever call.

load helpers

setup()
{
    helpers_setup
    # of setuid and setgid, and to change the bounding set
    [ "$(id -u)" -eq 0 ] || skip "the program must have rights to give up: not root"
    local have
    have=0x$(sed -n 's/^CapEff:\t//p' /proc/self/status)
    (((have & 0x25c0) == 0x25c0)) || skip "the program must have rights to give up: CAP_SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW are not all there"
}

# rights WORD...: the victim's lines in $output
rights() { run with_agent "interval=50ms:log_path=$TESTTMP/log.%p${options:-}" "$VICTIMS/rights" "$@"; }

# all_are_same N: N lines, each of which says that every thread had the same rights when the call returned
all_are_same()
{
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c ': same$' <<<"$output")" -eq "$1" ]
    [ "$(wc -l <<<"$output")" -eq "$1" ]
}

@test "each call by its name leaves no thread with more rights than its caller" {
    rights name
    all_are_same 24
}

@test "each call by its number leaves no thread with more rights than its caller" {
    rights syscall
    all_are_same 24
}

@test "a dormant watcher follows too" {
    options=:enabled=0
    rights syscall
    all_are_same 24
    rights name
    all_are_same 24
}

@test "a watcher that shares the program's descriptor table follows too" {
    run "$VICTIMS/close_range_refused" 1 env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="interval=50ms:log_path=$TESTTMP/log" "$VICTIMS/rights" syscall
    all_are_same 24
}

@test "of several threads the watcher follows the one that called last, with a new thread if need be" {
    rights threads
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} =~ ^"the watcher: Uid:"[[:space:]]1000[[:space:]]1000[[:space:]]1000[[:space:]]1000$ ]]
    [[ ${lines[1]} =~ ^"after the other thread: "(same|late)$ ]] # the old thread may be a moment in its end
}

@test "a vfork child gives up its own rights alone" {
    rights vfork
    all_are_same 1
}

@test "a call in a signal handler is followed" {
    rights handler
    all_are_same 1
}

@test "a child of fork, and its parent, each follow their own calls" {
    rights fork
    all_are_same 3
}

has_watcher() { grep -qs sockleak /proc/"$1"/task/*/comm; }

has_landlock() { python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)'; }

# landlocked FILE WORD...: runs the victim, and waits until its leak is reported in FILE
landlocked()
{
    local file=$1
    shift
    rm -f "$TESTTMP"/leak.* "$TESTTMP/in"
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start victim bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env LD_PRELOAD="$AGENT" \
        SOCKLEAK_OPTIONS="interval=50ms:grace=50ms:leak_check_at_exit=0:log_path=$TESTTMP/leak.%p" "$VICTIMS/rights" landlock "$@"
    wait_for 20 has_watcher "$pid"
    echo >&"$FEED"
    wait_for 20 grep -q "1 socket stuck" "${file/PID/$pid}"
    echo >&"$FEED"
    wait "$pid"
    exec {FEED}>&-
}

@test "what landlock forbids the program is forbidden to the watcher" {
    has_landlock || skip "this kernel has no landlock"
    landlocked "$TESTTMP/leak.PID" not
    lacks "$TESTTMP/victim.err" "1 socket stuck"
    landlocked "$TESTTMP/victim.err"
    contains "$TESTTMP/victim.err" "leak.%p cannot be opened .permission denied."
}
