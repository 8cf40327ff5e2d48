#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# When a call fails because no descriptor, local port or memory is left, one report says who holds them; the program does not notice.

load helpers

# reports N: so many reports of who holds something are in the log
reports()
{
    local n
    n=$(cat "$TESTTMP"/log.* 2>/dev/null | grep -c 'Who holds them' || :)
    [ "$n" -eq "$1" ] || { echo "$n reports, not $1:"; cat "$TESTTMP"/log.*; return 1; }
}
whole() { cat "$TESTTMP"/log.*; }

# as compared of the helpers, with a log in text
same()
{
    local options=$1 bare
    shift
    rm -f "$TESTTMP"/log.*
    run "$@" 3>&- 4>&-
    bare="$status $output"
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS="log_path=$TESTTMP/log:leak_check_at_exit=0:$options" run "$@" 3>&- 4>&-
    printf 'bare: %s\nwith the agent: %s %s\n' "$bare" "$status" "$output"
    [ "$status $output" = "$bare" ]
}

@test "a server that keeps its connections gets one report in the log file, with the site, and behaves as without" {
    same "" "$VICTIMS/exhaust" server 40
    contains "$output" "accept4: Too many open files after"
    reports 1
    contains "$(whole)" "==[0-9]+==ERROR: sockleak: accept4 failed: no descriptor left \(limit 40, [0-9]+ are sockets\). Who holds them:"
    contains "$(whole)" "#0 serve_one "
    contains "$(whole)" "descriptors are no sockets: .*pipe"
    lacks "$(whole)" SUMMARY
}

@test "the report is made at once, not at the end" {
    run with_agent "log_path=$TESTTMP/log" "$VICTIMS/exhaust" quiet 40
    reports 1
    contains "$(whole)" "#0 serve_one "
}

@test "where the watcher shares the program's table, the log file and the names are there too" {
    run "$VICTIMS/close_range_refused" 1 env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="verbosity=1:log_path=$TESTTMP/log" "$VICTIMS/exhaust" quiet 40
    contains "$(whole)" "from the program's descriptor table"
    reports 1
    contains "$(whole)" "#0 serve_one "
    contains "$(whole)" "descriptors are no sockets: .*pipe"
    lacks "$output" "reports go to standard error"
    [ "$(find "$TESTTMP" -name 'log.*' -newer "$TESTTMP/run" | wc -l)" -le 2 ] # the program's and its child's, none of a helper's
}

@test "the report at the end finds its log file when the program has no descriptor left" {
    run with_agent "on_exhaustion=0:kinds=all:log_path=$TESTTMP/log" "$VICTIMS/exhaust" dup 40
    [ "$output" = "$("$VICTIMS/exhaust" dup 40 3>&- 4>&-)" ]
    reports 0
    contains "$(whole)" SUMMARY
}

@test "without a watcher the check at the end makes it, and says how long ago that was" {
    same "interval=0" "$VICTIMS/exhaust" server 40
    reports 1
    contains "$(whole)" "accept4 failed: no descriptor left"
}

@test "as JSON an object of type exhausted comes before the leaks, whose reason it is" {
    same "log_format=json" "$VICTIMS/exhaust" server 40
    whole >"$TESTTMP/log"
    [ "$(json "$TESTTMP/log" '[(l["type"], l.get("call"), l.get("errno"), l.get("resource"), l.get("limit"), l.get("peer")) for l in lines][0]')" = \
        "('exhausted', 'accept4', 'EMFILE', 'descriptors', 40, None)" ]
    # of the 40 the program closes three, and opens them again as others, while the report is made; one more at its end
    [ "$(json "$TESTTMP/log" 'lines[0]["used"] >= 36 and 0 < lines[0]["sockets"] < lines[0]["used"]')" = True ]
    [ "$(json "$TESTTMP/log" '{l["reason"] for l in leaks}')" = "{'exhausted'}" ]
    [ "$(json "$TESTTMP/log" 'leaks[0]["frames"][0]["symbol"]')" = serve_one ]
    [ "$(json "$TESTTMP/log" 'sum(l["type"] == "exhausted" for l in lines)')" = 1 ]
    same "log_format=json" python3 -c '
import resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
kept = [socket.socket(type=socket.SOCK_DGRAM) for i in range(5)]
try:
    while True: kept.append(socket.socket())
except OSError:
    print("full")
time.sleep(1) # for the watcher: the end closes them'
    whole >"$TESTTMP/log"
    [ "$(json "$TESTTMP/log" 'sum(s["protocol"] == "udp" for l in leaks for s in l["sockets"])')" = 5 ]
}

@test "copies and files that take the descriptors are named" {
    same "" "$VICTIMS/exhaust" dup 40
    contains "$(whole)" "dup failed: no descriptor left \(limit 40"
    contains "$(whole)" "open 1 \([0-9]+ descriptors\)"
    same "" "$VICTIMS/exhaust" files 40
    contains "$(whole)" "socket failed: no descriptor left \(limit 40, 1 is a socket\)"
    contains "$(whole)" "[0-9]+ file \([0-9]+ of /etc/passwd"
    same "" "$VICTIMS/exhaust" high 40
    contains "$(whole)" "fcntl failed: no descriptor left from 35 on \(limit 40"
}

@test "a program that cannot be started, and a file that cannot be opened anew, for want of a descriptor" {
    same "" "$VICTIMS/exhaust" popen 40
    contains "$output" "popen: Too many open files"
    contains "$(whole)" "popen failed: no descriptor left \(limit 40, 1 is a socket\)"
    same "" "$VICTIMS/exhaust" spawn 40
    contains "$output" "posix_spawnp: Too many open files"
    contains "$(whole)" "posix_spawnp failed: no descriptor left \(limit 20, 1 is a socket\)"
    same "" "$VICTIMS/exhaust" freopen 40
    contains "$output" "freopen: Too many open files"
    contains "$(whole)" "freopen failed: no descriptor left \(limit 20, 1 is a socket\)"
}

@test "a child of fork has a report of its own" {
    same "" "$VICTIMS/exhaust" child 40
    reports 2
    [ "$(cat "$TESTTMP"/log.* | grep -c 'socket failed: no descriptor left')" -eq 1 ]
}

@test "on_exhaustion=0 makes none, neither of an error nor of the threshold" {
    same "on_exhaustion=0:interval=50ms" "$VICTIMS/exhaust" server 40
    reports 0
}

@test "exitcode and abort_on_error do not apply, suppressions do" {
    same "leak_check_at_exit=1:exitcode=9:abort_on_error=1:kinds=dead" "$VICTIMS/exhaust" server 40
    [ "$status" -eq 0 ]
    reports 1
    echo 'leak:serve_one' >"$TESTTMP/supp"
    same "suppressions=$TESTTMP/supp" "$VICTIMS/exhaust" server 40
    reports 1
    lacks "$(whole)" "#0 serve_one"
    contains "$(whole)" "[0-9]+ sockets suppressed"
}

@test "the threshold makes the report before the error does, and the error then one line" {
    mkfifo "$TESTTMP/word"
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS="log_path=$TESTTMP/log:interval=50ms:threshold=20" "$VICTIMS/exhaust" fill 40 20 <"$TESTTMP/word" >"$TESTTMP/out" 3>&- &
    STARTED+=($!)
    exec 9>"$TESTTMP/word"
    wait_for 20 reports 1
    contains "$(whole)" "==[0-9]+==WARNING: sockleak: [0-9]+ of 40 descriptors are in use \(threshold\), [0-9]+ are sockets. Who holds them:"
    contains "$(whole)" "20 of this site are open"
    exec 9>&-
    wait "${STARTED[0]}" # what it writes as it ends is not the next one's
    same "interval=50ms:threshold=100%" "$VICTIMS/exhaust" fill 40 20 </dev/null
    reports 0
}

@test "a number and a share of the threshold are seen at the next look; 0 is none" {
    run with_agent "log_path=$TESTTMP/log:interval=50ms:threshold=0" bash -c "ulimit -n 40; (sleep 0.5; echo) | $VICTIMS/exhaust fill 40 33"
    reports 0
    rm -f "$TESTTMP"/log.*
    run with_agent "log_path=$TESTTMP/log:interval=50ms" bash -c "(sleep 0.5; echo) | $VICTIMS/exhaust fill 40 34"
    contains "$(whole)" "of 40 descriptors are in use"
}

# a server that leaks a connection every 50 ms until it has no descriptor left
leaks_to_the_end()
{
    cat >"$TESTTMP/leaks.py" <<'PY'
import os, resource, socket, time
os.closerange(3, 4096)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(50)
kept = []
def leak():
    client = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    client.close()
try:
    while True:
        leak()
        time.sleep(0.05)
except OSError as e:
    print(e)
time.sleep(1)
PY
    same "$1" python3 "$TESTTMP/leaks.py"
}

@test "a dormant agent with a threshold of its own wakes itself, and the error then names who leaks" {
    leaks_to_the_end enabled=0:threshold=50%:interval=50ms:grace=1h
    contains "$(whole)" "^==[0-9]+==sockleak: 2[0-9] of 40 descriptors are in use \(threshold\): recording begins; of sockets that were open before nobody knows who opened them\$"
    reports 1
    contains "$(whole)" "ERROR: sockleak: (socket|accept4) failed: no descriptor left \(limit 40"
    contains "$(whole)" "#0 leak +.*leaks.py:"
    contains "$(whole)" " before_attach\$"
    leaks_to_the_end enabled=0:interval=50ms:grace=1h
    [ ! -e "$(echo "$TESTTMP"/log.*)" ] # the default of threshold wakes nobody
}

@test "a detached agent does not wake itself by its threshold" {
    start_agent v "enabled=0:threshold=50%:interval=50ms:log_path=$TESTTMP/log" python3 -c '
import socket, time
kept = [socket.socket() for i in range(10)]
print("filled", flush=True)
time.sleep(100)'
    wait_for 20 grep -q filled "$TESTTMP/v.out"
    "$SOCKLEAK" attach "$pid"
    "$SOCKLEAK" detach "$pid"
    prlimit --pid "$pid" --nofile="$(find "/proc/$pid/fd" -type l | wc -l):"
    sleep 1
    run "$SOCKLEAK" attach "$pid"
    contains "$output" 'its agent was dormant, and records now'
}

@test "a machine without descriptors, and no memory for sockets, have their lines" {
    build_fails
    with_failure socket 23 # ENFILE
    contains "$(whole)" "ERROR: sockleak: socket failed: no descriptor left on the whole machine \(limit [0-9]+, [0-9]+ here, 2 are sockets\)"
    with_failure socket 105 # ENOBUFS
    contains "$(whole)" "ERROR: sockleak: socket failed: no memory left for sockets \(ENOBUFS, 2 sockets here\)"
    with_failure socket 12 # ENOMEM
    contains "$(whole)" "no memory left for sockets \(ENOMEM"
    with_failure socket 13
    [ ! -e "$(echo "$TESTTMP"/log.*)" ]
}

# build_fails; with_failure CALL ERRNO
build_fails()
{
    "${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -o "$TESTTMP/fails.so" "$TOP/tests/victims/preload/fails.c"
}
with_failure()
{
    rm -f "$TESTTMP"/log.*
    run env FAIL_CALL="$1" FAIL_ERRNO="$2" LD_PRELOAD="$AGENT:$TESTTMP/fails.so" SOCKLEAK_OPTIONS="leak_check_at_exit=0:log_path=$TESTTMP/log" \
        "$VICTIMS/exhaust" once 3>&- 4>&-
    [ "$status" -eq 0 ]
}

@test "run passes the report on" {
    run "$SOCKLEAK" run -- "$VICTIMS/exhaust" server 40 3>&- 4>&-
    contains "$output" "ERROR: sockleak: accept4 failed: no descriptor left \(limit 40"
    contains "$output" "3[0-9] of this site are open"
}

# ---- ports ----

# few_ports LOW-HIGH COMMAND...: in a network of its own with that range; loopback is up
few_ports()
{
    local range=$1 as=()
    shift
    [ "$(id -u)" = 0 ] || as=(--user --map-root-user)
    # shellcheck disable=SC2016 # the inner shell's own
    unshare --net "${as[@]}" bash -c 'ip link set lo up && echo "${1/-/ }" >/proc/sys/net/ipv4/ip_local_port_range && shift && exec "$@"' _ "$range" "$@"
}
needs_few_ports() { few_ports 40000-40019 true 2>/dev/null || skip "no network namespace of one's own"; }

@test "when no local port towards a peer is left the report says so, and lists who is connected to it" {
    needs_few_ports
    same "" few_ports 40000-40019 "$VICTIMS/exhaust" connect
    contains "$output" "connect: Cannot assign requested address after 19"
    reports 1
    contains "$(whole)" "ERROR: sockleak: connect failed: no local port left towards 127.0.0.1:400[0-9][0-9] \(20 of 20 used\). Who holds them:"
    contains "$(whole)" "of these ports 20 by this process, 0 by others"
    contains "$(whole)" "open 19"
    contains "$(whole)" "#0 one_port "
    [ "$(grep -c ' -> 127.0.0.1:400' "$TESTTMP"/log.*)" -gt 0 ]
}

@test "ports of an odd range, reserved ports and ports of datagram sockets are counted" {
    needs_few_ports
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS="log_path=$TESTTMP/log" run few_ports 40000-40018 "$VICTIMS/exhaust" connect 3>&- 4>&- # which port the search leaves out is chance
    contains "$(whole)" "\((18|19) of 19 used\)"
    # shellcheck disable=SC2016
    same "" few_ports 40000-40019 sh -c 'echo 40003,40010-40012 >/proc/sys/net/ipv4/ip_local_reserved_ports; exec "$@"' _ "$VICTIMS/exhaust" connect
    contains "$(whole)" "\(16 of 16 used\)"
    same "" few_ports 40000-40019 "$VICTIMS/exhaust" datagram
    contains "$(whole)" "bind failed: no local port left \(20 of 20 used\)"
    contains "$(whole)" "udp 127.0.0.1:400"
}

@test "a bind that finds no port, with sockets that are bound and nothing more" {
    needs_few_ports
    same "" few_ports 40000-40019 "$VICTIMS/exhaust" bind
    contains "$output" "bind: Address already in use after"
    reports 1
    contains "$(whole)" "bind failed: no local port left \((19|20) of 20 used\)"
    contains "$(whole)" "#0 one_port "
}

@test "ports as JSON" {
    needs_few_ports
    run env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="leak_check_at_exit=0:log_format=json:log_path=$TESTTMP/log" true
    rm -f "$TESTTMP"/log.*
    run few_ports 40000-40019 env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="leak_check_at_exit=0:log_format=json:log_path=$TESTTMP/log" "$VICTIMS/exhaust" connect 3>&- 4>&-
    whole >"$TESTTMP/all"
    [ "$(json "$TESTTMP/all" '[(l["call"], l["errno"], l["resource"], l["limit"], l["used"], l["peer"][:12]) for l in lines if l["type"] == "exhausted"]')" = \
        "[('connect', 'EADDRNOTAVAIL', 'ports', 20, 20, '127.0.0.1:40')]" ]
    [ "$(json "$TESTTMP/all" '{s["peer"] for l in leaks for s in l["sockets"]} == {lines[0]["peer"]}')" = True ]
}

@test "EADDRNOTAVAIL for another reason is no exhaustion" {
    same "" "$VICTIMS/exhaust" taken
    contains "$output" "connect: Cannot assign requested address after 1"
    [ ! -e "$(echo "$TESTTMP"/log.*)" ]
    build_fails
    with_failure connect 99
    contains "$output" "connect: Cannot assign requested address"
    [ ! -e "$(echo "$TESTTMP"/log.*)" ]
}

# ---- runtimes ----

@test "a python3 server" {
    cat >"$TESTTMP/server.py" <<'PY'
import errno, os, socket, time
kept, peers = [], []
def take_one(listener):
    kept.append(listener.accept()[0])
listener = socket.create_server(("127.0.0.1", 0), backlog=200)
try:
    while True:
        s = socket.socket()
        s.connect(listener.getsockname())
        take_one(listener)
        peers.append(s)
except OSError as e:
    print(errno.errorcode[e.errno], len(kept), flush=True)
    time.sleep(1) # for the watcher: the end closes them
PY
    same "" bash -c "ulimit -Sn 40; exec python3 $TESTTMP/server.py"
    contains "$output" "EMFILE"
    reports 1
    contains "$(whole)" "ERROR: sockleak: (socket|accept4) failed: no descriptor left \(limit 40"
    contains "$(whole)" "#0 take_one +.*server.py:4"
}

@test "a node server" {
    command -v node >/dev/null || skip "no node"
    cat >"$TESTTMP/server.js" <<'JS'
const net = require('net');
const kept = [];
const server = net.createServer(socket => kept.push(socket));
const client = `import socket, sys, time
s = []
try:
    while True: s.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 0.2))
except OSError: pass
time.sleep(1)`;
server.listen(0, '127.0.0.1', () => {
    require('child_process').spawn('python3', ['-c', client, server.address().port], {env: {PATH: process.env.PATH}, stdio: 'ignore'})
        .on('exit', () => { console.log('kept', kept.length > 0); process.exit(0); });
});
JS
    same "" bash -c "ulimit -n 40; exec node $TESTTMP/server.js"
    [ "$output" = "kept true" ]
    reports 1
    contains "$(whole)" "ERROR: sockleak: (socket|accept4) failed: no descriptor left \(limit 40"
    contains "$(whole)" "descriptors are no sockets: .*epoll"
}
