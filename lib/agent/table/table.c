/* SPDX-License-Identifier: MIT */
/*
 * table.c: the shared mapping of the state file, its extents, and the slots by descriptor number.
 *
 * The whole file is mapped at once, inaccessible; an extent is made accessible, and its pages are
 * allocated, when it is first needed. So there is no descriptor to keep, mlockall(MCL_FUTURE) locks
 * only what is used, and a full file system is noticed before a store could fault. A descriptor's
 * slot is found through private pointers (chunks), not through the file.
 */
#include "table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../base/sys.h"

#define CHUNK_SHIFT 6 /* descriptors a chunk: one extent of slots */
#define LOW_CHUNKS SLOT_LOW_CHUNKS
/* What every table needs: slots, lives, sites, a stack, a module and its name. */
#define FIRST_EXTENTS 6u

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define HIGH_CHUNKS (1u << (31 - CHUNK_SHIFT))
_Static_assert(STATE_SLOTS_PER_EXTENT == 1u << CHUNK_SHIFT, "one extent of slots is one chunk");

typedef _Atomic(struct state_slot *) chunk_ptr;

struct state_header *table_head;
_Atomic bool table_overflowed;

static unsigned char *base;
static uint64_t mapped;
static uint32_t max_extents;
static uint32_t committed; /* so many extents are usable before they are taken */
chunk_ptr slot_chunks[LOW_CHUNKS] LARGE_TABLE;
/* for descriptors from 2^20 on: mapped when the first one comes */
static _Atomic(chunk_ptr *) high;
static _Atomic uint32_t top_chunk; /* number of the highest chunk in use + 1 */
static _Atomic uint32_t next_extent;
/* of the extent table: 0 not made, 1 being made, 2 usable */
static _Atomic int pages[STATE_MAX_EXTENTS * 4 / STATE_PAGE];
/* by type: (extent + 1) << 32 | units used */
static _Atomic uint64_t cursor[EXTENT_COUNT];
/* by descriptor / 32; descriptors beyond LOW_CHUNKS have no attempts */
#define ATTEMPT_CHUNKS (LOW_CHUNKS * 2)
static _Atomic(struct state_attempt *) attempts[ATTEMPT_CHUNKS] LARGE_TABLE;
static _Atomic uint32_t top_attempts; /* the highest chunk of attempts in use + 1 */

/*
 * Makes pages usable. Where the file system has no room for them, private memory takes their place:
 * this process still has everything, a reader of the file sees zeros there. No other thread uses
 * these pages yet.
 */
static bool commit(uint64_t offset, uint64_t size)
{
    unsigned char *p = base + offset;
    if (sys_mprotect(p, size, PROT_READ | PROT_WRITE) < 0)
        return false;
    for (uint64_t at = 0; at < size; at += STATE_PAGE)
        if (!sys_touch(p + at)) {
            atomic_store(&table_overflowed, true);
            if (offset)
                atomic_store(&((struct state_header *)base)->overflowed, 1);
            return !sys_failed(sys_mmap(p, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        }
    return true;
}

static uint64_t offset_of(uint32_t extent) { return STATE_BODY_OFFSET + (uint64_t)extent * STATE_EXTENT_SIZE; }

/*
 * The extents that every table needs, in two system calls: a process that was forked for one
 * connection makes a table too. Fails before Linux 5.14, and where the file system has not so much
 * room: then each is committed when it is taken. Nobody uses the table yet.
 */
static void commit_first(void)
{
    unsigned char *p = base + offset_of(0);
    uint64_t size = (uint64_t)FIRST_EXTENTS * STATE_EXTENT_SIZE;
    bool ok = sys_mprotect(p, size, PROT_READ | PROT_WRITE) >= 0 && SYS3(SYS_madvise, p, size, MADV_POPULATE_WRITE) >= 0;
    committed = ok ? FIRST_EXTENTS : 0;
}

static uint64_t limit_of(int resource)
{
    struct rlimit64 r;
    if (SYS4(SYS_prlimit64, 0, resource, 0, &r) < 0)
        return RLIM64_INFINITY;
    return r.rlim_cur;
}

/*
 * A program under RLIMIT_AS must not lose its address space to the agent; one under RLIMIT_FSIZE
 * would get SIGXFSZ for a larger file.
 */
static uint64_t affordable(bool file)
{
    uint64_t size = STATE_MAX_SIZE;
    if (limit_of(RLIMIT_AS) != RLIM64_INFINITY)
        size = STATE_BODY_OFFSET + 512 * STATE_EXTENT_SIZE;
    if (file) {
        uint64_t fsize = limit_of(RLIMIT_FSIZE);
        if (fsize < size)
            size = fsize & ~(uint64_t)(STATE_PAGE - 1);
    }
    return size;
}

static bool table_page(uint32_t extent);

static bool map(int fd, uint64_t size)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS;
    void *p = sys_mmap(NULL, size, PROT_NONE, flags | MAP_NORESERVE, fd, 0);
    if (sys_failed(p))
        return false;
    base = p;
    mapped = size;
    max_extents = (uint32_t)((size - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE);
    atomic_store(&table_overflowed, false);
    if (commit(0, STATE_PAGE) && table_page(0) && (fd < 0 || !atomic_load(&table_overflowed))) {
        commit_first();
        return true;
    }
    sys_munmap(p, size);
    base = NULL;
    atomic_store(&pages[0], 0);
    return false;
}

static int map_file(int dir, const char *name)
{
    uint64_t size = affordable(true);
    if (size < STATE_BODY_OFFSET + 16 * STATE_EXTENT_SIZE)
        return -EFBIG;
    long fd = sys_openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return (int)fd;
    long r = SYS2(SYS_ftruncate, fd, size);
    if (r >= 0 && !map((int)fd, size))
        r = -ENOSPC;
    sys_close((int)fd);
    if (r < 0)
        SYS3(SYS_unlinkat, dir, name, 0);
    return r < 0 ? (int)r : 0;
}

int table_open_file(int dir, const char *name)
{
    int error = map_file(dir, name);
    if (error == 0)
        table_head = (struct state_header *)base;
    return error;
}

int table_open(int dir, const char *name, int *file_error)
{
    *file_error = dir >= 0 ? table_open_file(dir, name) : dir;
    if (*file_error < 0 && !map(-1, affordable(false)))
        return -1;
    table_head = (struct state_header *)base;
    return 0;
}

void table_forget(struct state_view *old)
{
    *old = table_view();
    /* What the parent adds from now on, it opens to itself alone (commit). */
    if (table_head && sys_mprotect(base, mapped, PROT_READ | PROT_WRITE) >= 0)
        table_refresh(old);
    else
        old->n_extents = 0;
    unsigned top = atomic_load(&top_chunk);
    chunk_ptr *far = atomic_load(&high);
    for (unsigned i = 0; i < top && i < LOW_CHUNKS; i++)
        atomic_store_explicit(&slot_chunks[i], NULL, memory_order_relaxed);
    table_head = NULL;
    base = NULL;
    mapped = 0;
    if (far)
        sys_munmap(far, HIGH_CHUNKS * sizeof *far);
    atomic_store(&high, NULL);
    atomic_store(&top_chunk, 0);
    for (unsigned i = 0; i < atomic_load(&top_attempts); i++)
        atomic_store_explicit(&attempts[i], NULL, memory_order_relaxed);
    atomic_store(&top_attempts, 0);
    for (unsigned t = 0; t < EXTENT_COUNT; t++)
        atomic_store(&cursor[t], 0);
    for (unsigned i = 0; i < sizeof pages / sizeof *pages; i++)
        atomic_store(&pages[i], 0);
    atomic_store(&next_extent, 0);
}

struct state_view table_view(void)
{
    struct state_view v = {base, mapped, 0};
    if (table_head) {
        uint32_t n = atomic_load(&table_head->n_extents);
        v.n_extents = n < max_extents ? n : max_extents;
    }
    return v;
}

void table_refresh(struct state_view *old)
{
    const struct state_header *h = state_head(old);
    uint64_t fit = (old->size - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE;
    uint32_t n = atomic_load(&h->n_extents);
    old->n_extents = n < fit ? n : (uint32_t)fit;
    unsigned char *bytes = (unsigned char *)(uintptr_t)old->base;
    for (uint32_t i = 0; atomic_load(&h->overflowed) && i < old->n_extents; i++)
        if (!sys_touch(bytes + STATE_TABLE_OFFSET + i * sizeof(uint32_t)) || !sys_touch(bytes + offset_of(i)))
            old->n_extents = i;
}

static _Atomic uint32_t *word_of(uint32_t extent) { return (_Atomic uint32_t *)(base + STATE_TABLE_OFFSET) + extent; }

/*
 * The page of the table that holds the word of EXTENT, and the one before it: n_extents must never
 * reach into a page that cannot be read.
 */
static bool table_page(uint32_t extent)
{
    static const unsigned words = STATE_PAGE / 4;
    unsigned last = extent / words;
    for (unsigned page = last ? last - 1 : 0; page <= last; page++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&pages[page], &none, 1)) {
            bool ok = commit(STATE_TABLE_OFFSET + (uint64_t)page * STATE_PAGE, STATE_PAGE);
            atomic_store(&pages[page], ok ? 2 : 0);
        }
        for (unsigned turn = 0; atomic_load(&pages[page]) == 1 && turn < 100000; turn++)
            sys_yield(turn);
        if (atomic_load(&pages[page]) != 2)
            return false;
    }
    return true;
}

static bool commit_extents(uint32_t first, unsigned count)
{
    return first + count <= committed || commit(offset_of(first), (uint64_t)count * STATE_EXTENT_SIZE);
}

/*
 * Takes the next COUNT extents; their words are set before n_extents counts them, so that readers
 * never see one that is not there. UINT32_MAX: full.
 */
static uint32_t take_extents(enum state_extent_type type, uint32_t parameter, unsigned count)
{
    uint32_t e = atomic_load_explicit(&next_extent, memory_order_relaxed);
    do
        if (e + count > max_extents)
            return UINT32_MAX;
    while (!atomic_compare_exchange_weak(&next_extent, &e, e + count));
    if (!table_page(e) || !table_page(e + count - 1) || !commit_extents(e, count))
        return UINT32_MAX;
    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(word_of(e + i), (uint32_t)type << 28 | (parameter + i), memory_order_release);
    uint32_t n = atomic_load(&table_head->n_extents);
    while (n < e + count && !atomic_compare_exchange_weak(&table_head->n_extents, &n, e + count))
        ;
    return e;
}

static uint32_t new_extents(enum state_extent_type type, uint32_t parameter, unsigned count)
{
    uint64_t signals = sys_block_signals();
    uint32_t e = take_extents(type, parameter, count);
    sys_unblock_signals(signals);
    return e;
}

static uint32_t new_extent(enum state_extent_type type, uint32_t parameter) { return new_extents(type, parameter, 1); }

void *table_alloc(enum state_extent_type type, unsigned units, state_ref *ref)
{
    const unsigned room = STATE_EXTENT_SIZE / STATE_REF_UNIT;
    *ref = 0;
    if (!table_head || units > room)
        return NULL;
    for (;;) {
        uint64_t at = atomic_load(&cursor[type]);
        uint32_t used = (uint32_t)at;
        if (at && used + units <= room) {
            if (!atomic_compare_exchange_weak(&cursor[type], &at, at + units))
                continue;
            uint64_t offset = offset_of((uint32_t)(at >> 32) - 1) + (uint64_t)used * STATE_REF_UNIT;
            *ref = (state_ref)(offset / STATE_REF_UNIT);
            return base + offset;
        }
        uint32_t e = new_extent(type, 0);
        if (e == UINT32_MAX) {
            table_drop(DROP_TABLE_FULL);
            return NULL;
        }
        /* Another thread may have been quicker: then its extent is used, and ours stays empty. */
        atomic_compare_exchange_strong(&cursor[type], &at, (uint64_t)(e + 1) << 32);
    }
}

void *table_nth(enum state_extent_type type, unsigned nth)
{
    if (!table_head)
        return NULL;
    uint32_t n = table_view().n_extents;
    for (uint32_t e = 0; e < n; e++)
        if (atomic_load_explicit(word_of(e), memory_order_acquire) >> 28 == type && nth-- == 0)
            return base + offset_of(e);
    return NULL;
}

uint16_t slot_flags(const struct state_slot *slot)
{
    const struct state_share *share = table_at(slot->share);
    return atomic_load(&slot->flags) | (share ? (uint16_t)(atomic_load(&share->shut) | atomic_load(&share->told)) : 0);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static chunk_ptr *chunk_of(unsigned chunk, bool make)
{
    if (chunk < LOW_CHUNKS)
        return &slot_chunks[chunk];
    chunk_ptr *far = atomic_load_explicit(&high, memory_order_acquire);
    if (!far && make) {
        void *p = sys_mmap(NULL, HIGH_CHUNKS * sizeof *far, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (sys_failed(p))
            return NULL;
        chunk_ptr *none = NULL;
        if (atomic_compare_exchange_strong(&high, &none, p)) {
            far = p;
        } else {
            sys_munmap(p, HIGH_CHUNKS * sizeof *far);
            far = none;
        }
    }
    return far ? &far[chunk] : NULL;
}

/* Another thread made the chunk of extent E first. */
static void give_back(uint32_t e) { atomic_store_explicit(word_of(e), EXTENT_FREE, memory_order_release); }

void *table_take(enum state_extent_type type, uint32_t parameter, unsigned count, uint32_t *first)
{
    *first = table_head ? new_extents(type, parameter, count) : UINT32_MAX;
    return *first == UINT32_MAX ? NULL : base + offset_of(*first);
}

void table_give_back(uint32_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        give_back(first + i);
}

static void raise_top(_Atomic uint32_t *at, unsigned chunk)
{
    uint32_t top = atomic_load(at);
    while (top < chunk + 1 && !atomic_compare_exchange_weak(at, &top, chunk + 1))
        ;
}

struct state_slot *slot_of(int fd)
{
    if (fd < 0 || !table_head)
        return NULL;
    chunk_ptr *c = chunk_of((unsigned)fd >> CHUNK_SHIFT, false);
    struct state_slot *slots = c ? atomic_load_explicit(c, memory_order_acquire) : NULL;
    return slots ? &slots[(unsigned)fd % STATE_SLOTS_PER_EXTENT] : NULL;
}

struct state_slot *slot_make(int fd)
{
    struct state_slot *s = slot_of(fd);
    if (s || fd < 0 || !table_head)
        return s;
    unsigned chunk = (unsigned)fd >> CHUNK_SHIFT;
    chunk_ptr *c = chunk_of(chunk, true);
    uint32_t e = c ? new_extent(EXTENT_SLOTS, chunk) : UINT32_MAX;
    if (e == UINT32_MAX) {
        table_drop(DROP_TABLE_FULL);
        return NULL;
    }
    struct state_slot *none = NULL;
    if (!atomic_compare_exchange_strong(c, &none, (struct state_slot *)(void *)(base + offset_of(e))))
        give_back(e);
    raise_top(&top_chunk, chunk);
    return slot_of(fd);
}

struct state_attempt *attempt_of(int fd)
{
    unsigned chunk = (unsigned)fd / STATE_ATTEMPTS_PER_EXTENT;
    if (fd < 0 || !table_head || chunk >= ATTEMPT_CHUNKS)
        return NULL;
    struct state_attempt *a = atomic_load_explicit(&attempts[chunk], memory_order_acquire);
    return a ? &a[(unsigned)fd % STATE_ATTEMPTS_PER_EXTENT] : NULL;
}

struct state_attempt *attempt_make(int fd)
{
    struct state_attempt *a = attempt_of(fd);
    unsigned chunk = (unsigned)fd / STATE_ATTEMPTS_PER_EXTENT;
    if (a || fd < 0 || !table_head || chunk >= ATTEMPT_CHUNKS)
        return a;
    uint32_t e = new_extent(EXTENT_ATTEMPTS, chunk);
    if (e == UINT32_MAX)
        return NULL;
    struct state_attempt *none = NULL;
    if (!atomic_compare_exchange_strong(&attempts[chunk], &none, (struct state_attempt *)(void *)(base + offset_of(e))))
        give_back(e);
    raise_top(&top_attempts, chunk);
    return attempt_of(fd);
}

int slot_highest(void)
{
    uint32_t top = atomic_load(&top_chunk);
    return top ? (int)((top << CHUNK_SHIFT) - 1) : -1;
}

int slot_next(int fd)
{
    unsigned top = atomic_load(&top_chunk);
    for (unsigned at = (unsigned)fd; at >> CHUNK_SHIFT < top;) {
        chunk_ptr *c = chunk_of(at >> CHUNK_SHIFT, false);
        struct state_slot *slots = c ? atomic_load_explicit(c, memory_order_acquire) : NULL;
        unsigned end = ((at >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;
        if (!slots) {
            at = end;
            continue;
        }
        for (; at < end; at++)
            if (SLOT_PHASE(atomic_load_explicit(&slots[at % STATE_SLOTS_PER_EXTENT].word, memory_order_relaxed)) != SLOT_EMPTY)
                return (int)at;
    }
    return -1;
}
