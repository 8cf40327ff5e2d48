#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockleak report: live and dead processes from their state files, with file and line, in every format; bad files cost one line each.

# Each test is a subshell.
# shellcheck disable=SC2030,SC2031
bats_require_minimum_version 1.5.0
load helpers

# make_state NAME SITES SOCKETS [END]: a state file $TESTTMP/NAME.sockleak of a process that has ended.
make_state()
{
    "$VICTIMS/report_statefile" "$TESTTMP/$1.sockleak" "$2" "$3" "${4:-exit}"
}

# line_of WORD: where the generator's source has it.
line_of()
{
    grep -n -m 1 "$1" "$TOP/tests/victims/report_statefile.c" | cut -d: -f1
}

# leaking NAME OPTIONS COUNT: run_leak that keeps COUNT sockets in CLOSE_WAIT until the test ends; $pid.
leaking()
{
    mkfifo "$TESTTMP/$1.in"
    exec 7<>"$TESTTMP/$1.in"
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=$2 "$VICTIMS/run_leak" "$3" wait <"$TESTTMP/$1.in" >"$TESTTMP/$1.out" 2>"$TESTTMP/$1.err" 3>&- 4>&- 7>&- &
    pid=$!
    STARTED+=("$pid")
    wait_for 20 grep -q ready "$TESTTMP/$1.out"
}

# leaks_of EXPRESSION: reads JSON Lines from its input, prints the value of the python expression over `leaks` (list of dicts).
leaks_of()
{
    python3 -c 'import json, sys
leaks = [l for l in map(json.loads, sys.stdin) if l["type"] == "leak"]
print('"$1"')'
}

@test "a dead process is reported with function, file, line and inlined calls" {
    make_state a 2 3
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    contains "$output" 'WARNING: sockleak: 3 sockets stuck in CLOSE_WAIT'
    contains "$output" "#0 +db_connect +tests/victims/report_statefile.c:$(line_of 'db_connect(void)') +\\(inlined\\)"
    contains "$output" '#1 +login0 +tests/victims/report_statefile.c:[0-9]+$'
    contains "$output" "main +tests/victims/report_statefile.c:$(line_of 'serve(8)')"
    contains "$output" 'opened 6, closed 3, stuck 3'
    contains "$output" 'SUMMARY: sockleak: 6 sockets leaked at 2 sites \(6 close_wait\)'
    contains "$output" 'exited with status 0; last look [0-9]+ s ago'
}

@test "the end that a process came to is said: killed, aborted, went on by exec" {
    for end in running:'ended without an exit' abort:aborted exec:'went on as another program'; do
        make_state e 1 1 "${end%%:*}"
        run "$SOCKLEAK" report "$TESTTMP/e.sockleak"
        contains "$output" "${end#*:}"
    done
}

@test "JSON Lines carry frames with module, build-id, offset, symbol, file and line" {
    make_state a 1 3
    run --separate-stderr "$SOCKLEAK" report --format json "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    # shellcheck disable=SC2154 # by run --separate-stderr
    [ "$stderr" = "" ]
    [ "$(leaks_of 'leaks[0]["count"], leaks[0]["frames"][0]["symbol"], leaks[0]["frames"][0]["inlined"], leaks[0]["frames"][1]["symbol"], len(leaks[0]["frames"][1]["build_id"]) > 8, len(leaks[0]["sockets"])' <<<"$output")" = "3 db_connect True login0 True 3" ]
}

@test "folded stacks go from the program to the allocating call, with the stuck count" {
    make_state a 1 7
    run --separate-stderr "$SOCKLEAK" report --format folded "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    contains "$output" '^report_statefile;.*main;all;outer0;inner0;serve;serve;serve;serve;serve;serve;serve;serve;serve;login0;db_connect_\[i\];\[close_wait\] 7$'
}

@test "--gen-suppressions prints a line for each group that then suppresses it" {
    make_state a 2 3
    "$SOCKLEAK" report --gen-suppressions "$TESTTMP/a.sockleak" >"$TESTTMP/supp"
    [ "$(wc -l <"$TESTTMP/supp")" -eq 2 ]
    grep -qE '^close_wait:\^db_connect \(report_statefile\.c:[0-9]+\) < login[01] \(.* < .*\)\$$' "$TESTTMP/supp"
    run "$SOCKLEAK" report --suppressions "$TESTTMP/supp" "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    contains "$output" 'nothing is stuck .*; 6 suppressed'
}

@test "sockets without a stack are counted too, and each of their peers has a suppression line" {
    with_agent max_frames=0:exitcode=0:log_path="$TESTTMP/log" python3 -c 'import socket
for i in range(3):
    server = socket.create_server(("127.0.0.1", 0))
    for k in range(2):
        socket.create_connection(server.getsockname()).detach()
        server.accept()[0].close()
    server.close()
'
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/json"
    [ "$(leaks_of '[(l["count"], l["opened"], l["closed"], l["live"], l["frames"]) for l in leaks]' <"$TESTTMP/json")" = "[(6, 15, 9, 6, [])]" ]
    "$SOCKLEAK" report --gen-suppressions "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/supp"
    [ "$(grep -cE '^peer:\^127\.0\.0\.1:[0-9]+\$$' "$TESTTMP/supp")" -eq 3 ]
    run "$SOCKLEAK" report --suppressions "$TESTTMP/supp" "$XDG_RUNTIME_DIR/sockleak"
    contains "$output" 'nothing is stuck .*; 6 suppressed'
}

@test "--kinds and --min-age leave out what they should" {
    make_state a 1 3
    run "$SOCKLEAK" report --kinds dead "$TESTTMP/a.sockleak"
    contains "$output" 'nothing of the kinds that were asked for is stuck'
    run "$SOCKLEAK" report --min-age 99s "$TESTTMP/a.sockleak"
    contains "$output" '3 sockets stuck'
    run "$SOCKLEAK" report --min-age 101s "$TESTTMP/a.sockleak"
    contains "$output" 'stuck: none for 101 s, 3 for less: --min-age 0 lists them'
}

@test "without an argument every state file of this user is reported" {
    mkdir -m 700 "$XDG_RUNTIME_DIR/sockleak"
    "$VICTIMS/report_statefile" "$XDG_RUNTIME_DIR/sockleak/1.1.sockleak" 1 2
    "$VICTIMS/report_statefile" "$XDG_RUNTIME_DIR/sockleak/2.1.sockleak" 1 4
    # only what must be there is asked for: other programs of this user may have state files in /dev/shm
    run "$SOCKLEAK" report --kinds close_wait
    contains "$output" 'WARNING: sockleak: 2 sockets'
    contains "$output" 'WARNING: sockleak: 4 sockets'
}

@test "what a run keeps for its processes is reported and cleaned too, but not through a link or a directory that others write to" {
    local states=$XDG_RUNTIME_DIR/sockleak gone
    sh -c : & gone=$!
    wait "$gone"
    mkdir -m 700 "$states" "$states/run-$gone.abcdef" "$states/run-$$.abcdef" "$TESTTMP/elsewhere"
    mkdir -m 777 "$states/run-1.abcdef"
    chmod 777 "$states/run-1.abcdef"
    ln -s "$TESTTMP/elsewhere" "$states/run-$gone.ghijkl"
    "$VICTIMS/report_statefile" "$states/run-$gone.abcdef/1999999999.1.sockleak" 1 2
    "$VICTIMS/report_statefile" "$states/run-$$.abcdef/1999999999.1.sockleak" 1 3
    "$VICTIMS/report_statefile" "$states/run-1.abcdef/1999999999.1.sockleak" 1 4
    "$VICTIMS/report_statefile" "$TESTTMP/elsewhere/1999999999.1.sockleak" 1 5
    echo note >"$states/run-$gone.abcdef/1999999999.log"
    : >"$states/1999999999.exec"
    SOCKLEAK_OPTIONS=state_dir=$states run "$SOCKLEAK" report --kinds close_wait
    contains "$output" 'WARNING: sockleak: 2 sockets'
    contains "$output" 'WARNING: sockleak: 3 sockets'
    lacks "$output" 'WARNING: sockleak: [45] sockets'
    run "$SOCKLEAK" report "$states"
    contains "$output" 'WARNING: sockleak: 2 sockets'
    run "$SOCKLEAK" clean --dry-run "$states"
    [ "$status" -eq 0 ]
    contains "$output" "^$states/run-$gone.abcdef\$"
    [ -e "$states/run-$gone.abcdef/1999999999.log" ]
    run "$SOCKLEAK" clean "$states"
    [ "$status" -eq 0 ]
    [ ! -e "$states/run-$gone.abcdef" ]
    [ ! -e "$states/1999999999.exec" ]
    [ -z "$(ls -A "$states/run-$$.abcdef")" ] # its run, this test, lives
    [ -e "$states/run-1.abcdef/1999999999.1.sockleak" ]
    [ -e "$TESTTMP/elsewhere/1999999999.1.sockleak" ]
}

@test "a corrupt, cut, foreign or newer file costs one line and status 1; the others are reported" {
    make_state good 1 3
    cp "$TESTTMP/good.sockleak" "$TESTTMP/newer.sockleak"
    printf '\x63\x00\x00\x00' | dd of="$TESTTMP/newer.sockleak" bs=1 seek=8 conv=notrunc status=none
    head -c 5000 "$TESTTMP/good.sockleak" >"$TESTTMP/cut.sockleak"
    head -c 200000 /dev/zero >"$TESTTMP/zero.sockleak"
    : >"$TESTTMP/empty.sockleak"
    mkfifo "$TESTTMP/fifo.sockleak"
    run timeout 20 "$SOCKLEAK" report "$TESTTMP"
    [ "$status" -eq 1 ]
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" 'newer.sockleak: .*newer'
    for bad in cut zero empty fifo; do
        [ "$(grep -c "^sockleak report: .*/$bad.sockleak: " <<<"$output")" -eq 1 ]
    done
    run "$SOCKLEAK" report "$TESTTMP/missing"
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak report: $TESTTMP/missing: No such file or directory" ]
}

@test "a file full of lies is read without a fault, and in bounded time" {
    make_state a 20 3
    for seed in 1 2 3 4 5 6 7 8; do
        python3 - "$TESTTMP/a.sockleak" "$TESTTMP/lies" "$seed" <<'PY'
import random, sys
random.seed(int(sys.argv[3]))
data = bytearray(open(sys.argv[1], "rb").read(69632 + 12 * 16384))
for _ in range(3000):
    at = random.choice((random.randrange(96, 4096), 4096 + random.randrange(64), 69632 + random.randrange(len(data) - 69640)))
    data[at] = random.randrange(256)
open(sys.argv[2], "wb").write(data)
PY
        run timeout 30 "$SOCKLEAK" report --kinds all --format json "$TESTTMP/lies"
        [ "$status" -le 1 ]
    done
}

@test "names come only from the build that ran: another build on disk gives module and offset" {
    cp "$VICTIMS/report_statefile" "$TESTTMP/prog"
    "$TESTTMP/prog" "$TESTTMP/a.sockleak" 1 3
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    contains "$output" 'db_connect'
    cp "$VICTIMS/run_leak" "$TESTTMP/prog"
    run "$SOCKLEAK" report --verbose "$TESTTMP/a.sockleak"
    [ "$status" -eq 0 ]
    [[ $output != *db_connect* ]]
    contains "$output" '\?\? .*\(prog\+0x[0-9a-f]+\)'
    contains "$output" 'no names for .*/prog: the file on disk is another build'
}

@test "a stripped program is explained by its separate debug file, a foreign one below --sysroot" {
    cp "$VICTIMS/report_statefile" "$TESTTMP/prog"
    objcopy --only-keep-debug "$TESTTMP/prog" "$TESTTMP/prog.dbg"
    id=$(readelf -n "$TESTTMP/prog" | sed -n 's/.*Build ID: //p')
    strip "$TESTTMP/prog"
    "$TESTTMP/prog" "$TESTTMP/a.sockleak" 1 3
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    [[ $output != *db_connect* ]]

    mkdir -p "$TESTTMP/debug/.build-id/${id:0:2}"
    cp "$TESTTMP/prog.dbg" "$TESTTMP/debug/.build-id/${id:0:2}/${id:2}.debug"
    run "$SOCKLEAK" report --debug-dir "$TESTTMP/debug" "$TESTTMP/a.sockleak"
    contains "$output" 'db_connect +tests/victims/report_statefile.c:'

    mkdir -p "$TESTTMP/root$TESTTMP"
    mv "$TESTTMP/prog" "$TESTTMP/root$TESTTMP/prog"
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    [[ $output != *db_connect* ]]
    cp "$VICTIMS/report_statefile" "$TESTTMP/root$TESTTMP/prog"
    run "$SOCKLEAK" report --sysroot "$TESTTMP/root" "$TESTTMP/a.sockleak"
    contains "$output" 'db_connect +tests/victims/report_statefile.c:'
}

@test "a debuginfod server is asked where DEBUGINFOD_URLS names one" {
    ldconfig -p | grep -q libdebuginfod || skip "no libdebuginfod here"
    cp "$VICTIMS/report_statefile" "$TESTTMP/prog"
    id=$(readelf -n "$TESTTMP/prog" | sed -n 's/.*Build ID: //p')
    "$TESTTMP/prog" "$TESTTMP/a.sockleak" 1 3
    mkdir -p "$TESTTMP/web/buildid/$id"
    mv "$TESTTMP/prog" "$TESTTMP/web/buildid/$id/executable"
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    [[ $output != *db_connect* ]]
    start web python3 -u -m http.server --bind 127.0.0.1 --directory "$TESTTMP/web" 0
    wait_for 20 grep -q 'port [0-9]' "$TESTTMP/web.out"
    port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$TESTTMP/web.out")
    DEBUGINFOD_URLS="http://127.0.0.1:$port" DEBUGINFOD_CACHE_PATH="$TESTTMP/cache" run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    contains "$output" 'db_connect +tests/victims/report_statefile.c:'
}

@test "clang's programs and split debug data have lines too" {
    ways=("gcc -g -gsplit-dwarf")
    ! command -v clang >/dev/null || ways+=("clang -g" "clang -g -gdwarf-4 -gsplit-dwarf")
    for way in "${ways[@]}"; do
        rm -f "$TESTTMP"/*.dwo
        (cd "$TESTTMP" && $way -std=gnu11 -D_GNU_SOURCE -Wl,--build-id -o prog "$TOP/tests/victims/report_statefile.c")
        "$TESTTMP/prog" "$TESTTMP/a.sockleak" 1 1
        run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
        contains "$output" '#0 +db_connect +/.*/tests/victims/report_statefile.c:[0-9]+ +\(inlined\)'
        contains "$output" '#1 +login0 +/.*/tests/victims/report_statefile.c:[0-9]+$'
    done
}

@test "a process of another mount and pid namespace is reported by its pid here, with lines from its own files" {
    unshare -Urmpf --mount-proc true 2>/dev/null || skip "no namespaces for this user"
    mkdir "$TESTTMP/inner"
    cat >"$TESTTMP/enter" <<'SH'
mount -t tmpfs none "$TESTTMP/inner" && mkdir -m 700 "$TESTTMP/inner/run" && cp "$VICTIMS/run_leak" "$AGENT" "$TESTTMP/inner" || exit 1
export XDG_RUNTIME_DIR=$TESTTMP/inner/run LD_PRELOAD=$TESTTMP/inner/libsockleak.so SOCKLEAK_OPTIONS=grace=0:interval=60s
exec "$TESTTMP/inner/run_leak" 2 wait
SH
    mkfifo "$TESTTMP/hold"
    exec 8<>"$TESTTMP/hold"
    unshare -Urmpf --mount-proc bash "$TESTTMP/enter" <"$TESTTMP/hold" >"$TESTTMP/out" 2>&1 3>&- 4>&- 8>&- &
    STARTED+=($!)
    wait_for 20 grep -q ready "$TESTTMP/out"
    pid=$(pgrep -P $!)
    STARTED+=("$pid")
    [ ! -e "$TESTTMP/inner/run_leak" ]
    run "$SOCKLEAK" report --min-age 0 "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "==$pid==WARNING: sockleak: 2 sockets stuck in CLOSE_WAIT"
    contains "$output" 'db_connect +tests/victims/run_leak.c:[0-9]+$'
}

@test "C++ and Rust names are demangled" {
    # The generator itself, with one function's symbol made a C++ one and one a Rust one; no debug data, so that the symbol table speaks.
    objcopy --strip-debug --redefine-sym login0=_ZN3net6Client7connectEi --redefine-sym serve=_ZN6client7connect17h0123456789abcdefE "$VICTIMS/report_statefile" "$TESTTMP/prog"
    "$TESTTMP/prog" "$TESTTMP/a.sockleak" 1 1
    run "$SOCKLEAK" report "$TESTTMP/a.sockleak"
    contains "$output" 'net::Client::connect\(int\)'
    contains "$output" ' client::connect '
}

@test "10,000 leaks at 1,000 sites are reported in little memory" {
    make_state big 1000 10
    python3 - "$SOCKLEAK" "$TESTTMP/big.sockleak" <<'PY'
import resource, subprocess, sys
out = subprocess.run([sys.argv[1], "report", sys.argv[2]], check=True, capture_output=True).stdout
assert b"10000 sockets leaked at 1000 sites" in out
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"{kib} KiB")
assert kib < 200 * 1024
PY
}

@test "a live process is asked for a fresh look" {
    leaking a interval=60s:grace=0s 3
    run "$SOCKLEAK" report --min-age 0 "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "==$pid==WARNING: sockleak: 3 sockets stuck in CLOSE_WAIT"
    contains "$output" 'db_connect +tests/victims/run_leak.c:'
    contains "$output" 'saw EOF in \(recv returned 0; 3 of 3\)'
}

@test "a live process' grace holds unless --min-age says otherwise, and what it holds back is counted" {
    leaking a interval=60s:grace=1h 3
    run "$SOCKLEAK" report "$pid"
    contains "$output" "==$pid==sockleak: stuck: none for 1 h yet, 3 for less: --min-age 0 lists them \\(3 sockets open\\)"
}

@test "a stopped process is judged by the kernel's tables, and that is said" {
    leaking a interval=60s:grace=0s 3
    kill -STOP "$pid"
    wait_for 10 grep -q '^State:.T' "/proc/$pid/status"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    kill -CONT "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "==$pid==sockleak: .*it is stopped; .* judged by the kernel's tables"
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
}

@test "a killed process' file says all that was stuck" {
    leaking a interval=60s:grace=1h 3
    kill -KILL "$pid"
    wait_for 10 ended "$pid"
    run "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak"
    contains "$output" 'ended without an exit \(killed\?\)'
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
}

@test "a process without the agent, or none at all, is one line and status 1" {
    sleep 100 3>&- 4>&- &
    STARTED+=($!)
    wait_for 60 grep -qx sleep "/proc/$!/comm" # before that it is still bash
    run "$SOCKLEAK" report $!
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    contains "$output" "^sockleak report: process $! \\(sleep\\): it does not run under the agent; it holds no socket now: \`sockleak attach $!\` starts recording"
    run "$SOCKLEAK" report 4194303
    [ "$status" -eq 1 ]
    contains "$output" '^sockleak report: process 4194303: no such process, and no state file of one: '
}

@test "a process that has ended is looked up in the state directories, and of two with its number the last is reported" {
    local where=$XDG_RUNTIME_DIR/sockleak
    mkdir -m 700 "$where"
    make_state a 1 2
    mv "$TESTTMP/a.sockleak" "$where/4194303.9.sockleak"
    make_state b 1 3
    mkdir -m 700 "$where/run-1.AbCdEf"
    mv "$TESTTMP/b.sockleak" "$where/run-1.AbCdEf/4194303.10.sockleak"
    run "$SOCKLEAK" report 4194303
    echo "$output"
    [ "$status" -eq 0 ]
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" 'SUMMARY: sockleak: 3 sockets leaked'
    rm "$where/run-1.AbCdEf/4194303.10.sockleak"
    chmod 777 "$where" # whose files they are nobody knows
    run "$SOCKLEAK" report 4194303
    [ "$status" -eq 1 ]
    contains "$output" '^sockleak report: process 4194303: no such process, and no state file of one: '
    chmod 700 "$where"
    # of a live process its own is reported, not that of an earlier one
    leaking v log_path=/dev/null 1
    make_state c 1 5
    mv "$TESTTMP/c.sockleak" "$where/$pid.1.sockleak"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked'
    # while it is a zombie, too
    rm "$where/$pid.1.sockleak"
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked'
}

@test "JUnit output is a failed case for each site and holds to the schema's order" {
    make_state a 2 3
    "$SOCKLEAK" report --format junit "$TESTTMP/a.sockleak" >"$TESTTMP/junit.xml"
    python3 - "$TESTTMP/junit.xml" <<'PY'
import sys, xml.etree.ElementTree as et
root = et.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites"
suite, = root.findall("testsuite")
assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "2", "0")
for name in ("name", "timestamp", "hostname", "time", "id", "package"):
    assert suite.get(name), name
assert [c.tag for c in suite] == ["properties", "testcase", "testcase", "system-out", "system-err"]
case = suite.find("testcase")
assert "db_connect at tests/victims/report_statefile.c:" in case.get("name")
assert case.find("failure").get("type") == "close_wait"
assert "login0" in case.find("failure").text
PY
    "$SOCKLEAK" report --format junit --kinds dead "$TESTTMP/a.sockleak" | grep -q '<testcase name="no leaked sockets"'
}

@test "SARIF output names the line of each site" {
    make_state a 2 3
    (cd "$TOP" && "$SOCKLEAK" report --format sarif "$TESTTMP/a.sockleak") >"$TESTTMP/a.sarif"
    python3 - "$TESTTMP/a.sarif" <<'PY'
import json, sys
log = json.load(open(sys.argv[1]))
assert log["version"] == "2.1.0"
run, = log["runs"]
rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
assert len(run["results"]) == 2
for r in run["results"]:
    assert rules[r["ruleIndex"]] == r["ruleId"] == "close_wait"
    place = r["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "tests/victims/report_statefile.c" and place["region"]["startLine"] > 1
    assert r["occurrenceCount"] == 3 and r["partialFingerprints"]
    names = [f["location"]["logicalLocations"][0]["fullyQualifiedName"] for f in r["stacks"][0]["frames"]]
    assert names[0] == "db_connect" and names[1] in ("login0", "login1")
PY
}

@test "the agent's filter answers each address with its functions, and nothing for garbage" {
    prog=$VICTIMS/report_statefile
    make_state a 1 1
    read -r offset id < <("$SOCKLEAK" report --format json "$TESTTMP/a.sockleak" | leaks_of 'leaks[0]["frames"][0]["offset"], leaks[0]["frames"][0]["build_id"]')
    run --separate-stderr "$SOCKLEAK" report --for-agent <<<"$offset $id $prog"$'\n'"ffffff $id $prog"$'\n'"10 - /nonexistent"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "1 $(line_of 'db_connect(void)')"$'\ttests/victims/report_statefile.c\tdb_connect' ]
    [ "${lines[1]}" = "0 $(line_of 'TEN(LOGIN)')"$'\ttests/victims/report_statefile.c\tlogin0' ]
    [ "${lines[2]}" = $'0 0\t\t' ]
    [ "${lines[3]}" = $'0 0\t\t' ]
    [ "${#lines[@]}" -eq 4 ]
    run --separate-stderr "$SOCKLEAK" report --for-agent --names <<<$'_ZN4pool4takeEi\nmain\n_ZN4core3fmt5write17h0123456789abcdefE\n_Z'
    [ "$status" -eq 0 ]
    [ "$output" = $'pool::take(int)\nmain\ncore::fmt::write\n_Z' ]
    run "$SOCKLEAK" report --for-agent <<<"zz"
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
}

@test "wrong usage is status 2 and one line" {
    for bad in '--format xml' '--kinds foo' '--min-age x' '--sort name' '--nonsense'; do
        # shellcheck disable=SC2086
        run "$SOCKLEAK" report $bad
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}
