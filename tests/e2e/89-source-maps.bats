#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154,SC2317 # $pid comes from the helpers; functions are called by wait_for
# JavaScript that a tool has written is shown as the files that it was written from, by their source map, where that is certain.

load helpers

NODE=$(command -v node)
MAKER=$BATS_TEST_DIRNAME/../victims/node_maps.js

setup()
{
    helpers_setup
    "$SOCKLEAK" help report >/dev/null
    ldd "$SOCKLEAK" | grep -q libjansson || skip 'the command was built without jansson'
    mkfifo "$TESTTMP/in"
}

# made HOW: the program in $TESTTMP/out, from $TESTTMP/src. What is newer than a process is not taken, and dates are those of the timer's last tick.
made()
{
    "$NODE" "$MAKER" "$1" "$TESTTMP"
    guilty=$(grep -n '^  return connect' "$TESTTMP/src/main.ts" | cut -d: -f1)
    connect=$(line_of client.ts 'net.connect')
    settled
}
settled()
{
    local at
    at=$(stat -c %.9Z "$TESTTMP"/out/* | sort -n | tail -n 1)
    wait_for 20 python3 -c 'import sys, time; sys.exit(time.time() < float(sys.argv[1]) + 0.1)' "$at"
}

# waits [NODE_OPTION...]: it runs, with its sockets in CLOSE_WAIT, until finish.
waits()
{
    # shellcheck disable=SC2016 # the inner shell's own
    start node bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env JUDGE="$TESTTMP/judge" LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="grace=0s:interval=0:log_path=$TESTTMP/log" \
        "$NODE" "$@" "$TESTTMP/out/main.js"
    exec 7>"$TESTTMP/in"
    wait_for 60 grep -q ready "$TESTTMP/node.out"
}
finish()
{
    exec 7>&-
    wait "$pid"
}
reported()
{
    "$SOCKLEAK" report --min-age 0 --kinds close_wait --format json "$pid" >"$TESTTMP/json"
    "$SOCKLEAK" report --min-age 0 --kinds close_wait --verbose "$pid" >"$TESTTMP/report" 2>"$TESTTMP/warnings"
}
line_of() { grep -n -m 1 -F -- "$2" "$TESTTMP/src/$1" | cut -d: -f1; }

# as_node_says: each stack of a group from connect() outwards is one of Error().stack, file, line and column, and all of these were seen.
# The column of connect itself is that of new Error.
as_node_says()
{
    python3 - "$TESTTMP/json" "$TESTTMP/judge" <<'END'
import json, re, sys
said = set()
for stack in open(sys.argv[2]).read().split("Error: here\n"):
    places = re.findall(r"(?:\(|at )(/[^():]*):(\d+):(\d+)\)?$", stack, re.M)
    if places:
        said.add(tuple((f, int(l), int(c)) if i else (f, int(l)) for i, (f, l, c) in enumerate(places)))
seen = set()
for leak in map(json.loads, open(sys.argv[1])):
    if leak["type"] == "leak":
        frames = [f for f in leak["frames"] if f["runtime"] == "javascript" and not f["file"].startswith("node:")]
        frames = frames[1:]  # lookup, which answers within connect
        assert all(f["generated"]["file"].endswith(".js") and f["file"].endswith(".ts") for f in frames), frames
        seen.add(tuple((f["file"], f["line"], f["column"]) if i else (f["file"], f["line"]) for i, f in enumerate(frames)))
assert seen and seen == said, (seen ^ said)
END
}

@test "a file for each original one: every frame is what node --enable-source-maps says of itself" {
    made lines
    waits --enable-source-maps
    reported
    finish
    as_node_says
    [ "$(grep -c '^site' "$TESTTMP/report")" = 3 ]
    contains "$TESTTMP/report" "guilty +$TESTTMP/src/main.ts:$guilty\$"
    contains "$TESTTMP/report" "handled by"
    contains "$TESTTMP/report" "whenEnded +$TESTTMP/src/main.ts:$(line_of main.ts 'function whenEnded')  \(socket 'end'\)"
    lacks "$TESTTMP/report" 'out/(main|client)\.js'
}

@test "a process without that option is shown so too, and after it was killed" {
    made lines,root
    waits
    reported
    contains "$TESTTMP/report" "guilty +$TESTTMP/src/main.ts:$guilty\$"
    stop "$pid" KILL || :
    exec 7>&-
    "$SOCKLEAK" report --kinds close_wait "$pid" >"$TESTTMP/report"
    contains "$TESTTMP/report" "guilty +$TESTTMP/src/main.ts:$guilty\$"
}

@test "the name of a site is the same with and without the map, and a line for its suppression names the file that runs" {
    local rules
    made lines
    waits
    reported
    grep '^site' "$TESTTMP/report" >"$TESTTMP/with"
    "$SOCKLEAK" report --min-age 0 --kinds close_wait --gen-suppressions "$pid" >"$TESTTMP/lines"
    contains "$TESTTMP/lines" 'guilty \(main.js:[0-9]+\)'
    echo 'leak:^client.ts$' >"$TESTTMP/original"
    echo 'leak:^client.js$' >"$TESTTMP/generated"
    for rules in "$TESTTMP/lines" "$TESTTMP/original" "$TESTTMP/generated"; do
        "$SOCKLEAK" report --min-age 0 --kinds close_wait --suppressions "$rules" "$pid" >"$TESTTMP/suppressed"
        lacks "$TESTTMP/suppressed" 'stuck in CLOSE_WAIT'
    done
    rm "$TESTTMP"/out/*.map
    reported
    finish
    contains "$TESTTMP/report" "guilty +$TESTTMP/out/main.js:[0-9]+\$"
    contains "$TESTTMP/warnings" 'out/main.js: its source map cannot be read'
    diff "$TESTTMP/with" <(grep '^site' "$TESTTMP/report")
}

# one_site_of_two: the two functions that are called `same` have one site in a line that is all of the program: neither line is shown.
one_site_of_two()
{
    [ "$(grep -c '^site' "$TESTTMP/report")" = 2 ]
    contains "$TESTTMP/report" "connect +$TESTTMP/src/client.ts:$connect\$"
    contains "$TESTTMP/report" "guilty +$TESTTMP/src/main.ts:$guilty\$"
    contains "$TESTTMP/report" "same +$TESTTMP/out/main.js:1\$"
    lacks "$TESTTMP/report" "same .*main.ts"
    local line
    for line in "$(line_of main.ts '  done: function done(): void { whenEnded')" "$(grep -n 'function done.*{$' "$TESTTMP/src/main.ts" | cut -d: -f1)"; do
        grep -A1 'handled by (1 of 2)' "$TESTTMP/report" >"$TESTTMP/handlers"
        contains "$TESTTMP/handlers" "done +$TESTTMP/src/main.ts:$line  \(socket 'end'\)"
    done
}

@test "a bundle in one line: the column tells, and what it cannot tell apart stays where it runs" {
    local how
    for how in bundle bundle,sections bundle,inline; do
        made $how
        waits
        reported
        finish
        one_site_of_two
        contains "$TESTTMP/report" "whenEnded +$TESTTMP/src/main.ts:$(line_of main.ts 'function whenEnded')  \(socket 'end'\)"
    done
}

@test "a bundle in one line of more than 65536 characters" {
    made long
    waits
    reported
    finish
    one_site_of_two
    contains "$TESTTMP/json" '"generated":\{"file":"[^"]*/out/main.js","line":1,"column":7[0-9]{4}\}'
}

@test "run, top and explain show it" {
    made lines
    # shellcheck disable=SC2016 # the inner shell's own
    start run bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$SOCKLEAK" run -- "$NODE" "$TESTTMP/out/main.js"
    exec 7>"$TESTTMP/in"
    wait_for 60 grep -q ready "$TESTTMP/run.out"
    exec 7>&-
    wait "$pid" || :
    contains "$TESTTMP/run.err" "guilty +$TESTTMP/src/main.ts:$guilty\$"
    waits
    reported
    local site
    site=$(sed -n 's/^site \([0-9a-f]*\):.*/\1/p' "$TESTTMP/report" | head -n 1)
    "$SOCKLEAK" explain --full "$site" "$pid" >"$TESTTMP/explained"
    contains "$TESTTMP/explained" "guilty +$TESTTMP/src/main.ts:$guilty"
    command -v tmux >/dev/null || skip "tmux is not installed"
    tmux -S "$TESTTMP/tmux" -f /dev/null new-session -d -x 150 -y 50 "'$SOCKLEAK' top $pid; exec cat" 3>&- 4>&-
    shows() { tmux -S "$TESTTMP/tmux" capture-pane -p >"$TESTTMP/screen" && grep -qE -- "$1" "$TESTTMP/screen"; }
    wait_for 30 shows 'main.ts|client.ts'
    tmux -S "$TESTTMP/tmux" kill-server
    finish
}

@test "a map that does not fit is left, and report --verbose says why" {
    local map=$TESTTMP/out/main.js.map
    made bundle
    waits
    cp "$map" "$TESTTMP/good"
    # the file itself has not changed, but its map has: even the good one is of another moment
    cp "$TESTTMP/good" "$map"
    reported
    contains "$TESTTMP/warnings" 'out/main.js: it or its source map has changed since the process began'
    contains "$TESTTMP/report" "guilty +$TESTTMP/out/main.js:1\$"
    finish
    left() # WHY: the program as it is on disk now
    {
        settled
        waits
        reported
        finish
        contains "$TESTTMP/warnings" "out/main.js: $1"
        contains "$TESTTMP/report" "guilty +$TESTTMP/out/main.js:1\$"
    }
    head -c 300 "$TESTTMP/good" >"$map"
    left 'its source map is no JSON'
    rm "$map"
    ln -s main.js.map "$map"
    left 'its source map cannot be read'
    rm "$map"
    sed 's/"mappings":"/&!/' "$TESTTMP/good" >"$map"
    left 'its source map is damaged, or of another build'
    rm "$map"
    mkfifo "$map"
    left 'its source map cannot be read'
}
