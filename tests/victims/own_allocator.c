/* SPDX-License-Identifier: MIT */
/*
 * own_allocator.c: an allocator whose malloc and free jump to functions of their own, as their last act, and so are in no stack.
 *
 * Its thread sleeps inside its free, with a lock held that a second malloc would wait for: prints "ready" there, goes on when its input
 * ends, and prints "fine". Built with -DLIBRARY it is the allocator alone; what own_allocator_stay gives is to be freed for that.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAIL __attribute__((noinline))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *next, *last;
static char stay_here;

static TAIL void *take(size_t n)
{
    pthread_mutex_lock(&lock);
    if (!next || (size_t)(last - next) < n + 32) {
        size_t room = n + (1u << 20);
        next = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        last = next + room;
    }
    size_t *p = (size_t *)(((size_t)next + 31) & ~(size_t)15);
    p[-1] = n;
    next = (char *)p + n;
    pthread_mutex_unlock(&lock);
    return p;
}

/* It waits for the input's end by system calls alone: read(2) is a frame of its own. */
static TAIL void give(void *p)
{
    char c;
    if (p != &stay_here)
        return;
    pthread_mutex_lock(&lock);
    (void)!write(1, "ready\n", 6);
    while (read(0, &c, 1) > 0)
        ;
    pthread_mutex_unlock(&lock);
}

/* The entries jump to the functions that do the work, as a compiler makes a last call. */
#ifdef __clang__
#define JUMPS
#define JUMP __attribute__((musttail))
#else
#define JUMPS __attribute__((optimize("optimize-sibling-calls")))
#define JUMP
#endif
JUMPS void *malloc(size_t n) { JUMP return take(n); }
JUMPS void free(void *p) { JUMP return give(p); }

void *calloc(size_t n, size_t size) { return memset(take(n * size), 0, n * size); }

void *realloc(void *old, size_t n)
{
    void *p = take(n);
    if (old) {
        size_t had = ((size_t *)old)[-1];
        memcpy(p, old, had < n ? had : n);
    }
    return p;
}

void *own_allocator_stay(void);
void *own_allocator_stay(void) { return &stay_here; }

#ifndef LIBRARY
int main(void)
{
    free(own_allocator_stay());
    puts("fine");
    return 0;
}
#endif
