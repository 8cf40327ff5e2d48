#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# Nine leaks of real projects, as stand-ins (tests/victims/stand_ins.c and life.c): each report ends with the line that names the function to change,
# and the fixed program is silent.

load helpers

setup()
{
    helpers_setup
    cp "$AGENT" "$TESTTMP/libsockleak.so" # alone: no command is beside it, names come from symbol tables
}

teardown()
{
    local p
    sed -n 's/^child //p' "$TESTTMP"/*.out 2>/dev/null | while read -r p; do kill -KILL "$p" 2>/dev/null; done
    helpers_teardown
}

# advice FILE: the lines of advice in a report as text
advice() { sed -n 's/^  fix: //p' "$1"; }
# words WORDS: as they are with names alone; lines WORDS: as a regex, with a file and line in the place of each @ or %
words() { tr -d @% <<<"$1"; }
lines() { sed 's/[][().*]/\\&/g; s|@| \\(tests/victims/[a-z_]+\\.[ch]:[0-9]+\\)|g; s|%|, tests/victims/[a-z_]+\\.[ch]:[0-9]+|g' <<<"^$1\$"; }

# advises PROGRAM WAY WORDS [AFTERWARDS]: the report's only line of advice is WORDS, by the library alone, in JSON, and by the command, which may know
# less AFTERWARDS; of the fixed program nothing is reported
advises()
{
    local program=$VICTIMS/$1 way=$2 words=$3 options=closes=1:leak_check_at_exit=all:log_path=$TESTTMP/log
    run "$SOCKLEAK" run --exitcode 23 -- "$program" "$way" fixed </dev/null 3>&- 4>&-
    [ "$status" -eq 0 ]
    lacks "$output" 'WARNING'

    env LD_PRELOAD="$TESTTMP/libsockleak.so" SOCKLEAK_OPTIONS="$options.%p" "$program" "$way" fixed </dev/null 3>&- 4>&-
    if compgen -G "$TESTTMP/log.*"; then cat "$TESTTMP"/log.*; return 1; fi
    env LD_PRELOAD="$TESTTMP/libsockleak.so" SOCKLEAK_OPTIONS="$options.%p" "$program" "$way" </dev/null 3>&- 4>&-
    cat "$TESTTMP"/log.*
    [ "$(advice "$(echo "$TESTTMP"/log.*)")" = "$(words "$words")" ]
    rm "$TESTTMP"/log.*
    env LD_PRELOAD="$TESTTMP/libsockleak.so" SOCKLEAK_OPTIONS="$options.%p:log_format=json" "$program" "$way" </dev/null 3>&- 4>&-
    [ "$(json "$TESTTMP"/log.* '"\n".join(l["advice"] for l in leaks)')" = "$(words "$words")" ]

    run "$SOCKLEAK" run --exitcode 23 -- "$program" "$way" </dev/null 3>&- 4>&-
    [ "$status" -eq 23 ]
    echo "$output" >"$TESTTMP/report"
    advice "$TESTTMP/report" >"$TESTTMP/advice"
    contains "$TESTTMP/advice" "$(lines "${4-$words}")"
    [ "$(wc -l <"$TESTTMP/advice")" -eq 1 ]
}

# with_helper [fixed]: runs until the test ends; $pid
with_helper()
{
    mkfifo "$TESTTMP/in"
    start_agent v grace=500ms:interval=100ms bash -c "exec '$VICTIMS/stand_ins' helper ${1-} <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
}
# held_report FUNCTION: the victim's report has a connection that a child holds, opened there
held_report()
{
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report" 2>&1
    grep -q "held by a child" "$TESTTMP/report" && grep -q "#0 $1 " "$TESTTMP/report"
}

@test "a worker whose handshake fails and that forgets the socket: the handshake and the worker's function are named" {
    advises life worker "handshake@, called by serves@, was the last to use this socket; close it there when nothing follows"
}

@test "a loop that takes a socket off its epoll and drops it: the function and line where its siblings are closed are named" {
    advises life loop "the 4 others were closed in retires@, called by turns@; these never got there"
}

@test "a response that never comes keeps the last reference: the function that releases it is named, with its caller" {
    advises stand_ins response "the 4 others were closed in releases@, called by peer_has_gone@, under readable@; these never got there"
}

@test "an edge-triggered epoll without EPOLLRDHUP: who put them there is named, and where the siblings are closed once that is not known any more" {
    advises stand_ins edge "it is on epoll edge-triggered and without EPOLLRDHUP (watches%): add that, or receive until EAGAIN" \
        "the 4 others were closed in frees@, called by on_event@; these never got there"
    run with_agent leak_check_at_exit=all "$VICTIMS/stand_ins" edge </dev/null
    contains "$output" '^  fix: .* \(watches, tests/victims/stand_ins.c:[0-9]+\): add that'
}

@test "shutdown that was taken for close is named" {
    advises life shutdown "shutdown is no close; close it after disconnects@"
}

@test "who made copies by dup and kept them is named, and the descriptors of all are counted" {
    advises life dup "hands_out@ made copies by dup that are still open"
    contains "$TESTTMP/report" 'stuck 1 \(50 descriptors\)'
}

@test "a program that popen starts inherits a connection: the line that opened it is named" {
    with_helper
    wait_for 30 held_report opens_database
    contains "$TESTTMP/report" '#0 starts_helper'
    contains "$TESTTMP/report" 'fix: open it with SOCK_CLOEXEC \(tests/victims/stand_ins.c:[0-9]+\): /.*/sleep inherited it$'
}

@test "a connection that was opened with SOCK_CLOEXEC is not inherited by what popen starts" {
    with_helper fixed
    wait_for 30 held_report opens_marker # which was closed last
    lacks "$TESTTMP/report" opens_database
}

@test "a session that two threads close: both functions are named, and where to set the number to -1" {
    advises stand_ins two_closes "server_stops@ closes a number that session_ends@ had closed: set it to -1 at session_ends"
}

@test "a client library that closes one of two connections: the function that closes the other is named, with its caller" {
    advises stand_ins library "the 4 sockets of other sites, opened under the same calls, were closed in channel_close@, called by client_free@; these never got there"
}
