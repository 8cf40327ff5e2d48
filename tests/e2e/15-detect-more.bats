#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a report must not say, what must not be missed, and what must not hang, in corners that programs do reach.

load helpers

@test "a process that forks often does not grow" {
    run with_agent "" "$VICTIMS/more_forks" 500
    echo "$output"
    [[ $output =~ ^grew\ (-?[0-9]+)\ KiB$ ]]
    [ "${BASH_REMATCH[1]}" -le 400 ]
}

# victim OPTIONS CASE...: in the background, steps at each line written to descriptor 7
victim() {
    local options=$1
    shift
    mkfifo "$TESTTMP/in"
    start_agent v "$options" bash -c "exec '$VICTIMS/more_cases' $* <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
}
step() { echo >&7; }
finish() { exec 7>&-; wait_for 20 ended "$pid"; }

@test "D7: a reported socket is retracted when its last descriptor is closed, not before" {
    victim "grace=300ms:log_format=json" dup
    wait_for 20 grep -q '"type":"leak"' "$TESTTMP/v.err"
    step
    wait_for 20 grep -q "first closed" "$TESTTMP/v.out"
    sleep 0.7
    lacks "$TESTTMP/v.err" '"type":"release"'
    step
    wait_for 20 grep -q '"type":"release"' "$TESTTMP/v.err"
    finish
}

@test "a socket that a suppression kept out of the reports is not retracted either" {
    echo "leak:forgetful_connect" >"$TESTTMP/rules"
    mkfifo "$TESTTMP/in"
    start_agent v "grace=300ms:suppressions=$TESTTMP/rules" bash -c "exec '$VICTIMS/never_reads' close <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q "^closed" "$TESTTMP/v.out"
    sleep 1.5
    step
    wait_for 20 grep -q "client closed" "$TESTTMP/v.out"
    finish
    lacks "$TESTTMP/v.err" "released"
}

@test "C11: leaks are found and told under an RLIMIT_NOFILE of 0" {
    run with_agent "" "$VICTIMS/more_cases" nofile
    echo "$output"
    [[ $output == *"1 socket stuck in CLOSE_WAIT"* ]]
}

@test "B10: a socket that no wrapper saw is found among many files at a short interval" {
    [ "$(uname -m)" = x86_64 ] || skip "makes its system call by hand"
    victim "grace=300ms" unseen
    wait_for 20 grep -q "1 socket stuck in CLOSE_WAIT" "$TESTTMP/v.err"
    finish
}

@test "a child's own leak is reported live beside stuck ones that are its parent's" {
    victim "grace=300ms:log_format=json:log_path=$TESTTMP/log" child
    wait_for 20 bash -c "[ \$(grep -l '\"reason\":\"grace\"' '$TESTTMP'/log.* | wc -l) = 2 ]"
    finish
}

@test "a leak is found within grace and an interval also right after a report" {
    victim "grace=1s:interval=300ms:log_format=json" more 2
    for n in 1 2; do
        wait_for 20 bash -c "[ \$(grep -c leaked '$TESTTMP/v.out') = $n ]"
        wait_for 20 bash -c "[ \$(grep -c '\"type\":\"leak\"' '$TESTTMP/v.err') = $n ]"
        step
    done
    finish
    # the second group's report: its socket had been stuck for grace, and what the look came late
    json "$TESTTMP/v.err" "[l['youngest_s'] for l in leaks]"
    [ "$(json "$TESTTMP/v.err" "leaks[1]['youngest_s'] < 1.9")" = True ]
}

@test "D6: looks on request between the regular ones do not make a growing leak look steady" {
    victim "grace=2s:interval=2s:signal=10:log_format=json" more 3
    for n in 1 2 3; do
        wait_for 20 bash -c "[ \$(grep -c leaked '$TESTTMP/v.out') = $n ]"
        sleep 5 # growth is not told of less than ten seconds
        step
    done
    sleep 1
    for n in {1..12}; do
        kill -USR1 "$pid"
        wait_for 20 bash -c "[ \$(grep -c '\"reason\":\"signal\"' '$TESTTMP/v.err') -ge $n ]"
    done
    finish
    [ "$(json "$TESTTMP/v.err" "[l['growing'] for l in leaks if l['reason'] == 'signal'][-1]")" = True ]
}

@test "D6: sockleak report calls a steady handful a pool" {
    victim "grace=300ms:log_path=/dev/null" more 1
    steady() { "$SOCKLEAK" report --format json "$pid" | grep -q '"steady":true'; }
    wait_for 20 steady
    finish
}

@test "C2: a child that is forked while another thread starts the agent does not hang" {
    command -v strace >/dev/null || skip "no strace"
    run timeout 20 strace -f -o /dev/null -P /proc/sys/kernel/random/boot_id -e inject=openat:delay_enter=1500000 \
        env LD_PRELOAD="$AGENT" "$VICTIMS/more_cases" fork_at_start
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"child done"* ]]
}
