/* SPDX-License-Identifier: MIT */
/*
 * life WAY [fixed]: programs whose leak neither the stack that opened the socket nor the one that saw EOF names; FIXED closes there. They end at the
 * test's word, after "ready".
 *   worker: one thread accepts, a worker's handshake fails, and forgets the socket
 *   loop: an event loop takes a socket off its epoll and drops it; its siblings are closed one line further
 *   shutdown: takes shutdown for close
 *   dup: hands out copies of a connection; nobody closes them
 *   earlier: many sockets are received from by the same two calls; one of them, by a function pointer, also from a third place
 *   by_number: worker, by syscall(2)
 *   reused: the numbers of closed sockets are a file's later
 *   execs: the program goes on as another one, which receives once more
 *   variants: of one site some are forgotten after an answer, some when refused; some have only not come as far
 *   forks: a forked child receives on what its parent has received on before; it leaks
 *   users: a reader that is there from the beginning receives last, and goes on
 *   renumbered: a thread receives last and ends; another one gets its number, if it can be had
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

#define N 4
static int listener, fixed, by_number;
static int handed[2]; /* a pipe of descriptors */
static char buf[64];

/* A peer that sends a greeting and closes. */
static void peer(void)
{
    int fd = connect_loopback();
    MUST(send(fd, "hello, this is no TLS", 21, 0));
    MUST(close(fd)); /* on loopback the FIN is there before close returns */
}

/* ---- worker ---- */

static int accepts_one(void) { return (int)MUST(accept(listener, NULL, NULL)); }

static long takes_bytes(int fd) { return by_number ? syscall(SYS_read, fd, buf, 5) : recv(fd, buf, 5, 0); }

/* No TLS begins with "hello": an alert, and nobody closes. */
static int handshake(int fd)
{
    MUST(takes_bytes(fd));
    if (by_number)
        MUST(syscall(SYS_write, fd, "\25\3\1\0\2\2\50", 7));
    else
        MUST(send(fd, "\25\3\1\0\2\2\50", 7, MSG_NOSIGNAL));
    return -1;
}

static void serves(int fd)
{
    if (handshake(fd) < 0 && fixed)
        close(fd);
}

static void *works(void *arg)
{
    int fd;
    while (read(handed[0], &fd, sizeof fd) == sizeof fd)
        serves(fd);
    return arg;
}

static void worker(void)
{
    pthread_t thread;
    MUST(pipe(handed));
    pthread_create(&thread, NULL, works, NULL);
    for (volatile int i = 0; i < N; i++) {
        peer();
        int fd = accepts_one();
        MUST(write(handed[1], &fd, sizeof fd));
    }
    close(handed[1]);
    pthread_join(thread, NULL);
}

/* ---- loop ---- */

static int epfd;

static void watches(int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
}

static void drops(int fd)
{
    MUST(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
    if (fixed)
        close(fd);
}

static void retires(int fd)
{
    MUST(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
    close(fd);
}

/* The first bytes of a socket decide what becomes of it. */
static void turns(int fd, int leaks)
{
    while (read(fd, buf, sizeof buf) > 0)
        ;
    if (leaks)
        drops(fd);
    else
        retires(fd);
}

static void loop(void)
{
    int fd[2 * N];
    struct epoll_event e;
    epfd = (int)MUST(epoll_create1(0));
    for (volatile int i = 0; i < 2 * N; i++) {
        peer();
        fd[i] = accepts_one();
        watches(fd[i]);
        MUST(epoll_wait(epfd, &e, 1, 10000));
        turns(e.data.fd, i % 2);
    }
}

/* ---- shutdown ---- */

static void disconnects(int fd)
{
    MUST(shutdown(fd, SHUT_RDWR));
    if (fixed)
        close(fd);
}

static void shutdowns(void)
{
    for (volatile int i = 0; i < N; i++) {
        peer();
        int fd = accepts_one();
        MUST(recv(fd, buf, sizeof buf, 0));
        disconnects(fd);
    }
}

/* ---- dup ---- */

static int hands_out(int fd) { return (int)MUST(dup(fd)); }

static void dups(void)
{
    peer();
    int fd = accepts_one(), copies[50];
    for (volatile int i = 0; i < 50; i++)
        copies[i] = hands_out(fd);
    MUST(close(fd));
    for (int i = 0; fixed && i < 50; i++)
        close(copies[i]);
}

/* ---- earlier ---- */

static void receives(int fd) { MUST(recv(fd, buf, 1, 0)); }
static void greets(int fd) { receives(fd); }
static void goes_on(int fd)
{
    char room[200];
    __asm__ volatile("" : : "r"(room) : "memory"); /* a larger frame than that of greets */
    receives(fd);
    __asm__ volatile("" : : "r"(room) : "memory");
}

static void earlier(void)
{
    for (volatile int i = 0; i < N; i++) {
        peer();
        int fd = accepts_one();
        greets(fd);
        goes_on(fd);
        if (fixed)
            close(fd);
    }
}

/* ---- variants ---- */

static void refuses(int fd) { MUST(send(fd, "no", 2, MSG_NOSIGNAL)); }
static void answers(int fd) { MUST(send(fd, "yes", 3, MSG_NOSIGNAL)); }

/* Of nine one is closed; the first one of the others is sent nothing yet. */
static void variants(void)
{
    for (volatile int i = 0; i < 9; i++) {
        int client = connect_loopback(), fd = accepts_one();
        if (i > 0 && i < 6)
            answers(fd);
        else if (i > 0)
            refuses(fd);
        if (i > 0)
            MUST(recv(client, buf, sizeof buf, 0));
        MUST(close(client));
        if (fixed || i == 8)
            close(fd);
    }
}

/* ---- reused, forks ---- */

static void reused(void)
{
    int fd[N];
    for (volatile int i = 0; i < N; i++) {
        peer();
        fd[i] = accepts_one();
        greets(fd[i]);
    }
    for (int i = 0; i < N; i++)
        close(fd[i]);
    for (int i = 0; i < N; i++) {
        int file = (int)MUST(open("/dev/zero", O_RDONLY));
        MUST(read(file, buf, 1));
        MUST(read(file, buf, 2));
    }
}

static void forks(void)
{
    peer();
    int fd = accepts_one();
    greets(fd);
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        goes_on(fd);
        if (fixed)
            close(fd);
        exit(0);
    }
    close(fd);
    MUST(waitpid(child, NULL, 0));
}

/* ---- users, renumbered ---- */

static int done[2]; /* a pipe: what was handed out was read */

static void *reads(void *arg)
{
    int fd;
    while (read(handed[0], &fd, sizeof fd) == sizeof fd) {
        goes_on(fd);
        MUST(write(done[1], "", 1));
    }
    return arg;
}

static void users(void)
{
    pthread_t thread;
    MUST(pipe(handed));
    MUST(pipe(done));
    pthread_create(&thread, NULL, reads, NULL);
    pthread_setname_np(thread, "reader");
    for (volatile int i = 0; i < N; i++) {
        peer();
        int fd = accepts_one();
        greets(fd);
        MUST(write(handed[1], &fd, sizeof fd));
        MUST(read(done[0], buf, 1));
        if (fixed)
            close(fd);
    }
}

static void *reads_one(void *arg)
{
    goes_on(*(int *)arg);
    *(int *)arg = gettid();
    return NULL;
}

static void *has_number(void *arg)
{
    int has = gettid() == *(int *)arg;
    if (has)
        *(int *)arg = 0;
    MUST(write(done[1], "", 1));
    while (has)
        pause();
    return NULL;
}

static void renumbered(void)
{
    pthread_t thread;
    MUST(pipe(done));
    peer();
    int fd = accepts_one(), number = fd;
    greets(fd);
    usleep(30000); /* what begins now is younger than the socket, by the kernel's ticks too */
    pthread_create(&thread, NULL, reads_one, &number);
    pthread_join(thread, NULL);
    for (int i = 0; number && i < 100; i++) {
        int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
        if (last < 0 || dprintf(last, "%d", number - 1) < 0)
            break;
        close(last);
        pthread_create(&thread, NULL, has_number, &number);
        pthread_setname_np(thread, "innocent");
        MUST(read(done[0], buf, 1));
        if (number)
            pthread_join(thread, NULL);
    }
    say(number ? "not renumbered" : "renumbered");
    if (fixed)
        close(fd);
}

static void execs(void)
{
    char number[16];
    peer();
    int fd = accepts_one();
    greets(fd);
    snprintf(number, sizeof number, "%d", fd);
    close(listener);
    execl("/proc/self/exe", "life", "goes_on", fixed ? "fixed" : "leaks", number, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 3) { /* after the exec: the socket that it came with */
        int fd = atoi(argv[3]);
        goes_on(fd);
        if (strcmp(argv[2], "fixed") == 0)
            close(fd);
        say("ready");
        return 0;
    }
    static const struct {
        const char *name;
        void (*way)(void);
    } ways[] = {{"worker", worker},   {"loop", loop},         {"shutdown", shutdowns}, {"dup", dups},
                {"earlier", earlier}, {"reused", reused},     {"forks", forks},        {"by_number", worker},
                {"execs", execs},     {"variants", variants}, {"users", users},        {"renumbered", renumbered}};
    fixed = argc > 2 && strcmp(argv[2], "fixed") == 0;
    by_number = argc > 1 && strcmp(argv[1], "by_number") == 0;
    listener = listen_loopback();
    for (unsigned i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            ways[i].way();
    close(listener);
    say("ready");
    wait_for_word();
    return 0;
}
