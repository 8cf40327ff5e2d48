/* SPDX-License-Identifier: MIT */
/*
 * early.c: a preload library with an allocator that works in its first call as jemalloc and tcmalloc do: it reads files, and does so whoever calls it,
 * the loader's dlsym among them. It opens a socket pair there and leaves both ends open. Compiled by the test that uses it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char arena[64 << 20] __attribute__((aligned(16)));
static size_t used;
static bool begun;

static void begin(void)
{
    char buf[64];
    int v[2];
    int fd = open("/proc/self/status", O_RDONLY);
    if (read(fd, buf, sizeof buf) != sizeof buf || close(fd) != 0 || close(fd) != -1)
        _exit(97);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, v) != 0 || shutdown(v[1], SHUT_WR) != 0 || recv(v[0], buf, 1, 0) != 0)
        _exit(97);
}

void *malloc(size_t n)
{
    if (!begun) {
        begun = true;
        begin();
    }
    size_t at = __atomic_fetch_add(&used, (n + 31) & ~(size_t)15, __ATOMIC_RELAXED);
    if (at + n + 32 > sizeof arena)
        return NULL;
    *(size_t *)(arena + at) = n;
    return arena + at + 16;
}

void free(void *p) { (void)p; }

void *calloc(size_t n, size_t size) { return malloc(n * size); /* the arena is never used twice */ }

void *realloc(void *p, size_t n)
{
    void *q = malloc(n);
    if (p && q)
        memcpy(q, p, ((size_t *)p)[-2] < n ? ((size_t *)p)[-2] : n);
    return q;
}

__attribute__((constructor)) static void prepare(void) { free(malloc(1)); }
