#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $stderr and $status come from bats
# More of run and report: what the environment may say against it, and options that are given twice.

bats_require_minimum_version 1.5.0
load helpers

runs() { timeout 60 "$SOCKLEAK" run "$@" 3>&- 4>&-; }

@test "run records, whatever SOCKLEAK_OPTIONS says" {
    local options
    for options in enabled=0 'enabled=0:kinds="close_wait'; do
        SOCKLEAK_OPTIONS=$options run runs --exitcode 23 -- "$VICTIMS/run_leak" 2
        [ "$status" -eq 23 ]
        contains "$output" 'SUMMARY: sockleak: 2 sockets leaked'
    done
}

@test "a state directory whose name is too long for an option is refused, and the program does not run" {
    local part long=$TESTTMP
    part=$(printf 'd%.0s' {1..200})
    for _ in 1 2 3; do
        long+=/$part
        mkdir -m 700 "$long"
    done
    run runs --output "$long" -- touch "$TESTTMP/ran"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "^sockleak run: --output $long: its full name has more than the [0-9]+ bytes"
    (
        cd "$long/../.." # its name is short from here
        run runs --output "$part/$part" -- touch "$TESTTMP/ran"
        [ "$status" -eq 1 ]
        contains "$output" 'full name has more than'
        SOCKLEAK_OPTIONS=state_dir=$part/$part run runs -- touch "$TESTTMP/ran"
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" "^sockleak run: cannot make a directory in $part/$part: File name too long; name one with --output"
    )
    [ ! -e "$TESTTMP/ran" ]
    [ -z "$(ls -A "$long")" ]
    # as XDG_RUNTIME_DIR it is passed over, as the agent does
    XDG_RUNTIME_DIR=$long run runs --exitcode 23 -- "$VICTIMS/run_leak" 2
    [ "$status" -eq 23 ]
}

@test "a relative state_dir holds for a program that goes to another directory" {
    cd "$TESTTMP"
    mkdir -m 700 states
    # shellcheck disable=SC2016 # the inner shell's own
    SOCKLEAK_OPTIONS=state_dir=states run runs --exitcode 23 -- sh -c 'cd / && "$1" 2' _ "$VICTIMS/run_leak"
    [ "$status" -eq 23 ]
    contains "$output" 'SUMMARY: sockleak: 2 sockets leaked'
    [ -z "$(ls -A states)" ]
}

@test "what run makes below a directory that others may read, they cannot read" {
    build_victim asks - <<'C'
#include <sockleak.h>
#include <sys/socket.h>
int main(void)
{
    int pair[2];
    sockleak_mark_t start = sockleak_mark();
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || sockleak_check(start, SOCKLEAK_ALL, 0) != 2;
}
C
    mkdir -m 755 "$TESTTMP/keep"
    # shellcheck disable=SC2016 # the inner shell's own
    run runs --kinds all --output "$TESTTMP/keep" -- sh -c 'umask 0; "$1" && stat -c "mode %a %n" "$2"/*' _ "$TESTTMP/asks" "$TESTTMP/keep"
    [ "$status" -eq 0 ]
    contains "$output" 'mode 600 .*\.log$'
    contains "$output" 'mode 600 .*\.sockleak$'
    [ "$(grep -c '^mode ' <<<"$output")" -eq "$(grep -c '^mode 600 ' <<<"$output")" ]
}

@test "a log that the user named elsewhere has the mode that the umask leaves" {
    umask 022
    with_agent "log_path=$TESTTMP/log" "$VICTIMS/run_leak" 1
    [ "$(stat -c %a "$TESTTMP"/log.*)" = 644 ]
}

@test "each of several --suppressions counts, in run and in report" {
    echo 'hangup:no_such_function' >"$TESTTMP/other"
    echo 'close_wait:db_connect' >"$TESTTMP/match"
    local order
    for order in 'match other' 'other match'; do
        # shellcheck disable=SC2086
        set -- $order
        run runs --output "$TESTTMP/keep" --exitcode 23 --suppressions "$TESTTMP/$1" --suppressions "$TESTTMP/$2" -- "$VICTIMS/run_leak" 2
        [ "$status" -eq 0 ]
        contains "$output" 'nothing is stuck but 2 suppressed sockets'
        run "$SOCKLEAK" report --suppressions "$TESTTMP/$1" --suppressions "$TESTTMP/$2" "$TESTTMP/keep"
        contains "$output" '2 suppressed'
        lacks "$output" SUMMARY
    done
    run "$SOCKLEAK" report --suppressions "$TESTTMP/none" --suppressions "$TESTTMP/match" "$TESTTMP/keep"
    [ "$status" -eq 1 ]
    contains "$output" "cannot read the suppressions file $TESTTMP/none"
}

@test "each of several --debug-dir is searched" {
    mkdir "$TESTTMP/empty" "$TESTTMP/debug"
    cp "$VICTIMS/run_leak" "$TESTTMP/leaks"
    objcopy --only-keep-debug "$TESTTMP/leaks" "$TESTTMP/debug/leaks.debug"
    strip "$TESTTMP/leaks"
    objcopy --add-gnu-debuglink="$TESTTMP/debug/leaks.debug" "$TESTTMP/leaks"
    runs --output "$TESTTMP/keep" -- "$TESTTMP/leaks" 1
    local order
    for order in 'debug empty' 'empty debug'; do
        # shellcheck disable=SC2086
        set -- $order
        run "$SOCKLEAK" report --debug-dir "$TESTTMP/$1" --debug-dir "$TESTTMP/$2" "$TESTTMP/keep"
        contains "$output" '#0 db_connect '
    done
}

@test "--gen-suppressions cuts a name that is too long for a line, and the line still matches" {
    local name
    name=f$(printf '_%.0s' {1..6000})
    build_victim long - <<C
#include <sys/socket.h>
#include <unistd.h>
__attribute__((noinline)) void $name(void)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close(pair[1]);
}
int main(void)
{
    $name();
    return 0;
}
C
    runs --output "$TESTTMP/keep" -- "$TESTTMP/long" 2>/dev/null
    "$SOCKLEAK" report --gen-suppressions "$TESTTMP/keep" >"$TESTTMP/rules"
    [ "$(wc -l <"$TESTTMP/rules")" -eq 1 ]
    grep -qE '^hangup:\^f_+\*$' "$TESTTMP/rules"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/rules" "$TESTTMP/keep"
    contains "$output" '1 suppressed'
}

@test "report and clean without a name go through both places where a user's state files may lie" {
    needs_alone
    cat >"$TESTTMP/both" <<'SH'
for states in "$XDG_RUNTIME_DIR/sockleak" "/dev/shm/sockleak-$(id -u)"; do
    mkdir -m 700 "$states"
    n=$((n + 2))
    "$VICTIMS/report_statefile" "$states/1999999999.$n.sockleak" 1 "$n"
    echo "$states/1999999999.$n.sockleak" >>"$TESTTMP/files"
done
"$SOCKLEAK" report --kinds close_wait >"$TESTTMP/report"
"$SOCKLEAK" clean --dry-run >"$TESTTMP/dry"
"$SOCKLEAK" clean >"$TESTTMP/clean"
find "$XDG_RUNTIME_DIR/sockleak" "/dev/shm/sockleak-$(id -u)" -type f >"$TESTTMP/left"
SH
    alone bash -e "$TESTTMP/both"
    contains "$TESTTMP/report" 'WARNING: sockleak: 2 sockets'
    contains "$TESTTMP/report" 'WARNING: sockleak: 4 sockets'
    [ "$(cat "$TESTTMP/files"; echo 'would remove 2 state files')" = "$(cat "$TESTTMP/dry")" ]
    [ "$(cat "$TESTTMP/clean")" = 'removed 2 state files' ]
    is_empty "$TESTTMP/left"
}
