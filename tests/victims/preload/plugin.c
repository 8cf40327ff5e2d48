/* SPDX-License-Identifier: MIT */
/*
 * plugin.c: a plug-in for plugin_host.c; built as a shared library, in several ways.
 *
 * Each function opens a connection whose peer closes, sees EOF, and forgets it; so does the constructor. With -DPART=NAME the connection
 * is made by another library, which the plug-in brings along: NAME's part_leaks.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

int plugin_left;

#ifdef PART
int part_leaks(void);
static int leak_here(void) { return part_leaks() + 0; }
#else
static int leak_here(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    char c;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, n) || listen(listener, 1) || getsockname(listener, (struct sockaddr *)&a, &n) ||
        connect(fd, (struct sockaddr *)&a, n))
        return -1;
    close(accept(listener, NULL, NULL));
    close(listener);
    return recv(fd, &c, 1, 0) == 0 ? fd : -1;
}

int part_leaks(void);
int part_leaks(void) { return leak_here() + 0; }
#endif

int plugin_leaks(void);
int plugin_leaks(void) { return leak_here() + 0; }

/* One connection, to this address. */
int plugin_opens(const struct sockaddr_in *to);
int plugin_opens(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 ? fd : -1;
}

/* By an address that it has asked for itself. */
int plugin_asks(void);
int plugin_asks(void)
{
    int (*by_handle)(int, int, int) = (int (*)(int, int, int))dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "socket");
    return by_handle ? by_handle(AF_INET, SOCK_STREAM, 0) : -1;
}

#ifndef STARTS_QUIETLY
__attribute__((constructor)) static void plugin_starts(void) { plugin_left = leak_here() >= 0; }
#endif
