#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the agent writes by itself: colours, notes, objects, and what it counts.

bats_require_minimum_version 1.5.0
load helpers

# on_a_terminal [NAME=VALUE]... COMMAND: its output, as a terminal would get it
on_a_terminal() { python3 -c 'import pty, sys; sys.exit(pty.spawn(["env"] + sys.argv[1:]))' "$@"; }

@test "NO_COLOR takes the colour from a terminal, unless it is empty or color=always" {
    local leak=(LD_PRELOAD="$AGENT" "$VICTIMS/each_kind" hangup) red=$'\033''\[1;31m'
    contains "$(on_a_terminal "${leak[@]}")" "$red"
    lacks "$(on_a_terminal NO_COLOR=1 "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR= "${leak[@]}")" "$red"
    contains "$(on_a_terminal NO_COLOR=1 SOCKLEAK_OPTIONS=color=always "${leak[@]}")" "$red"
}

@test "without stacks the counts are told all the same, and that the end was read" {
    run with_agent max_frames=0 "$VICTIMS/each_kind" close_wait_read
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
    contains "$output" '^  told of the end \(recv returned 0\)$'
    with_agent max_frames=0:leak_check_at_exit=0 "$VICTIMS/each_kind" close_wait_read
    run "$SOCKLEAK" report
    contains "$output" '^site unknown \(no stack was recorded\): opened 3, closed 2, stuck 1$'
}

@test "with log_format=json every line is an object: the help, a log that cannot be opened, a bad option" {
    with_agent help=1:log_format=json "$VICTIMS/each_kind" datagram 2>"$TESTTMP/help"
    [ "$(json "$TESTTMP/help" 'len([l for l in lines if l["type"] == "note" and l["pid"] and l["time"]]) == len(lines) > 20')" = True ]
    [ "$(json "$TESTTMP/help" '[l["text"] for l in lines if l["text"].startswith("  grace ")][0].endswith("(default 30s)")')" = True ]
    with_agent colour=red:log_format=json:log_path=/nowhere/log "$VICTIMS/each_kind" hangup 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "['note', 'note', 'leak', 'summary']" ]
    [ "$(json "$TESTTMP/err" '"colour: no such option" in lines[0]["text"]')" = True ]
    [ "$(json "$TESTTMP/err" '"log_path=/nowhere/log cannot be opened (no such file" in lines[1]["text"]')" = True ]
    with_agent "log_format=json:log_path=/$(printf '\001%.0s' {1..500})" "$VICTIMS/each_kind" datagram 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "[]" ]
    with_agent "log_format=json:log_path=/$(printf '\001%.0s' {1..500})" "$VICTIMS/each_kind" hangup 2>"$TESTTMP/err"
    [ "$(json "$TESTTMP/err" '[l["type"] for l in lines]')" = "['note', 'leak', 'summary']" ]
}

@test "abort_on_error aborts at the report of a check too, and at no check that is quiet or finds nothing" {
    build_victim check - <<'END'
#include <sockleak.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    sockleak_check(0, SOCKLEAK_ALL, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockleak_check(0, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0);
    sockleak_report(1, 0, SOCKLEAK_ALL);
    puts("still here");
    fflush(stdout);
    sockleak_check(0, SOCKLEAK_ALL, 0);
    puts("not here");
    close(fd);
    return 0;
}
END
    run with_agent abort_on_error=1 "$TESTTMP/check"
    echo "$output"
    [ "$status" = 134 ]
    contains "$output" '^still here$'
    lacks "$output" '^not here$'
    [ "$(grep -c WARNING <<<"$output")" = 2 ]
}
