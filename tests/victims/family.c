/* SPDX-License-Identifier: MIT */
/*
 * family WORD PORT [N]: N (3) connections to a peer, held by processes that never call the library again.
 *
 *   peer            the peer: accepts all that comes; closes it all at SIGUSR1, and says "closed"
 *   daemon          daemon(3)
 *   double          the double fork of a daemon
 *   prefork, keep   two workers that only sleep; the parent closes its copies, or keeps them
 *   worker-uses     two workers, of which the second makes a call on the connections
 *   short           a child that ends at once while its parent goes on
 *   late            a child that ends at the test's signal, its parent before
 *   exec, exec-self a child's program, or this process' next, holds them
 *   raw, uring      by system calls that no wrapper sees, or an io_uring, with a program that makes no other. 77: there is no io_uring
 *   plugin          a library that is loaded with RTLD_DEEPBIND, whose path is N; it has a function int plugin_opens(address)
 *   exit-closes, main-closes, own-close    who closes: a handler of exit, one after main, the program itself
 *
 * With FAMILY_WAITS in the environment it says "ready" and waits for a line before it does anything.
 * Says "at PID" for each process that the test asks for. They end at SIGTERM with status 0, with exit(3).
 */
#include "by_uring.h"
#include "own_call.h"
#include "victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int fds[64], n = 3;

static void on_term(int sig) { (void)sig; }

/* Without any call that the library knows. */
__attribute__((noreturn)) static void sleep_until_told(void)
{
    printf("at %d\n", (int)getpid());
    fflush(stdout);
    pause();
    exit(0);
}

__attribute__((noinline)) static int open_one(void)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

static void open_all(void)
{
    for (int i = 0; i < n; i++)
        fds[i] = open_one();
}

static void close_all(void)
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

static volatile sig_atomic_t told;
static void tell(int sig)
{
    (void)sig;
    told = 1;
}

static void peer(void)
{
    int listener = listen_loopback(), held[256], count = 0;
    struct sigaction sa = {.sa_handler = tell};
    sigaction(SIGUSR1, &sa, NULL);
    printf("listening on %d\n", ntohs(victim_address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL); /* the handler restarts nothing, and the test connects after the signal */
        if (fd >= 0 && count < 256)
            held[count++] = fd;
        if (!told)
            continue;
        while (count)
            close(held[--count]);
        told = 0;
        say("closed");
    }
}

/* IORING_OP_SOCKET, which older headers do not have. */
#define URING_SOCKET 45
static void open_by_uring(void)
{
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0)
        exit(77);
    for (int i = 0; i < n; i++) {
        int fd = by_uring(ring, &p, (struct io_uring_sqe){.opcode = URING_SOCKET, .fd = AF_INET, .off = SOCK_STREAM});
        if (fd < 0)
            exit(77);
        MUST(by_uring(ring, &p,
                      (struct io_uring_sqe){
                          .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&victim_address, .off = sizeof victim_address}));
    }
}

static void open_by_plugin(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    int (*opens)(const struct sockaddr_in *) = plugin ? (int (*)(const struct sockaddr_in *))dlsym(plugin, "plugin_opens") : NULL;
    if (!opens)
        exit(98);
    for (int i = 0; i < 3; i++)
        MUST(opens(&victim_address));
}

static void workers(int uses, int keep)
{
    for (int i = 0; i < 2; i++) {
        if (MUST(fork()) == 0) {
            if (uses && i == 1)
                for (int k = 0; k < n; k++)
                    connect(fds[k], (struct sockaddr *)&victim_address, sizeof victim_address); /* EISCONN: a use */
            sleep_until_told();
        }
    }
    if (!keep)
        close_all();
    sleep_until_told();
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    struct sigaction sa = {.sa_handler = on_term};
    sigaction(SIGTERM, &sa, NULL);
    if (!strcmp(word, "peer"))
        peer();
    if (!strcmp(word, "sleep"))
        sleep_until_told();
    if (argc < 3)
        return 2;
    if (argc > 3)
        n = atoi(argv[3]);
    victim_address.sin_family = AF_INET;
    victim_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    victim_address.sin_port = htons((uint16_t)atoi(argv[2]));
    if (getenv("FAMILY_WAITS")) {
        say("ready");
        wait_for_word();
    }
    if (!strcmp(word, "uring")) {
        open_by_uring();
        sleep_until_told();
    }
    if (!strcmp(word, "plugin")) {
        open_by_plugin(argc > 3 ? argv[3] : "");
        sleep_until_told();
    }
    if (!strcmp(word, "raw")) {
        for (int i = 0; i < n; i++) {
            long fd = MUST(own_call(SYS_socket, AF_INET, SOCK_STREAM, 0));
            MUST(own_call(SYS_connect, fd, (long)&victim_address, sizeof victim_address));
        }
        sleep_until_told();
    }
    open_all();
    if (!strcmp(word, "daemon")) {
        MUST(daemon(1, 1));
    } else if (!strcmp(word, "double")) {
        if (MUST(fork()))
            _exit(0);
        setsid();
        if (MUST(fork()))
            _exit(0);
    } else if (!strcmp(word, "prefork") || !strcmp(word, "keep") || !strcmp(word, "worker-uses")) {
        workers(word[0] == 'w', word[0] == 'k');
    } else if (!strcmp(word, "short")) {
        pid_t child = (pid_t)MUST(fork());
        if (!child)
            exit(0);
        MUST(waitpid(child, NULL, 0));
    } else if (!strcmp(word, "late")) {
        if (MUST(fork()))
            _exit(0);
    } else if (!strcmp(word, "exec")) {
        if (MUST(fork()))
            _exit(0);
        execl("/proc/self/exe", "family", "sleep", (char *)NULL);
    } else if (!strcmp(word, "exec-self")) {
        execl("/proc/self/exe", "family", "sleep", (char *)NULL);
    } else if (!strcmp(word, "exit-closes")) {
        atexit(close_all);
    } else if (!strcmp(word, "main-closes") || !strcmp(word, "own-close")) {
        if (word[0] == 'm')
            atexit(close_all);
        printf("at %d\n", (int)getpid());
        fflush(stdout);
        pause();
        if (word[0] == 'o')
            close_all();
        return 0;
    }
    sleep_until_told();
}
