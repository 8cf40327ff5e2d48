/* SPDX-License-Identifier: MIT */
/*
 * watched WAY: a server that keeps connections whose peer has closed, and what watches them then. It prints "ready", and ends at the test's word.
 *   edge: they are on an epoll, edge-triggered, without EPOLLRDHUP
 *   dropped: three of four were taken off it
 *   two: they are on two epolls
 *   stale: registered under a number that is closed and another connection's by now; the connection lives on under another
 *   oneshot: its one shot was fired
 *   many: one, and ten thousand registrations of another socket's copies
 *   forgotten: an event loop that has forgotten them; its one thread is in epoll_wait
 *   polled: another thread is in poll on them
 *   blocking: no epoll anywhere
 *   answered: four have sent 16 bytes, one of them was answered
 *   outgoing: the server speaks first, and this client never says anything
 *   idle: the peer closes a second after its last byte
 *   reset: the peer has reset them after 16 bytes
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "victim.h"

#define N 4
static int listener, epoll, held[N];

/* A connection of which the peer has sent 16 bytes and closed; ANSWER: after it got one. */
static int ended_after(int answer, int linger)
{
    char buf[16];
    int peer = connect_loopback();
    MUST(send(peer, "sixteen bytes...", 16, 0));
    int fd = (int)MUST(accept(listener, NULL, NULL));
    if (answer) {
        MUST(send(fd, "seven b", 7, 0));
        MUST(recv(peer, buf, 7, MSG_WAITALL));
    }
    if (linger)
        MUST(setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    MUST(close(peer)); /* on loopback the FIN is there before close returns */
    return fd;
}

static void watch(int epfd, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x700000u + (unsigned)fd};
    MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
}

static void hold(void)
{
    for (volatile int i = 0; i < N; i++)
        held[i] = ended_after(0, 0);
}

static void edge(void)
{
    hold();
    for (int i = 0; i < N; i++)
        watch(epoll, held[i], EPOLLIN | EPOLLET);
}

static void dropped(void)
{
    edge();
    for (int i = 1; i < N; i++)
        MUST(epoll_ctl(epoll, EPOLL_CTL_DEL, held[i], NULL));
}

static void two(void)
{
    int second = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
    edge();
    for (int i = 0; i < N; i++)
        watch(second, held[i], EPOLLOUT);
}

static void stale(void)
{
    int first = ended_after(0, 0);
    watch(epoll, first, EPOLLIN);
    MUST(fcntl(first, F_DUPFD_CLOEXEC, 100));
    MUST(close(first));
    if (ended_after(0, 0) != first)
        _exit(98);
}

static void oneshot(void)
{
    struct epoll_event e;
    watch(epoll, ended_after(0, 0), EPOLLIN | EPOLLONESHOT);
    MUST(epoll_wait(epoll, &e, 1, -1));
}

static void many(void)
{
    int calm = connect_loopback();
    struct rlimit limit;
    MUST(accept(listener, NULL, NULL));
    MUST(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max < 11000 ? limit.rlim_max : 11000;
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    int n = limit.rlim_cur >= 11000 ? 10000 : (int)limit.rlim_cur - 100;
    for (int i = 0; i < n; i++)
        watch(epoll, (int)MUST(fcntl(calm, F_DUPFD_CLOEXEC, 50)), EPOLLIN);
    watch(epoll, ended_after(0, 0), EPOLLIN);
}

static void *polls(void *arg)
{
    struct pollfd p[N];
    for (int i = 0; i < N; i++)
        p[i] = (struct pollfd){.fd = held[i], .events = POLLPRI};
    poll(p, N, -1);
    return arg;
}

static void *turns(void *arg)
{
    struct epoll_event e;
    for (;;)
        epoll_wait(epoll, &e, 1, -1);
    return arg;
}

/* Its event loop, and no other thread: the one that began it has ended. */
static void forgotten(void)
{
    pthread_t thread;
    int in = fcntl(0, F_DUPFD_CLOEXEC, 200);
    hold();
    watch(epoll, in, EPOLLRDHUP);
    pthread_create(&thread, NULL, turns, NULL);
}

static void polled(void)
{
    pthread_t thread;
    hold();
    pthread_create(&thread, NULL, polls, NULL);
}

static void answered(void)
{
    for (volatile int i = 0; i < N; i++)
        held[i] = ended_after(i == 3, 0);
}

static void outgoing(void)
{
    connect_loopback();
    int fd = (int)MUST(accept(listener, NULL, NULL));
    MUST(send(fd, "sixteen bytes...", 16, 0));
    MUST(close(fd));
}

static void idle(void)
{
    int peer = connect_loopback();
    MUST(send(peer, "sixteen bytes...", 16, 0));
    MUST(accept(listener, NULL, NULL));
    usleep(3500000);
    MUST(close(peer));
}

static void reset(void)
{
    for (volatile int i = 0; i < N; i++)
        held[i] = ended_after(0, 1);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    listener = listen_loopback();
    if (strcmp(way, "blocking") != 0)
        epoll = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
    if (!strcmp(way, "edge"))
        edge();
    else if (!strcmp(way, "dropped"))
        dropped();
    else if (!strcmp(way, "two"))
        two();
    else if (!strcmp(way, "stale"))
        stale();
    else if (!strcmp(way, "oneshot"))
        oneshot();
    else if (!strcmp(way, "many"))
        many();
    else if (!strcmp(way, "forgotten"))
        forgotten();
    else if (!strcmp(way, "polled"))
        polled();
    else if (!strcmp(way, "answered"))
        answered();
    else if (!strcmp(way, "outgoing"))
        outgoing();
    else if (!strcmp(way, "idle"))
        idle();
    else if (!strcmp(way, "reset"))
        reset();
    else
        hold();
    say("ready");
    wait_for_word();
    return 0;
}
