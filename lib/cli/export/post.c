/* SPDX-License-Identifier: MIT */
/*
 * post.c: one HTTP POST.
 *
 * Called by push.c. The connection ends with the answer's first line: nothing else of it is needed.
 * No step takes longer than what is left of the time.
 */
#include "post.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"

/* 0 or an errno. */
static int wait_until(int fd, short events, uint64_t deadline)
{
    for (;;) {
        uint64_t now = now_mono_ns();
        struct pollfd p = {.fd = fd, .events = events};
        if (now >= deadline)
            return ETIMEDOUT;
        int n = poll(&p, 1, (int)((deadline - now) / 1000000u) + 1);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
    }
}

static int connect_to(const struct addrinfo *a, uint64_t deadline, int *error)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    socklen_t len = sizeof *error;
    *error = fd < 0 || (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) ? errno : wait_until(fd, POLLOUT, deadline);
    if (fd >= 0 && !*error)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &len);
    if (fd < 0 || !*error)
        return fd;
    close(fd);
    return -1;
}

static int open_connection(const struct post *p, uint64_t deadline, const char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int bad = getaddrinfo(p->host, p->port, &hints, &found), error = 0, fd = -1;
    if (bad) {
        *why = gai_strerror(bad);
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = connect_to(a, deadline, &error);
    freeaddrinfo(found);
    if (fd < 0)
        *why = strerror(error);
    return fd;
}

static int send_all(int fd, const char *at, size_t len, uint64_t deadline)
{
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n >= 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        int error = errno == EINTR ? 0 : errno == EAGAIN ? wait_until(fd, POLLOUT, deadline) : errno;
        if (error)
            return error;
    }
    return 0;
}

/* "HTTP/1.1 200 OK"; 0: it is no such line. */
static int parse_status(const char *line, size_t len)
{
    uint64_t status;
    if (len < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' || !cli_digits(line + 9, 3, 599, &status) || status < 100)
        return 0;
    return (int)status;
}

static int read_status(int fd, uint64_t deadline, const char **why)
{
    char line[64];
    size_t len = 0;
    while (len < 12) {
        int error = wait_until(fd, POLLIN, deadline);
        ssize_t n = error ? -1 : recv(fd, line + len, sizeof line - len, 0);
        if (n > 0) {
            len += (size_t)n;
            continue;
        }
        if (!error && n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        *why = n == 0 ? "the connection was closed without an answer" : strerror(error ? error : errno);
        return 0;
    }
    int status = parse_status(line, len);
    if (!status)
        *why = "the answer is not HTTP";
    return status;
}

int post_send(const struct post *p, const char **why)
{
    char head[2048];
    uint64_t deadline = now_mono_ns() + p->timeout_ns;
    int fd = open_connection(p, deadline, why);
    if (fd < 0)
        return 0;
    bool v6 = strchr(p->host, ':') != NULL;
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: sockleak/" SOCKLEAK_VERSION
                     "\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                     p->path, v6 ? "[" : "", p->host, v6 ? "]" : "", p->port, p->type, p->len);
    int error = send_all(fd, head, (size_t)n, deadline), status = 0;
    if (!error)
        error = send_all(fd, p->body, p->len, deadline);
    if (error && error != EPIPE && error != ECONNRESET)
        *why = strerror(error);
    else /* one that refuses early has answered before it closed */
        status = read_status(fd, deadline, why);
    close(fd);
    return status;
}
