/* SPDX-License-Identifier: MIT */
/*
 * told WAY: connections whose peer has closed, and what the program was told of that; it keeps them. Says "ready" and ends at the test's word.
 *   one_of_ten two_calls pointer poll ppoll poll_data epoll_fd epoll_ptr epoll_index epoll_shared dup stream writer uring forked reset opened_in_thread thread_ended
 *   own_call, own_call_data, own_call_too: reads to the end by a system call of its own, which no wrapper sees; data_with_end, data_then_end: reads the bytes alone
 *   before: reads the end of its first connection before the word comes, then goes on as one_of_ten
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "own_call.h"
#include "victim.h"

static int listener;
static char buf[16];

/* A connection whose peer has sent BYTES bytes and closed. */
static int ended(int bytes)
{
    int fd = connect_loopback(), peer = (int)MUST(accept(listener, NULL, NULL));
    if (bytes)
        MUST(write(peer, "bytes", (size_t)bytes));
    MUST(close(peer));
    return fd; /* on loopback the FIN is there before close returns */
}

/* N of them at one site: the compiler may not unroll the loop. */
static void opens(int *fd, volatile int n)
{
    for (int i = 0; i < n; i++)
        fd[i] = ended(0);
}

static void reads_it(int fd) { MUST(read(fd, buf, sizeof buf)); }
static void receives_it(int fd) { MUST(recv(fd, buf, sizeof buf, 0)); }

static void one_of_ten(void)
{
    int fd[10];
    opens(fd, 10);
    reads_it(fd[6]);
}

static void two_calls(void)
{
    int fd[7];
    opens(fd, 7);
    for (int i = 0; i < 6; i++)
        (i < 4 ? reads_it : receives_it)(fd[i]);
}

static void pointer(void)
{
    ssize_t (*call[2])(int, void *, size_t) = {read, (ssize_t(*)(int, void *, size_t))(void *)recv};
    volatile int n = 8;
    int fd[8];
    opens(fd, n);
    for (int i = 0; i < n; i++)
        MUST(((ssize_t(*)(int, void *, size_t, long))(void *)call[i % 2])(fd[i], buf, sizeof buf, 0));
}

static void polls_it(int fd, int wanted)
{
    struct pollfd p = {fd, POLLIN | POLLRDHUP, 0};
    if (poll(&p, 1, 10000) != 1 || !(p.revents & wanted))
        exit(98);
}

static void ppolls_it(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLRDHUP, 0};
    struct timespec t = {10, 0};
    if (ppoll(&p, 1, &t, NULL) != 1 || !(p.revents & POLLRDHUP))
        exit(98);
}

static void waits_for_it(int ep, int wanted)
{
    struct epoll_event got[8];
    if (epoll_wait(ep, got, 8, 10000) != wanted || !(got[0].events & EPOLLRDHUP))
        exit(98);
}

/* N sockets, each registered with DATA and a multiple of STEP. */
static void by_epoll(int n, uint64_t data, uint64_t step)
{
    int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC)), fd[8];
    for (int i = 0; i < n; i++) {
        fd[i] = ended(0);
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = (data ? data : (uint64_t)fd[i]) + (uint64_t)i * step};
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e));
    }
    waits_for_it(ep, n);
}

/* The data of the one that is waited for is the number of another, which has ended too. */
static void epoll_index(void)
{
    int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC)), fd[2];
    opens(fd, 2);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = (uint64_t)fd[0]};
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd[1], &e));
    waits_for_it(ep, 1);
}

static void by_uring(int fd)
{
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0)
        exit(77);
    size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned), cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *sqe = mmap(NULL, p.sq_entries * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)sqe == MAP_FAILED)
        exit(77);
    sqe[0] = (struct io_uring_sqe){.opcode = IORING_OP_RECV, .fd = fd, .addr = (uintptr_t)buf, .len = sizeof buf};
    ((unsigned *)(void *)(sq + p.sq_off.array))[0] = 0;
    atomic_store((_Atomic unsigned *)(void *)(sq + p.sq_off.tail), 1);
    MUST(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
}

/* The bytes and then EOF; with data_*, the bytes alone, before or after the FIN has come. */
static void by_own_call(const char *way)
{
    int bytes = strstr(way, "data") ? 5 : 0, fd = connect_loopback(), peer = (int)MUST(accept(listener, NULL, NULL));
    if (bytes)
        MUST(write(peer, "bytes", (size_t)bytes));
    if (!strcmp(way, "data_with_end"))
        MUST(close(peer));
    if (way[0] == 'd')
        MUST(read(fd, buf, 5));
    if (strcmp(way, "data_with_end"))
        MUST(close(peer));
    while (way[0] == 'o' && own_call(SYS_read, fd, (long)buf, sizeof buf) > 0)
        ;
}

/* Its receive calls are the library's to see, but for those of these two. */
static void by_both(void)
{
    by_own_call("data_then_end");
    by_own_call("own_call");
    by_own_call("own_call_data");
}

static void forked(void)
{
    int fd = ended(0), status;
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        receives_it(fd);
        _exit(0);
    }
    MUST(waitpid(child, &status, 0));
}

static void reset(void)
{
    int fd = connect_loopback(), peer = (int)MUST(accept(listener, NULL, NULL));
    struct linger now = {1, 0};
    MUST(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    MUST(close(peer));
    if (recv(fd, buf, sizeof buf, 0) != -1)
        exit(98);
    reads_it(fd); /* returns 0 now, which is no FIN */
}

static _Atomic int thread_ready;

static void *opens_and_waits(void *stay)
{
    pthread_setname_np(pthread_self(), "worker-3");
    ended(0);
    int ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
    thread_ready = 1;
    struct epoll_event got;
    if (stay)
        epoll_wait(ep, &got, 1, -1);
    return NULL;
}

static void in_thread(void *stay)
{
    pthread_t t;
    if (pthread_create(&t, NULL, opens_and_waits, stay))
        exit(98);
    while (!thread_ready)
        usleep(1000);
    if (!stay)
        pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    listener = listen_loopback();
    if (!strcmp(way, "one_of_ten"))
        one_of_ten();
    else if (!strcmp(way, "two_calls"))
        two_calls();
    else if (!strcmp(way, "pointer"))
        pointer();
    else if (!strcmp(way, "poll"))
        polls_it(ended(0), POLLRDHUP);
    else if (!strcmp(way, "ppoll"))
        ppolls_it(ended(0));
    else if (!strcmp(way, "poll_data"))
        polls_it(ended(5), POLLRDHUP);
    else if (!strcmp(way, "epoll_fd"))
        by_epoll(1, 0, 0);
    else if (!strcmp(way, "epoll_ptr"))
        by_epoll(3, (uintptr_t)buf, 64);
    else if (!strcmp(way, "epoll_index"))
        epoll_index();
    else if (!strcmp(way, "epoll_shared"))
        by_epoll(2, (uintptr_t)buf, 0);
    else if (!strcmp(way, "dup")) {
        int fd = ended(0);
        reads_it((int)MUST(dup(fd)));
    } else if (!strcmp(way, "stream") || !strcmp(way, "writer")) {
        FILE *f = fdopen(ended(0), way[0] == 's' ? "r" : "w");
        if (f && way[0] == 's' && fgets(buf, sizeof buf, f))
            return 98;
    } else if (!strcmp(way, "uring"))
        by_uring(ended(0));
    else if (!strcmp(way, "own_call_too"))
        by_both();
    else if (!strncmp(way, "own_call", 8) || !strncmp(way, "data_", 5))
        by_own_call(way);
    else if (!strcmp(way, "forked"))
        forked();
    else if (!strcmp(way, "reset"))
        reset();
    else if (!strcmp(way, "opened_in_thread"))
        in_thread(buf);
    else if (!strcmp(way, "thread_ended"))
        in_thread(NULL);
    else if (!strcmp(way, "before")) {
        reads_it(ended(0));
        ended(0);
        say("open");
        wait_for_word();
        one_of_ten();
    }
    say("ready");
    wait_for_word();
    return 0;
}
