/* SPDX-License-Identifier: MIT */
/*
 * trends: leaves sockets behind that are never connected for a reason, or whose counts do not say
 * what they seem to.
 *
 * usage: trends WORD [PORT]. It says "ready" once the sockets are there, waits for a word, and ends.
 */
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "victim.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int stream(int flags) { return (int)MUST(socket(AF_INET, SOCK_STREAM | flags, 0)); }

__attribute__((noinline)) static int reserve(void) { return (int)MUST(socket(AF_INET, SOCK_STREAM, 0)); }

static void refused(void)
{
    struct sockaddr_in to = loopback(1);
    int fd = stream(0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != -1 || errno != ECONNREFUSED)
        _exit(98);
}

/* Its failure is waited for, and never read; IN_VAIN: nobody answers. */
static void unread_error(int in_vain)
{
    struct sockaddr_in to = loopback(1);
    socklen_t len = sizeof to;
    int once = 1, listener = stream(0);
    if (in_vain) { /* room for one connection that nobody accepts */
        to = loopback(0);
        MUST(bind(listener, (struct sockaddr *)&to, sizeof to));
        MUST(listen(listener, 0));
        MUST(getsockname(listener, (struct sockaddr *)&to, &len));
        MUST(connect(stream(0), (struct sockaddr *)&to, sizeof to));
    } else {
        MUST(close(listener));
    }
    int fd = stream(SOCK_NONBLOCK);
    MUST(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof once));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != -1 || errno != EINPROGRESS)
        _exit(98);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (MUST(poll(&p, 1, 60000)) != 1 || !(p.revents & POLLERR))
        _exit(97);
}

/* What the program reads must be its own error still. */
static void reads_error(void)
{
    int error = 0;
    socklen_t len = sizeof error;
    for (int fd = 3; fd < 10; fd++)
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error)
            printf("error %s\n", error == ECONNREFUSED ? "ECONNREFUSED" : error == ETIMEDOUT ? "ETIMEDOUT" : "?");
}

/* The number on which connect failed is closed; its copy stays. */
static void refused_dup(void)
{
    struct sockaddr_in to = loopback(1);
    int fd = stream(0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != -1 || errno != ECONNREFUSED)
        _exit(98);
    MUST(dup(fd));
    MUST(close(fd));
}

__attribute__((noinline)) static void sends(void)
{
    if (send(stream(0), "x", 1, MSG_NOSIGNAL) != -1)
        _exit(98);
}

static void dissolved(void)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int listener = listen_loopback(), fd = connect_loopback();
    MUST(close((int)MUST(accept(listener, NULL, NULL))));
    MUST(connect(fd, &nobody, sizeof nobody));
}

static void no_path(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/no/such/server.sock"};
    int fd = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != -1 || errno != ENOENT)
        _exit(98);
}

static void bound(void)
{
    struct sockaddr_in at = loopback(0);
    int fd = stream(0);
    MUST(bind(fd, (struct sockaddr *)&at, sizeof at));
}

static void bind_failed(int by_number)
{
    int listener = listen_loopback(), fd = stream(0);
    if ((by_number ? (int)syscall(SYS_bind, fd, &victim_address, sizeof victim_address)
                   : bind(fd, (struct sockaddr *)&victim_address, sizeof victim_address)) != -1 ||
        errno != EADDRINUSE)
        _exit(98);
    (void)listener;
}

static void listen_failed(void)
{
    int fd[2], yes = 1;
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof at;
    for (int i = 0; i < 2; i++) {
        fd[i] = stream(0);
        MUST(setsockopt(fd[i], SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes));
        MUST(bind(fd[i], (struct sockaddr *)&at, sizeof at));
        MUST(getsockname(fd[i], (struct sockaddr *)&at, &len));
    }
    MUST(listen(fd[0], 5));
    if (listen(fd[1], 5) != -1 || errno != EADDRINUSE)
        _exit(98);
}

/* A listener whose queue is full: the kernel does not answer one more SYN. */
static int hanging(int flags)
{
    static int listener = -1;
    if (listener < 0) {
        socklen_t len = sizeof victim_address;
        listener = stream(0);
        victim_address = loopback(0);
        MUST(bind(listener, (struct sockaddr *)&victim_address, len));
        MUST(listen(listener, 0));
        MUST(getsockname(listener, (struct sockaddr *)&victim_address, &len));
        connect_loopback(); /* fills it */
    }
    for (int tries = 0; tries < 8; tries++) { /* some kernels let one more in */
        int fd = stream(flags | SOCK_NONBLOCK);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address) != -1 || errno != EINPROGRESS)
            _exit(98);
        if (poll(&p, 1, 300) == 0)
            return fd;
    }
    _exit(97);
}

static void *in_poll(void *arg)
{
    struct pollfd p[2] = {{.fd = -1}, {.fd = *(int *)arg, .events = POLLOUT}};
    poll(p, 2, -1);
    return NULL;
}

static void *in_select(void *arg)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(*(int *)arg, &set);
    select(*(int *)arg + 1, NULL, &set, NULL, NULL);
    return NULL;
}

static void *in_connect(void *arg)
{
    MUST(close(hanging(0))); /* the queue is full, so that the next one blocks */
    int fd = stream(0);
    say("ready");
    connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address);
    (void)arg;
    return NULL;
}

static void watched_by(const char *what)
{
    static int fd;
    pthread_t thread;
    if (!strcmp(what, "connect")) {
        MUST(-pthread_create(&thread, NULL, in_connect, NULL));
        return;
    }
    fd = hanging(0);
    if (!strcmp(what, "poll"))
        MUST(-pthread_create(&thread, NULL, in_poll, &fd));
    else if (!strcmp(what, "select"))
        MUST(-pthread_create(&thread, NULL, in_select, &fd));
    else {
        struct epoll_event e = {.events = EPOLLOUT};
        int ep = (int)MUST(epoll_create1(0));
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    }
}

/* N connections of one line, which the peer has closed. */
__attribute__((noinline)) static int opens(void) { return connect_loopback(); }

static void wave(int n)
{
    for (int i = 0; i < n; i++) {
        opens();
        MUST(close((int)MUST(accept(3, NULL, NULL))));
    }
}

/* Of each connection 19 more descriptors. */
static void copies(int n)
{
    struct rlimit limit = {1024, 1024};
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    for (int i = 0; i < n; i++) {
        int fd = opens();
        MUST(close((int)MUST(accept(3, NULL, NULL))));
        for (int k = 0; k < 19; k++)
            MUST(dup(fd));
        usleep(500000);
    }
}

static void mptcp(void)
{
    socklen_t len = sizeof victim_address;
    int listener = (int)MUST(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
    victim_address = loopback(0);
    MUST(bind(listener, (struct sockaddr *)&victim_address, len));
    MUST(listen(listener, 5));
    MUST(getsockname(listener, (struct sockaddr *)&victim_address, &len));
    for (int with_data = 0; with_data < 2; with_data++) {
        int client = (int)MUST(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
        MUST(connect(client, (struct sockaddr *)&victim_address, sizeof victim_address));
        int server = (int)MUST(accept(listener, NULL, NULL));
        if (with_data)
            MUST(send(server, "12345", 5, 0));
        MUST(close(server));
    }
}

/* One half of a pair, whose other half is gone, as Java's NIO keeps one. */
static void marker(void)
{
    int sv[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
    MUST(close(sv[1]));
}

static void name_in_utf8(const char *name, int len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    memcpy(at.sun_path + 1, name, (size_t)len);
    MUST(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len));
}

static void idle(int n)
{
    for (int i = 0; i < n; i++) {
        opens();
        MUST(accept(3, NULL, NULL));
    }
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    int n = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(word, "wave") || !strcmp(word, "copies") || !strcmp(word, "idle"))
        if (listen_loopback() != 3)
            return 96;
    if (!strcmp(word, "reserve")) {
        reserve();
    } else if (!strcmp(word, "reserves")) {
        for (int i = 0; i < 2; i++)
            reserve();
    } else if (!strcmp(word, "refused")) {
        refused();
    } else if (!strcmp(word, "unread_error") || !strcmp(word, "timed_out")) {
        unread_error(!strcmp(word, "timed_out"));
    } else if (!strcmp(word, "no_path")) {
        no_path();
    } else if (!strcmp(word, "bound")) {
        bound();
    } else if (!strcmp(word, "bind_failed")) {
        bind_failed(0);
    } else if (!strcmp(word, "bind_failed_by_number")) {
        bind_failed(1);
    } else if (!strcmp(word, "listen_failed")) {
        listen_failed();
    } else if (!strcmp(word, "refused_dup")) {
        refused_dup();
    } else if (!strcmp(word, "sends_twice")) {
        for (int i = 0; i < 2; i++)
            sends();
    } else if (!strcmp(word, "dissolved")) {
        dissolved();
    } else if (!strcmp(word, "hanging")) {
        hanging(0);
    } else if (!strcmp(word, "watched")) {
        watched_by(argv[2]);
        if (!strcmp(argv[2], "connect")) {
            wait_for_word();
            return 0;
        }
    } else if (!strcmp(word, "wave")) {
        wave(n);
    } else if (!strcmp(word, "copies")) {
        say("ready");
        copies(n);
    } else if (!strcmp(word, "mptcp")) {
        mptcp();
    } else if (!strcmp(word, "marker")) {
        marker();
    } else if (!strcmp(word, "names")) {
        name_in_utf8("h\303\244m\302\266\342\202\254", 9);
        name_in_utf8("\377x\0y", 4);
    } else if (!strcmp(word, "udp")) {
        struct sockaddr_in at = loopback(0);
        MUST(bind((int)MUST(socket(AF_INET, SOCK_DGRAM, 0)), (struct sockaddr *)&at, sizeof at));
    } else if (!strcmp(word, "idle")) {
        idle(n);
    } else {
        fprintf(stderr, "trends: no word %s\n", word);
        return 97;
    }
    say("ready");
    wait_for_word();
    if (!strcmp(word, "unread_error") || !strcmp(word, "timed_out"))
        reads_error();
    return 0;
}
