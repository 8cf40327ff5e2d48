/* SPDX-License-Identifier: MIT */
/* closes: connections that are closed in one place and forgotten in another. `closes WAY`. */
#include "victim.h"

#include <pthread.h>

#include "../newer.h"

static int listener;

/* A connection whose peer has closed: FD is this side. */
static int dial(void)
{
    int fd = connect_loopback();
    MUST(close((int)MUST(accept(listener, NULL, NULL))));
    return fd;
}

static void conn_free(int fd) { MUST(close(fd)); }
static void conn_abort(int fd) { MUST(close(fd)); }
static void login_refused(int fd) { (void)fd; } /* forgets it */

/* Nine connections: five are freed, two aborted, two forgotten. */
static void siblings(void)
{
    for (int i = 0; i < 9; i++) {
        int fd = dial();
        if (i % 9 < 5)
            conn_free(fd);
        else if (i % 9 < 7)
            conn_abort(fd);
        else
            login_refused(fd);
    }
}

/* Many, of which all but the last two are closed: the stack is walked for some of them only. */
static void many(void)
{
    for (int i = 0; i < 1002; i++) {
        int fd = dial();
        if (i < 1000)
            conn_free(fd);
        else
            login_refused(fd);
    }
}

/* Two handlers of one frame size are called through one pointer, each at one place of the stack. */
static void handler_a(int fd) { conn_free(fd); }
static void handler_b(int fd) { conn_free(fd); }
static void alike(void)
{
    void (*const handlers[])(int) = {handler_a, handler_b};
    for (int i = 0; i < 602; i++) {
        int fd = dial();
        if (i < 600)
            handlers[i % 5 != 0](fd);
    }
}

/* Each is asked for something; those that are answered are freed, one is put aside. All see EOF. */
static void asks(int fd, int peer)
{
    char byte;
    MUST(send(peer, "ask", 3, 0));
    MUST(recv(fd, &byte, 1, 0));
}
static void answers(int fd) { MUST(send(fd, "yes", 3, MSG_NOSIGNAL)); }
static void sees_end(int fd)
{
    char rest[16];
    while (recv(fd, rest, sizeof rest, 0) > 0)
        ;
}
static void puts_aside(int fd) { MUST(shutdown(fd, SHUT_WR)); }
static void answered(void)
{
    for (int i = 0; i < 5; i++) {
        int fd = connect_loopback(), peer = (int)MUST(accept(listener, NULL, NULL));
        asks(fd, peer);
        if (i < 3)
            answers(fd);
        MUST(shutdown(peer, SHUT_WR));
        sees_end(fd);
        if (i < 3)
            conn_free(fd);
        else
            puts_aside(fd);
        MUST(close(peer));
    }
}

static void *frees(void *fd)
{
    conn_free((int)(long)fd);
    return NULL;
}

/* In two threads, whose stacks are at other addresses. */
static void threads(void)
{
    for (int i = 0; i < 12; i++) {
        pthread_t t;
        long fd = dial();
        if (i < 10) {
            MUST(pthread_create(&t, NULL, frees, (void *)fd));
            MUST(pthread_join(t, NULL));
        }
    }
}

/* A channel has two connections; the first is left open. */
static int connect_requests(void) { return dial(); }
static int connect_events(void) { return dial(); }
static void channel_close(int fd) { MUST(close(fd)); }
static void channel_open(int *requests, int *events)
{
    *requests = connect_requests();
    *events = connect_events();
}
static void cousins(void)
{
    for (int i = 0; i < 3; i++) {
        int requests, events;
        channel_open(&requests, &events);
        channel_close(events);
    }
}

/* Where nothing else was closed the end of the program is no sibling. */
static int kept[8], n_kept;
static void clean_up(void)
{
    for (int i = 0; i < n_kept; i++)
        close(kept[i]);
}
static void ending(void)
{
    MUST(atexit(clean_up));
    for (int i = 0; i < 5; i++) {
        int fd = dial();
        if (i < 3)
            kept[n_kept++] = fd;
    }
}

/* By other calls than close; the last is forgotten. */
static void ways(void)
{
    for (int i = 0; i < 4; i++) {
        int fd = dial();
        if (i == 0) {
            MUST(fclose(fdopen(fd, "r+")));
        } else if (i == 1) {
            MUST(dup2(2, fd));
            MUST(close(fd));
        } else if (i == 2) {
            MUST(close_range((unsigned)fd, (unsigned)fd, 0));
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*does)(void);
    } all[] = {{"siblings", siblings}, {"many", many},     {"alike", alike}, {"threads", threads},
               {"cousins", cousins},   {"ending", ending}, {"ways", ways},   {"answered", answered}};
    listener = listen_loopback();
    for (size_t i = 0; argc > 1 && i < sizeof all / sizeof *all; i++)
        if (strcmp(argv[1], all[i].name) == 0)
            all[i].does();
    if (argc > 2) { /* until it is ended */
        say("ready");
        wait_for_word();
    }
    return 0;
}
