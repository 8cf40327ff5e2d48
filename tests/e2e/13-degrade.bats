#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Trouble of the agent's own: one clear line, and the program runs to its normal end.

load helpers

# quiet_run OPTIONS: the datagram victim: nothing to report, so that every line is a complaint
quiet_run() { run with_agent "$1" "$VICTIMS/each_kind" datagram; }

@test "an unknown option is named in one line and the program runs on" {
    quiet_run "colour=always"
    echo "$output"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"warning: colour: no such option"* ]]
}

@test "each bad value is named in one line with what to write instead" {
    quiet_run "grace=soon:kinds=close_wait,fish"
    echo "$output"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[0]} == *"grace=soon"*"30s"* ]]
    [[ ${lines[1]} == *"fish"* ]]
}

@test "an unreadable suppressions file is named in one line" {
    quiet_run "suppressions=/nowhere/at.all"
    echo "$output"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"/nowhere/at.all"*"no such file"* ]]
}

@test "C9: an unwritable log path is said once and the report goes to standard error" {
    run with_agent "log_path=/nowhere/log" "$VICTIMS/each_kind" hangup
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[0]} == *"log_path=/nowhere/log cannot be opened"* ]]
    [[ $output == *"1 socket hung up"* ]]
}

@test "C9: a state directory that cannot be made is said in one line and the report is complete" {
    run with_agent "state_dir=/proc/nowhere" "$VICTIMS/each_kind" hangup
    echo "$output"
    [[ ${lines[0]} == *"no state file"* ]]
    [[ $output == *"1 socket hung up"* ]]
}

@test "a state directory that is open to others is refused" {
    mkdir -m 777 "$TESTTMP/open"
    run with_agent "state_dir=$TESTTMP/open" "$VICTIMS/each_kind" hangup
    echo "$output"
    [[ ${lines[0]} == *"mode 0700"* ]]
    [ -z "$(ls "$TESTTMP/open")" ]
}

@test "a symbolic link in place of the state directory is not followed" {
    mkdir -m 700 "$TESTTMP/target"
    ln -s "$TESTTMP/target" "$TESTTMP/link"
    run with_agent "state_dir=$TESTTMP/link" "$VICTIMS/each_kind" hangup
    echo "$output"
    [[ ${lines[0]} == *"no state file"* ]]
    [ -z "$(ls "$TESTTMP/target")" ]
}

@test "C9: a full file system costs the readers of the state file, not the report" {
    [ "$(id -u)" = 0 ] || skip "mounts a small tmpfs"
    mkdir "$TESTTMP/small"
    mount -t tmpfs -o size=110k tmpfs "$TESTTMP/small" || skip "cannot mount here"
    run with_agent "state_dir=$TESTTMP/small/s" "$VICTIMS/leak_three_sites"
    # the header's word for children that map it: some of the table is not in the file
    overflowed=$(od -An -tu4 -j1072 -N4 "$TESTTMP"/small/s/*.sockleak)
    umount "$TESTTMP/small"
    echo "${lines[0]}"
    [ "$status" = 0 ]
    [[ ${lines[0]} == *"is full"* ]]
    [ "$overflowed" -eq 1 ]
    [[ $output == *"SUMMARY: sockleak: 5000 sockets leaked at 3 sites"* ]]
}

# in_own_mounts COMMANDS: run in a shell whose mounts are its own
in_own_mounts()
{
    [ "$(id -u)" = 0 ] || skip "mounts"
    unshare -m true 2>/dev/null || skip "no mount namespaces here"
    run unshare -m --propagation private bash -c "$1" 3>&-
    echo "$output"
    [ "$status" != 96 ] || skip "cannot mount here"
}

@test "C9: without /dev/shm and without XDG_RUNTIME_DIR that is said in one line, and the report is complete" {
    in_own_mounts "mkdir '$TESTTMP/none' && mount --bind -o ro '$TESTTMP/none' /dev/shm && mount -o remount,ro,bind /dev/shm || exit 96
        unset XDG_RUNTIME_DIR
        LD_PRELOAD='$AGENT' '$VICTIMS/each_kind' hangup"
    [ "$status" = 0 ]
    [[ ${lines[0]} == *"no state file"* ]]
    [[ $output == *"1 socket hung up"* ]]
    [[ $output == *"SUMMARY: sockleak: 1 socket leaked at 1 site"* ]]
    [ -z "$(ls "$TESTTMP/none")" ]
}

@test "C9: on a file system that is read-only throughout, the program runs to its end and the report is complete" {
    in_own_mounts "for m in / \$(awk '{print \$2}' /proc/self/mounts | grep -vE '^/(proc|sys)(/|\$)'); do mount -o remount,ro,bind \"\$m\" 2>/dev/null; done
        touch '$TESTTMP/x' 2>/dev/null && exit 96
        LD_PRELOAD='$AGENT' SOCKLEAK_OPTIONS='log_path=$TESTTMP/log' '$VICTIMS/each_kind' hangup"
    [ "$status" = 0 ]
    contains "$output" 'no state file'
    contains "$output" 'log_path=.* cannot be opened'
    contains "$output" '1 socket hung up'
}

@test "a small RLIMIT_FSIZE raises no SIGXFSZ in the program" {
    run bash -c "ulimit -f 4; LD_PRELOAD='$AGENT' '$VICTIMS/each_kind' hangup"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"RLIMIT_FSIZE"* ]]
    [[ $output == *"1 socket hung up"* ]]
}

@test "a small address space is left to the program" {
    run bash -c "ulimit -v 50000; LD_PRELOAD='$AGENT' '$VICTIMS/each_kind' hangup"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"1 socket hung up"* ]]
}

@test "C8: a closed standard error is never written to" {
    run bash -c "LD_PRELOAD='$AGENT' '$VICTIMS/each_kind' hangup 2>&-"
    [ "$status" = 0 ]
    [ -z "$output" ]
}

@test "exitcode turns a clean exit with leaks into a failure, and no other" {
    run with_agent "exitcode=23" "$VICTIMS/each_kind" hangup
    [ "$status" = 23 ]
    run with_agent "exitcode=23" "$VICTIMS/each_kind" datagram
    [ "$status" = 0 ]
    run with_agent "exitcode=23" "$VICTIMS/each_kind" nonsense
    [ "$status" = 97 ]
    run with_agent "exitcode=23:max_allowed=1" "$VICTIMS/each_kind" hangup
    [ "$status" = 0 ]
}

@test "leak_check_at_exit=0 says nothing and keeps the state file" {
    run with_agent "leak_check_at_exit=0" "$VICTIMS/each_kind" hangup
    [ -z "$output" ]
    [ "$(ls "$XDG_RUNTIME_DIR/sockleak" | wc -l)" = 1 ]
}

@test "max_frames=0 keeps counts without stacks, symbolize=0 names no functions" {
    run with_agent "max_frames=0" "$VICTIMS/each_kind" hangup
    [[ $output == *"1 socket hung up"* ]]
    [[ $output != *"#0"* ]]
    run with_agent "symbolize=0" "$VICTIMS/each_kind" hangup
    [[ $output == *"#0 (each_kind+0x"* ]]
    [[ $output != *" main "* ]]
}

@test "abort_on_error aborts after the report" {
    run with_agent "abort_on_error=1" "$VICTIMS/each_kind" hangup
    [ "$status" = 134 ]
    [[ $output == *"1 socket hung up"* ]]
}

@test "log_path: %p is the process, and a path without it gets it appended" {
    with_agent "log_path=$TESTTMP/a.%p.%e" "$VICTIMS/each_kind" hangup
    with_agent "log_path=$TESTTMP/b" "$VICTIMS/each_kind" hangup
    ls "$TESTTMP"
    ls "$TESTTMP"/a.*.each_kind
    ls "$TESTTMP"/b.[0-9]*
}

@test "follow_children=0 keeps the agent out of child programs" {
    run with_agent "follow_children=0" bash -c "exec '$VICTIMS/each_kind' hangup"
    [ -z "$output" ]
    run with_agent "" bash -c "exec '$VICTIMS/each_kind' hangup"
    [[ $output == *"1 socket hung up"* ]]
}

@test "a report on a signal comes when the signal does, with and without a watcher" {
    for interval in 1s 0; do
        rm -f "$TESTTMP/in"
        mkfifo "$TESTTMP/in"
        start_agent v "signal=10:interval=$interval:grace=1h" bash -c "exec '$VICTIMS/never_reads' <'$TESTTMP/in'"
        exec 7>"$TESTTMP/in"
        wait_for 20 grep -q closed "$TESTTMP/v.out"
        run grep -q WARNING "$TESTTMP/v.err"
        [ "$status" -ne 0 ] # nothing was reported
        kill -USR1 "$pid"
        wait_for 20 grep -q "1 socket stuck in CLOSE_WAIT" "$TESTTMP/v.err"
        exec 7>&-
        wait "$pid"
    done
}
