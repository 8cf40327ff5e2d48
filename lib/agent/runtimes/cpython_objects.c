/* SPDX-License-Identifier: MIT */
/*
 * cpython_objects.c: looks at objects of Python's: of which type, what is in them.
 *
 * Called for the coroutines that await a task, under the rules of a walk: each word is loaded by
 * cpython_load.
 */
#include <stdatomic.h>
#include <string.h>

#include "../../core/hash.h"
#include "../base/peek.h"
#include "cpython_tasks.h"

#define TP_NAME 24u
#define TP_FLAGS 168u
#define TP_MEMBERS 240u

#define LIST_ITEMS 24u

/* Behind the number of items: the first block, the last, and where in the first they begin. */
#define DEQUE_FIRST 24u
#define DEQUE_BEGIN 40u
#define DEQUE_BLOCK 64u
#define BLOCK_ITEMS 8u

/* ---- types ----------------------------------------------------------------------------------- */

static const struct {
    char name[32];
    enum cpython_kind kind;
} names[] = {
    {"Handle", HANDLE},
    {"TaskStepMethWrapper", STEP},
    {"_asyncio.TaskStepMethWrapper", STEP},
    {"_asyncio.Task", TASK},
    {"_asyncio.Future", FUTURE},
    {"_GatheringFuture", FUTURE},
    {"FutureIter", FUTURE_ITERATOR},
    {"_asyncio.FutureIter", FUTURE_ITERATOR},
    {"functools.partial", PARTIAL},
    {"async_generator_asend", DRIVER},
    {"async_generator_athrow", DRIVER},
    {"anext_awaitable", DRIVER},
    {"coroutine_wrapper", DRIVER},
    {"Queue", QUEUE},
    {"collections.deque", DEQUE},
};

/*
 * Types whose kind is known. VALUE has what the type was made of, and the kind in its low half: a
 * type that took a freed one's place has other words.
 */
#define KNOWN 64u
static struct {
    _Atomic uint64_t type, value;
} known[KNOWN];

void cpython_objects_reset(void)
{
    for (unsigned i = 0; i < KNOWN; i++)
        atomic_store(&known[i].type, 0);
}

static enum cpython_kind kind_of_name(uintptr_t at)
{
    char name[32] = "";
    peek_some(at, name, sizeof name - 1);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].kind;
    return OTHER;
}

enum cpython_kind cpython_kind_of(const struct cpython_loader *l, uint64_t object)
{
    uint64_t type, name, size, members;
    if (!cpython_load(l, object, CPYTHON_OB_TYPE, &type) || !cpython_load(l, type, TP_NAME, &name) ||
        !cpython_load(l, type, CPYTHON_TP_BASICSIZE, &size) || !cpython_load(l, type, TP_MEMBERS, &members))
        return OTHER;
    uint64_t value = hash_mix(hash_mix(hash_mix(type, name), size), members) & ~(uint64_t)UINT32_MAX;
    unsigned at = (unsigned)(hash_spread(type) >> 32) % KNOWN;
    uint64_t seen = atomic_load_explicit(&known[at].value, memory_order_acquire);
    if (atomic_load_explicit(&known[at].type, memory_order_acquire) == type && (seen & ~(uint64_t)UINT32_MAX) == value)
        return (enum cpython_kind)(seen & UINT32_MAX);
    enum cpython_kind kind = kind_of_name(name);
    atomic_store_explicit(&known[at].type, type, memory_order_release);
    atomic_store_explicit(&known[at].value, value | kind, memory_order_release);
    return kind;
}

bool cpython_is_of(const struct cpython_loader *l, uint64_t object, uintptr_t type)
{
    uint64_t is;
    return cpython_load(l, object, CPYTHON_OB_TYPE, &is) && is == type;
}

/* ---- what is in them ------------------------------------------------------------------------- */

uint64_t cpython_follow(const struct cpython_loader *l, uint64_t object, uint32_t offset)
{
    uint64_t to;
    return cpython_load(l, object, offset, &to) ? to : 0;
}

uint64_t cpython_in_frame(const struct cpython_loader *l, uint64_t frame, uint32_t offset)
{
    return cpython_follow(l, frame, offset) & ~cpython.tag_mask;
}

uint64_t cpython_item(const struct cpython_loader *l, uint64_t sequence, unsigned i)
{
    bool is_list = cpython_is_of(l, sequence, cpython.list_type);
    uint64_t n;
    if ((!is_list && !cpython_is_of(l, sequence, cpython.tuple_type)) || !cpython_load(l, sequence, CPYTHON_OB_SIZE, &n) || i >= n)
        return 0;
    return is_list ? cpython_follow(l, cpython_follow(l, sequence, LIST_ITEMS), 8 * i)
                   : cpython_follow(l, sequence, cpython.tuple_items + 8 * i);
}

uint64_t cpython_only_item(const struct cpython_loader *l, uint64_t deque)
{
    uint64_t n, begin, block;
    if (!cpython_load(l, deque, CPYTHON_OB_SIZE, &n) || n != 1 || !cpython_load(l, deque, DEQUE_FIRST, &block) ||
        !cpython_load(l, deque, DEQUE_BEGIN, &begin) || begin >= DEQUE_BLOCK)
        return 0;
    return cpython_follow(l, block, BLOCK_ITEMS + 8 * (uint32_t)begin);
}

bool cpython_is_text(const struct cpython_loader *l, uint64_t string, const char *text)
{
    size_t n = strlen(text);
    uint64_t length, is;
    if (!cpython_load(l, string, cpython.string_length, &length) || length != n || !cpython_is_of(l, string, cpython.unicode_type))
        return false;
    for (size_t i = 0; i < n; i += 8) {
        size_t here = n - i < 8 ? n - i : 8;
        uint64_t want = 0;
        memcpy(&want, text + i, here);
        if (!cpython_load(l, string, cpython.string_ascii + (uint32_t)i, &is))
            return false;
        if (here < 8) /* behind its end lies anything */
            is &= ((uint64_t)1 << here * 8) - 1;
        if (is != want)
            return false;
    }
    return true;
}

/*
 * Where the values of OBJECT begin, and in *N how many there are; 0: it has none, or a dict. Before
 * the object up to 3.12 (where a set bit 0 says that it is no dict), behind it from then on.
 */
static uint64_t values_of(const struct cpython_loader *l, uint64_t object, uint64_t *n)
{
    enum { INLINE_VALUES = 1 << 2, MANAGED_DICT = 1 << 4 };
    uint64_t type, flags, size, at, head;
    if (!cpython_load(l, object, CPYTHON_OB_TYPE, &type) || !cpython_load(l, type, TP_FLAGS, &flags))
        return 0;
    if (cpython.version >= 0x030d) { /* bytes of the head: room, how many, whether they are embedded, and valid */
        if (!(flags & INLINE_VALUES) || !cpython_load(l, type, CPYTHON_TP_BASICSIZE, &size) || size % 8 || size > STATE_PAGE ||
            !cpython_load(l, object, (uint32_t)size, &head) || (head >> 24 & 0xff) != 1)
            return 0;
        *n = head >> 8 & 0xff;
        return object + size + 8;
    }
    if (!(flags & MANAGED_DICT))
        return 0;
    if (cpython.version == 0x030b) {
        at = cpython_follow(l, object - 32, 0);
    } else {
        at = cpython_follow(l, object - 24, 0);
        at = at & 1 ? at + 1 : 0;
    }
    if (!at || !cpython_load(l, at - 8, 0, &head)) /* how many, in the last byte but one */
        return 0;
    *n = head >> 48 & 0xff;
    return at;
}

unsigned cpython_attributes(const struct cpython_loader *l, uint64_t object, uint64_t *out, unsigned max)
{
    uint64_t n = 0, at = values_of(l, object, &n);
    if (!at || n > max)
        return 0;
    for (unsigned i = 0; i < n; i++)
        out[i] = cpython_follow(l, at, 8 * i);
    return (unsigned)n;
}
