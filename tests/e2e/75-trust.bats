#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a report hides, where it is written and read, and what is left of it: each as narrow, as safe and as bounded as promised.

load helpers

state_dir() { echo "$XDG_RUNTIME_DIR/sockleak"; }

@test "a suppression that was generated for a leak in main hides that leak and no other" {
    with_agent log_path="$TESTTMP/log" "$VICTIMS/trust" two
    "$SOCKLEAK" report --gen-suppressions "$(state_dir)" >"$TESTTMP/rules"
    cat "$TESTTMP/rules"
    [ "$(grep -cE '^hangup:\^main \(trust\.c:[0-9]+\)\$$' "$TESTTMP/rules")" -eq 2 ]
    head -n 1 "$TESTTMP/rules" >"$TESTTMP/one"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/one" "$(state_dir)"
    contains "$output" 'WARNING: sockleak: 1 socket '
    contains "$output" '1 socket suppressed'
    run with_agent suppressions="$TESTTMP/one" "$VICTIMS/trust" two
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
    contains "$output" '^ +1 +1  hangup:\^main \(trust\.c:[0-9]+\)\$$'
    run with_agent suppressions="$TESTTMP/rules" "$VICTIMS/trust" two
    lacks "$output" 'SUMMARY'
}

# as_nobody COMMAND...: as another user than the one that the tests run as, who must be root.
AS_NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups env -u XDG_RUNTIME_DIR)
as_nobody() { "${AS_NOBODY[@]}" "$@" 3>&- 4>&-; }

# For another user: what the build and the test's folder have to be readable for.
open_to_others()
{
    [ "$(id -u)" = 0 ] || skip "needs root, who can be another user"
    chmod 755 "$TESTTMP"
    cp "$AGENT" "$VICTIMS/trust" "$TESTTMP"
    as_nobody test -r "$TESTTMP/libsockleak.so" || skip "other users cannot reach $TESTTMP"
    mkdir -m 700 "$TESTTMP/theirs"
    chown 65534:65534 "$TESTTMP/theirs"
}

@test "a link in a state directory is not followed, and nothing behind it is opened" {
    local dir
    dir=$(state_dir)
    with_agent log_path="$TESTTMP/log" "$VICTIMS/trust" two
    mv "$dir"/*.sockleak "$TESTTMP/mine"
    ln -s "$TESTTMP/mine" "$dir/1999999998.5.sockleak"
    mkfifo "$dir/1999999997.5.sockleak"
    run timeout 20 "$SOCKLEAK" report "$dir"
    [ "$status" -eq 1 ]
    contains "$output" '1999999998.5.sockleak: it is a symbolic link'
    contains "$output" '1999999997.5.sockleak: not a state file \(it is no regular file\)'
    lacks "$output" 'WARNING'
}

@test "another user's state file is never opened for writing, and its live process is asked all the same" {
    open_to_others
    command -v strace >/dev/null || skip "no strace"
    start other "${AS_NOBODY[@]}" LD_PRELOAD="$TESTTMP/libsockleak.so" SOCKLEAK_OPTIONS="interval=1h:grace=1h:log_path=/dev/null:state_dir=$TESTTMP/theirs" "$TESTTMP/trust" wait 3
    wait_for 20 grep -q ready "$TESTTMP/other.out"
    strace -f -o "$TESTTMP/calls" -e trace=open,openat "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report" 2>&1 || cat "$TESTTMP/report"
    contains "$TESTTMP/report" '3 sockets hung up'
    lacks "$TESTTMP/report" 'fresh look|did not answer'
    contains "$TESTTMP/calls" 'theirs/.*O_PATH'
    ! grep sockleak "$TESTTMP/calls" | grep -E 'O_RDWR|O_WRONLY'
    lacks "$TESTTMP/calls" '/proc/self/fd/[0-9]+", O_RDWR'
    "$SOCKLEAK" detach "$pid"
    contains "$("$SOCKLEAK" report "$pid" 2>&1)" 'dormant'
}

@test "an attach to a process that nothing is wrong with warns of nothing" {
    start bare "$VICTIMS/trust" wait 1
    wait_for 20 grep -q ready "$TESTTMP/bare.out"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 0 ]
    lacks "$output" 'entries|not seen|warn'
}
