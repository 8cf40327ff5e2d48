/* SPDX-License-Identifier: MIT */
/*
 * stand_ins WAY [fixed]: small stand-ins for leaks that real projects have had; FIXED is the program with the one line that mends it. More are in
 * life.c. Each ends at the test's word, after "ready".
 *   response: a connection is freed with its last reference; one that waits for a response that never comes keeps its own
 *   edge: an edge-triggered epoll without EPOLLRDHUP, and one receive for each event; what comes with the end is never read
 *   helper: a program that popen starts inherits a connection, which is closed here
 *   two_closes: a session is closed by the thread that saw its end, and again by the one that stops the server
 *   library: a client library opens two connections, and closes one of them
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "victim.h"

#define N 4
static int listener, fixed;
static char buf[64];

/* The peer's side of a connection to ourselves; it sends TEXT. */
static int peer_sends(const char *text)
{
    int fd = connect_loopback();
    MUST(send(fd, text, strlen(text), 0));
    return fd;
}

static int accepts_one(void) { return (int)MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC)); }

/* ---- response ---- */

struct connection {
    int fd, references, waits;
};

static void releases(struct connection *c)
{
    if (--c->references == 0)
        close(c->fd);
}

static void answers(struct connection *c)
{
    MUST(send(c->fd, "200", 3, 0));
    releases(c);
}

/* A request has a reference of its own until its response is sent. The backend answers none that begins with "slow". */
static void asks_backend(struct connection *c)
{
    c->references++;
    c->waits = strncmp(buf, "slow", 4) == 0;
    if (!c->waits)
        answers(c);
}

static void peer_has_gone(struct connection *c)
{
    if (fixed && c->waits)
        releases(c); /* nobody waits for that response any more */
    releases(c);
}

static void readable(struct connection *c)
{
    if (recv(c->fd, buf, sizeof buf, 0) > 0)
        asks_backend(c);
    else
        peer_has_gone(c);
}

static void response(void)
{
    for (volatile int i = 0; i < 2 * N; i++) {
        int peer = peer_sends(i % 2 ? "slow" : "fast");
        struct connection c = {accepts_one(), 1, 0};
        readable(&c);
        MUST(close(peer));
        readable(&c);
    }
}

/* ---- edge ---- */

static int epfd;

static void watches(int fd)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
}

static void frees(int fd) { MUST(close(fd)); }

/* Receives once for each event: of what came at once with the end, all is in one event. */
static void on_event(int fd)
{
    ssize_t n;
    do
        n = recv(fd, buf, 4, MSG_DONTWAIT);
    while (fixed && n > 0);
    if (n == 0)
        frees(fd);
}

static void turns(void)
{
    struct epoll_event e[N];
    int n = (int)MUST(epoll_wait(epfd, e, N, 0)); /* on loopback it is there before send and close return */
    for (int i = 0; i < n; i++)
        on_event(e[i].data.fd);
}

static void edge(void)
{
    epfd = (int)MUST(epoll_create1(0));
    for (volatile int i = 0; i < 2 * N; i++) {
        int peer = peer_sends("ping");
        watches(accepts_one());
        if (i % 2)
            turns();
        MUST(close(peer));
        turns();
    }
}

/* ---- helper ---- */

static int opens_database(int flags)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM | flags, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

/* Found after the other. */
static int opens_marker(void)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

static void starts_helper(void)
{
    char number[16] = "";
    FILE *pipe = popen("echo $$; exec sleep 1000 >/dev/null", "re");
    if (!pipe || !fgets(number, sizeof number, pipe))
        MUST(-1);
    printf("child %s", number);
    fflush(stdout);
}

static void helper(void)
{
    int fd = opens_database(fixed ? SOCK_CLOEXEC : 0), marker = opens_marker();
    accepts_one();
    accepts_one();
    starts_helper();
    MUST(close(fd));
    MUST(close(marker));
}

/* ---- two_closes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int session;

static void forgets(void)
{
    if (fixed)
        session = -1;
}

static void session_ends(void)
{
    close(session);
    forgets();
}

static void server_stops(void)
{
    if (session >= 0)
        close(session);
    forgets();
}

static void *reads_session(void *unused)
{
    MUST(recv(session, buf, sizeof buf, 0));
    pthread_mutex_lock(&mutex);
    session_ends();
    pthread_mutex_unlock(&mutex);
    return unused;
}

static void *stops_server(void *unused)
{
    pthread_mutex_lock(&mutex);
    server_stops();
    pthread_mutex_unlock(&mutex);
    return unused;
}

static void two_closes(void)
{
    void *(*const threads[])(void *) = {reads_session, stops_server};
    int peer = connect_loopback();
    session = accepts_one();
    MUST(close(peer));
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, threads[i], NULL));
        MUST(pthread_join(thread, NULL));
    }
}

/* ---- library ---- */

struct client {
    int requests, events;
};

static int dials_requests(void) { return connect_loopback(); }
static int dials_events(void) { return connect_loopback(); }

static struct client client_new(void)
{
    struct client c = {dials_requests(), dials_events()};
    return c;
}

static void channel_close(int fd) { MUST(close(fd)); }

static void client_free(struct client *c)
{
    channel_close(c->requests);
    if (fixed)
        channel_close(c->events);
}

static void library(void)
{
    for (volatile int i = 0; i < N; i++) {
        struct client c = client_new();
        MUST(close(accepts_one()));
        MUST(close(accepts_one()));
        client_free(&c);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*way)(void);
    } ways[] = {{"response", response}, {"edge", edge}, {"helper", helper}, {"two_closes", two_closes}, {"library", library}};
    fixed = argc > 2 && strcmp(argv[2], "fixed") == 0;
    listener = listen_loopback();
    MUST(fcntl(listener, F_SETFD, FD_CLOEXEC));
    for (unsigned i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            ways[i].way();
    say("ready");
    wait_for_word();
    return 0;
}
