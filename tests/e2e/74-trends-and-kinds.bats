#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is said of growth and of sockets that never connected is true: no trend without one, the reason, the address.

load helpers

# victim OPTIONS WORD...: in the background, until `finish`
victim()
{
    local options=$1
    shift
    mkfifo "$TESTTMP/in"
    start_agent v "$options" bash -c "exec '$VICTIMS/trends' $* <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
}
finish() { exec 7>&-; wait_for 20 ended "$pid"; }
# at_exit OPTIONS WORD...: the text of the report at exit, in $TESTTMP/v.err
at_exit() { victim "$@"; finish; cat "$TESTTMP/v.err"; }
# looked N: the watcher has looked N times more
looks() { awk '/^voluntary_ctxt_switches/ {print $2}' "$(grep -l '^sockleak$' /proc/"$pid"/task/*/comm | head -n 1 | sed 's/comm$/status/')"; }
looked() { (($(looks) >= first + $1)); }
of_json() { "$SOCKLEAK" report --format json --min-age 0 "$@" "$pid" >"$TESTTMP/json" || :; }

# ---- never connected ----

@test "a connect that failed is told with its error and the address that it was given" {
    at_exit "" refused
    contains "$TESTTMP/v.err" '1 socket never connected: connect failed'
    contains "$TESTTMP/v.err" 'to 127\.0\.0\.1:1 \(ECONNREFUSED\)'
}

@test "the error of a connect that the program has not read is told where the kernel's counters show it, and stays the program's" {
    victim "" unread_error
    of_json
    [ "$(json "$TESTTMP/json" "[(s['peer'], s['error'], s['error_inferred']) for l in leaks for s in l['sockets']]")" = "[('127.0.0.1:1', 'ECONNREFUSED', True)]" ]
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" 'connect failed'
    contains "$output" 'to 127\.0\.0\.1:1 \(ECONNREFUSED\)'
    finish
    contains "$TESTTMP/v.out" '^error ECONNREFUSED$'
}

@test "of one that the kernel's counters do not explain no error is told" {
    victim "" timed_out
    of_json
    [ "$(json "$TESTTMP/json" "[(s['error'], s.get('error_inferred')) for l in leaks if l['kind'] == 'never_connected' for s in l['sockets']]")" = "[(None, None)]" ]
    finish
    contains "$TESTTMP/v.out" '^error ETIMEDOUT$'
}

@test "the address of a failed connect outlives the program, in the command's report and in JSON" {
    run "$SOCKLEAK" run -- "$VICTIMS/trends" refused </dev/null
    contains "$output" 'connect failed'
    contains "$output" 'to 127\.0\.0\.1:1 \(ECONNREFUSED\)'
    victim log_format=json refused
    finish
    [ "$(json "$TESTTMP/v.err" "[(s['peer'], s['error'], s['protocol']) for l in leaks for s in l['sockets']]")" = "[('127.0.0.1:1', 'ECONNREFUSED', 'tcp')]" ]
}

@test "of a Unix socket the path that it asked for is told" {
    at_exit "" no_path
    contains "$TESTTMP/v.err" 'unix to /no/such/server\.sock \(ENOENT\)'
}

@test "a copy by dup keeps the address of the connect that failed on the number that is closed" {
    at_exit "" refused_dup
    contains "$TESTTMP/v.err" 'to 127\.0\.0\.1:1 \(ECONNREFUSED\)'
}

@test "a send on a socket that was never connected is no failed connect" {
    at_exit "" sends_twice
    contains "$TESTTMP/v.err" 'connect was never tried'
    lacks "$TESTTMP/v.err" 'connect failed'
}

@test "a connection that was dissolved again is not said to have never been tried" {
    at_exit "" dissolved
    contains "$TESTTMP/v.err" '1 socket not connected any more: a connect to AF_UNSPEC undid it, '
    lacks "$TESTTMP/v.err" 'never connected|never tried'
}

@test "F30: a port that is bound and neither connected nor listening is told so, with its address" {
    at_exit "" bound
    contains "$TESTTMP/v.err" 'bound to an address, neither connected nor listening'
    contains "$TESTTMP/v.err" 'bound to 127\.0\.0\.1:[0-9]+'
    lacks "$TESTTMP/v.err" 'failed'
}

@test "a bind and a listen that failed are told as such, also made by number" {
    for word in bind_failed bind_failed_by_number; do
        rm -f "$TESTTMP/in"
        at_exit "" $word
        contains "$TESTTMP/v.err" 'never connected: bind failed'
        contains "$TESTTMP/v.err" 'bind 127\.0\.0\.1:[0-9]+ \(EADDRINUSE\)'
    done
    rm -f "$TESTTMP/in"
    at_exit "" listen_failed
    contains "$TESTTMP/v.err" 'never connected: listen failed'
    contains "$TESTTMP/v.err" 'listen \(EADDRINUSE\)'
}

# ---- a reserve ----

@test "F12: a single socket with which nothing was tried is no finding; two of one line are" {
    at_exit "" reserve
    is_empty "$TESTTMP/v.err"
    rm "$TESTTMP/in"
    at_exit "" reserves
    contains "$TESTTMP/v.err" 'connect was never tried'
    contains "$TESTTMP/v.err" 'SUMMARY: sockleak: 2 sockets leaked'
}

@test "F12: a reserve is none for run and report either, and is open where open sockets are asked for" {
    run "$SOCKLEAK" run --exitcode 9 -- "$VICTIMS/trends" reserve </dev/null
    [ "$status" = 0 ]
    lacks "$output" never
    run "$SOCKLEAK" run --exitcode 9 -- "$VICTIMS/trends" reserves </dev/null
    [ "$status" = 9 ]
    contains "$output" '2 sockets leaked at 1 site'
    victim grace=300ms:interval=250ms reserve
    first=$(looks)
    wait_for 20 looked 6
    of_json
    [ "$(json "$TESTTMP/json" "len(leaks)")" = 0 ]
    of_json --kinds all
    [ "$(json "$TESTTMP/json" "[(l['kind'], l['count']) for l in leaks]")" = "[('open', 1)]" ]
    finish
    is_empty "$TESTTMP/v.err"
}

# ---- still connecting ----

@test "F24: a connect that has had no answer is a finding at exit: still connecting, with whom" {
    at_exit "" hanging
    contains "$TESTTMP/v.err" 'still connecting'
    contains "$TESTTMP/v.err" 'to 127\.0\.0\.1:[0-9]+ +SYN_SENT'
}

@test "F24: forgotten, it is a finding past the grace, in the log and in a report; not before" {
    victim grace=2s:interval=250ms:log_format=json hanging
    wait_for 20 grep -q '"type":"leak"' "$TESTTMP/v.err"
    [ "$(json "$TESTTMP/v.err" "[(l['kind'], l['reason'], l['sockets'][0]['state'], l['youngest_s'] >= 2) for l in leaks]")" = "[('never_connected', 'grace', 'SYN_SENT', True)]" ]
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'still connecting'
    finish
    rm "$TESTTMP/in"
    victim grace=1h:interval=250ms:leak_check_at_exit=0 hanging
    first=$(looks)
    wait_for 20 looked 6
    of_json
    [ "$(json "$TESTTMP/json" "len(leaks)")" = 0 ]
    finish
}

@test "F24: while a thread is inside connect, poll or select on it, or an epoll watches it, it is none" {
    for by in connect poll select epoll; do
        rm -f "$TESTTMP/in"
        victim grace=500ms:interval=250ms:leak_check_at_exit=0 watched $by
        first=$(looks)
        wait_for 30 looked 12
        finish
        is_empty "$TESTTMP/v.err" || { echo "by $by"; return 1; }
    done
}

# ---- trends ----

@test "a wave that comes past grace at one look is not growing, in the log nor in a report" {
    victim grace=1s:interval=500ms:log_format=json wave 6
    wait_for 20 grep -q '"type":"leak"' "$TESTTMP/v.err"
    first=$(looks)
    wait_for 20 looked 3
    of_json
    [ "$(json "$TESTTMP/json" "[(l['count'], l['growing'], l['rate_per_minute']) for l in leaks]")" = "[(6, False, 0.0)]" ]
    finish
    [ "$(json "$TESTTMP/v.err" "{l['growing'] for l in leaks}")" = "{False}" ]
}

@test "what was never used is no pool, however long it stays" {
    victim grace=300ms:interval=250ms:log_format=json wave 4
    first=$(looks)
    wait_for 20 looked 12
    of_json
    [ "$(json "$TESTTMP/json" "[(l['count'], l['steady']) for l in leaks]")" = "[(4, False)]" ]
    finish
}

@test "no trend is given of what was open before an attach, nor over a detach" {
    mkfifo "$TESTTMP/in"
    start v bash -c "exec '$VICTIMS/trends' wave 6 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
    "$SOCKLEAK" attach --grace 300ms "$pid"
    attached() { of_json; [ "$(json "$TESTTMP/json" "sum(l['count'] for l in leaks)")" = 6 ]; }
    wait_for 30 attached
    sleep 4
    of_json
    [ "$(json "$TESTTMP/json" "[(l['growing'], l['steady']) for l in leaks]")" = "[(False, False)]" ]
    "$SOCKLEAK" detach "$pid"
    "$SOCKLEAK" attach "$pid"
    of_json
    [ "$(json "$TESTTMP/json" "{(l['growing'], l['steady']) for l in leaks}")" = "{(False, False)}" ]
    finish
}

@test "F25: copies by dup are descriptors: the forecast says when these run out" {
    victim grace=300ms:interval=2s:log_path=/dev/null copies 28
    told() { of_json; [ "$(json "$TESTTMP/json" "[l for l in leaks if l['growing'] and l['fd_limit_in_s']] != []")" = True ]; }
    wait_for 30 told
    local open
    open=$(find "/proc/$pid/fd" -type l | wc -l)
    json "$TESTTMP/json" "[(l['count'], l['fd_limit'], l['fd_limit_in_s'], l['rate_per_minute'], $open) for l in leaks]"
    # 20 descriptors each half a second: what is left of 1024 lasts (1024 - open) / 40 s, with some room for what the rate was taken over
    [ "$(json "$TESTTMP/json" "[l['fd_limit_in_s'] <= 3 * (1024 - $open) / 40 + 3 for l in leaks if l['growing']]")" = "[True]" ]
    [ "$(json "$TESTTMP/json" "{s['descriptors'] for l in leaks for s in l['sockets']}")" = "{20}" ]
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'stuck [0-9]+ \([0-9]+ descriptors\) and growing'
    kill -KILL "$pid"
}

@test "groups whose stacks read the same are one group for the command: an unrolled loop, a template" {
    cat >"$TESTTMP/two.cc" <<'END'
#include <arpa/inet.h>
#include <sys/socket.h>
static sockaddr_in nobody;
template <typename T> __attribute__((noinline)) T refused()
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return T(connect(fd, (sockaddr *)&nobody, sizeof nobody) + fd);
}
__attribute__((noinline)) static void both()
{
    refused<int>(), refused<long>(), refused<short>(), refused<char>();
}
__attribute__((noinline)) static void one()
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (sockaddr *)&nobody, sizeof nobody);
}
int main()
{
    nobody.sin_family = AF_INET;
    nobody.sin_port = htons(1);
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    both();
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        one();
}
END
    g++ -g -O2 -fno-optimize-sibling-calls -o "$TESTTMP/two" "$TESTTMP/two.cc"
    run "$SOCKLEAK" run -- "$TESTTMP/two" </dev/null
    contains "$output" 'opened 4, closed 0, stuck 4'
    contains "$output" 'opened 2, closed 0, stuck 2'
    contains "$output" '6 sockets leaked at 2 sites'
}

# ---- what is idle ----

idle_is_noted()
{
    status=0
    wait "$pid" || status=$?
    [ "$status" = 0 ] || return 1
    [ "$(wc -l <"$TESTTMP/v.err")" = 2 ] || return 1 # accepted ones, and their peers
    contains "$TESTTMP/v.err" 'sockleak: note: 10 open sockets of site [0-9a-f]{16} \(idle\), which has closed none, have all been idle for [0-9]+ s'
}

@test "ten connections of a site that closes none, idle for a grace, are a note at exit, and no finding" {
    victim grace=1s:exitcode=9 idle 10
    sleep 1.5
    finish
    idle_is_noted
    rm "$TESTTMP/in"
    victim grace=1s idle 9
    sleep 1.5
    finish
    is_empty "$TESTTMP/v.err"
    rm "$TESTTMP/in"
    victim grace=1h idle 12
    finish
    is_empty "$TESTTMP/v.err"
}

@test "run passes the note of an idle site on" {
    mkfifo "$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start v "$SOCKLEAK" run --exitcode 9 --grace 1s -- bash -c 'exec "$1" idle 10 <"$2"' _ "$VICTIMS/trends" "$TESTTMP/in"
    exec 7>"$TESTTMP/in"
    wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
    sleep 1.5
    finish
    idle_is_noted
}

# ---- addresses and names ----

@test "MPTCP: what nobody sent does not wait unread" {
    "$VICTIMS/wrap_sockets" mptcp || skip "this kernel has no MPTCP"
    victim log_format=json:grace=300ms:interval=250ms mptcp
    wait_for 20 grep -q '"type":"leak"' "$TESTTMP/v.err"
    finish
    [ "$(json "$TESTTMP/v.err" "sorted((s['unread'], s['protocol']) for s in leaks[-1]['sockets'])")" = "[(0, 'mptcp'), (5, 'mptcp')]" ]
    # nor on a socket that has no connection: the kernel answers 1 there too
    with_agent log_format=json:kinds=all python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).detach()' 2>"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" "[(s['unread'], s['protocol']) for s in leaks[-1]['sockets']]")" = "[(0, 'mptcp')]" ]
}

@test "a name in valid UTF-8 passes, other bytes are escaped" {
    at_exit "" names
    contains "$TESTTMP/v.err" 'bound to @häm¶€ '
    contains "$TESTTMP/v.err" 'bound to @\\xffx@y '
}

@test "a datagram socket has its protocol and address, in the log and from outside" {
    victim kinds=all udp
    run "$SOCKLEAK" report --kinds all --min-age 0 "$pid"
    contains "$output" 'fd 3  udp 127\.0\.0\.1:[0-9]+'
    of_json --kinds all
    [ "$(json "$TESTTMP/json" "[(s['protocol'], s['local'].split(':')[0]) for l in leaks for s in l['sockets']]")" = "[('udp', '127.0.0.1')]" ]
    finish
    contains "$TESTTMP/v.err" 'fd 3  udp 127\.0\.0\.1:[0-9]+'
}

# ---- Java's marker ----

@test "F11: half of a socketpair in a process that maps libnio.so is no finding, after an attach and for scan" {
    cp "$BUILD/libsockleak.so" "$TESTTMP/libother.so"
    gcc -shared -fPIC -o "$TESTTMP/libnio.so" -x c - <<<'int nio;'
    for library in libnio.so none; do
        rm -f "$TESTTMP/in"
        mkfifo "$TESTTMP/in"
        local preload=
        [ $library = none ] || preload=$TESTTMP/$library
        start v env LD_PRELOAD="$preload" bash -c "exec '$VICTIMS/trends' marker <'$TESTTMP/in'"
        exec 7>"$TESTTMP/in"
        wait_for 30 grep -q '^ready' "$TESTTMP/v.out"
        run "$SOCKLEAK" scan --json "$pid"
        "$SOCKLEAK" attach --grace 300ms "$pid"
        sleep 1
        of_json
        if [ $library = none ]; then
            contains "$output" '"hangup":1'
            [ "$(json "$TESTTMP/json" "[l['kind'] for l in leaks]")" = "['hangup']" ]
        else
            lacks "$output" '"hangup":1'
            [ "$(json "$TESTTMP/json" "len(leaks)")" = 0 ]
        fi
        finish
    done
}

@test "scan takes a connection for accepted only where its own address is listened on" {
    start servers python3 -c 'import socket, time
a = socket.create_server(("127.0.0.2", 0))
port = a.getsockname()[1]
b = socket.create_server(("127.0.0.1", 0))
c = socket.socket()
c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
c.bind(("127.0.0.3", port))          # the port of a, at another address
c.connect(b.getsockname())
b.accept()[0].close()
print("listening on", port, b.getsockname()[1], flush=True)
time.sleep(600)'
    port=$(port_of servers | cut -d" " -f2)
    run "$SOCKLEAK" scan --json "$pid"
    echo "$output" >"$TESTTMP/json"
    python3 - "$TESTTMP/json" "$port" <<'PY'
import json, sys
rows = [r for r in map(json.loads, open(sys.argv[1])) if r.get("close_wait") == 1 and "direction" in r]
print(rows)
assert [r["direction"] for r in rows] == ["out"], rows
PY
}
