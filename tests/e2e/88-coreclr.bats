#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The methods of a C# program under CoreCLR are its own code, named by the perf map that it writes. CoreCLR itself is run by `make check-runtimes`; here
# a program has code that is laid out as CoreCLR's.

load helpers
load runtimes

setup()
{
    helpers_setup
    gcc -O1 -g -shared -fPIC -x c - -o "$TESTTMP/libcoreclr.so" <<'C'
void coreclr_initialize(void) {}
void coreclr_execute_assembly(void (**next)(void *))
{
    next[0](next + 1);
    __asm__ volatile("");
}
C
    PROGRAM=("$VICTIMS/coreclr_like" "$TESTTMP/libcoreclr.so")
}

teardown()
{
    rm -f "${MAP:-$TESTTMP/none}"
    helpers_teardown
}

# runs HOW [OPTIONS]: leaks, and its map is gone afterwards
runs()
{
    leaks "$@" </dev/null
    rm -f "/tmp/perf-$(basename "$TESTTMP"/log.* | sed 's/.*\.//').map"
}

# two_groups FILE: of Login's three, which was compiled twice, and Prices' two
two_groups()
{
    contains "$1" 'opened 3, closed 0, stuck 3'
    contains "$1" 'opened 2, closed 0, stuck 2'
    tr '\n' ' ' <"$1" | sed 's/ \+/ /g' >"$TESTTMP/line"
    contains "$TESTTMP/line" 'stuck 3 opened [^#]*#0 connect_loopback [^#]*#1 leaves [^#]*#2 Shop.Leak\+Orders`1.Login Leak \(dotnet\) #3 Shop.Leak.Round Leak \(dotnet\) #4 Shop.Leak.Main Leak \(dotnet\) #5 main '
    contains "$TESTTMP/line" 'stuck 2 opened [^#]*#0 connect_loopback [^#]*#1 leaves [^#]*#2 Shop.Leak.Prices Leak \(dotnet\) #3 Shop.Leak.Round Leak \(dotnet\) #4 Shop.Leak.Main Leak \(dotnet\) #5 main '
    lacks "$1" 'IL_STUB|[?][?]|Tier|coreclr_execute'
}

@test "methods compiled with and without a frame pointer, twice, and ahead of time are a stack that goes on to main" {
    runs map
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
}

@test "a site has one name in three runs" {
    local run
    for run in 1 2 3; do
        runs map
        same_two_sites
    done
}

@test "from the state file after kill -9, in JSON too" {
    killed '' map
    MAP=/tmp/perf-$pid.map
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report"
    two_groups "$TESTTMP/report"
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'sorted((l["count"], [f["symbol"] for f in l["frames"] if f["runtime"] == "dotnet" and not f.get("interpreter")]) for l in leaks)')" = \
        "[(2, ['Shop.Leak.Prices', 'Shop.Leak.Round', 'Shop.Leak.Main']), (3, ['Shop.Leak+Orders\`1.Login', 'Shop.Leak.Round', 'Shop.Leak.Main'])]" ]
}

@test "runtimes=none shows native frames alone" {
    runs map runtimes=none
    lacks "$TESTTMP/log" dotnet
    contains "$TESTTMP/log" 'stuck in CLOSE_WAIT'
}

@test "where a method on the stack is not known, no method is named" {
    runs lost
    lacks "$TESTTMP/log" 'dotnet'
    contains "$TESTTMP/log" '#1 leaves'
}

@test "without a map, and with one that is not this process', it is refused with one line" {
    local how
    for how in 'none:it writes no perf map \(DOTNET_PerfMapEnabled=1\)' 'old:its perf map is older than the process' 'link:it writes no perf map'; do
        runs "${how%%:*}" verbosity=1
        [ "$(grep -c "the frames of this program's dotnet are not read" "$TESTTMP/log")" = 1 ]
        contains "$TESTTMP/log" "dotnet are not read: ${how#*:}"
        lacks "$TESTTMP/log" 'Shop'
        contains "$TESTTMP/log" '#1 leaves'
    done
}
