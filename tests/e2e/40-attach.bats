#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A running process can be recorded without a restart, and is left as it was.

load helpers

# start_fed NAME COMMAND...: like start, with an input of its own that `feed` writes to
start_fed()
{
    local name=$1
    shift
    mkfifo "$TESTTMP/$name.in"
    start "$name" bash -c 'exec "$@" <"$0"' "$TESTTMP/$name.in" "$@"
    exec {FEED}>"$TESTTMP/$name.in"
    port_of "$name" >/dev/null
}

# ask NAME LINE: feeds a line, prints the line that answers it
ask()
{
    local name=$1 before
    before=$(wc -l <"$TESTTMP/$name.out")
    echo "$2" >&"$FEED"
    wait_for 20 eval "[ \$(wc -l <'$TESTTMP/$name.out') -gt $before ]" || return 1
    tail -n 1 "$TESTTMP/$name.out"
}

start_leaks() { start_fed leaks "$VICTIMS/attach_leaks"; }
report() { "$SOCKLEAK" report --min-age 0 --format json "$1" >"$TESTTMP/report.json"; }
leaks() { json "$TESTTMP/report.json" "$1"; }

# told PID COUNT: for wait_for. The report has COUNT sockets in close_wait.
told() { report "$1" && [ "$(leaks 'sum(l["count"] for l in leaks if l["kind"] == "close_wait")')" = "$2" ]; }

@test "sockets opened after the attach carry the stack that opened them" {
    start_leaks
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    leaks '"\n".join(f["symbol"] or "" for l in leaks for f in l["frames"])' >"$TESTTMP/frames"
    grep -qx leak_plainly "$TESTTMP/frames"
    [ "$(leaks 'all(s["origin"] == "socket" for l in leaks for s in l["sockets"])')" = True ]
}

@test "E4: a function pointer that was saved before the attach leads to the agent too" {
    start_leaks
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    leaks '"\n".join(f["symbol"] or "" for l in leaks for f in l["frames"])' >"$TESTTMP/frames"
    grep -qx leak_through_pointer "$TESTTMP/frames"
}

@test "a socket that was open before is known as before_attach, with the stack that was told of its end" {
    start_leaks
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks end)" = "done" ]
    wait_for 20 told "$pid" 1
    [ "$(leaks 'leaks[0]["sockets"][0]["origin"]')" = before_attach ]
    leaks '[f["symbol"] for f in leaks[0]["eof_frames"]]' | grep -q told_late
}

@test "an object that is loaded later, even with RTLD_DEEPBIND, is seen" {
    echo '#include <sys/socket.h>
    int plugin_socket(void); int plugin_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }' >"$TESTTMP/p.c"
    gcc -shared -fPIC -g -O1 -o "$TESTTMP/p.so" "$TESTTMP/p.c"
    start_leaks
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks "plugin $TESTTMP/p.so")" = "done" ]
    wait_for 20 told "$pid" 1
    leaks '[f["symbol"] for f in leaks[0]["frames"]]' | grep -q plugin_socket
}

@test "a program without PIE that takes a function's address goes on working" {
    build_victim leaks_no_pie "$TOP/tests/victims/attach_leaks.c" -no-pie -fno-pie
    start_fed leaks "$TESTTMP/leaks_no_pie"
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    leaks '"\n".join(f["symbol"] or "" for l in leaks for f in l["frames"])' >"$TESTTMP/frames"
    grep -qx leak_plainly "$TESTTMP/frames"
    grep -qx leak_through_pointer "$TESTTMP/frames"
    "$SOCKLEAK" detach "$pid"
    [ "$(ask leaks open)" = "done" ]
}

@test "E3: full RELRO and lazy binding are redirected, and read-only entries are read-only again" {
    build_victim now "$TOP/tests/victims/attach_leaks.c" -Wl,-z,now -Wl,-z,relro
    build_victim lazy "$TOP/tests/victims/attach_leaks.c" -Wl,-z,lazy -Wl,-z,norelro
    for kind in now lazy; do
        start_fed "$kind" "$TESTTMP/$kind"
        local before after
        before=$(grep "$TESTTMP/$kind" "/proc/$pid/maps" | cut -d' ' -f2)
        "$SOCKLEAK" attach "$pid"
        after=$(grep "$TESTTMP/$kind" "/proc/$pid/maps" | cut -d' ' -f2)
        [ "$before" = "$after" ]
        [ "$(ask "$kind" open)" = "done" ]
        wait_for 20 told "$pid" 2
        [ "$(leaks 'sum(len(l["frames"]) > 0 for l in leaks)')" -ge 1 ]
        exec {FEED}>&-
        wait "$pid"
    done
}

@test "another interposer keeps its place: its function is still the one that is called" {
    echo '#define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdio.h>
    #include <sys/socket.h>
    int connect(int fd, const struct sockaddr *to, socklen_t len) {
        fputs("through the other\n", stderr);
        return ((int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect"))(fd, to, len); }' >"$TESTTMP/o.c"
    gcc -shared -fPIC -o "$TESTTMP/o.so" "$TESTTMP/o.c" 2>/dev/null
    mkfifo "$TESTTMP/leaks.in"
    start leaks bash -c 'LD_PRELOAD=$1 exec "$2" <"$0"' "$TESTTMP/leaks.in" "$TESTTMP/o.so" "$VICTIMS/attach_leaks"
    exec {FEED}>"$TESTTMP/leaks.in"
    port_of leaks >/dev/null
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    [ "$(grep -c 'through the other' "$TESTTMP/leaks.err")" = 3 ]
}

@test "a preloaded interposer ahead of the agent keeps its place after the watcher has looked" {
    echo '#define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdio.h>
    #include <sys/socket.h>
    int connect(int fd, const struct sockaddr *to, socklen_t len) {
        fputs("through the other\n", stderr);
        return ((int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect"))(fd, to, len); }' >"$TESTTMP/o.c"
    gcc -shared -fPIC -o "$TESTTMP/o.so" "$TESTTMP/o.c" 2>/dev/null
    mkfifo "$TESTTMP/leaks.in"
    start leaks bash -c 'LD_PRELOAD=$1 SOCKLEAK_OPTIONS=interval=250ms exec "$2" <"$0"' "$TESTTMP/leaks.in" "$TESTTMP/o.so $AGENT" "$VICTIMS/attach_leaks"
    exec {FEED}>"$TESTTMP/leaks.in"
    port_of leaks >/dev/null
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 4
    [ "$(grep -c 'through the other' "$TESTTMP/leaks.err")" = 5 ]
}

@test "B11: an object with RTLD_DEEPBIND is seen by a preloaded agent once its watcher has looked" {
    echo '#include <sys/socket.h>
    int plugin_socket(void); int plugin_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }' >"$TESTTMP/p.c"
    gcc -shared -fPIC -g -O1 -o "$TESTTMP/p.so" "$TESTTMP/p.c"
    mkfifo "$TESTTMP/leaks.in"
    start leaks bash -c 'LD_PRELOAD=$1 SOCKLEAK_OPTIONS=interval=250ms exec "$2" <"$0"' "$TESTTMP/leaks.in" "$AGENT" "$VICTIMS/attach_leaks"
    exec {FEED}>"$TESTTMP/leaks.in"
    port_of leaks >/dev/null
    plugin_is_seen()
    {
        ask leaks "plugin $TESTTMP/p.so" >/dev/null
        report "$pid"
        leaks '[f["symbol"] for l in leaks for f in l["frames"]]' | grep -q plugin_socket
    }
    wait_for 20 plugin_is_seen
}

@test "a dormant agent is woken by its state file, without stopping the process" {
    mkfifo "$TESTTMP/leaks.in"
    start leaks bash -c 'LD_PRELOAD=$1 SOCKLEAK_OPTIONS=enabled=0 exec "$2" <"$0"' "$TESTTMP/leaks.in" "$AGENT" "$VICTIMS/attach_leaks"
    exec {FEED}>"$TESTTMP/leaks.in"
    port_of leaks >/dev/null
    [ "$(ask leaks open)" = "done" ]
    "$SOCKLEAK" report "$pid" >"$TESTTMP/none" || true
    lacks "$TESTTMP/none" 'leak_plainly'
    "$SOCKLEAK" attach --grace 300ms "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 4
    leaks '"\n".join(f["symbol"] or "" for l in leaks for f in l["frames"])' >"$TESTTMP/frames"
    grep -qx leak_plainly "$TESTTMP/frames"
    "$SOCKLEAK" detach "$pid"
}

@test "a preloaded agent that has seen no socket yet can be attached to" {
    start idle env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=enabled=0 "$VICTIMS/attach_blocked" nanosleep
    wait_for 20 grep -q ready "$TESTTMP/idle.out"
    "$SOCKLEAK" attach "$pid"
    wait "$pid"
    contains "$TESTTMP/idle.out" '^nanosleep 0 EIO$'
}

@test "--for reports and leaves" {
    start_leaks
    echo open >&"$FEED"
    run timeout 60 "$SOCKLEAK" attach --grace 100ms --for 1500ms "$pid"
    [ "$status" = 0 ]
    contains "$output" 'stuck in CLOSE_WAIT'
    contains "$output" 'SUMMARY'
    [ "$(ask leaks open)" = "done" ]
    run "$SOCKLEAK" attach --for nonsense "$pid"
    [ "$status" = 2 ]
}

@test "--for without --grace reports what was stuck for half of the time, though grace is longer" {
    start_leaks
    echo open >&"$FEED"
    run timeout 60 "$SOCKLEAK" attach --for 3s "$pid"
    [ "$status" = 0 ]
    contains "$output" 'stuck in CLOSE_WAIT'
    run timeout 60 "$SOCKLEAK" attach --grace 1h --for 1s "$pid"
    [ "$status" = 0 ]
    contains "$output" 'stuck: none for 1 h yet, [0-9]+ for less'
}

# The interval as the state file of PID has it, in ms.
interval_of()
{
    python3 - "$XDG_RUNTIME_DIR"/sockleak/"$1".*.sockleak "$TOP/lib/core/state.h" <<'PY'
import ctypes, re, sys
sizes = {"char": 1, "uint32_t": 4, "uint64_t": 8}
body = re.search(r"struct state_header {(.*?)\n};", open(sys.argv[2]).read(), re.S).group(1)
body = re.sub(r"/\*.*?\*/", "", body, flags=re.S).replace("_Atomic ", "")
at = 0
for kind, names in re.findall(r"(\w+) ([^;]+);", body):
    for name in names.split(","):
        name = name.strip()
        at += -at % sizes[kind]
        if name == "interval_ns":
            print(int.from_bytes(open(sys.argv[1], "rb").read(at + 8)[at:], sys.byteorder) // 1000000)
            sys.exit()
        count = re.search(r"\[(.*)\]", name)
        at += sizes[kind] * (eval(count.group(1).replace("DROP_COUNT", "6")) if count else 1)
PY
}

@test "attach --grace keeps an interval that the user chose, and lets the default one follow" {
    for way in interval=3s:3000 '':500; do
        start_agent idle "enabled=0:grace=40s:${way%:*}" python3 -c 'import socket, time
s = socket.socket(); print("ready", flush=True); time.sleep(600)'
        wait_for 20 grep -q ready "$TESTTMP/idle.out"
        "$SOCKLEAK" attach --grace 2s "$pid"
        [ "$(interval_of "$pid")" = "${way##*:}" ]
        stop "$pid" KILL || true
    done
}

@test "--for ends early on an interrupt, and with the process" {
    start_leaks
    local leaks=$pid
    echo open >&"$FEED"
    start attach "$SOCKLEAK" attach --grace 100ms --for 600s "$leaks"
    wait_for 20 grep -q libsockleak "/proc/$leaks/maps"
    stuck_now() { "$SOCKLEAK" report "$leaks" | grep -q SUMMARY; }
    wait_for 20 stuck_now
    kill -TERM "$pid"
    wait "$pid"
    contains "$TESTTMP/attach.out" 'SUMMARY'
    run "$SOCKLEAK" detach "$leaks"
    contains "$output" 'not recording'

    start attach "$SOCKLEAK" attach --grace 100ms --for 600s "$leaks"
    told_again() { echo open >&"$FEED"; report "$leaks"; [ "$(leaks 'any(l["frames"] for l in leaks)')" = True ]; }
    wait_for 20 told_again
    stop "$leaks" KILL || true
    wait "$pid"
    contains "$TESTTMP/attach.out" 'SUMMARY'
}

@test "a second attach says that the process is recorded already; a second detach has nothing to do" {
    start_leaks
    "$SOCKLEAK" attach "$pid"
    run "$SOCKLEAK" attach "$pid"
    [ "$status" = 1 ]
    contains "$output" 'recording already'
    "$SOCKLEAK" detach "$pid"
    run "$SOCKLEAK" detach "$pid"
    [ "$status" = 0 ]
    contains "$output" 'not recording'
}

@test "after a detach nothing more is recorded" {
    start_leaks
    "$SOCKLEAK" attach "$pid"
    [ "$(ask leaks open)" = "done" ]
    wait_for 20 told "$pid" 2
    "$SOCKLEAK" detach "$pid"
    [ "$(ask leaks open)" = "done" ]
    report "$pid"
    [ "$(leaks 'sum(l["opened"] or 0 for l in leaks if l["frames"])')" = 2 ]
}

# blocked CALL RESULT: attach and detach while the thread is in CALL
blocked()
{
    start "$1" "$VICTIMS/attach_blocked" "$1"
    wait_for 20 grep -q ready "$TESTTMP/$1.out"
    "$SOCKLEAK" attach "$pid"
    "$SOCKLEAK" detach "$pid"
    case $1 in busy | malloc) kill -USR1 "$pid" ;; esac
    wait "$pid"
    contains "$TESTTMP/$1.out" "^$1 $2\$"
}

@test "a thread blocked in read, accept, epoll_wait, poll or wait goes on with it" {
    blocked read "1 EIO"
    blocked accept "1 E[A-Z]+"
    blocked epoll_wait "1 EIO"
    blocked poll "1 EIO"
    blocked wait "1 EIO"
}

@test "a thread blocked with a time limit goes on with it: nanosleep, select, futex, a read with SO_RCVTIMEO" {
    blocked nanosleep "0 EIO"
    blocked select "0 EIO"
    blocked futex "-1 ETIMEDOUT"
    blocked timed_read "-1 EAGAIN"
}

@test "E1: a thread that does nothing but malloc and free is caught outside of them" {
    for _ in 1 2 3 4; do # by luck one may be outside of them
        blocked malloc "1 EIO"
    done
}

@test "E2: a thread that never calls the kernel can be attached to" {
    blocked busy "1 EIO"
}

@test "E7: attach and detach again and again under load: no request fails, no memory or mapping is gained, the tables are as before" {
    local n=${ATTACH_CYCLES:-200} before first after load
    mkfifo "$TESTTMP/server.in"
    start server bash -c 'LD_BIND_NOW=1 exec "$1" 4 <"$0"' "$TESTTMP/server.in" "$VICTIMS/attach_server"
    exec {FEED}>"$TESTTMP/server.in"
    local server=$pid port
    port=$(port_of server)
    mkfifo "$TESTTMP/load.in"
    start load bash -c 'exec "$1" "$2" 3 <"$0"' "$TESTTMP/load.in" "$VICTIMS/attach_load" "$port"
    load=$pid
    exec {LOAD}>"$TESTTMP/load.in"
    before=$(ask server x)
    for ((i = 0; i < 5; i++)); do
        "$SOCKLEAK" attach "$server"
        "$SOCKLEAK" detach "$server"
    done
    first=$(ask server x)
    for ((i = 0; i < n; i++)); do
        "$SOCKLEAK" attach "$server"
        "$SOCKLEAK" detach "$server"
    done
    after=$(ask server x)
    exec {LOAD}>&-
    wait "$load"
    echo "before $before, first $first, after $after, load $(cat "$TESTTMP/load.out")"
    [ "${before%% *}" = "${after%% *}" ]
    [ "${first##* }" = "${after##* }" ]
    read -r _ rss_first _ <<<"$first"
    read -r _ rss_after _ <<<"$after"
    ((rss_after - rss_first < 128))
    read -r requests failed <"$TESTTMP/load.out"
    ((requests > 1000))
    [ "$failed" = 0 ]
}
