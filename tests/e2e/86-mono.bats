#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C# programs under Mono: the stacks are the program's methods, right in each way of use, and the same in each run.

bats_require_minimum_version 1.5.0
load helpers

# compiled FOLDER: Leak.exe, from a copy of its source there
compiled()
{
    mkdir -p "$1"
    cp "$BATS_TEST_DIRNAME/../victims/mono_leak.cs" "$1/Leak.cs"
    (cd "$1" && mcs -debug -out:Leak.exe Leak.cs)
}

setup()
{
    helpers_setup
    compiled "$TESTTMP/src"
    cd "$TESTTMP/src" || return 1
}

# two_groups FILE COUNT: the report has the two guilty methods, with so many sockets each
two_groups()
{
    json "$1" 'sorted((next(f["symbol"] for f in l["frames"] if f["runtime"] == "dotnet" and "Shop" in f["symbol"]), l["count"], l["opened"]) for l in leaks if l["kind"] == "close_wait")' >"$TESTTMP/groups"
    cat "$TESTTMP/groups"
    [ "$(cat "$TESTTMP/groups")" = "[('Shop.Leak+Orders.Login', $2, $2), ('Shop.Leak.Open', $2, $2)]" ]
}

# run_leak NAME WORD...: a run of Leak to its end with its report in $TESTTMP/NAME
run_leak()
{
    local name=$1
    shift
    env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="grace=1:exitcode=0:log_format=json:log_path=$TESTTMP/log.%p" mono --debug Leak.exe "$@" 3>&- 4>&-
    cat "$TESTTMP"/log.* >"$TESTTMP/$name"
    rm "$TESTTMP"/log.*
}

# at_exit FILE: the records of the report at the exit alone
at_exit() { python3 -c 'import sys; [sys.stdout.write(l) for l in open(sys.argv[1]) if "\"reason\":\"exit\"" in l]' "$1"; }

sites() { at_exit "$1" | python3 -c 'import json, sys; print(sorted(json.loads(l)["site"] for l in sys.stdin if "\"type\":\"leak\"" in l))'; }

@test "two guilty methods are two groups that begin with them, and the innocent one is none" {
    run_leak report 4 exit
    at_exit "$TESTTMP/report" >"$TESTTMP/exit"
    json "$TESTTMP/exit" '[(l["frames"][0]["symbol"], l["frames"][0]["line"]) for l in leaks]'
    [ "$(json "$TESTTMP/exit" 'sorted((next(f["symbol"] for f in l["frames"] if f["symbol"] and "Shop" in f["symbol"]), l["count"]) for l in leaks)')" = \
        "[('Shop.Leak+Orders.Login', 4), ('Shop.Leak.Open', 4)]" ]
}

@test "the text shows the methods and lines of the program, not Mono's own" {
    run -0 with_agent grace=1:exitcode=0 mono --debug Leak.exe 3 exit
    contains "$output" "#0 Shop.Leak\\+Orders.Login  *$TESTTMP/src/Leak.cs:28\$"
    contains "$output" "#1 Shop.Leak.Round  *$TESTTMP/src/Leak.cs:57\$"
    contains "$output" "#1 Shop.Leak.Prices  *$TESTTMP/src/Leak.cs:36\$"
    lacks "$output" 'mono-sgen|0x4[0-9a-f]*\)'
}

@test "without --debug the methods are the same, and the file is the assembly's" {
    run -0 with_agent grace=1:exitcode=0 mono Leak.exe 3 exit
    contains "$output" "#0 Shop.Leak\\+Orders.Login  *$TESTTMP/src/Leak.exe \\(dotnet\\)\$"
}

@test "the sites are the same in three runs, in a thread or not, and in another folder" {
    local first
    run_leak one 3 exit
    run_leak two 3 exit
    compiled "$TESTTMP/elsewhere"
    cd "$TESTTMP/elsewhere"
    run_leak three 3 exit
    first=$(sites "$TESTTMP/one")
    echo "$first"
    [ "$(tr , '\n' <<<"$first" | wc -l)" = 2 ]
    [ "$(sites "$TESTTMP/two")" = "$first" ]
    [ "$(sites "$TESTTMP/three")" = "$first" ]
}

@test "report says the same of a live process and of a killed one" {
    mkfifo in
    exec {FEED}<>in
    start_agent leak grace=1 bash -c 'exec mono --debug Leak.exe 5 stay <in'
    wait_for 30 grep -q ready "$TESTTMP/leak.out"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/live"
    two_groups "$TESTTMP/live" 5
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/dead"
    two_groups "$TESTTMP/dead" 5
}

@test "after an attach the stacks are the methods' too" {
    mkfifo in
    exec {FEED}<>in
    start leak bash -c 'exec mono --debug Leak.exe 3 wait <in'
    wait_for 30 grep -q waiting "$TESTTMP/leak.out"
    "$SOCKLEAK" attach "$pid"
    echo go >&"$FEED"
    wait_for 30 grep -q ready "$TESTTMP/leak.out"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/report.json"
    two_groups "$TESTTMP/report.json" 3
}

@test "what was stuck until Mono closed everything at its end counts, and run says so" {
    run -23 --separate-stderr "$SOCKLEAK" run --grace 1 --exitcode 23 --json "$TESTTMP/report.json" -- mono Leak.exe 2 exit
    two_groups "$TESTTMP/report.json" 2
}

@test "a suppression by method hides its group alone" {
    echo 'leak:Shop.Leak+Orders.Login' >supp
    run -0 with_agent "grace=1:exitcode=0:suppressions=$PWD/supp" mono --debug Leak.exe 2 exit
    lacks "$output" '#[0-9]+ .*Orders.Login' # the suppression itself is named at the end
    contains "$output" 'Shop.Leak.Prices'
}

@test "runtimes=none shows native frames alone" {
    run -0 with_agent grace=1:exitcode=0:runtimes=none mono --debug Leak.exe 2 exit
    contains "$output" 'stuck in CLOSE_WAIT'
    lacks "$output" Shop
}

@test "the example with TcpClient: the leaking one is named by its own line, the fixed one is silent" {
    local line source
    for source in Service Leaking Fixed; do
        mcs -debug -out:"$TESTTMP/$source.exe" "$TOP/examples/dotnet-leak/$source.cs"
    done
    line=$(grep -n 'new TcpClient()' "$TOP/examples/dotnet-leak/Leaking.cs" | cut -d: -f1)
    start service mono "$TESTTMP/Service.exe"
    wait_for 30 grep -q '[0-9]' "$TESTTMP/service.out"
    run -23 "$SOCKLEAK" run --exitcode 23 -- mono --debug "$TESTTMP/Leaking.exe" "$(<"$TESTTMP/service.out")"
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "#0 Leaking.LogIn +.*/Leaking.cs:$line\$"
    contains "$output" "SUMMARY: .* most: 3 at Leaking.LogIn \(.*/Leaking.cs:$line\)"
    run -0 "$SOCKLEAK" run --exitcode 23 -- mono --debug "$TESTTMP/Fixed.exe" "$(<"$TESTTMP/service.out")"
    [ "$output" = '3 were refused' ]
}
