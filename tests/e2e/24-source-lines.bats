#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 24-source-lines: the line of source below the first frame of the program's own code, in every report that can have it.

load helpers

setup()
{
    helpers_setup
    mkdir "$TESTTMP/src"
    cat >"$TESTTMP/src/leak.c" <<'C'
#include <sys/socket.h>
#include <unistd.h>
static void leak(void)
{
	socket(AF_INET, SOCK_STREAM, 0);	/* first of all */
}
static void leak_far(void)
{
    socket(AF_INET, SOCK_DGRAM, 0); /* a long line that nobody would read to its end, of which the report shows no more than there is room for */
}
int main(int argc, char **argv)
{
    for (int i = 0; i < 2; i++)
        leak();
    leak_far();
    if (argc > 1)
        pause();
    return 0;
}
C
    touch -d '1 hour ago' "$TESTTMP/src/leak.c"
    (cd "$TESTTMP/src" && "${CC:-gcc}" -g -O0 -o ../leak leak.c)
}

@test "the report at exit, run and report show the program's own line, aligned, with tabs in their places, and cut to the window" {
    local text=$TESTTMP/text
    with_agent kinds=all "$TESTTMP/leak" 2>"$text"
    contains "$text" '^    #0 leak +leak\.c:5$'
    contains "$text" '^          5 \|     socket\(AF_INET, SOCK_STREAM, 0\);    /\* first of all \*/$'
    contains "$text" '^          9 \|     socket\(AF_INET, SOCK_DGRAM, 0\); .*\.\.\.$'
    [ "$(grep -c ' | ' "$text")" -eq 2 ] # not below main, nor below libc's frames
    [ "$(grep ' | ' "$text" | wc -L)" -le 80 ]
    "$SOCKLEAK" run --kinds all -- "$TESTTMP/leak" 2>"$text" 3>&- 4>&-
    [ "$(grep -c ' | ' "$text")" -eq 2 ]
    start_agent leak kinds=all "$TESTTMP/leak" x
    wait_for 20 eval "'$SOCKLEAK' report --min-age 0 $pid >'$text' && grep -q '#0 leak_far' '$text'"
    contains "$text" '^          5 \|     socket'
    [ "$(grep -c ' | ' "$text")" -eq 2 ]
    "$SOCKLEAK" explain "$(sed -n 's/^site \([0-9a-f]*\):.*/\1/p' "$text" | head -n 1)" "$pid" >"$text.explained"
    contains "$text.explained" '^ +[59] \|     socket'
}

@test "JSON, of the agent too, and SARIF have the line as it is in the file" {
    with_agent "kinds=all:log_format=json" "$TESTTMP/leak" 2>"$TESTTMP/json"
    start_agent leak kinds=all "$TESTTMP/leak" x
    wait_for 20 eval "'$SOCKLEAK' report --min-age 0 $pid | grep -q leak_far"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/json2"
    "$SOCKLEAK" report --min-age 0 --format sarif "$pid" >"$TESTTMP/sarif"
    python3 - "$TESTTMP/json" "$TESTTMP/json2" "$TESTTMP/sarif" <<'PY'
import json, sys
first = "\tsocket(AF_INET, SOCK_STREAM, 0);\t/* first of all */"
for name in sys.argv[1:3]:
    leaks = [l for l in map(json.loads, open(name)) if l["type"] == "leak"]
    lines = {l["frames"][0]["symbol"]: l["frames"][0].get("source") for l in leaks}
    assert lines["leak"] == first and lines["leak_far"].endswith("there is room for */"), lines
    assert not any("source" in f for l in leaks for f in l["frames"][1:])
results = json.load(open(sys.argv[3]))["runs"][0]["results"]
places = [r["locations"][0]["physicalLocation"]["region"] for r in results]
assert {"startLine": 5, "snippet": {"text": first}} in places, places
PY
}

@test "--no-source of report, run and explain, and source=0 of the environment and the program, leave it out" {
    local text=$TESTTMP/text
    with_agent kinds=all:source=0 "$TESTTMP/leak" 2>"$text"
    contains "$text" 'leak\.c:5'
    lacks "$text" ' \| '
    "$SOCKLEAK" run --no-source --kinds all -- "$TESTTMP/leak" 2>"$text" 3>&- 4>&-
    contains "$text" 'leak\.c:5'
    lacks "$text" ' \| '
    SOCKLEAK_OPTIONS=source=0 "$SOCKLEAK" run --kinds all -- "$TESTTMP/leak" 2>"$text" 3>&- 4>&-
    lacks "$text" ' \| '
    start_agent leak kinds=all "$TESTTMP/leak" x
    wait_for 20 eval "'$SOCKLEAK' report --min-age 0 $pid >'$text' && grep -q '#0 leak_far' '$text'"
    contains "$text" ' \| '
    run "$SOCKLEAK" report --no-source --min-age 0 "$pid"
    contains "$output" 'leak\.c:5'
    lacks "$output" ' \| '
    SOCKLEAK_OPTIONS=source=0 run "$SOCKLEAK" report --min-age 0 "$pid"
    lacks "$output" ' \| '
    local site
    site=$(sed -n 's/^site \([0-9a-f]*\):.*/\1/p' "$text" | head -n 1)
    run "$SOCKLEAK" explain --no-source "$site" "$pid"
    contains "$output" 'leak\.c:[59]'
    lacks "$output" ' \| '
    SOCKLEAK_OPTIONS=source=0 run "$SOCKLEAK" explain "$site" "$pid"
    lacks "$output" ' \| '
}

@test "a file that is newer than the program is not shown, nor one that is gone, and what could steer a terminal is harmless" {
    local text=$TESTTMP/text
    shown() { with_agent kinds=all "$TESTTMP/leak" 2>"$text"; contains "$text" 'leak\.c:5'; }
    sed -i '5s/.*/\x1b[31mred\x07/' "$TESTTMP/src/leak.c"
    shown
    lacks "$text" ' \| '
    touch -d '1 hour ago' "$TESTTMP/src/leak.c"
    shown
    contains "$text" '^          5 \| \?\[31mred\?$'
    lacks "$text" $'\033'
    rm "$TESTTMP/src/leak.c"
    shown
    lacks "$text" ' \| '
}

@test "colour marks that frame, in the report at exit and in the command's" {
    with_agent kinds=all:color=always "$TESTTMP/leak" 2>"$TESTTMP/text"
    contains "$TESTTMP/text" $'\033\\[1m    #0 leak +leak\\.c:5\033\\[0m$'
    [ "$(grep -c $'^\033\\[1m    #' "$TESTTMP/text")" -eq 2 ]
    SOCKLEAK_OPTIONS=color=always "$SOCKLEAK" run --kinds all -- "$TESTTMP/leak" 2>"$TESTTMP/text" 3>&- 4>&-
    contains "$TESTTMP/text" $'\033\\[1m    #0 leak +leak\\.c:5\033\\[0m$'
}

@test "of a Python program it is the line of Python, below a relative name too, and none of a file that has changed since" {
    local text=$TESTTMP/text
    command -v python3 >/dev/null || skip "python3 is missing"
    mkdir "$TESTTMP/app"
    printf '%s\n' 'import socket, sys, time' 'def login():' '    kept.append(socket.socket())  # here' 'kept = []' 'for i in range(2):' '    login()' \
        'if len(sys.argv) > 1:' '    time.sleep(600)' >"$TESTTMP/app/web.py"
    touch -d '1 hour ago' "$TESTTMP/app/web.py"
    cd "$TESTTMP"
    with_agent kinds=all python3 app/web.py 2>"$text"
    cat "$text"
    contains "$text" '#0 login +.*app/web\.py:3$'
    contains "$text" '^          3 \|     kept\.append\(socket\.socket\(\)\)  # here$'
    [ "$(grep -c ' | ' "$text")" -eq 1 ]
    local relative="exec(compile(open('app/web.py').read(), 'app/web.py', 'exec'))"
    with_agent kinds=all python3 -c "$relative" 2>"$text"
    contains "$text" '#0 login +app/web\.py:3$'
    contains "$text" '^          3 \|     kept'
    "$SOCKLEAK" run --kinds all -- python3 -c "$relative" 2>"$text" 3>&- 4>&-
    contains "$text" '#0 login +app/web\.py:3$'
    contains "$text" '^          3 \|     kept'
    start_agent web kinds=all python3 -c "$relative" x
    cd /
    wait_for 20 eval "'$SOCKLEAK' report --min-age 0 $pid >'$text' && grep -q 'web.py:3' '$text'"
    contains "$text" '^          3 \|     kept'
    touch "$TESTTMP/app/web.py"
    "$SOCKLEAK" report --min-age 0 "$pid" >"$text"
    contains "$text" 'web\.py:3'
    lacks "$text" ' \| '
}
