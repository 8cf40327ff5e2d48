/* SPDX-License-Identifier: MIT */
/*
 * object_list.c: a table of the loader's list of objects, and the look-up in it.
 *
 * Called by object.c in the program's threads, its signal handlers, and on the watcher. The table is
 * written by one thread at a time, between two steps of `version`; who finds it half written, or
 * would have to wait for its writer, which a signal handler may have interrupted, goes through the
 * loader's list instead.
 */
#include "object_list.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "../../libc/libc.h"
#include "../base/auxv.h"
#include "../base/pages.h"
#include "../base/peek.h"
#include "../base/sys.h"

#define MOST_OBJECTS 4096u
#define AT_ONCE 16u        /* entries of the loader's list that are copied by one system call */
#define HEADERS_AT_ONCE 8u /* program headers */
#define PAGES_BEFORE 4096u /* in which an object's first page is searched */
#define MOST_HEADERS 256u

/* What the loader has of an object: the beginning of struct link_map. */
struct listed {
    uint64_t bias, name, dynamic, next;
};
_Static_assert(offsetof(struct link_map, l_next) == offsetof(struct listed, next), "as the loader has it");

struct entry {
    uint64_t at; /* the loader's entry */
    struct listed listed;
    uint64_t start, end, eh_frame_hdr, holes;
};
#define WORDS (sizeof(struct entry) / sizeof(uint64_t))

static _Atomic uint64_t entries[MOST_OBJECTS * WORDS] LARGE_TABLE;
static _Atomic uint32_t count, version;          /* odd: it is being written */
static _Atomic uint32_t dlcloses, dlcloses_then; /* that had ended: now, and when the table was made */

static struct entry entry_of(uint32_t i)
{
    uint64_t w[WORDS];
    struct entry e;
    for (unsigned k = 0; k < WORDS; k++)
        w[k] = atomic_load_explicit(&entries[i * WORDS + k], memory_order_relaxed);
    /* cppcheck-suppress uninitvar -- the loop fills all of it */
    memcpy(&e, w, sizeof e);
    return e;
}

static void store_entry(uint32_t i, const struct entry *e)
{
    uint64_t w[WORDS];
    memcpy(w, e, sizeof w);
    for (unsigned k = 0; k < WORDS; k++)
        atomic_store_explicit(&entries[i * WORDS + k], w[k], memory_order_relaxed);
}

/* ---- an object's program headers ------------------------------------------------------------- */

struct headers {
    uint64_t at;
    unsigned n;
};

static bool headers_at(uint64_t first_page, struct headers *h)
{
    ElfW(Ehdr) e;
    if (!peek(first_page, &e, sizeof e) || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_phentsize != sizeof(ElfW(Phdr)))
        return false;
    *h = (struct headers){first_page + e.e_phoff, e.e_phnum};
    return true;
}

/*
 * Takes E's range from its headers. *INSIDE: ADDR lies in one of its segments. False: these are not
 * the headers of that object.
 */
static bool take_headers(struct entry *e, const struct headers *h, uint64_t addr, bool *inside)
{
    ElfW(Phdr) p[HEADERS_AT_ONCE];
    struct segments range = {.start = UINT64_MAX};
    bool same = false;
    e->eh_frame_hdr = 0;
    *inside = false;
    for (unsigned i = 0; i < h->n && i < MOST_HEADERS; i++) {
        unsigned left = h->n - i < HEADERS_AT_ONCE ? h->n - i : HEADERS_AT_ONCE;
        if (i % HEADERS_AT_ONCE == 0 && !peek(h->at + i * sizeof *p, p, left * sizeof *p))
            return false;
        const ElfW(Phdr) *s = &p[i % HEADERS_AT_ONCE];
        uint64_t at = e->listed.bias + s->p_vaddr;
        same |= s->p_type == PT_DYNAMIC && at == e->listed.dynamic;
        if (s->p_type == PT_GNU_EH_FRAME)
            e->eh_frame_hdr = at;
        if (s->p_type != PT_LOAD)
            continue;
        *inside |= addr - at < s->p_memsz;
        segments_add(&range, at, s->p_memsz);
    }
    e->start = range.start;
    e->end = range.end;
    e->holes = range.holes;
    return same && e->end;
}

/*
 * The program's headers are where the kernel says. A library begins at its load bias, but where it
 * was linked to another address than 0 (prelink(8)): then before its dynamic section.
 */
static bool measure(struct entry *e, bool program, uint64_t addr, bool *inside)
{
    struct headers h = {auxv_get(AT_PHDR), (unsigned)auxv_get(AT_PHNUM)};
    if (program && take_headers(e, &h, addr, inside))
        return true;
    if (headers_at(e->listed.bias, &h) && take_headers(e, &h, addr, inside))
        return true;
    uint64_t page = e->listed.dynamic & ~(uint64_t)(PAGE_BYTES - 1);
    for (unsigned i = 0; i < PAGES_BEFORE && page > PAGE_BYTES; i++, page -= PAGE_BYTES)
        if (headers_at(page, &h) && take_headers(e, &h, addr, inside))
            return true;
    e->start = e->end = 0;
    *inside = false;
    return false;
}

static void describe(const struct entry *e, struct listed_object *o)
{
    *o = (struct listed_object){.range = {e->start, e->end, e->holes},
                                .bias = e->listed.bias,
                                .eh_frame_hdr = e->eh_frame_hdr,
                                .name = (const char *)(uintptr_t)e->listed.name,
                                .map = (const void *)(uintptr_t)e->at};
}

/* ---- the loader's list ----------------------------------------------------------------------- */

static uint64_t first_listed(void) { return (uint64_t)(uintptr_t)libc_first_object(); }

/* Follows the list itself to the object that holds ADDR. */
static bool search_list(uint64_t addr, struct listed_object *o)
{
    struct entry e = {.at = first_listed()};
    for (unsigned i = 0; e.at && i < MOST_OBJECTS; i++, e.at = e.listed.next) {
        bool inside;
        if (!peek(e.at, &e.listed, sizeof e.listed))
            return false;
        if (measure(&e, i == 0, addr, &inside) && inside) {
            describe(&e, o);
            return true;
        }
    }
    return false;
}

/* False: another thread, or work that this one has interrupted, is writing the table. */
static bool fill_table(void)
{
    uint32_t v = atomic_load(&version), n = 0;
    if (v & 1 || !atomic_compare_exchange_strong(&version, &v, v + 1))
        return false;
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&dlcloses_then, atomic_load(&dlcloses), memory_order_relaxed);
    struct entry e = {.at = first_listed()};
    for (; e.at && n < MOST_OBJECTS && peek(e.at, &e.listed, sizeof e.listed); e.at = e.listed.next) {
        bool inside;
        measure(&e, n == 0, 0, &inside);
        store_entry(n++, &e);
    }
    atomic_store_explicit(&count, n, memory_order_relaxed);
    atomic_store(&version, v + 2);
    return true;
}

/* True when the loader's list is what the N entries of the table were made from. */
static bool is_as_listed(uint32_t n)
{
    uint64_t expected = first_listed();
    for (uint32_t i = 0; i < n; i += AT_ONCE) {
        struct iovec there[AT_ONCE], here[AT_ONCE];
        struct listed now[AT_ONCE];
        uint32_t part = n - i < AT_ONCE ? n - i : AT_ONCE;
        for (uint32_t k = 0; k < part; k++) {
            here[k] = (struct iovec){&now[k], sizeof now[k]};
            there[k] = (struct iovec){(void *)(uintptr_t)entry_of(i + k).at, sizeof now[k]};
        }
        if (!peek_each(here, there, part))
            return false;
        for (uint32_t k = 0; k < part; k++) {
            struct entry e = entry_of(i + k);
            if (e.at != expected || memcmp(&e.listed, &now[k], sizeof now[k]) != 0)
                return false;
            expected = now[k].next;
        }
    }
    return n > 0 && (!expected || n == MOST_OBJECTS);
}

enum answer { FOUND, NOT_THERE, OUT_OF_DATE };

static enum answer search_table(uint64_t addr, struct listed_object *o)
{
    uint32_t v = atomic_load_explicit(&version, memory_order_acquire), n = atomic_load_explicit(&count, memory_order_relaxed);
    enum answer answer = NOT_THERE;
    if (v & 1 || atomic_load(&dlcloses) != atomic_load_explicit(&dlcloses_then, memory_order_relaxed) || !is_as_listed(n))
        return OUT_OF_DATE;
    for (uint32_t i = 0; i < n && answer == NOT_THERE; i++) {
        struct entry e = entry_of(i);
        bool inside = addr >= e.start && addr < e.end;
        if (inside && e.holes)
            inside = measure(&e, i == 0, addr, &inside) && inside;
        if (inside) {
            describe(&e, o);
            answer = FOUND;
        }
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&version, memory_order_relaxed) == v ? answer : OUT_OF_DATE;
}

bool object_list_at(uint64_t addr, struct listed_object *o)
{
    enum answer answer = search_table(addr, o);
    if (answer == OUT_OF_DATE && fill_table())
        answer = search_table(addr, o);
    return answer == OUT_OF_DATE ? search_list(addr, o) : answer == FOUND;
}

void object_list_forget(void) { atomic_fetch_add(&dlcloses, 1); }

void object_list_forked_child(void)
{
    uint32_t v = atomic_load(&version);
    object_list_forget();
    if (v & 1)
        atomic_store(&version, v + 1);
}
