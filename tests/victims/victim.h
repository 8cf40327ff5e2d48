/* SPDX-License-Identifier: MIT */
/* victim.h: what the small programs share: a listener on a free loopback port, a connection to it, and a fit when anything else fails. */
#ifndef VICTIM_H
#define VICTIM_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUST(x) must((long)(x), #x)
static inline long must(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(99);
    }
    return result;
}

static struct sockaddr_in victim_address;

static inline int listen_loopback(void)
{
    socklen_t len = sizeof victim_address;
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    victim_address.sin_family = AF_INET;
    victim_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    victim_address.sin_port = 0;
    MUST(bind(fd, (struct sockaddr *)&victim_address, len));
    MUST(listen(fd, 1024));
    MUST(getsockname(fd, (struct sockaddr *)&victim_address, &len));
    return fd;
}

static inline int connect_loopback(void)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    return fd;
}

/* Tells the test that something is done, at once. */
static inline void say(const char *what)
{
    puts(what);
    fflush(stdout);
}

/* Waits for the test's word: a line, or the end, on standard input. Not by read(2) on a socket, so nothing of it is tracked. */
static inline void wait_for_word(void)
{
    int c;
    do
        c = getchar();
    while (c != '\n' && c != EOF);
}

#endif
