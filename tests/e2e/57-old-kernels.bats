#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Old kernels, as filters answer for them: each call that the library or the command asks for and may miss, alone, and all that came after Linux 4.12.

# Each test is a subshell.
# shellcheck disable=SC2030,SC2031
load helpers

# frames FILE: the frames that have a file and a line, without what differs from run to run
frames() { grep -oE '#[0-9]+ .*:[0-9]+$' "$1"; }

# same NAME FILE AS: fails with the name of the missing call
same()
{
    diff <(frames "$3") <(frames "$2") && [ "$(frames "$2" | wc -l)" -ge 5 ] && return
    echo "without $1:"
    cat "$2"
    return 1
}

all_calls() { "$VICTIMS/old_kernel" list | grep -vx cookie; echo 4.12; }

@test "preload: without any one of the calls, and without all that came after 4.12, the same report and no warning" {
    local call
    with_agent '' "$VICTIMS/run_leak" 2 >"$TESTTMP/with" 2>&1
    for call in $(all_calls); do
        "$VICTIMS/old_kernel" "$call" env LD_PRELOAD="$AGENT" "$VICTIMS/run_leak" 2 >"$TESTTMP/without" 2>&1 3>&- 4>&-
        same "$call" "$TESTTMP/without" "$TESTTMP/with"
        lacks "$TESTTMP/without" 'warning'
    done
}

@test "run: the same" {
    local call
    "$SOCKLEAK" run -- "$VICTIMS/run_leak" 2 >"$TESTTMP/with" 2>&1 3>&- 4>&-
    for call in $(all_calls); do
        "$VICTIMS/old_kernel" "$call" "$SOCKLEAK" run -- "$VICTIMS/run_leak" 2 >"$TESTTMP/without" 2>&1 3>&- 4>&-
        same "$call" "$TESTTMP/without" "$TESTTMP/with"
        lacks "$TESTTMP/without" 'warning'
    done
}

# attached KERNEL-OF-THE-PROGRAM KERNEL-OF-THE-COMMAND: attach, a leak, report, scan, top and detach; -: this kernel
attached()
{
    local program=() command=()
    [ "$1" = - ] || program=("$VICTIMS/old_kernel" "$1")
    [ "$2" = - ] || command=("$VICTIMS/old_kernel" "$2")
    rm -f "$TESTTMP/in" "$TESTTMP/leaks.out"
    mkfifo "$TESTTMP/in"
    exec 7<>"$TESTTMP/in"
    "${program[@]}" "$VICTIMS/attach_leaks" <"$TESTTMP/in" >"$TESTTMP/leaks.out" 3>&- 4>&- 7>&- &
    pid=$!
    STARTED+=("$pid")
    wait_for 20 grep -q listening "$TESTTMP/leaks.out"
    echo "the program's kernel without: $1, the command's without: $2"
    run "${command[@]}" "$SOCKLEAK" attach "$pid" 3>&- 4>&- 7>&-
    echo "$output"
    [ "$status" -eq 0 ]
    lacks "$output" 'warning'
    echo open >&7
    wait_for 20 grep -q 'done' "$TESTTMP/leaks.out"
    run "${command[@]}" "$SOCKLEAK" report --min-age 0 "$pid" 3>&- 4>&- 7>&-
    contains "$output" '#0 leak_plainly +.*attach_leaks\.c:[0-9]+'
    run "${command[@]}" "$SOCKLEAK" scan "$pid" 3>&- 4>&- 7>&-
    contains "$output" "^ +2 .* $pid attach_leaks "
    run "${command[@]}" "$SOCKLEAK" top "$pid" 3>&- 4>&- 7>&-
    contains "$output" 'close_wait +leak_plainly'
    "${command[@]}" "$SOCKLEAK" detach "$pid" 3>&- 4>&- 7>&-
    exec 7>&-
    wait "$pid"
}

@test "attach: the command without what it has of a newer kernel" {
    local call
    for call in pidfd_open,pidfd_getfd close_range,openat2 process_vm_readv,process_vm_writev rseq_configuration,memfd_create,clone3,statx 4.12; do
        attached - "$call"
    done
}

@test "attach: a program without what the agent has of a newer kernel" {
    [ "$(id -u)" = 0 ] || skip 'a program under a filter may be looked at by root alone'
    local call
    for call in close_range memfd_create membarrier,pidfd_getfd 4.12; do attached "$call" -; done
}

@test "without SO_COOKIE one line says that nothing is recorded, and the program runs as before" {
    local line='nothing is recorded: this kernel cannot tell one socket from another \(no SO_COOKIE\), which Linux can from 4\.12 on$'
    run "$VICTIMS/old_kernel" cookie env LD_PRELOAD="$AGENT" "$VICTIMS/run_leak" 2 3>&- 4>&-
    [ "$status" -eq 0 ]
    contains "$output" "sockleak: warning: $line"
    [ "${#lines[@]}" -eq 1 ]
    run "$VICTIMS/old_kernel" cookie "$SOCKLEAK" run -- "$VICTIMS/run_leak" 2 3>&- 4>&-
    contains "$output" "$line"
    [ "${#lines[@]}" -eq 1 ]
    # while it runs: the first look says it, and there is no second
    mkfifo "$TESTTMP/in"
    exec 7<>"$TESTTMP/in"
    "$VICTIMS/old_kernel" cookie env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=interval=100ms "$VICTIMS/run_leak" 2 wait \
        <"$TESTTMP/in" >"$TESTTMP/leaks.out" 2>"$TESTTMP/leaks.err" 3>&- 4>&- 7>&- &
    pid=$!
    STARTED+=("$pid")
    wait_for 20 grep -qE "$line" "$TESTTMP/leaks.err"
    run "$SOCKLEAK" report "$pid" 3>&- 4>&- 7>&-
    contains "$output" 'records nothing|nothing is recorded|dormant|asleep'
    echo >&7
    exec 7>&-
    wait "$pid"
    [ "$(wc -l <"$TESTTMP/leaks.err")" -eq 1 ]
}

@test "without SO_COOKIE attach refuses, in one line with what can be done" {
    start waits sleep 60
    run "$VICTIMS/old_kernel" cookie "$SOCKLEAK" attach "$pid" 3>&- 4>&-
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "no SO_COOKIE\), which Linux can from 4\.12 on: use .sockleak scan $pid"
}
