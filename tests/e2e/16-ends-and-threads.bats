#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The agent's own thread and the ends of a program: what the C library, the kernel and the program's handlers do there is what they do without the agent.

bats_require_minimum_version 1.5.0
load helpers

# program NAME [FLAGS...]: from standard input, with what these programs share.
program()
{
    local name=$1
    shift
    {
        cat <<'END'
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* pair[0] accepted, pair[1] connected, over TCP on loopback. */
static void connected(int pair[2], int protocol)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, protocol);
    if (bind(l, (void *)&a, n) || listen(l, 1) || getsockname(l, (void *)&a, &n))
        exit(99);
    pair[1] = socket(AF_INET, SOCK_STREAM, protocol);
    if (connect(pair[1], (void *)&a, n))
        exit(98);
    pair[0] = accept(l, NULL, NULL);
    close(l);
}
static int threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}
/* Without the agent there is nobody to wait for. */
static void await_threads(int n)
{
    for (int i = 0; i < 2000 && getenv("LD_PRELOAD") && threads() < n; i++)
        usleep(10000);
}
END
        cat
    } >"$TESTTMP/$name.c"
    build_victim "$name" "$TESTTMP/$name.c" "$@"
}

# same NAME OPTIONS...: bare and preloaded print the same and end alike.
same()
{
    local name=$1 bare preloaded
    timeout -s KILL 60 "$TESTTMP/$name" >"$TESTTMP/bare" 2>/dev/null && bare=0 || bare=$?
    with_agent "${2-}" timeout -s KILL 60 "$TESTTMP/$name" >"$TESTTMP/preloaded" 2>"$TESTTMP/err" && preloaded=0 || preloaded=$?
    [ "$bare" -eq "$preloaded" ] || { echo "ends with $preloaded, bare $bare"; cat "$TESTTMP/err"; return 1; }
    diff "$TESTTMP/bare" "$TESTTMP/preloaded"
}

@test "C12: setuid in a program that had a thread before its first socket returns" {
    program a <<'END'
static void *idle(void *arg) { return pause(), arg; }
int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, idle, NULL);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    await_threads(3);
    printf("%d %d\n", setuid(getuid()), setgid(getgid()));
    close(fd);
    return 0;
}
END
    same a
}

@test "a program whose first thread leaves by pthread_exit ends with its last thread, and reports" {
    program b <<'END'
static void *last(void *arg)
{
    usleep(300000);
    return arg;
}
static void handler(void) { puts("exit handler"); }
static struct sockaddr any = {.sa_family = AF_INET}; /* without a bind it is a reserve */
static int forgotten(void) { return bind(socket(AF_INET, SOCK_STREAM, 0), &any, sizeof any); }
int main(void)
{
    pthread_t t;
    atexit(handler);
    pthread_create(&t, NULL, last, NULL);
    forgotten();
    await_threads(3);
    pthread_exit(NULL);
}
END
    same b
    contains "$TESTTMP/err" '#0 forgotten '
}

@test "A2: a filter set by syscall(SYS_seccomp), for one thread or for all, is noticed: nothing forbidden is called" {
    program c <<'END'
#define ALLOW(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##n, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* What a program in a sandbox does of its own, and not a call more. */
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(write), ALLOW(read), ALLOW(close), ALLOW(exit_group), ALLOW(exit), ALLOW(rt_sigprocmask), ALLOW(munmap), ALLOW(mmap), ALLOW(brk),
    ALLOW(clock_gettime), ALLOW(getpid), ALLOW(clock_nanosleep), ALLOW(nanosleep), ALLOW(newfstatat), ALLOW(futex), ALLOW(shutdown), ALLOW(recvfrom),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
int main(int argc, char **argv)
{
    struct sock_fprog p = {sizeof filter / sizeof *filter, filter};
    int pair[2];
    char c;
    (void)argv;
    connected(pair, 0);
    await_threads(2);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, argc > 1 ? SECCOMP_FILTER_FLAG_TSYNC : 0, &p))
        return 97;
    close(pair[1]);
    int n = (int)recv(pair[0], &c, 1, 0);
    usleep(700000); /* several looks */
    n = n * 10 + (int)write(1, "through\n", 8);
    return n;
}
END
    same c 'interval=250ms:grace=300ms'
    cp "$TESTTMP/c" "$TESTTMP/one"
    printf '#!/bin/sh\nexec "%s" all\n' "$TESTTMP/one" >"$TESTTMP/c2"
    chmod +x "$TESTTMP/c2"
    same c2 'interval=250ms:grace=300ms'
}

@test "C10: unshare and close_range by number: each close is heard by its peer afterwards" {
    program d <<'END'
int main(int argc, char **argv)
{
    int pair[2];
    char c;
    (void)argv;
    connected(pair, 0);
    await_threads(2);
    if (argc > 1 ? syscall(SYS_unshare, CLONE_FILES) : syscall(SYS_close_range, 200, ~0u, CLOSE_RANGE_UNSHARE))
        return 96;
    close(pair[1]);
    struct pollfd p = {pair[0], POLLIN, 0};
    printf("%d ", poll(&p, 1, 10000));
    printf("%zd\n", recv(pair[0], &c, 1, MSG_DONTWAIT));
    close(pair[0]);
    return 0;
}
END
    same d
    printf '#!/bin/sh\nexec "%s" unshare\n' "$TESTTMP/d" >"$TESTTMP/d2"
    chmod +x "$TESTTMP/d2"
    same d2
}

@test "C6: an abort that its handler leaves by longjmp ends nothing: later checks answer, and the real exit reports" {
    program e <<'END'
#include <sockleak.h>
static jmp_buf back;
static void on_abort(int n) { (void)n, siglongjmp(back, 1); }
static struct sockaddr any = {.sa_family = AF_INET}; /* without a bind it is a reserve */
static int forgotten(void) { return bind(socket(AF_INET, SOCK_STREAM, 0), &any, sizeof any); }
int main(void)
{
    struct timespec a, b;
    sockleak_mark_t start = sockleak_mark();
    signal(SIGABRT, on_abort);
    if (!sigsetjmp(back, 1))
        abort();
    forgotten();
    clock_gettime(CLOCK_MONOTONIC, &a);
    int n = sockleak_check(start, SOCKLEAK_ALL | SOCKLEAK_QUIET, 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    fprintf(stderr, "check: %d, %s\n", n, b.tv_sec - a.tv_sec < 20 ? "at once" : "after a long wait");
    return 3;
}
END
    same e
    contains "$TESTTMP/err" 'check: 1, at once'
    contains "$TESTTMP/err" '#0 forgotten '
    contains "$TESTTMP/err" 'SUMMARY: sockleak: 1 socket leaked'
}

@test "C6: quick_exit: what the program's own handlers close is not reported; what they leave open is, and the exit status may say so" {
    program f <<'END'
static int open_one, forgotten;
static void closing(void) { close(open_one); }
int main(int argc, char **argv)
{
    (void)argv;
    at_quick_exit(closing);
    open_one = socket(AF_INET, SOCK_STREAM, 0);
    if (argc > 1)
        forgotten = bind(socket(AF_INET, SOCK_STREAM, 0), &(struct sockaddr){.sa_family = AF_INET}, sizeof(struct sockaddr));
    quick_exit(0);
}
END
    run with_agent exitcode=9 "$TESTTMP/f"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    run with_agent exitcode=9 "$TESTTMP/f" leak
    [ "$status" -eq 9 ]
    contains "$output" 'SUMMARY: sockleak: 1 socket leaked'
}

@test "B5: a child of fork that moves its connection by dup2 and then uses it is the one that reports it" {
    program g <<'END'
int main(void)
{
    int pair[2];
    char c;
    connected(pair, 0);
    if (fork() == 0) {
        close(pair[1]);
        dup2(pair[0], 0);
        close(pair[0]);
        if (read(0, &c, 1) != 1)
            _exit(95);
        usleep(900000);
        _exit(0);
    }
    close(pair[0]);
    if (write(pair[1], "x", 1) != 1)
        return 94;
    close(pair[1]);
    int status;
    wait(&status);
    return WEXITSTATUS(status);
}
END
    run with_agent grace=300ms:interval=250ms:leak_check_at_exit=0 "$TESTTMP/g"
    [ "$status" -eq 0 ]
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    contains "$output" '#0 connected '
}

@test "C2: what a process had from its own parent is not its children's leak" {
    program h <<'END'
int main(void)
{
    int l = socket(AF_INET, SOCK_DGRAM, 0), status; /* a table, before anybody has looked at descriptor 0 */
    if (fork() == 0) {
        int own = socket(AF_INET, SOCK_DGRAM, 0); /* so that the child has a table and a watcher */
        usleep(1500000);
        close(own);
        _exit(0);
    }
    wait(&status);
    close(l);
    return WEXITSTATUS(status);
}
END
    run with_agent grace=300ms:interval=250ms python3 -c '
import socket, subprocess, sys
ours, theirs = socket.socketpair()
p = subprocess.Popen([sys.argv[1]], stdin=theirs)
theirs.close(); ours.close()
sys.exit(p.wait())' "$TESTTMP/h"
    [ "$status" -eq 0 ]
    lacks "$output" 'sockleak'
}

@test "D1: an attempt that failed before is not what told of a connection's end" {
    program i <<'END'
static int try_first(int fd)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (void *)&nobody, sizeof nobody);
}
int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(l, (void *)&a, n) || listen(l, 1) || getsockname(l, (void *)&a, &n) || try_first(fd) != -1 || connect(fd, (void *)&a, n))
        return 93;
    close(accept(l, NULL, NULL));
    close(l);
    struct pollfd p = {fd, POLLRDHUP, 0};
    return poll(&p, 1, 10000) != 1;
}
END
    run with_agent '' "$TESTTMP/i"
    [ "$status" -eq 0 ]
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    contains "$output" 'saw EOF in \(poll returned RDHUP or HUP; 1 of 1\)'
    lacks "$output" 'try_first'
}

@test "B7: MPTCP: the end of the connection is seen, whatever its first subflow's state says" {
    program j <<'END'
int main(void)
{
    int pair[2], probe = socket(AF_INET, SOCK_STREAM, 262);
    if (probe < 0)
        return 77;
    close(probe);
    connected(pair, 262);
    close(pair[1]);
    struct pollfd p = {pair[0], POLLRDHUP, 0};
    return poll(&p, 1, 10000) != 1;
}
END
    run with_agent log_format=json "$TESTTMP/j"
    [ "$status" -ne 77 ] || skip "no MPTCP in this kernel"
    [ "$status" -eq 0 ]
    echo "$output" >"$TESTTMP/out"
    [ "$(json "$TESTTMP/out" '[l["kind"] for l in leaks]')" = "['close_wait']" ]
}

@test "C1: a vfork child that opens and closes sockets changes nothing in its parent's table" {
    program k <<'END'
int main(void)
{
    int kept = socket(AF_INET, SOCK_STREAM, 0), status;
    pid_t pid = vfork();
    if (pid == 0) {
        close(kept);
        _exit(socket(AF_INET, SOCK_DGRAM, 0) != kept);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}
END
    run with_agent log_format=json:kinds=all "$TESTTMP/k"
    [ "$status" -eq 0 ]
    echo "$output" >"$TESTTMP/out"
    [ "$(json "$TESTTMP/out" '[(l["kind"], l["opened"], l["closed"], l["sockets"][0]["fd"]) for l in leaks]')" = "[('open', 1, 0, 3)]" ]
}

@test "A6: a signal handler never starts the watcher; the next ordinary event does" {
    program l <<'END'
static int pair[2], in_handler;
static void handler(int n)
{
    (void)n;
    if (shutdown(pair[1], SHUT_WR)) /* an event on what the child inherited */
        _exit(92);
    in_handler = threads();
}
int main(void)
{
    int status;
    /* no connection of the network: with one the child gets its watcher at the fork */
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    if (fork() == 0) {
        signal(SIGUSR1, handler);
        raise(SIGUSR1);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        await_threads(2);
        fprintf(stderr, "in the handler %d, then %d\n", in_handler, threads());
        close(fd);
        _exit(0);
    }
    wait(&status);
    return WEXITSTATUS(status);
}
END
    run with_agent leak_check_at_exit=0 "$TESTTMP/l"
    [ "$status" -eq 0 ]
    contains "$output" 'in the handler 1, then 2'
}

@test "A6: the report at an _exit in a signal handler, or at an abort, does not call the program's demangler, which allocates" {
    program m -rdynamic <<'END'
char *__cxa_demangle(const char *name, char *buf, size_t *n, int *status)
{
    (void)name, (void)n;
    fputs("demangling\n", stderr);
    *status = -2;
    return buf = NULL;
}
static struct sockaddr any = {.sa_family = AF_INET};
int _Z9forgottenv(void) { return bind(socket(AF_INET, SOCK_STREAM, 0), &any, sizeof any); }
static void handler(int n) { (void)n, _exit(4); }
int main(int argc, char **argv)
{
    _Z9forgottenv();
    if (argc == 1)
        return 0;
    if (argv[1][0] == 'a')
        abort();
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
}
END
    run with_agent '' "$TESTTMP/m"
    contains "$output" '^demangling'
    for way in handler abort; do
        run with_agent symbolize=1 "$TESTTMP/m" $way
        lacks "$output" '^demangling'
        contains "$output" '1 socket '
    done
}

@test "B5: a leak behind two descriptors is one in every count: the second leak is said when it is twice as many" {
    program n <<'END'
static void leaks(int descriptors)
{
    int pair[2];
    connected(pair, 0);
    close(pair[1]);
    while (--descriptors)
        dup(pair[0]);
}
int main(void)
{
    for (volatile int i = 2; i > 0; i--) {
        leaks(i);
        getchar();
    }
    return 0;
}
END
    mkfifo "$TESTTMP/in"
    start_agent n grace=300ms:interval=250ms bash -c "exec '$TESTTMP/n' <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '1 socket stuck in CLOSE_WAIT' "$TESTTMP/n.err"
    echo >&7
    wait_for 20 grep -q '2 sockets stuck in CLOSE_WAIT' "$TESTTMP/n.err"
    exec 7>&-
}
