#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# Conditions of the library that an ordinary program never meets, where a live process is what shows them.

load helpers

@test "a standard descriptor that came from outside is not this program's to close, a higher one that it uses is" {
    build_victim served - <<'C'
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char c;
    return argc < 2 || read(atoi(argv[1]), &c, 1) != 0; /* used, to its end, and left open */
}
C
    # served_by FD: with a connection as FD whose peer has gone, as a service manager starts it
    served_by()
    {
        python3 - "$1" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=interval=0 "$TESTTMP/served" "$1" <<'PY'
import os, socket, sys
a, b = socket.socketpair()
b.close()
os.dup2(a.fileno(), int(sys.argv[1]), inheritable=True)
os.execvp(sys.argv[2], sys.argv[2:])
PY
    }
    local fd
    for fd in 0 1; do
        run served_by $fd
        [ "$status" -eq 0 ]
        lacks "$output" WARNING
    done
    run served_by 20
    [ "$status" -eq 0 ]
    contains "$output" '1 socket hung up'
}

@test "a process whose first thread has left ends with its last thread, whenever the next look is due" {
    build_victim leaves - -I"$TOP/tests/victims" <<'C'
#include <pthread.h>
#include "victim.h"
static pthread_t first;
static void *worker(void *arg)
{
    pthread_join(first, NULL);
    say("alone");
    wait_for_word();
    return arg;
}
int main(void)
{
    pthread_t t;
    int listener = listen_loopback();
    close(connect_loopback());
    close(listener);
    first = pthread_self();
    pthread_create(&t, NULL, worker, NULL);
    pthread_exit(NULL);
}
C
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start leaves bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=interval=10h "$TESTTMP/leaves"
    wait_for 20 grep -q alone "$TESTTMP/leaves.out"
    wait_for 20 grep -q '^State:.Z' "/proc/$pid/status"
    # The watcher has had its looks by now, and sleeps until the next one.
    echo >&"$FEED"
    one_left() { [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ]; } # the first thread, as the zombie that bash reaps
    wait_for 20 one_left
}
