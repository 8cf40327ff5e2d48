#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs of musl: their own agent, the same reports. The tests of 11-detect.bats run with it too (SOCKLEAK_LIBC=musl, scripts/check).

load helpers

setup()
{
    command -v musl-gcc >/dev/null || skip "no musl-gcc (Debian: musl-tools)"
    MUSL_AGENT=${SOCKLEAK_BUILD:-$BATS_TEST_DIRNAME/../../build}/libsockleak-musl.so
    [ -e "$MUSL_AGENT" ] || skip "no libsockleak-musl.so: make musl"
    SOCKLEAK_LIBC=musl helpers_setup
}

# musl_program NAME FLAG...: a C program, from standard input, that has pair(): leaves a connection whose peer has closed.
musl_program()
{
    {
        cat <<'C'
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static int pair(void) { int fd[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, fd); close(fd[1]); return fd[0]; }
C
        cat
    } | build_victim "$1" - -Wl,--eh-frame-hdr "${@:2}"
}

# frames of the first leak in $TESTTMP/log.*, one a line
frames() { cat "$TESTTMP"/log.* >"$TESTTMP/all" && json "$TESTTMP/all" '"\n".join("%s %s" % (f["symbol"], f["module"].split("/")[-1]) for l in leaks for f in l["frames"])'; }
runs() { timeout 60 "$SOCKLEAK" run "$@" 3>&- 4>&-; }

@test "the library for musl needs nothing that musl 1.2.0 lacks" {
    "$TOP/scripts/check-imports" "$AGENT"
    build_victim needs - -shared -fPIC <<<'#include <time.h>
time_t f(struct tm *t) { return timegm(t); }'
    run "$TOP/scripts/check-imports" "$TESTTMP/needs"
    [ "$status" -eq 1 ]
    contains "$output" 'not on the list of musl 1.2.0: timegm'
}

@test "stacks reach main and a thread's function, and end where musl called them" {
    musl_program a <<'C'
static int deep(int n) { return n ? deep(n - 1) + 1 : pair(); }
static void *thread(void *arg) { deep(2); return arg; }
int main(void) { pthread_t t; deep(2); pthread_create(&t, NULL, thread, NULL); pthread_join(t, NULL); return 0; }
C
    with_agent "log_format=json:log_path=$TESTTMP/log" "$TESTTMP/a"
    frames >"$TESTTMP/frames"
    for last in main thread; do
        contains "$TESTTMP/frames" "^$last a\$"
        [ "$(grep -A1 "^$last a\$" "$TESTTMP/frames" | tail -1)" = "None ld-musl-$(uname -m).so.1" ]
    done
    [ "$(grep -c '^deep a$' "$TESTTMP/frames")" -eq 6 ]
    [ "$(grep -c . "$TESTTMP/frames")" -eq 12 ]
}

@test "a callback of musl's own functions is a stack that ends there, not one with frames left out" {
    musl_program a <<'C'
static int compare(const void *a, const void *b) { (void)a, (void)b; pair(); return 0; }
static void sorts(int *v) { qsort(v, 2, sizeof *v, compare); }
int main(void) { int v[] = {2, 1}; sorts(v); return 0; }
C
    with_agent "log_format=json:log_path=$TESTTMP/log" "$TESTTMP/a"
    [ "$(frames)" = "pair a
compare a
None ld-musl-$(uname -m).so.1" ]
}

@test "exitcode changes the status of a leaking program alone, by main's return and by exit" {
    musl_program a <<'C'
int main(int argc, char **argv)
{
    int fd = pair();
    if (argc > 3) close(fd);
    printf("out");
    if (argv[1][0] == 'e') exit(atoi(argv[2]));
    return atoi(argv[2]);
}
C
    for way in return exit; do
        for status_is in '0:23' '5:5' '0 closed:0'; do
            # shellcheck disable=SC2086 # words
            run with_agent exitcode=23:log_path=/dev/null "$TESTTMP/a" $way ${status_is%:*}
            [ "$status" -eq "${status_is#*:}" ]
            [ "$output" = out ]
        done
    done
}

@test "what a destructor of the program closes is no leak" {
    musl_program a <<'C'
static int fd;
__attribute__((destructor)) static void at_the_end(void) { close(fd); }
static void handler(void) { int more = pair(); close(more); }
int main(void) { atexit(handler); fd = pair(); return 0; }
C
    run with_agent exitcode=23 "$TESTTMP/a"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "a running program is watched by a thread that musl does not know, with a descriptor table of its own, and reports" {
    mkfifo "$TESTTMP/in"
    start leaks bash -c 'exec env LD_PRELOAD="$1" SOCKLEAK_OPTIONS=verbosity=1:grace=100ms:interval=50ms "$2" 3 wait <"$0"' \
        "$TESTTMP/in" "$AGENT" "$VICTIMS/run_leak"
    exec {feed}>"$TESTTMP/in"
    wait_for 20 grep -q '3 sockets stuck in CLOSE_WAIT' "$TESTTMP/leaks.err"
    contains "$TESTTMP/leaks.err" 'the watcher has started .*unknown to libc.*from a descriptor table of its own'
    run "$SOCKLEAK" report "$pid"
    contains "$output" '#0 db_connect +tests/victims/run_leak.c:[0-9]+$'
    contains "$output" '#2 main +tests/victims/run_leak.c:[0-9]+$'
    contains "$output" 'saw EOF in \(recv returned 0; 3 of 3\)'
    exec {feed}>&-
    wait "$pid"
}

@test "fork, vfork, threads and exec: each process has its own report, and the program's own result" {
    musl_program a <<'C'
int main(int argc, char **argv)
{
    int status, all = 0;
    if (argc > 1) return pair() < 0;
    pair();
    if (!fork()) { pair(); return 3; }
    wait(&status), all += WEXITSTATUS(status);
    if (!vfork()) { execl(argv[0], argv[0], "again", (char *)NULL); _exit(9); }
    wait(&status), all += WEXITSTATUS(status);
    return all;
}
C
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p" "$TESTTMP/a"
    [ "$status" -eq 3 ]
    [ "$(cat "$TESTTMP"/log.* | grep -c '"type":"summary"')" -eq 3 ]
}

@test "run takes the agent of the program's C library, and children with the other one have theirs" {
    musl_program parent <<'C'
int main(int argc, char **argv) { return argc > 1 ? WEXITSTATUS(system(argv[1])) : pair() < 0; }
C
    run runs -- "$TESTTMP/parent"
    [ "$status" -eq 0 ]
    contains "$output" '#0 pair '
    # musl, then a shell of glibc, then a program of each
    run runs -- "$TESTTMP/parent" "$BUILD/victims/run_leak 2; $VICTIMS/run_leak 3; exit 5"
    [ "$status" -eq 5 ]
    contains "$output" '2 sockets stuck in CLOSE_WAIT'
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" 'SUMMARY: sockleak: 5 sockets leaked'
    lacks "$output" 'preload'
    # glibc first, and a script whose interpreter has musl
    musl_program leaf <<<'int main(void) { return pair() < 0; }'
    printf '#!%s\n' "$TESTTMP/leaf" >"$TESTTMP/script"
    chmod +x "$TESTTMP/script"
    run runs -- sh -c "$VICTIMS/run_leak 3; exit 6"
    [ "$status" -eq 6 ]
    contains "$output" '3 sockets leaked'
    run runs -- "$TESTTMP/script"
    [ "$status" -eq 0 ]
    contains "$output" '#0 pair '
}

@test "a static program of musl is watched from outside by run; --no-trace refuses it" {
    musl_program fixed -static <<<'int main(void) { return pair() < 0; }'
    run runs --exitcode 23 -- "$TESTTMP/fixed"
    printf '%s\n' "$output"
    [ "$status" -eq 23 ]
    contains "$output" '1 socket'
    contains "$output" '#0 pair +'
    run runs --no-trace -- "$TESTTMP/fixed"
    [ "$status" -eq 1 ]
    contains "$output" 'is statically linked'
}

@test "without the agent for musl, run and attach say which one is missing" {
    mkdir "$TESTTMP/bin"
    cp "$SOCKLEAK" "$BUILD/libsockleak.so" "$TESTTMP/bin"
    run timeout 60 "$TESTTMP/bin/sockleak" run -- "$VICTIMS/run_leak" 1
    [ "$status" -eq 1 ]
    contains "$output" 'libsockleak-musl.so is neither beside'
    mkfifo "$TESTTMP/in"
    start leaks bash -c 'exec "$1" 1 wait <"$0"' "$TESTTMP/in" "$VICTIMS/run_leak"
    exec {feed}>"$TESTTMP/in"
    wait_for 20 grep -q ready "$TESTTMP/leaks.out"
    run timeout 60 "$TESTTMP/bin/sockleak" attach "$pid"
    [ "$status" -eq 1 ]
    contains "$output" 'libsockleak-musl.so is neither beside'
    exec {feed}>&-
    wait "$pid"
}

@test "attach records in a running program of musl, report shows it, detach takes everything back" {
    musl_program serves <<'C'
static void serve(void) { char line[64]; while (fgets(line, sizeof line, stdin)) { pair(); puts("opened"); fflush(stdout); } }
int main(void) { pair(); serve(); return 7; }
C
    mkfifo "$TESTTMP/in"
    start serves bash -c 'exec "$1" <"$0"' "$TESTTMP/in" "$TESTTMP/serves"
    exec {feed}>"$TESTTMP/in"
    echo >&"$feed"
    wait_for 20 grep -q opened "$TESTTMP/serves.out"
    run timeout 60 "$SOCKLEAK" attach --grace 0s "$pid"
    [ "$status" -eq 0 ]
    echo >&"$feed"
    wait_for 20 eval "[ \$(grep -c opened '$TESTTMP/serves.out') = 2 ]"
    wait_for 20 eval "'$SOCKLEAK' report $pid | grep -q '#1 serve '"
    run "$SOCKLEAK" report "$pid"
    contains "$output" '#2 main '
    contains "$output" 'before_attach'
    run timeout 60 "$SOCKLEAK" detach "$pid"
    [ "$status" -eq 0 ]
    exec {feed}>&-
    wait "$pid" || [ $? -eq 7 ]
}
