#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# In company: other libraries that are preloaded, sanitizers, tracers and debuggers; each does its work, and so do we.

load helpers

# in_company LIBRARY [VARIABLE=VALUE...]: the calls' results and a leak, with LIBRARY alone, and with us before and behind it
in_company()
{
    local library=$1 order
    shift
    [[ -e $library ]] || skip "no $library"
    # socket_wrapper does not survive the wrong pointers that this one passes, alone neither.
    env "$@" LD_PRELOAD="$library" "$VICTIMS/wrap_results" >"$TESTTMP/bare" 2>&1 || true
    env "$@" LD_PRELOAD="$library" "$VICTIMS/wrap_told" recv >"$TESTTMP/told.bare" 2>&1
    for order in "$library:$AGENT" "$AGENT:$library"; do
        env "$@" LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_results" >"$TESTTMP/both" 2>&1 || true
        diff "$TESTTMP/bare" "$TESTTMP/both"
        rm -f "$TESTTMP"/log.*
        env "$@" LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$VICTIMS/wrap_told" recv >"$TESTTMP/told" 2>&1
        diff "$TESTTMP/told.bare" "$TESTTMP/told"
        # It takes its calls from libc itself, past whoever comes behind it, and closes its sockets before the end: nothing is left to report.
        [[ $order == *socket_wrapper* ]] && continue
        contains "$(cat "$TESTTMP"/log.*)" 'SUMMARY: sockleak: [0-9] sockets? leaked at'
    done
}
# first_of PATTERN...: the first file that is there
first_of() { compgen -G "$1" | head -n 1; }

@test "B13: libfaketime, before and behind us, with its clock months away" {
    in_company "$(first_of '/usr/lib/*/faketime/libfaketimeMT.so.1')" FAKETIME=-100d
}

@test "B13: socket_wrapper, before and behind us: connections that become Unix sockets" {
    mkdir "$TESTTMP/sw"
    in_company "$(first_of '/usr/lib/*/libsocket_wrapper.so')" SOCKET_WRAPPER_DIR="$TESTTMP/sw" SOCKET_WRAPPER_DEFAULT_IFACE=1
}

@test "B13: torsocks, before and behind us: what it refuses is refused" {
    local library
    library=$(first_of '/usr/lib/*/torsocks/libtorsocks.so')
    printf 'TorAddress 127.0.0.1\nTorPort 9\nAllowOutboundLocalhost 1\nAllowInbound 1\n' >"$TESTTMP/torsocks.conf"
    in_company "$library" TORSOCKS_CONF_FILE="$TESTTMP/torsocks.conf" TORSOCKS_LOG_LEVEL=1
}

@test "B12, B13: an allocator under threads that open and close: jemalloc and tcmalloc" {
    local library n=0
    for library in $(first_of '/usr/lib/*/libjemalloc.so.2') $(first_of '/usr/lib/*/libtcmalloc_minimal.so.4'); do
        n=$((n + 1))
        for order in "$library:$AGENT" "$AGENT:$library"; do
            run env LD_PRELOAD="$order" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log" "$VICTIMS/stress_churn" 1 8 7
            echo "$output"
            [ "$status" = 0 ]
        done
    done
    ((n)) || skip "neither is installed"
}

# sanitized NAME FLAG...: builds wrap_told under a sanitizer; the leak is found, the sanitizer has nothing to say
sanitized()
{
    local name=$1 runtime
    shift
    build_victim "$name" "$TOP/tests/victims/wrap_told.c" -w -I"$TOP/tests/victims" "$@" || skip "this compiler has no $*"
    runtime=$(ldd "$TESTTMP/$name" | sed -n 's/.*lib[atu]b*san[^ ]* => \([^ ]*\).*/\1/p' | head -n 1)
    env LD_PRELOAD="${runtime:+$runtime:}$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" "$TESTTMP/$name" recv >"$TESTTMP/out" 2>"$TESTTMP/err"
    is_empty "$TESTTMP/err"
    contains "$(cat "$TESTTMP"/log.*)" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
}

@test "B13: a program with UndefinedBehaviorSanitizer is watched" {
    sanitized ub -fsanitize=undefined
}

@test "B13: AddressSanitizer still finds a program's own mistake, and its own leak of memory" {
    local runtime
    build_victim wrong - -fsanitize=address <<'END' || skip "no AddressSanitizer"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int pair[2];
    char *volatile p = malloc(10);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 3;
    close(pair[1]);
    if (argc > 1)
        *(volatile char *)(p + 10) = 1;
    p = NULL;
    return 0;
}
END
    runtime=$(ldd "$TESTTMP/wrong" | sed -n 's/.*libasan[^ ]* => \([^ ]*\).*/\1/p')
    run env ASAN_OPTIONS=detect_leaks=1 LD_PRELOAD="$runtime:$AGENT" "$TESTTMP/wrong" over
    contains "$output" 'heap-buffer-overflow'
    run env ASAN_OPTIONS=detect_leaks=1:exitcode=0 LD_PRELOAD="$runtime:$AGENT" "$TESTTMP/wrong"
    contains "$output" 'LeakSanitizer: detected memory leaks'
    contains "$output" '10 byte\(s\) leaked in 1 allocation'
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked'
}

@test "B13: ThreadSanitizer has nothing to say of us while threads open, pass and close" {
    local runtime
    build_victim churn "$TOP/tests/victims/stress_churn.c" -w -I"$TOP/tests/victims" -fsanitize=thread || skip "no ThreadSanitizer"
    runtime=$(ldd "$TESTTMP/churn" | sed -n 's/.*libtsan[^ ]* => \([^ ]*\).*/\1/p')
    TSAN_OPTIONS="halt_on_error=0:exitcode=0:die_after_fork=0" "$TESTTMP/churn" 1 4 3 >"$TESTTMP/bare" 2>"$TESTTMP/bare.err" || skip "ThreadSanitizer does not work here"
    run env TSAN_OPTIONS="halt_on_error=0:die_after_fork=0" LD_PRELOAD="$runtime:$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log" "$TESTTMP/churn" 1 4 3
    echo "$output"
    lacks "$output" 'libsockleak'
    contains "$output" 'wrong 0$'
}

@test "B13: ThreadSanitizer sees no race between the watcher's report and the one at the end" {
    local runtime word
    build_victim reports - -fsanitize=thread -I"$TOP/tests/victims" <<'C' || skip "no ThreadSanitizer"
#include "victim.h"
int main(void)
{
    char c;
    int listener = listen_loopback();
    for (int i = 0; i < 3; i++) {
        int fd = connect_loopback();
        MUST(close((int)MUST(accept(listener, NULL, NULL))));
        MUST(recv(fd, &c, 1, 0));
    }
    wait_for_word();
    return 0;
}
C
    runtime=$(ldd "$TESTTMP/reports" | sed -n 's/.*libtsan[^ ]* => \([^ ]*\).*/\1/p')
    "$TESTTMP/reports" </dev/null || skip "ThreadSanitizer does not work here"
    mkfifo "$TESTTMP/word"
    # shellcheck disable=SC2016 # the inner shell's
    start reports env LD_PRELOAD="$runtime:$AGENT" SOCKLEAK_OPTIONS="interval=250ms:grace=250ms:log_path=$TESTTMP/log" \
        sh -c 'exec "$0" <"$1"' "$TESTTMP/reports" "$TESTTMP/word"
    exec {word}>"$TESTTMP/word"
    # shellcheck disable=SC2016
    wait_for 60 sh -c 'grep -q "stuck in" "$TESTTMP"/log.*'
    exec {word}>&-
    status=0
    wait "$pid" || status=$?
    cat "$TESTTMP/reports.err"
    [ "$status" = 0 ]
    is_empty "$TESTTMP/reports.err"
    [ "$(cat "$TESTTMP"/log.* | grep -c 'sockets stuck in CLOSE_WAIT')" = 2 ]
}

@test "B13: a child of a program with threads lives under ThreadSanitizer, which supports no new thread there, and reports at its end" {
    local runtime
    build_victim child - -fsanitize=thread -I"$TOP/tests/victims" <<'C' || skip "no ThreadSanitizer"
#include <pthread.h>
#include <sys/wait.h>
#include "victim.h"
static void *wait_for_ever(void *arg) { pause(); return arg; }
int main(void)
{
    pthread_t t;
    int status;
    pthread_create(&t, NULL, wait_for_ever, NULL);
    pid_t child = fork();
    if (child == 0) {
        char c;
        int listener = listen_loopback(), fd = connect_loopback();
        close(accept(listener, NULL, NULL));
        usleep(300000); /* time for a thread to begin */
        exit(recv(fd, &c, 1, 0) == 0 ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
C
    runtime=$(ldd "$TESTTMP/child" | sed -n 's/.*libtsan[^ ]* => \([^ ]*\).*/\1/p')
    "$TESTTMP/child" || skip "ThreadSanitizer does not work here"
    run env LD_PRELOAD="$runtime:$AGENT" SOCKLEAK_OPTIONS="interval=250ms:log_path=$TESTTMP/log.%p" "$TESTTMP/child"
    echo "$output"
    [ "$status" = 0 ]
    [ -z "$output" ]
    contains "$(cat "$TESTTMP"/log.*)" '1 socket.*CLOSE_WAIT'
}

@test "C14: under strace with its children" {
    command -v strace >/dev/null || skip "no strace"
    run strace -f -qq -o "$TESTTMP/trace" env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log" "$VICTIMS/stress_churn" 1 8 5
    echo "$output"
    [ "$status" = 0 ]
    lacks "$TESTTMP/trace" 'SIGSEGV|SIGBUS'
}

@test "C14: under gdb: a breakpoint on socket shows the program's stack, and the program runs to its end" {
    command -v gdb >/dev/null || skip "no gdb"
    run gdb -nx -batch -iex 'set debuginfod enabled off' -ex "set environment LD_PRELOAD $AGENT" -ex "set environment SOCKLEAK_OPTIONS log_path=$TESTTMP/log" \
        -ex 'break connect_loopback' -ex run -ex 'info threads' -ex backtrace -ex delete -ex continue --args "$VICTIMS/wrap_told" recv
    contains "$output" 'connect_loopback'
    contains "$output" '#1 .*main'
    contains "$output" 'exited (normally|with code)'
    contains "$(cat "$TESTTMP"/log.*)" 'SUMMARY: sockleak: 1 socket leaked at 1 site'
}

@test "under valgrind: no error of ours, and the leak is found" {
    command -v valgrind >/dev/null || skip "no valgrind"
    run env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS="log_path=$TESTTMP/log.%p" valgrind -q --trace-children=no --error-exitcode=66 "$VICTIMS/wrap_told" recv
    echo "$output"
    [ "$status" = 0 ]
    lacks "$output" 'Invalid|uninitialised|Unsupported'
    contains "$(cat "$TESTTMP"/log.*)" '1 socket.*CLOSE_WAIT'
}
