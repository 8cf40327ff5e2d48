#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Python's functions, files and lines are the program's own code in a stack, in every way that a report can be had.

load helpers
load runtimes

PYTHON=/usr/bin/python3
LEAK=$BATS_TEST_DIRNAME/../victims/cpython_leak.py

setup()
{
    helpers_setup
    PROGRAM=("$PYTHON" "$LEAK")
    line_a=$(grep -n 'def guilty_a' "$LEAK" | cut -d: -f1) line_a=$((line_a + 1))
    line_b=$(grep -n 'def guilty_b' "$LEAK" | cut -d: -f1) line_b=$((line_b + 1))
}

# two_groups FILE: a text report of guilty_a's three and guilty_b's two, their lines first, and of nobody else.
two_groups()
{
    three_and_two "$1"
    contains "$1" "#0 guilty_a +.*cpython_leak.py:$line_a\$"
    contains "$1" "#0 guilty_b +.*cpython_leak.py:$line_b\$"
    lacks "$1" _PyEval
}

@test "two guilty functions and an innocent one are two groups with their own counts, the guilty lines first" {
    leaks plain
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#1 plain +.*cpython_leak.py:'
    contains "$TESTTMP/log" '#2 <module> +.*cpython_leak.py:'
    contains "$TESTTMP/log" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
}

@test "a site has one name in three runs, from another folder, and with another folder's build of the library" {
    local run
    mkdir "$TESTTMP/elsewhere"
    cp "$LEAK" "$TESTTMP/elsewhere/"
    cp "$AGENT" "$TESTTMP/elsewhere/"
    for run in 1 2 3 4 5; do
        [ $run -lt 4 ] || PROGRAM[1]=$TESTTMP/elsewhere/cpython_leak.py
        [ $run -lt 5 ] || AGENT=$TESTTMP/elsewhere/libsockleak.so
        leaks plain
        same_two_sites
    done
}

@test "what Python closes at its end was stuck all the time: run --exitcode counts it, and says nothing of a program that closes" {
    run "$SOCKLEAK" run --exitcode 23 -- "$PYTHON" "$LEAK" plain
    [ "$status" -eq 23 ]
    two_groups "$output"
    leaks plain log_format=json
    [ "$(json "$TESTTMP/log" 'all(s["until_exit"] for l in leaks for s in l["sockets"])')" = True ]
    run "$SOCKLEAK" run --exitcode 23 -- "$PYTHON" "$LEAK" fixed
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "in threads and through generators" {
    local how
    for how in threads generators; do
        leaks $how
        two_groups "$TESTTMP/log"
    done
    contains "$TESTTMP/log" '#1 generators.<locals>.steps +.*cpython_leak.py:'
    contains "$TESTTMP/log" '#2 generators.<locals>.delegates +.*cpython_leak.py:'
}

@test "in asyncio the coroutines that wait for one another are the stack" {
    waits asyncio interval=250ms
    two() { [ "$(sites_of "$TESTTMP"/log.*)" ] && grep -q '3 sockets stuck' "$TESTTMP"/log.* && grep -q '2 sockets stuck' "$TESTTMP"/log.*; }
    wait_for 30 two
    finish
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" '#0 async_guilty_a +.*cpython_leak.py:'
    contains "$TESTTMP/log" '#0 async_guilty_b +.*cpython_leak.py:'
    contains "$TESTTMP/log" '#1 awaits +.*cpython_leak.py:'
    lacks "$TESTTMP/log" async_innocent
}

@test "behind a task in asyncio stand the coroutines that await it, so that those who create the same task are told apart" {
    local run leaky=$(("$(grep -n 'async def task_leaks' "$LEAK" | cut -d: -f1)" + 1))
    for run in 1 2 3; do
        leaks tasks
        contains "$TESTTMP/log" 'SUMMARY: sockleak: 6 sockets leaked at 3 sites'
        [ $run = 1 ] || diff <(sites_of "$TESTTMP/log") "$TESTTMP/sites"
        sites_of "$TESTTMP/log" >"$TESTTMP/sites"
    done
    leaks tasks log_format=json
    [ "$(json "$TESTTMP/log" 'sorted((l["count"], [f["symbol"] for f in l["frames"] if (f["file"] or "").endswith("cpython_leak.py")]) for l in leaks)')" = \
        "[(1, ['task_leaks', '<module>']), (2, ['task_leaks', 'creates_b', 'tasks', '<module>']), (3, ['task_leaks', 'creates_a', 'tasks', '<module>'])]" ]
    [ "$(json "$TESTTMP/log" '{f["line"] for l in leaks for f in l["frames"] if f["symbol"] == "task_leaks"}')" = "{$leaky}" ]
}

@test "behind a task of a group, of as_completed, of an asynchronous generator, or that is shielded or has a time limit, stand the coroutines that await it" {
    leaks groups log_format=json
    [ "$(json "$TESTTMP/log" 'sorted([f["symbol"] for f in l["frames"] if (f["file"] or "").endswith("cpython_leak.py")] for l in leaks)')" = \
        "[['task_leaks', 'creates_completed', 'groups', '<module>'], ['task_leaks', 'creates_in_group', 'groups', '<module>'], ['task_leaks', 'creates_in_time', 'groups', '<module>'], ['task_leaks', 'creates_shielded', 'groups', '<module>'], ['task_leaks', 'yields', 'creates_for_generator', 'groups', '<module>']]" ]
}

@test "a forked child has its parent's frames, and its own" {
    waits fork interval=0
    both() { [ "$(grep -c ready "$TESTTMP/program.out")" = 2 ]; }
    wait_for 30 both
    finish
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" "#0 guilty_a +.*cpython_leak.py:$line_a\$"
    contains "$TESTTMP/log" "#0 guilty_b +.*cpython_leak.py:$line_b\$"
    contains "$TESTTMP/log" '#1 fork +.*cpython_leak.py:'
    lacks "$TESTTMP/log" innocent
    lacks "$TESTTMP/log" _PyEval
}

@test "attached to while it runs" {
    attached
    two_groups "$TESTTMP/report"
}

@test "from the state file after kill -9" {
    killed
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report"
    two_groups "$TESTTMP/report"
}

@test "runtimes= without Python shows native frames alone, and one site" {
    local what
    for what in none java; do
        rm -rf "$XDG_RUNTIME_DIR/sockleak"
        killed runtimes=$what
        "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report"
        lacks "$TESTTMP/report" guilty
        contains "$TESTTMP/report" 'opened [0-9]+, closed 4, stuck 5'
        contains "$TESTTMP/report" '#[0-9]+ +_PyEval_EvalFrameDefault'
    done
    leaks plain runtimes=python,java
    two_groups "$TESTTMP/log"
}

@test "suppressed by a Python function, and by a Python file" {
    echo 'leak:^guilty_a$' >"$TESTTMP/rules"
    leaks plain "suppressions=$TESTTMP/rules"
    contains "$TESTTMP/log" '#0 guilty_b'
    lacks "$TESTTMP/log" '#0 guilty_a'
    echo 'close_wait:*/cpython_leak.py$' >"$TESTTMP/rules"
    leaks plain "suppressions=$TESTTMP/rules"
    lacks "$TESTTMP/log" '#0'
    # of the library that comes with Python, which no report shows
    echo 'leak:create_connection' >"$TESTTMP/rules"
    leaks plain "suppressions=$TESTTMP/rules"
    lacks "$TESTTMP/log" '#0'
}

@test "a ready line for each group names the Python functions, and works" {
    killed
    "$SOCKLEAK" report --gen-suppressions "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/rules"
    contains "$TESTTMP/rules" '\^guilty_a \(cpython_leak.py:[0-9]+\) < plain \('
    leaks plain "suppressions=$TESTTMP/rules"
    lacks "$TESTTMP/log" '#0'
}

@test "JSON has all frames, each with its runtime; folded, SARIF and JUnit have the program's" {
    killed
    local dir=$XDG_RUNTIME_DIR/sockleak
    "$SOCKLEAK" report --format json "$dir" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'sorted((l["count"], [f["symbol"] for f in l["frames"] if f["runtime"] == "python" and not f.get("interpreter")]) for l in leaks)')" = \
        "[(2, ['guilty_b', 'plain', '<module>']), (3, ['guilty_a', 'plain', '<module>'])]" ]
    [ "$(json "$TESTTMP/json" 'all(f["runtime"] in ("python", "native") for l in leaks for f in l["frames"])')" = True ]
    [ "$(json "$TESTTMP/json" 'sorted({f["symbol"] for l in leaks for f in l["frames"] if f.get("interpreter") and f["runtime"] == "python"})')" = \
        "['create_connection', 'socket.__init__']" ]
    [ "$(json "$TESTTMP/json" 'any(f["symbol"] == "_PyEval_EvalFrameDefault" and f["interpreter"] for l in leaks for f in l["frames"])')" = True ]
    [ "$(json "$TESTTMP/json" 'sorted(l["frames"][i]["line"] for l in leaks for i in range(len(l["frames"])) if l["frames"][i]["symbol"] in ("guilty_a", "guilty_b"))')" = "[$line_a, $line_b]" ]
    run "$SOCKLEAK" report --format folded "$dir"
    contains "$output" '<module>;plain;guilty_a.* 3$'
    contains "$output" '<module>;plain;guilty_b.* 2$'
    lacks "$output" '_PyEval'
    "$SOCKLEAK" report --format sarif "$dir" >"$TESTTMP/sarif"
    python3 - "$TESTTMP/sarif" "$line_a" "$line_b" <<'PY'
import json, sys
results = json.load(open(sys.argv[1]))["runs"][0]["results"]
places = sorted(r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in results)
assert places == [int(sys.argv[2]), int(sys.argv[3])], places
assert all(r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("cpython_leak.py") for r in results)
PY
    run "$SOCKLEAK" report --format junit "$dir"
    contains "$output" "guilty_a"
}

@test "top shows the Python function in its list and its stack" {
    needs_tmux=$(command -v tmux) || skip "no tmux"
    waits plain interval=250ms
    "$needs_tmux" -S "$TESTTMP/tmux" new-session -d -x 100 -y 40 "$SOCKLEAK top $pid"
    screen() { "$needs_tmux" -S "$TESTTMP/tmux" capture-pane -p; }
    shows() { screen | grep -qE "$1"; }
    wait_for 30 shows '3 .*guilty_a'
    wait_for 30 shows '2 .*guilty_b'
    lacks "$(screen)" innocent
    "$needs_tmux" -S "$TESTTMP/tmux" send-keys Enter
    wait_for 30 shows "#0 guilty_a .*cpython_leak.py:$line_a"
    "$needs_tmux" -S "$TESTTMP/tmux" kill-server
    finish
}

@test "max_frames cuts the program's outermost frames" {
    leaks plain max_frames=2
    contains "$TESTTMP/log" '#[01] '
    lacks "$TESTTMP/log" '<module>'
    # what the library that comes with Python has of them counts too
    leaks plain max_frames=4
    contains "$TESTTMP/log" '#0 guilty_a'
    contains "$TESTTMP/log" '#1 plain'
    lacks "$TESTTMP/log" '<module>'
}

@test "an interpreter that is not known is refused with one line, and shown as native code" {
    build_victim unknown - -rdynamic <<'C'
#include <stdint.h>
#include <sys/socket.h>
uintptr_t PyType_Type[64], PyCode_Type[64] = {1, (uintptr_t)PyType_Type}, PyUnicode_Type[64], PyBytes_Type[64];
const unsigned long Py_Version = 0x03630000;
void *PyGILState_GetThisThreadState(void) { return 0; }
int _PyEval_EvalFrameDefault(void) { return socket(AF_INET, SOCK_STREAM, 0); }
int main(void) { return _PyEval_EvalFrameDefault() < 0; }
C
    run with_agent "interval=0:grace=0s:verbosity=1:kinds=all:log_path=$TESTTMP/log" "$TESTTMP/unknown"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    [ "$(grep -c 'its code objects are not as expected' "$TESTTMP/log")" = 1 ]
    contains "$TESTTMP/log" '#0 _PyEval_EvalFrameDefault'
}

@test "the example with urllib3: the leaking one is named by its own line, the fixed one is silent" {
    "$PYTHON" -c 'import urllib3' || skip "urllib3 is missing (python3-urllib3)"
    local line
    cp "$TOP"/examples/python-leak/*.py "$TESTTMP/"
    line=$(grep -n 'http.request' "$TESTTMP/leaking.py" | cut -d: -f1)
    service "$PYTHON" "$TESTTMP/service.py"
    leaking "$PYTHON" "$TESTTMP/leaking.py"
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "#[0-9]+ log_in +.*/leaking.py:$line\$"
    contains "$output" "SUMMARY: .* most: 3 at log_in \(.*/leaking.py:$line\)"
    fixed "$PYTHON" "$TESTTMP/fixed.py"
}
