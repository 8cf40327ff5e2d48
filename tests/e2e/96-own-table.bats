#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# The watcher has a descriptor table of its own where it can: it takes no number of the program's, and the program pays for no shared table.

load helpers

options() { printf 'interval=50ms:grace=300ms:signal=10:verbosity=1:log_path=%s' "$TESTTMP/log"; }

said() { grep -q "$1" "$TESTTMP"/log.*; }

has_watcher() { grep -qs sockleak /proc/"$1"/task/*/comm; }

# waits until the program runs and its watcher is there; its thread's number in $watcher
watcher_of()
{
    wait_for 20 has_watcher "$1"
    watcher=$(grep -ls sockleak /proc/"$1"/task/*/comm | cut -d/ -f5)
}

@test "no number of the program's is taken, not for a moment, while it looks and reports" {
    run with_agent "$(options)" "$VICTIMS/own_table" "$TESTTMP/log"
    [ "$status" -eq 0 ]
    [ "$output" = "another number: 0 times" ]
    grep -q "3 sockets stuck in CLOSE_WAIT" "$TESTTMP"/log.*
}

@test "its table is its own, and what it looks at is not in it" {
    start_agent own "$(options)" "$VICTIMS/own_table" "$TESTTMP/log"
    watcher_of "$pid"
    wait_for 20 said "3 sockets stuck in CLOSE_WAIT"
    grep -q "it looks every 50 ms, from a descriptor table of its own" "$TESTTMP"/log.*
    wait_for 20 lists_two "/proc/$pid/task/$watcher/fd" # between two looks
    [ "$(readlink "/proc/$pid/task/$watcher/fd/0")" = "anon_inode:[pidfd]" ]
    [ "$(readlink "/proc/$pid/task/$watcher/fd/1")" = "/proc/$pid/fd" ]
    run ls -l "/proc/$pid/fd"
    lacks "$output" "pidfd"
    lacks "$output" "$TESTTMP/log"
}
lists_two() { [ "$(find "$1" -mindepth 1 | wc -l)" -eq 2 ]; }

# Were a copy left there, the port would stay taken, and the peer would not see the end.
@test "the watcher of a forked child keeps no copy of what the child has inherited" {
    cat >"$TESTTMP/p.py" <<'END'
import os, socket, sys, time
def listener(at):
    l = socket.socket()
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(at)
    l.listen(1)
    return l
l = listener(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname())
s = l.accept()[0]
end, stays = os.pipe()
if os.fork() == 0:
    os.close(stays)
    l.close()
    s.close()
    print("child", os.getpid(), flush=True)
    os.read(end, 1)
    os._exit(0)
address = l.getsockname()
l.close()
s.close()
while not os.path.exists(sys.argv[1]): # the child's watcher has made its table
    time.sleep(0.02)
c.settimeout(5)
print("read", len(c.recv(1)), flush=True)
listener(address)
print("bound", flush=True)
END
    start_agent v "grace=60s:interval=60s:leak_check_at_exit=0" python3 "$TESTTMP/p.py" "$TESTTMP/go"
    wait_for 20 grep -q '^child' "$TESTTMP/v.out"
    local child
    child=$(sed -n 's/^child //p' "$TESTTMP/v.out")
    has_table() { compgen -G "$XDG_RUNTIME_DIR/sockleak/$child.*.sockleak" >/dev/null; }
    wait_for 20 has_table
    watcher_of "$child"
    wait_for 20 lists_two "/proc/$child/task/$watcher/fd"
    touch "$TESTTMP/go"
    wait_for 20 grep -q '^bound' "$TESTTMP/v.out"
    grep -q '^read 0' "$TESTTMP/v.out"
}

# A profile of a container may kill for a call that it does not know, so under a filter none of them is made.
@test "under a seccomp filter it shares the table and reports the same" {
    run "$VICTIMS/close_range_refused" 1 env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$(options)" "$VICTIMS/own_table" "$TESTTMP/log"
    [ "$status" -eq 0 ]
    said "it looks every 50 ms, from the program's descriptor table"
    said "3 sockets stuck in CLOSE_WAIT"
}

@test "when the first thread ends the next watcher shares the table, and nothing is taken for closed" {
    build_victim leaver - -I"$TOP/tests/victims" <<'C'
#include <pthread.h>
#include "victim.h"
static void *worker(void *first)
{
    pthread_join(*(pthread_t *)first, NULL);
    say("alone");
    wait_for_word();
    return NULL;
}
int main(void)
{
    static pthread_t first, t;
    int listener = listen_loopback();
    for (int i = 0; i < 3; i++) {
        int client = connect_loopback();
        MUST(accept(listener, NULL, NULL));
        MUST(close(client));
    }
    first = pthread_self();
    wait_for_word();
    pthread_create(&t, NULL, worker, &first);
    pthread_exit(NULL);
}
C
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start leaver bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="$(options)" "$TESTTMP/leaver"
    wait_for 20 said "from a descriptor table of its own"
    echo >&"$FEED"
    wait_for 20 grep -q alone "$TESTTMP/leaver.out"
    wait_for 20 said "from the program's descriptor table"
    wait_for 20 reports_three
    echo >&"$FEED"
    wait "$pid"
    grep -q "SUMMARY: sockleak: 3 sockets leaked" "$TESTTMP"/log.*
}

reports_three() { "$SOCKLEAK" report "$pid" | grep -q "3 sockets stuck in CLOSE_WAIT"; }

@test "a process that gets no number any more is looked at in the shared table" {
    build_victim limited - -I"$TOP/tests/victims" <<'C'
#include <sys/resource.h>
#include "victim.h"
int main(void)
{
    struct rlimit limit;
    int listener = listen_loopback();
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < 3; i++) {
        int client = connect_loopback();
        MUST(accept(listener, NULL, NULL));
        MUST(close(client));
    }
    wait_for_word();
    limit.rlim_cur = 0;
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    say("limited");
    wait_for_word();
    limit.rlim_cur = limit.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    MUST(close(MUST(socket(AF_INET, SOCK_STREAM, 0))));
    wait_for_word();
    return 0;
}
C
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start limited bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="interval=50ms:grace=2s:verbosity=1:log_path=$TESTTMP/log" "$TESTTMP/limited"
    wait_for 20 said "from a descriptor table of its own"
    echo >&"$FEED"
    wait_for 20 grep -q limited "$TESTTMP/limited.out"
    wait_for 20 lacks_watcher "$pid"
    echo >&"$FEED"
    wait_for 20 said "from the program's descriptor table"
    wait_for 20 said "3 sockets stuck in CLOSE_WAIT" # none was taken for closed
    echo >&"$FEED"
    wait "$pid"
}
lacks_watcher() { ! has_watcher "$1"; }
