#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockleak run, static and Go programs: watched from outside, with the same report, and never in their way.

bats_require_minimum_version 1.5.0
load helpers

runs()
{
    timeout 60 "$SOCKLEAK" run "$@" 3>&- 4>&-
}

nothing_left()
{
    [ ! -e "$XDG_RUNTIME_DIR/sockleak" ] || [ -z "$(ls -A "$XDG_RUNTIME_DIR/sockleak")" ]
}

# outside ARGS...: a static program under run, of its own accord.
outside()
{
    run --separate-stderr runs "${OPTIONS[@]}" -- "$VICTIMS/outside" "$@"
    printf '%s\n' "$output" "$stderr"
}

setup()
{
    helpers_setup
    OPTIONS=()
}

# go_program: tests/victims/outside_net.go into $TESTTMP/go, with ARGS for go build.
go_program()
{
    command -v go >/dev/null || skip 'go is missing (golang-go)'
    mkdir -p "$TESTTMP/source"
    cp "$TOP/tests/victims/outside_net.go" "$TESTTMP/source/leaks.go"
    (cd "$TESTTMP/source" && GO111MODULE=off GOCACHE=${GOCACHE:-$BATS_FILE_TMPDIR/go-cache} go build "$@" -o ../go leaks.go) ||
        skip 'go cannot build here'
}

@test "a static program's report has kind, count, function, file and line, and nothing is left" {
    outside leak 5
    [ "$status $output" = "0 leaked" ]
    contains "$stderr" 'WARNING: sockleak: 5 sockets stuck in CLOSE_WAIT'
    contains "$stderr" 'opened 5, closed 0, stuck 5'
    contains "$stderr" 'opened by socket'
    contains "$stderr" '#0 dials +tests/victims/outside.c:[0-9]+$'
    contains "$stderr" '#1 leak +tests/victims/outside.c:[0-9]+$'
    contains "$stderr" '#2 main +tests/victims/outside.c:[0-9]+$'
    contains "$stderr" 'most: 5 at dials \(tests/victims/outside.c:[0-9]+\)'
    nothing_left
}

@test "a static program without leaks: its own output, its own status, not a word; a signal's is 128+N" {
    OPTIONS=(--exitcode 23)
    outside end 7
    [ "$status $output$stderr" = "7 " ]
    outside end 0
    [ "$status $output$stderr" = "0 " ]
    outside end -9
    [ "$status" = 137 ]
    contains "$stderr" 'ended by SIGKILL; no socket of it was recorded'
    run runs -- "$TESTTMP/missing"
    [ "$status" = 1 ]
    nothing_left
}

@test "--exitcode, --max-allowed, --kinds, --json, suppressions and the environment are honoured" {
    OPTIONS=(--exitcode 23)
    outside leak 2
    [ "$status" = 23 ]
    OPTIONS=(--exitcode 23 --max-allowed 2)
    outside leak 2
    [ "$status" = 0 ]
    OPTIONS=(--exitcode 23 --kinds never_connected)
    outside leak 2
    [ "$status$stderr" = 0 ]
    echo 'close_wait:dials' >"$TESTTMP/rules"
    OPTIONS=(--exitcode 23 --suppressions "$TESTTMP/rules" --json "$TESTTMP/json")
    outside leak 2
    [ "$status" = 0 ]
    contains "$stderr" 'nothing is stuck but 2 suppressed sockets'
    export SOCKLEAK_OPTIONS=kinds=all:nosuch=1
    OPTIONS=(--json "$TESTTMP/json")
    outside leak 2
    contains "$stderr" 'sockleak run: nosuch: no such option'
    [ "$(json "$TESTTMP/json" '[(l["kind"], l["count"], l["eof"]) for l in leaks]')" = "[('close_wait', 2, None)]" ]
}

@test "two places under 16 threads: each connection at its own, none guessed" {
    OPTIONS=(--json "$TESTTMP/json")
    outside threads 16 8
    [ "$status" = 0 ]
    [ "$(json "$TESTTMP/json" 'sorted((l["count"], l["opened"], [f["symbol"] for f in l["frames"] if f["symbol"] in ("dials", "calls")]) for l in leaks)')" = \
        "[(64, 64, ['calls']), (64, 64, ['dials'])]" ]
}

@test "a socket that may be of either of two calls is told with both" {
    OPTIONS=(--kinds never_connected --json "$TESTTMP/json")
    outside either 2
    contains "$stderr" '4 sockets never connected'
    contains "$stderr" 'opened by socket at$'
    contains "$stderr" '#0 (first|second) +tests/victims/outside.c'
    contains "$stderr" 'or at \(which of them is not known\)'
    contains "$stderr" 'most: 4 at (first .* or second|second .* or first) '
    [ "$(json "$TESTTMP/json" 'sorted({f["symbol"] for l in leaks for f in l["frames"] if f.get("role") == "or"} & {"first", "second"}).__len__()')" = 1 ]
}

@test "what was in order at the last look and is not at the end is found, of few and of many" {
    local n
    for n in 3 1100; do
        SOCKLEAK_OPTIONS=interval=1s outside late "$n" 2.5 # two looks before
        [ "$status" = 0 ]
        contains "$stderr" "$n sockets stuck in CLOSE_WAIT"
        contains "$stderr" '#0 dials '
    done
}

@test "a listener that takes the descriptor of another one is not taken for it" {
    SOCKLEAK_OPTIONS=interval=100ms outside relisten 0.5
    [ "$status" = 0 ]
    contains "$stderr" '2 sockets leaked at 2 sites \(2 close_wait\)'
    contains "$stderr" '#[0-9]+ accepts_first '
    contains "$stderr" '#[0-9]+ accepts_second '
}

@test "a forked child reports what its parent has closed, with the parent's stack" {
    outside fork
    [ "$status" = 0 ]
    contains "$stderr" '1 socket stuck in CLOSE_WAIT'
    contains "$stderr" '#0 dials +tests/victims/outside.c'
    contains "$stderr" 'inherited from parent [0-9]+, which closed its copy'
}

@test "what stays open over an exec keeps its stack" {
    OPTIONS=(--json "$TESTTMP/json")
    outside exec "$VICTIMS/outside" end 3
    [ "$status" = 3 ]
    contains "$stderr" '#1 executes +tests/victims/outside.c'
    [ "$(json "$TESTTMP/json" '[s["origin"] for l in leaks for s in l["sockets"]]')" = "['before_exec']" ]
}

@test "a program that loads libraries is watched from outside with --trace, its children too" {
    OPTIONS=(--trace)
    run --separate-stderr runs --trace -- sh -c '"$1" 3; exit 5' sh "$VICTIMS/run_leak"
    [ "$status" = 5 ]
    contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
    contains "$stderr" '#0 db_connect +tests/victims/run_leak.c:[0-9]+$'
    contains "$stderr" 'not known whether EOF was seen \(3 of 3\)'
}

@test "while it runs: report, explain, diff and export read its table; attach and detach refuse" {
    start run "$SOCKLEAK" run -- "$VICTIMS/outside" leak 3 30
    wait_for 20 grep -q leaked "$TESTTMP/run.out"
    program=$(pgrep -P "$pid" -x outside)
    run "$SOCKLEAK" report --min-age 0 "$program"
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" '#0 dials +tests/victims/outside.c'
    run "$SOCKLEAK" explain fd:4 "$program"
    contains "$output" 'opened by socket'
    run "$SOCKLEAK" attach "$program"
    [ "$status" = 1 ]
    contains "$output" 'is watched from outside by `sockleak run` already'
    run "$SOCKLEAK" detach "$program"
    [ "$status" = 1 ]
    kill -TERM "$pid"
    wait_for 30 ended "$pid"
    contains "$TESTTMP/run.err" 'ended by signal 15'
    contains "$TESTTMP/run.err" '3 sockets stuck in CLOSE_WAIT'
    nothing_left
}

@test "attach refuses a static program, and names run --trace" {
    start alone "$VICTIMS/outside" leak 1 30
    wait_for 20 grep -q leaked "$TESTTMP/alone.out"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" = 1 ]
    contains "$output" 'statically linked, nothing can be loaded into it: start it with `sockleak run --trace`'
}

@test "a run inside a run, and --trace with --no-trace, are refused in one line" {
    run runs --trace -- "$SOCKLEAK" run -- "$VICTIMS/outside" leak 1
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    contains "$output" 'cannot run .*/outside: another program already watches system calls here'
    run runs --trace --no-trace -- true
    [ "$status" = 2 ]
    nothing_left
}

@test "a handler without SA_RESTART is told once" {
    outside handler
    [ "$(grep -c 'handles signal 10 without SA_RESTART' <<<"$stderr")" = 1 ]
}

# churns FILE: a program whose calls must not fail, in the background; its number in $program.
churns()
{
    start run "$SOCKLEAK" run -- "$VICTIMS/outside" churn 3 "$1"
    wait_for 20 grep -q churns "$TESTTMP/run.out"
    program=$(pgrep -P "$pid" -x outside | head -1)
}

keeper() { pgrep -P "$1" -x sockleak | head -1 | grep .; }

@test "an ordinary user: what hides from it is told once, and runs as it would; root sees into it" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    local dir
    dir=$(mktemp -d /tmp/sloutside.XXXXXX) # where another user may go
    chmod 755 "$dir"
    cp "$SOCKLEAK" "$AGENT" "$VICTIMS/outside" "$dir/"
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups env -u XDG_RUNTIME_DIR "$dir/sockleak" run)
    run --separate-stderr "${as[@]}" -- "$dir/outside" hidden 2
    shown="$status $output"
    hidden=$stderr
    run --separate-stderr "${as[@]}" -- "$dir/outside" leak 2
    plain=$stderr
    run --separate-stderr runs -- "$dir/outside" hidden 2
    rm -rf "$dir"
    printf '%s\n' "$shown" "$hidden" "$plain" "$stderr"
    [ "$shown" = '0 leaked' ]
    [ "$(grep -c . <<<"$hidden")" = 1 ]
    contains "$hidden" 'process [0-9]+ cannot be looked into \(PR_SET_DUMPABLE.*its sockets are not recorded'
    contains "$plain" '2 sockets stuck in CLOSE_WAIT'
    contains "$stderr" '2 sockets stuck in CLOSE_WAIT'
}

@test "the supervisor is killed: no call fails, the program ends as it would" {
    churns "$TESTTMP/said"
    kill -KILL "$pid"
    wait_for 30 test -s "$TESTTMP/said"
    wait_for 10 ended "$program"
    [[ $(<"$TESTTMP/said") == *' calls, 0 failed' ]]
    [ ! -s "$TESTTMP/run.err" ]
}

@test "the keeper is killed, a dozen times: another one is there, and no call fails" {
    local i k killed=0
    churns "$TESTTMP/said"
    wait_for 10 keeper "$pid"
    for ((i = 0; i < 24 && killed < 12; i++)); do
        k=$(keeper "$pid") || break # on a busy machine the program ends before
        kill -KILL "$k" 2>/dev/null || continue # the one before, which its parent has just waited for
        killed=$((killed + 1))
        wait_for 10 ended "$k"
        wait_for 10 eval 'keeper "$pid" || ended "$pid"'
    done
    [ "$killed" -ge 1 ]
    kill -KILL "$pid" 2>/dev/null || : # and the last one holds
    wait_for 30 test -s "$TESTTMP/said"
    [[ $(<"$TESTTMP/said") == *' calls, 0 failed' ]]
}

# One goroutine runs at a time: the one that dials begins when the one that wants it is parked, and not before on a busy machine.
one_at_a_time() { export GOMAXPROCS=1; }

@test "Go: the body that is never closed has its line in who waits for the dial" {
    go_program
    one_at_a_time
    run --separate-stderr runs --json "$TESTTMP/json" --output "$TESTTMP/kept" -- "$TESTTMP/go" client 3
    [ "$status" = 0 ]
    contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
    contains "$stderr" 'created by'
    contains "$stderr" '#[0-9]+ net/http.\(\*Transport\).queueForDial '
    contains "$stderr" 'waited for by'
    contains "$stderr" '#[0-9]+ main.fetch +.*/leaks.go:[0-9]+$'
    contains "$stderr" 'most: 3 at main.fetch \(.*/leaks.go:[0-9]+\)'
    [ "$(json "$TESTTMP/json" '[(h["event"], h["count"], [f["symbol"] for f in h["frames"]][-2:]) for l in leaks for h in l["history"]]')" = \
        "[('created_by', 3, ['net/http.(*Transport).queueForDial']), ('waited_for_by', 3, ['main.fetch', 'main.main'])]" ]
    # the same for those who read the kept table: the line is shown, and each part is a stack of its own
    run "$SOCKLEAK" explain "$(json "$TESTTMP/json" 'leaks[0]["site"]')" "$TESTTMP"/kept/*.sockleak
    contains "$output" 'waited for by'
    contains "$output" '#[0-9]+ main.fetch +.*/leaks.go:[0-9]+$'
    "$SOCKLEAK" report --format sarif "$TESTTMP"/kept/*.sockleak >"$TESTTMP/sarif"
    stacks=$(python3 -c 'import json, sys
for s in json.load(open(sys.argv[1]))["runs"][0]["results"][0]["stacks"]: print(s["message"]["text"], len(s["frames"]) > 0)' "$TESTTMP/sarif")
    [ "$stacks" = $'opened by socket True\ncreated by True\nwaited for by True' ]
}

@test "Go: a connection that the server has let go of, and one that is closed in time" {
    go_program
    run --separate-stderr runs -- "$TESTTMP/go" server 3
    contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
    contains "$stderr" 'opened by accept4'
    contains "$stderr" '#[0-9]+ main.serve +.*/leaks.go:[0-9]+$'
    run --separate-stderr runs --exitcode 23 -- "$TESTTMP/go" clean 3
    [ "$status$output$stderr" = 0 ]
}

@test "Go: a pool of database connections whose rows are never closed has the line of the query" {
    go_program
    run --separate-stderr runs -- "$TESTTMP/go" pool 3
    contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
    contains "$stderr" '#[0-9]+ main.query +.*/leaks.go:[0-9]+$'
}

@test "Go: the kept table as folded stacks, profile, JUnit and SARIF, and in top: the line of the program is in each" {
    go_program
    one_at_a_time
    runs --output "$TESTTMP/kept" -- "$TESTTMP/go" client 3 2>/dev/null
    local format
    report() { "$SOCKLEAK" report --format "$1" "$TESTTMP"/kept/*.sockleak; }
    report folded >"$TESTTMP/folded"
    [ "$(wc -l <"$TESTTMP/folded")" -eq 1 ]
    contains "$TESTTMP/folded" 'main\.main.*;main\.fetch.* 3$'
    report junit >"$TESTTMP/junit"
    contains "$TESTTMP/junit" 'main\.fetch.*leaks\.go:[0-9]+'
    report sarif >"$TESTTMP/sarif"
    [ "$(python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
print(r["artifactLocation"]["uri"].endswith("/leaks.go"), r["region"]["startLine"] > 0)' "$TESTTMP/sarif")" = 'True True' ]
    if command -v go >/dev/null && report pprof >"$TESTTMP/pprof" 2>/dev/null; then
        contains "$(go tool pprof -top -cum "$TESTTMP/pprof" 2>&1)" ' main\.fetch$'
    fi
    start live "$SOCKLEAK" run -- "$TESTTMP/go" client 3 60
    in_top() { local p; p=$(pgrep -P "$pid" -x go) && "$SOCKLEAK" top "$p" | grep -Eq 'main\.fetch.*leaks\.go:[0-9]+'; }
    wait_for 30 in_top
    kill -TERM "$pid"
    wait_for 30 ended "$pid"
}

@test "Go with C: a socket that C opens for a goroutine has the frames of both" {
    command -v go >/dev/null || skip 'go is missing (golang-go)'
    cat >"$TESTTMP/leaks.go" <<'GO'
package main

/*
#include <arpa/inet.h>
#include <sys/socket.h>

__attribute__((noinline)) static int c_dials(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&to, sizeof to) ? -1 : fd;
}
*/
import "C"

import (
	"net"
	"time"
)

//go:noinline
func leak(port int) {
	if C.c_dials(C.int(port)) < 0 {
		panic("connect")
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	done := make(chan bool)
	for i := 0; i < 3; i++ {
		go func() { leak(l.Addr().(*net.TCPAddr).Port); done <- true }()
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		<-done
		c.Close()
	}
	time.Sleep(100 * time.Millisecond)
}
GO
    (cd "$TESTTMP" && CGO_ENABLED=1 GO111MODULE=off GOCACHE=${GOCACHE:-$BATS_FILE_TMPDIR/go-cache} go build -o go leaks.go) || skip 'go cannot build with C here'
    run --separate-stderr runs -- "$TESTTMP/go"
    contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
    contains "$stderr" '#[0-9]+ c_dials '
    contains "$stderr" '#[0-9]+ main\.leak +.*/leaks\.go:[0-9]+$'
    contains "$stderr" 'created by'
}

@test "static and position-independent at once, and with all optimisations: the same lines" {
    local flags line
    line=$(grep -n '^static int dials' "$TOP/tests/victims/outside.c" | cut -d: -f1)
    for flags in -static-pie '-static -O2 -fno-inline' '-static -O1 -fomit-frame-pointer -fno-inline'; do
        # shellcheck disable=SC2086
        "${CC:-gcc}" -std=gnu11 -g -D_GNU_SOURCE -pthread $flags -o "$TESTTMP/outside" "$TOP/tests/victims/outside.c" || skip "no static C library"
        run --separate-stderr runs -- "$TESTTMP/outside" leak 3
        [ "$status" = 0 ]
        contains "$stderr" '3 sockets stuck in CLOSE_WAIT'
        contains "$stderr" "#0 dials .*outside\\.c:$((line + 2))\$"
        contains "$stderr" '#1 leak .*outside\.c:[0-9]+$'
        contains "$stderr" '#2 main .*outside\.c:[0-9]+$'
    done
}

@test "Go: stripped, static and position-independent programs are told alike" {
    local way first='' site
    for way in '-ldflags=-s -w' '-buildmode=pie'; do
        go_program "$way"
        one_at_a_time
        run --separate-stderr runs -- "$TESTTMP/go" client 2
        contains "$stderr" '#[0-9]+ main.fetch +.*/leaks.go:[0-9]+$'
        site=$(grep -oE '^site [0-9a-f]{16}' <<<"$stderr")
        [ "${first:=$site}" = "$site" ]
    done
}

@test "Go: the example's tests under go test -exec: the leaking one fails, the fixed one passes" {
    command -v go >/dev/null || skip 'go is missing (golang-go)'
    export GO111MODULE=on GOFLAGS=-mod=mod GOCACHE=${GOCACHE:-$BATS_FILE_TMPDIR/go-cache}
    cp -r "$TOP/examples/go" "$TESTTMP/tests"
    cd "$TESTTMP/tests"
    go vet ./fixed || skip 'go cannot build here'
    run go test -count=1 -exec "$SOCKLEAK run --exitcode 7 --" ./leaking
    [ "$status" != 0 ]
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    contains "$output" 'most: 1 at .*leaking.status \(.*fetch_test.go:[0-9]+\)'
    run go test -count=1 -exec "$SOCKLEAK run --exitcode 7 --" ./fixed
    [ "$status" = 0 ]
    lacks "$output" CLOSE_WAIT
}
