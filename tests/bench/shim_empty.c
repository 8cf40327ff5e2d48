/* SPDX-License-Identifier: MIT */
/*
 * shim_empty: the least that any preload library costs: the same calls, passed on. The floor in the
 * table.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

static int (*real_socket)(int, int, int);
static int (*real_connect)(int, const struct sockaddr *, socklen_t);
static int (*real_accept)(int, struct sockaddr *, socklen_t *);
static int (*real_accept4)(int, struct sockaddr *, socklen_t *, int);
static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_read)(int, void *, size_t);
static int (*real_close)(int);

__attribute__((constructor)) static void resolve(void)
{
    *(void **)&real_socket = dlsym(RTLD_NEXT, "socket");
    *(void **)&real_connect = dlsym(RTLD_NEXT, "connect");
    *(void **)&real_accept = dlsym(RTLD_NEXT, "accept");
    *(void **)&real_accept4 = dlsym(RTLD_NEXT, "accept4");
    *(void **)&real_recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&real_read = dlsym(RTLD_NEXT, "read");
    *(void **)&real_close = dlsym(RTLD_NEXT, "close");
}

int socket(int family, int type, int protocol) { return real_socket(family, type, protocol); }
int connect(int fd, const struct sockaddr *to, socklen_t len) { return real_connect(fd, to, len); }
int accept(int fd, struct sockaddr *from, socklen_t *len) { return real_accept(fd, from, len); }
int accept4(int fd, struct sockaddr *from, socklen_t *len, int flags) { return real_accept4(fd, from, len, flags); }
ssize_t recv(int fd, void *buf, size_t n, int flags) { return real_recv(fd, buf, n, flags); }
ssize_t read(int fd, void *buf, size_t n) { return real_read(fd, buf, n); }
int close(int fd) { return real_close(fd); }
