/* SPDX-License-Identifier: MIT */
/*
 * line_cache.c: keeps the names, files and lines of frames in pages that fork shares.
 *
 * Written by the thread that makes a report, in any of the processes. A record is complete when it
 * is put into a list, and never changes then. There is no lock, so a process that is killed half
 * way does not stop the others; a frame without a record is symbolized again.
 */
#include "line_cache.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/sys.h"

#define CACHE_SIZE (256u << 10)
#define HEADS 512u
#define TURN_MS 1000u

struct record {
    uint64_t key;
    uint32_t next; /* offset, 0: none */
    uint32_t len;
    char text[];
};

struct memory {
    _Atomic uint32_t used;
    _Atomic uint32_t turn; /* when the present turn ends, in milliseconds; 0: nobody has it */
    _Atomic uint32_t heads[HEADS];
    unsigned char body[];
};

static struct memory *memory;
static uint32_t my_turn; /* 0: none */

void line_cache_prepare(void)
{
    if (memory)
        return;
    void *p = sys_mmap(NULL, CACHE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    memory = sys_failed(p) ? NULL : p;
}

/*
 * The build-id identifies the code; the path counts too, since the separate debug file may be
 * beside it. Of a runtime's frame the line is kept. 0: the frame cannot be identified.
 */
static uint64_t cache_key(const struct frame *f)
{
    if (f->runtime != RUNTIME_NATIVE && f->file) {
        uint64_t of_line = hash_spread(hash_bytes(HASH_START, f->file, strlen(f->file)) ^ f->line);
        return of_line ? of_line : 1;
    }
    if (!f->build_id || !f->module)
        return 0;
    uint64_t h = hash_bytes(hash_bytes(HASH_START, f->build_id, strlen(f->build_id)), f->module, strlen(f->module));
    h = hash_spread(h ^ f->offset);
    h ^= h >> 32;
    return h ? h : 1;
}

const char *line_cache_get(const struct frame *frame, size_t *len)
{
    uint64_t key = memory ? cache_key(frame) : 0;
    if (!key)
        return NULL;
    for (uint32_t at = atomic_load_explicit(&memory->heads[key % HEADS], memory_order_acquire); at;) {
        const struct record *r = (const struct record *)(void *)((unsigned char *)memory + at);
        if (r->key == key) {
            *len = r->len;
            return r->text;
        }
        at = r->next;
    }
    return NULL;
}

void line_cache_put(const struct frame *frame, const char *text, size_t len)
{
    size_t had;
    uint64_t key = memory && len <= CACHE_SIZE ? cache_key(frame) : 0;
    if (!key || line_cache_get(frame, &had))
        return;
    const uint32_t begin = sizeof *memory, size = (uint32_t)((sizeof(struct record) + len + 7) & ~(size_t)7);
    uint32_t at = atomic_load(&memory->used);
    do
        if (at + size > CACHE_SIZE - begin)
            return;
    while (!atomic_compare_exchange_weak(&memory->used, &at, at + size));
    at += begin;
    struct record *r = (struct record *)(void *)((unsigned char *)memory + at);
    r->key = key;
    r->len = (uint32_t)len;
    memcpy(r->text, text, len);
    r->next = atomic_load(&memory->heads[key % HEADS]);
    while (!atomic_compare_exchange_weak(&memory->heads[key % HEADS], &r->next, at))
        ;
}

/* ---- turns ---- */

static bool take_turn(uint32_t before)
{
    uint32_t end = (uint32_t)(clock_now() / NS_PER_MS) + TURN_MS;
    my_turn = end ? end : 1;
    if (atomic_compare_exchange_strong(&memory->turn, &before, my_turn))
        return true;
    my_turn = 0;
    return false;
}

bool line_cache_wait(uint64_t until_ns)
{
    uint32_t turn = memory ? atomic_load(&memory->turn) : 0;
    uint64_t now = clock_now();
    if (!memory || now >= until_ns)
        return false;
    int32_t left = (int32_t)(turn - (uint32_t)(now / NS_PER_MS));
    if (!turn || left <= 0 || left > (int32_t)TURN_MS)
        return !take_turn(turn);
    uint64_t wait = (uint64_t)left * NS_PER_MS < until_ns - now ? (uint64_t)left * NS_PER_MS : until_ns - now;
    struct timespec limit = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};
    sys_futex((volatile void *)&memory->turn, FUTEX_WAIT, turn, &limit, NULL, 0);
    return true;
}

void line_cache_done(void)
{
    uint32_t turn = my_turn;
    my_turn = 0;
    if (turn && atomic_compare_exchange_strong(&memory->turn, &turn, 0))
        sys_futex((volatile void *)&memory->turn, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}
