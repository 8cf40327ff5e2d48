/* SPDX-License-Identifier: MIT */
/*
 * counter.c: another preload library that wraps the same calls, through RTLD_NEXT, as torsocks and its like do. Says at the end on standard error how
 * often each was made. Compiled by the test that uses it.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned sockets, receives, closes, controls;

int socket(int family, int type, int protocol)
{
    static int (*next)(int, int, int);
    if (!next)
        next = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    sockets++;
    return next(family, type, protocol);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    static ssize_t (*next)(int, void *, size_t, int);
    if (!next)
        next = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    receives++;
    return next(fd, buf, n, flags);
}

int close(int fd)
{
    static int (*next)(int);
    if (!next)
        next = (int (*)(int))dlsym(RTLD_NEXT, "close");
    closes++;
    return next(fd);
}

int fcntl64(int fd, int command, ...)
{
    static int (*next)(int, int, ...);
    va_list rest;
    if (!next)
        next = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
    controls++;
    va_start(rest, command);
    void *arg = va_arg(rest, void *);
    va_end(rest);
    return next(fd, command, arg);
}

__attribute__((destructor)) static void tell(void)
{
    dprintf(2, "sockets %u, receives %u, closes %u, controls %u\n", sockets, receives, closes, controls);
}
