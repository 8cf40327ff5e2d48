#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Closes: by which stacks the other sockets of a leaked one's site were closed, and calls on a descriptor that was closed before.

load helpers

# left WAY [OPTIONS]: the victim runs to its end; its leaks are in $TESTTMP/log
left()
{
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p:${2-}" "$VICTIMS/closes" "$1"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
}
# closers [FILE]: of the leaks: how many were closed, in which function and its caller, by which call; "about", "cousins"
closers()
{
    json "${1-$TESTTMP/log}" '" ".join(sorted("%d %s<%s %s%s%s" % (s["count"], s["frames"][0]["symbol"], s["frames"][1]["symbol"], s["call"], " about" * s["about"], " cousins" * s["cousins"]) for l in leaks for s in l["siblings_closed"]))'
}

# live_and_dead WAY READER WHAT: READER reads WHAT from the command's report of a victim that waits, and again once that was killed. Sets pid.
live_and_dead()
{
    mkfifo "$TESTTMP/in"
    start_agent v "" bash -c "exec '$VICTIMS/closes' $1 wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    "$SOCKLEAK" report --format json --min-age 0 "$pid" >"$TESTTMP/live.json"
    [ "$("$2" "$TESTTMP/live.json")" = "$3" ]
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/dead.json"
    [ "$("$2" "$TESTTMP/dead.json")" = "$3" ]
}

@test "the stacks that closed the other sockets of a site are named, with their counts" {
    left siblings
    [ "$(closers)" = "2 conn_abort<siblings close 5 conn_free<siblings close" ]
    run with_agent "" "$VICTIMS/closes" siblings
    contains "$output" '^  the 7 that were closed: closed by close \(5 of 7\)$'
    contains "$output" '^  closed by close \(2 of 7\)$'
}

@test "a thousand closes by one stack are counted, most of them without a walk" {
    left many
    [ "$(closers)" = "1000 conn_free<many close" ]
}

@test "two stacks that only walks tell apart are both named, and the counts are said to be about right" {
    left alike
    contains "$(closers)" '^[0-9]+ conn_free<handler_[ab] close about [0-9]+ conn_free<handler_[ab] close about$'
    [ "$(json "$TESTTMP/log" 'sum(s["count"] for l in leaks for s in l["siblings_closed"])')" = 600 ]
    [ "$(json "$TESTTMP/log" 'leaks[0]["siblings_closed"][0]["frames"][1]["symbol"]')" = handler_b ]
}

@test "closes of one function in several threads are one stack" {
    left threads
    [ "$(closers)" = "10 conn_free<frees close" ]
}

@test "where no socket of the site was closed, those that were opened under the same calls stand for them" {
    left cousins
    [ "$(closers)" = "3 channel_close<cousins close cousins" ]
    run with_agent "" "$VICTIMS/closes" cousins
    contains "$output" '^  3 sockets of other sites, opened under the same calls, were closed: closed by close$'
}

# parted [FILE]: of the first closing stack: what is the same, what it did elsewhere and where, and what it lacks
parted()
{
    json "${1-$TESTTMP/log}" '(lambda s: (s["same"], [(u["event"], u["frames"][0]["symbol"]) for u in s["unlike"]], s["lacks"], s["common"] == len(s["same"])))([s for l in leaks for s in l["siblings_closed"]][0])'
}

@test "what one of the closed sockets did as the stuck ones did, and what not, is told below the stack that closed it" {
    local told="(['first_receive', 'eof'], [('last_send', 'answers')], ['shutdown'], True)"
    left answered
    [ "$(parted)" = "$told" ]
    run with_agent "" "$VICTIMS/closes" answered
    contains "$output" '^    one of them, in the same stacks as the stuck: first received, saw EOF$'
    contains "$output" '^    and, unlike what is known of the stuck: last sent in answers \(.*/closes.c:[0-9]+\)$'
    contains "$output" '^    known of the stuck, and not of it: shut down$'
    live_and_dead answered parted "$told"
    "$SOCKLEAK" report --format sarif "$pid" >"$TESTTMP/sarif"
    lacks "$TESTTMP/sarif" 'saw the error'
    run "$SOCKLEAK" run -- bash -c "'$VICTIMS/closes' answered; '$VICTIMS/closes' answered" 3>&- 4>&-
    contains "$output" 'the 6 that were closed: closed by close$'
    contains "$output" '^    one of them, in the same stacks as the stuck: first received, saw EOF$'
    [ "$(grep -c 'unlike what is known of the stuck: last sent in answers' <<<"$output")" -eq 1 ]
}

@test "what the end of the program closes is no sibling" {
    left ending
    [ "$(json "$TESTTMP/log" '[l["count"] for l in leaks]')" = "[2]" ]
    [ "$(closers)" = "" ]
}

@test "fclose, dup2 and close_range over a socket are closes of it" {
    left ways
    [ "$(json "$TESTTMP/log" '[sorted((s["count"], s["call"], s["frames"][0]["symbol"]) for s in l["siblings_closed"]) for l in leaks]')" = "[[(1, 'close_range', 'ways'), (1, 'dup2', 'ways'), (1, 'fclose', 'ways')]]" ]
}

@test "the command names them too: of a live process, of one that was killed, and in one report of run" {
    live_and_dead siblings closers "2 conn_abort<siblings close 5 conn_free<siblings close"
    "$SOCKLEAK" report "$pid" >"$TESTTMP/dead.txt"
    contains "$TESTTMP/dead.txt" 'the 7 that were closed: closed by close \(5 of 7\)'
    run "$SOCKLEAK" run -- bash -c "'$VICTIMS/closes' siblings; '$VICTIMS/closes' siblings" 3>&- 4>&-
    contains "$output" 'the 14 that were closed: closed by close \(10 of 14\)'
    contains "$output" 'closed by close \(4 of 14\)'
}

# ---- use after close --------------------------------------------------------

# used WAY [OPTIONS]: the victim runs to its end with closes=1; its uses after a close, as the report at exit has them, are in $TESTTMP/log (the
# watcher reports them too, where the machine is so busy that it comes by)
used()
{
    run with_agent "closes=1:log_format=json:log_path=$TESTTMP/log.%p:${2-}" "$VICTIMS/after_close" "$1"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* 2>/dev/null | grep '"type":"leak".*"reason":"exit","kind":"use_after_close"' >"$TESTTMP/log" || :
}
# events [FILE]: of each such group, its events in order: call, errno, the function
events()
{
    json "${1-$TESTTMP/log}" '" / ".join(" ".join("%s:%s:%s:%s" % (e["event"], e["call"], e["errno"], e["frames"][0]["symbol"]) for e in l["history"]) for l in leaks)'
}

@test "a close that hits what another thread has opened is told, with the stacks of both sockets, whatever the victim does" {
    local way
    for way in n p r w; do
        rm -f "$TESTTMP"/log*
        used "another_$way"
        [ "$(events)" = "closed:close:None:session_free reopened:socket:None:connect_loopback used:close:None:session_end" ]
        [ "$(json "$TESTTMP/log" '[(l["count"], l["frames"][2]["symbol"], l["history"][1]["frames"][2]["symbol"]) for l in leaks]')" = "[(1, 'proxy', 'database')]" ]
    done
    run with_agent "closes=1" "$VICTIMS/after_close" another_n
    contains "$output" 'WARNING: sockleak: 1 socket used after close: a call on a descriptor that was closed before$'
    contains "$output" '^  closed first by close \(1 of 1\)$'
    contains "$output" '^  its number was opened again by socket \(1 of 1\)$'
    contains "$output" '^  closed again by close, which has closed that other socket \(1 of 1\)$'
    contains "$output" '^  fd [0-9]+  127.0.0.1:[0-9]+ -> 127.0.0.1:[0-9]+  CLOSED .*closed by thread [0-9]+, then called by thread [0-9]+ on thread [0-9]+.s$'
}

@test "the epoll that the victim's socket was put on is told" {
    used another_e
    [ "$(events)" = "closed:close:None:session_free reopened:socket:None:connect_loopback reopened_epoll_add:epoll_ctl:None:database used:close:None:session_end" ]
}

@test "a second close, a receive and a send that give EBADF are told once each, with the address that the socket had" {
    used twice
    [ "$(events)" = "closed:close:None:session_free used:close:EBADF:session_end" ]
    [ "$(json "$TESTTMP/log" '[s["local"].startswith("127.0.0.1:") and s["peer"].startswith("127.0.0.1:") and s["closed_tid"] == s["used_tid"] and s["victim_tid"] is None for l in leaks for s in l["sockets"]]')" = "[True]" ]
    rm -f "$TESTTMP"/log*
    used receives
    [ "$(events)" = "closed:close:None:session_free used:read:EBADF:receives" ]
    rm -f "$TESTTMP"/log*
    used sends
    [ "$(events)" = "closed:close:None:session_free used:send:EBADF:sends" ]
}

@test "two threads that close one descriptor are told, with both threads" {
    used threads
    [ "$(events)" = "closed:close:None:session_free used:close:EBADF:session_end" ]
    [ "$(json "$TESTTMP/log" '[s["closed_tid"] != s["used_tid"] for l in leaks for s in l["sockets"]]')" = "[True]" ]
}

@test "a socket that is closed while a thread is inside recv on it is told" {
    used blocked
    [ "$(events)" = "closed:close:None:session_free used:recv:None:receives_for_long" ]
    run with_agent "closes=1" "$VICTIMS/after_close" blocked
    contains "$output" 'inside recv while it was closed, so that its end is not sent until that returns'
}

@test "a thread that stays inside recv on a closed socket is told while it is there" {
    mkfifo "$TESTTMP/in"
    start_agent v "closes=1:interval=250ms:log_format=json:log_path=$TESTTMP/log.%p" bash -c "exec '$VICTIMS/after_close' inside wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    wait_for 20 grep -q '"kind":"use_after_close"' "$TESTTMP/log.$pid"
    grep '"type":"leak".*"kind":"use_after_close"' "$TESTTMP/log.$pid" >"$TESTTMP/log"
    [ "$(json "$TESTTMP/log" '[[(e["event"], e["call"], e["errno"]) for e in l["history"]] for l in leaks]')" = "[[('closed', 'close', None), ('used', 'recv', None)]]" ]
    [ "$(json "$TESTTMP/log" '[s["closed_tid"] != s["used_tid"] for l in leaks for s in l["sockets"]]')" = "[True]" ]
    ls "/proc/$pid/task/$(json "$TESTTMP/log" 'leaks[0]["sockets"][0]["used_tid"]')" >/dev/null
}

@test "the watcher's own reads, under the numbers that were closed, are nobody's" {
    mkfifo "$TESTTMP/in"
    start_agent v "closes=1:interval=250ms" bash -c "exec '$VICTIMS/after_close' two wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    for _ in 1 2 3 4; do # a look each
        "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/live.json"
    done
    lacks "$TESTTMP/live.json" use_after_close
}

@test "sweeps, probes, a number that is a file's by now, handed-over sockets and the fixed program are silent" {
    local way
    for way in sweep probes file fixed handed; do
        used "$way"
        is_empty "$TESTTMP/log"
    done
}

@test "without closes=1, and with kinds that leave it out, nothing is remembered and nothing told" {
    used twice closes=0
    is_empty "$TESTTMP/log"
    used twice kinds=close_wait
    is_empty "$TESTTMP/log"
}

@test "daemon(3), a shell and Python's subprocess close without a word" {
    cat >"$TESTTMP/daemon.c" <<'C'
#include <unistd.h>
#include <sys/socket.h>
int main(void)
{
    for (int i = 0; i < 3; i++)
        close(socket(AF_INET, SOCK_STREAM, 0));
    if (daemon(0, 0) < 0)
        return 1;
    for (int i = sysconf(_SC_OPEN_MAX) < 1024 ? (int)sysconf(_SC_OPEN_MAX) : 1024; i >= 3; i--)
        close(i);
    return 0;
}
C
    build_victim daemon "$TESTTMP/daemon.c"
    run with_agent "closes=1:log_path=$TESTTMP/quiet.%p" "$TESTTMP/daemon"
    [ "$status" -eq 0 ]
    run with_agent "closes=1:log_path=$TESTTMP/quiet.%p" bash -c 'exec 7<>/dev/null 7>&- 7>&-; for i in 1 2 3; do (exec 5</dev/null 5<&- 5<&-; true); done; true | cat'
    [ "$status" -eq 0 ]
    run with_agent "closes=1:log_path=$TESTTMP/quiet.%p" python3 -c '
import os, socket, subprocess
a, b = socket.socketpair()
a.close()
for close_fds in True, False:
    for _ in range(3):
        subprocess.run(["/bin/true"], close_fds=close_fds, check=True)
        socket.socket().close()
if os.fork() == 0:
    os.closerange(3, 1024)
    os.execv("/bin/true", ["true"])
os.wait()
os.closerange(3, 256)'
    echo "$output"
    [ "$status" -eq 0 ]
    run cat "$TESTTMP"/quiet.*
    lacks "$output" 'used after close'
}

@test "what a runtime collects in another thread than the one that opened it is no second close; a call on what was closed twice is told" {
    cat >"$TESTTMP/collects.py" <<'PY'
import gc, os, socket, sys, threading
gc.disable()
ready, go_on = threading.Event(), threading.Event()
first = socket.socket()
number = first.fileno()
first.close()
def other_thread():
    class Cycle: pass
    c = Cycle()
    c.itself, c.sock = c, socket.socket()
    assert c.sock.fileno() == number
    twice = sys.argv[1] == "twice" and c.sock
    del c
    ready.set()
    go_on.wait()
    if twice:
        try:
            twice.recv(1)
        except OSError:
            twice.detach()
t = threading.Thread(target=other_thread)
t.start()
ready.wait()
if sys.argv[1] == "twice":
    os.close(number)
gc.collect()
go_on.set()
t.join()
PY
    run with_agent "closes=1:kinds=use_after_close:log_path=$TESTTMP/log.%p" python3 "$TESTTMP/collects.py" garbage
    [ "$status" -eq 0 ]
    run cat "$TESTTMP"/log.*
    lacks "$output" 'used after close'
    run with_agent "closes=1:kinds=use_after_close:log_format=json:log_path=$TESTTMP/log" python3 "$TESTTMP/collects.py" twice
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/all"
    json "$TESTTMP/all" '[[(e["event"], e["call"], e["errno"], [f["symbol"] for f in e["frames"] if f["runtime"] == "python"][0]) for e in l["history"]] for l in leaks]' >"$TESTTMP/events"
    [ "$(cat "$TESTTMP/events")" = "[[('closed', 'close', None, '<module>'), ('used', 'recv', 'EBADF', 'other_thread')]]" ]
}

@test "it is reported at once while the program runs, once, and the command has it of a process that was killed" {
    mkfifo "$TESTTMP/in"
    start_agent v "closes=1" bash -c "exec '$VICTIMS/after_close' another_n wait <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
    wait_for 20 grep -q 'used after close' "$TESTTMP/v.err" # the grace is 30 s
    "$SOCKLEAK" report --format json "$pid" >"$TESTTMP/live.json"
    grep -q '"kind":"use_after_close"' "$TESTTMP/live.json"
    [ "$(grep -c 'WARNING: sockleak: 1 socket used after close' "$TESTTMP/v.err")" = 1 ]
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    "$SOCKLEAK" report --kinds use_after_close --format json "$pid" >"$TESTTMP/dead.json"
    [ "$(events "$TESTTMP/dead.json")" = "closed:close:None:session_free reopened:socket:None:connect_loopback used:close:None:session_end" ]
    "$SOCKLEAK" report --kinds use_after_close --format sarif "$pid" >"$TESTTMP/sarif"
    python3 - "$TESTTMP/sarif" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))["runs"][0]
assert [run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] for r in run["results"]] == ["use_after_close"], run["results"]
PY
    "$SOCKLEAK" report --kinds use_after_close --gen-suppressions "$pid" | grep -q '^use_after_close:'
    run "$SOCKLEAK" report --kinds use_after_close --format junit "$pid"
    contains "$output" 'use_after_close'
}

@test "run asks for it, and its exit status counts it; exitcode does too, and a suppression takes it out" {
    run "$SOCKLEAK" run --kinds use_after_close --exitcode 7 -- "$VICTIMS/after_close" twice 3>&- 4>&-
    contains "$output" '1 socket used after close'
    [ "$status" -eq 7 ]
    run "$SOCKLEAK" run --kinds use_after_close --exitcode 7 -- "$VICTIMS/after_close" fixed 3>&- 4>&-
    lacks "$output" 'used after close'
    [ "$status" -eq 0 ]
    run with_agent "closes=1:kinds=use_after_close:exitcode=9" "$VICTIMS/after_close" twice
    [ "$status" -eq 9 ]
    echo "use_after_close:dial" >"$TESTTMP/rules"
    run with_agent "closes=1:kinds=use_after_close:exitcode=9:suppressions=$TESTTMP/rules" "$VICTIMS/after_close" twice
    [ "$status" -eq 0 ]
    lacks "$output" 'used after close: a call'
}
