/* SPDX-License-Identifier: MIT */
/*
 * hard_unwinder WORD: what a program does to an unwinder that keeps descriptors, makes system calls of its own, sets errno, or does not expect to be
 * interrupted. Prints what must be the same without the agent.
 */
#include "victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "hard_unwinder.h"

#include "../newer.h"

static int opens(void) { return (int)MUST(socket(AF_INET, SOCK_STREAM, 0)); }
static int opens_and_closes(void) { return close(opens()); }
/* So many pages further down the stack, where no capture has been yet. */
static int deep(int pages, int (*f)(void))
{
    volatile char room[4096];
    room[0] = 1;
    return (pages ? deep(pages - 1, f) : odd_call(f)) + (room[0] - 1);
}

/* Sockets on all the low numbers that an unwinder's pipe may have had, each with a stream in flight. */
static void streams(void)
{
    int end[2];
    deep(0, opens_and_closes);
    closefrom(3);
    for (int i = 0; i < 20; i++) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, end));
        MUST(send(end[0], "HELLO", 5, 0));
        MUST(send(end[1], "HELLO", 5, 0));
    }
    for (int i = 1; i < 40; i++)
        deep(i, opens_and_closes);
    for (int fd = 3; fd < 43; fd++) {
        char text[64];
        printf("%d: %.*s\n", fd, (int)MUST(recv(fd, text, sizeof text, MSG_DONTWAIT)), text);
        close(fd); /* each tells its peer */
    }
}

/* A handler that opens sockets comes at any moment of the captures. */
static volatile sig_atomic_t handled;
static void handler(int sig)
{
    (void)sig;
    int before = errno;
    close(socket(AF_INET, SOCK_STREAM, 0));
    errno = before;
    handled++;
}
static void interrupted(void)
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct itimerval never = {{0, 0}, {0, 0}};
    MUST(sigaction(SIGALRM, &a, NULL));
    for (int i = 0; handled < 500 || i < 3000; i++) {
        /* one a round, at another moment of each: a handler may take longer than any fixed period */
        struct itimerval soon = {{0, 0}, {0, 1 + i * 7 % 151}};
        MUST(setitimer(ITIMER_REAL, &soon, NULL));
        deep(i % 4, opens_and_closes);
    }
    MUST(setitimer(ITIMER_REAL, &never, NULL));
    say("done");
}

/* Threads that are cancelled in the middle of it. */
static void *endless(void *async)
{
    pthread_setcanceltype(async ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, NULL);
    for (;;) {
        deep(1, opens);
        pthread_testcancel();
        closefrom(40);
    }
    return async;
}
static void *waits(void *arg)
{
    for (;;)
        pause();
    return arg;
}
static void cancelled(void)
{
    int others = 0;
    pthread_t first;
    /* The first one loads libgcc, whose file the others would close. */
    MUST(-pthread_create(&first, NULL, waits, NULL));
    pthread_cancel(first);
    pthread_join(first, NULL);
    for (long i = 0; i < 60; i++) {
        pthread_t t;
        void *result;
        MUST(-pthread_create(&t, NULL, endless, (void *)(i & 1)));
        usleep((useconds_t)(i * 37 % 700));
        pthread_cancel(t);
        pthread_join(t, &result);
        others += result != PTHREAD_CANCELED;
    }
    closefrom(3);
    printf("others %d\n", others);
    deep(0, opens); /* left behind: with its whole stack, when nobody took a lock along */
}

/* Some threads have an old return address of a handler on their stacks; another comes after them. */
static void *volatile trampoline;
static void leaves_its_address(int sig)
{
    (void)sig;
    trampoline = __builtin_return_address(0);
}
static void *looks_interrupted(void *arg)
{
    void *volatile old[2] = {trampoline, trampoline};
    for (int i = 0; i < 200; i++)
        deep(0, opens_and_closes);
    return old[0] == old[1] ? arg : NULL;
}
/* Not in the first thread: a hole in one of its frames may keep the address, and costs a capture then. */
static void *is_interrupted(void *arg)
{
    MUST(raise(SIGUSR1));
    return arg;
}
static void stale(void)
{
    pthread_t t;
    MUST(signal(SIGUSR1, leaves_its_address) == SIG_ERR ? -1 : 0);
    MUST(-pthread_create(&t, NULL, is_interrupted, NULL));
    pthread_join(t, NULL);
    for (int i = 0; i < 10; i++) {
        MUST(-pthread_create(&t, NULL, looks_interrupted, NULL));
        pthread_join(t, NULL);
    }
    trampoline = NULL;
    deep(1, opens);
    say("left");
}

static int keeps_errno(void)
{
    errno = 4711;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (errno != 4711)
        printf("socket left errno %d\n", errno);
    errno = 4711;
    close(fd);
    if (errno != 4711)
        printf("close left errno %d\n", errno);
    return 0;
}

/* As sshd's child before the login: these calls, and death for every other. */
static void sandbox(void)
{
    static const int allowed[] = {SYS_brk,          SYS_clock_gettime,  SYS_close,     SYS_exit,
                                  SYS_exit_group,   SYS_futex,          SYS_getpid,    SYS_getrandom,
                                  SYS_gettimeofday, SYS_madvise,        SYS_mmap,      SYS_mprotect,
                                  SYS_mremap,       SYS_munmap,         SYS_nanosleep, SYS_clock_nanosleep,
                                  SYS_poll,         SYS_ppoll,          SYS_pselect6,  SYS_read,
                                  SYS_select,       SYS_rt_sigprocmask, SYS_write,     SYS_writev,
                                  SYS_geteuid,      SYS_getuid,         SYS_shutdown,  SYS_time};
    enum { N = sizeof allowed / sizeof *allowed };
    struct sock_filter f[2 * N + 2] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (int i = 0; i < N; i++) {
        f[1 + 2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        f[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    f[2 * N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog p = {2 * N + 2, f};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p));
}
static int inside[4][2];
static int is_told(void)
{
    static int next;
    char c;
    return (int)read(inside[next++][0], &c, 1);
}
static void sandboxed(void)
{
    for (int i = 0; i < 4; i++) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, inside[i]));
        MUST(shutdown(inside[i][1], SHUT_WR));
    }
    deep(0, opens_and_closes);
    sandbox();
    for (int i = 0; i < 4; i++)
        if (deep(20 + 20 * i, is_told) != 0) /* a stack that must be recorded, on pages and by code that nobody has looked at yet */
            MUST(write(1, "not told\n", 9));
    MUST(close(inside[0][0]) | close(inside[0][1]));
    MUST(write(1, "lived\n", 6));
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    alarm(100); /* whoever hangs ends with a signal */
    if (!strcmp(word, "streams")) {
        streams();
    } else if (!strcmp(word, "interrupted")) {
        interrupted();
    } else if (!strcmp(word, "stale")) {
        stale();
    } else if (!strcmp(word, "cancelled")) {
        cancelled();
    } else if (!strcmp(word, "sandboxed")) {
        sandboxed();
    } else if (!strcmp(word, "errno")) {
        for (int i = 0; i < 3; i++) /* the first one loads libunwind */
            deep(i, keeps_errno);
        keeps_errno();
        say("done");
    } else if (!strcmp(word, "one")) {
        deep(0, opens);
    }
    return 0;
}
