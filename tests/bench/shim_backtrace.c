/* SPDX-License-Identifier: MIT */
/*
 * shim_backtrace: what a simple tracker does: backtrace(3) at each socket, accept and end, kept in
 * a table under a lock. A peer in the table.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 65536
#define DEPTH 32
static struct {
    int n;
    void *pc[DEPTH];
} table[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int (*real_socket)(int, int, int);
static int (*real_accept)(int, struct sockaddr *, socklen_t *);
static ssize_t (*real_recv)(int, void *, size_t, int);
static int (*real_close)(int);

__attribute__((constructor)) static void resolve(void)
{
    *(void **)&real_socket = dlsym(RTLD_NEXT, "socket");
    *(void **)&real_accept = dlsym(RTLD_NEXT, "accept");
    *(void **)&real_recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&real_close = dlsym(RTLD_NEXT, "close");
}

static int keep(int fd)
{
    if (fd >= 0 && fd < FDS) {
        pthread_mutex_lock(&lock);
        table[fd].n = backtrace(table[fd].pc, DEPTH);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int socket(int family, int type, int protocol) { return keep(real_socket(family, type, protocol)); }
int accept(int fd, struct sockaddr *from, socklen_t *len) { return keep(real_accept(fd, from, len)); }
ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    ssize_t r = real_recv(fd, buf, n, flags);
    if (r == 0)
        keep(fd);
    return r;
}
int close(int fd)
{
    if (fd >= 0 && fd < FDS) {
        pthread_mutex_lock(&lock);
        table[fd].n = 0;
        pthread_mutex_unlock(&lock);
    }
    return real_close(fd);
}
