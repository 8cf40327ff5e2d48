/* SPDX-License-Identifier: MIT */
/*
 * redirect.c: redirects table entries of loaded objects to our wrappers, and restores them.
 *
 * A pass runs on the watcher, on the thread that attach borrowed, or on a thread of the program
 * inside dlsym; one at a time. The program's other threads run all the while: an entry is one
 * aligned word that is exchanged atomically, and both of its values are valid.
 */
#include "redirect.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "../../core/hash.h"
#include "../../arch/plt.h"
#include "../base/auxv.h"
#include "../base/sys.h"
#include "../elf/dynamic.h"
#include "targets.h"

/* ---- changes ---- */

/*
 * A map from entry to old value. It never shrinks, and an entry that is redirected again uses its
 * old place: a thousand attachments need the memory of one.
 */
struct change {
    uint64_t *entry; /* NULL: free */
    uint64_t old;
};
static struct change *changes;
static uint64_t n_changes, n_room; /* n_room: places, a power of two; 0: CHANGES is NULL */

static struct change *find_change(struct change *in, uint64_t room, const uint64_t *entry)
{
    uint64_t i = hash_spread((uint64_t)entry >> 3) >> 20;
    for (;; i++) {
        struct change *c = &in[i & (room - 1)];
        if (!c->entry || c->entry == entry)
            return c;
    }
}

static bool grow_changes(void)
{
    if (n_changes * 2 < n_room)
        return true;
    uint64_t room = n_room ? n_room * 2 : 1024;
    struct change *more = sys_mmap(NULL, room * sizeof *more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys_failed(more))
        return false;
    for (uint64_t i = 0; i < n_room; i++)
        if (changes[i].entry)
            *find_change(more, room, changes[i].entry) = changes[i];
    if (n_room)
        sys_munmap(changes, n_room * sizeof *changes);
    changes = more;
    n_room = room;
    return true;
}

static bool remember_change(uint64_t *entry, uint64_t old)
{
    if (!grow_changes())
        return false;
    struct change *c = find_change(changes, n_room, entry);
    n_changes += !c->entry;
    *c = (struct change){entry, old};
    return true;
}

/* ---- one pass ---- */

enum request { REQUEST_REDIRECT = 1, REQUEST_NEW = 2, REQUEST_UNDO = 4 };

struct pass {
    bool undo;
    int changed;
    bool out_of_memory;
    struct redirect_stats seen;
};

static struct redirect_stats pass_stats;
/* objects ever loaded plus objects ever unloaded, at the last pass */
static uint64_t seen_generation;
static bool redirecting;
static _Atomic unsigned requests;
static _Atomic bool pass_running, required;

/*
 * True for the loader, the vDSO, this library and libunwind, which this library loads: none of them
 * calls through an entry that concerns the program.
 */
static bool is_left_alone(const struct dl_phdr_info *info)
{
    uint64_t loader = auxv_get(AT_BASE), vdso = auxv_get(AT_SYSINFO_EHDR);
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    if ((loader && info->dlpi_addr == loader) || (vdso && info->dlpi_addr == vdso) || strstr(name, "/ld-linux") ||
        strstr(name, "/libunwind"))
        return true;
    return dynamic_is_ours(info);
}

struct relro_range { /* the object's read-only range; OPEN: it is writable now */
    const struct dynamic *d;
    bool open;
};

static bool make_writable(struct relro_range *range, uint64_t *entry)
{
    const struct dynamic *d = range->d;
    if (sys_touch(entry))
        return true;
    uint64_t at = (uint64_t)entry;
    if (range->open || at < d->relro_start || at + 8 > d->relro_end)
        return false;
    range->open = sys_mprotect((void *)d->relro_start, d->relro_end - d->relro_start, PROT_READ | PROT_WRITE) >= 0;
    return sys_touch(entry);
}

static void make_readonly(struct relro_range *range)
{
    const struct dynamic *d = range->d;
    if (range->open)
        sys_mprotect((void *)d->relro_start, d->relro_end - d->relro_start, PROT_READ);
}

static void exchange_entry(struct pass *p, struct relro_range *range, uint64_t *entry, uint64_t now, uint64_t then)
{
    if (!make_writable(range, entry)) {
        p->seen.missed++;
    } else if (!p->undo && !remember_change(entry, now)) {
        p->out_of_memory = true;
    } else if (__atomic_compare_exchange_n(entry, &now, then, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        p->changed++;
        pass_stats.redirected += p->undo ? -1 : 1;
    }
}

/*
 * True for the entry of a call that was never made: it leads to the object's own stub, which asks
 * the loader for the function.
 */
static bool is_lazy_stub(const struct dynamic *d, const Elf64_Rela *r, uint64_t value)
{
    return ELF64_R_TYPE(r->r_info) == ARCH_R_CALL && d->symbols[ELF64_R_SYM(r->r_info)].st_shndx == SHN_UNDEF &&
           dynamic_holds(d, value, PF_X);
}

static void visit_entry(struct pass *p, struct relro_range *range, const Elf64_Rela *r)
{
    const struct dynamic *d = range->d;
    uint64_t type = ELF64_R_TYPE(r->r_info), at = d->bias + r->r_offset;
    if (type != ARCH_R_CALL && type != ARCH_R_GOT && (type != ARCH_R_DATA || r->r_addend))
        return;
    const char *name = dynamic_name(d, (uint32_t)ELF64_R_SYM(r->r_info));
    const struct target *t = name ? target_named(name, dynamic_hash(name)) : NULL;
    if (!t || !t->original)
        return;
    if (at % 8 || !dynamic_holds(d, at, PF_W)) {
        p->seen.missed++;
        return;
    }
    uint64_t *entry = (uint64_t *)at, value = __atomic_load_n(entry, __ATOMIC_RELAXED), wrapper = (uint64_t)t->wrapper;
    if (p->undo) {
        const struct change *c = value == wrapper && n_room ? find_change(changes, n_room, entry) : NULL;
        if (c && c->entry)
            exchange_entry(p, range, entry, value, c->old);
    } else if (value != wrapper) {
        if (value == (uint64_t)t->original || is_lazy_stub(d, r, value))
            exchange_entry(p, range, entry, value, wrapper);
        else if (value != (uint64_t)t->alias) /* the executable's own entry leads ALIAS to us */
            p->seen.missed++;
    }
}

static int visit_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct pass *p = arg;
    struct dynamic d;
    bool broken;
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
        seen_generation = info->dlpi_adds + info->dlpi_subs;
    if (is_left_alone(info))
        return 0;
    if (!dynamic_read(&d, info, &broken)) {
        p->seen.broken += broken;
        return 0;
    }
    p->seen.objects++;
    struct relro_range range = {.d = &d};
    for (unsigned which = 0; which < 2; which++)
        for (size_t i = 0; i < d.relocations[which].n; i++)
            visit_entry(p, &range, &d.relocations[which].at[i]);
    make_readonly(&range);
    return 0;
}

static int run_pass(bool undo)
{
    struct pass p = {.undo = undo};
    if (!undo)
        targets_find();
    redirecting = !undo;
    dl_iterate_phdr(visit_object, &p);
    pass_stats.objects = p.seen.objects;
    pass_stats.broken = p.seen.broken;
    pass_stats.missed = p.seen.missed;
    return p.out_of_memory ? -ENOMEM : p.changed;
}

static int read_generation(struct dl_phdr_info *info, size_t size, void *arg)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
        *(uint64_t *)arg = info->dlpi_adds + info->dlpi_subs;
    return 1;
}

static bool anything_new(void)
{
    uint64_t now = 0;
    dl_iterate_phdr(read_generation, &now);
    return now != seen_generation;
}

/*
 * Records the request WHAT. If no thread is performing requests, this one does, also those that
 * others record meanwhile; the others return at once. Of redirect and undo the latest wins.
 */
static int request_pass(unsigned what)
{
    int result = 0;
    unsigned before = atomic_load(&requests);
    while (!atomic_compare_exchange_weak(&requests, &before, what == REQUEST_NEW ? before | what : what))
        ;
    while (atomic_load(&requests) && !atomic_exchange(&pass_running, true)) {
        unsigned now = atomic_exchange(&requests, 0);
        if (now & REQUEST_UNDO)
            result = run_pass(true);
        else if (now & REQUEST_REDIRECT || (now & REQUEST_NEW && (redirecting || targets_are_preloaded()) && anything_new()))
            result = run_pass(false);
        atomic_store(&pass_running, false);
    }
    return result;
}

int redirect_all(void) { return request_pass(REQUEST_REDIRECT); }

int redirect_new(void) { return request_pass(REQUEST_NEW); }

int redirect_undo(void) { return request_pass(REQUEST_UNDO); }

void redirect_settle(void)
{
    struct timespec nap = {.tv_nsec = 1000000};
    for (int i = 0; i < 2000 && (atomic_load(&pass_running) || atomic_load(&requests)); i++)
        SYS2(SYS_nanosleep, &nap, NULL);
}

void redirect_require(void) { atomic_store(&required, true); }

bool redirect_is_required(void) { return atomic_load_explicit(&required, memory_order_relaxed); }

bool redirect_active(void) { return redirecting; }

void redirect_find_targets(void)
{
    if (targets_are_found())
        return;
    redirect_alone(targets_find);
}

void redirect_fork_prepare(void)
{
    while (atomic_exchange(&pass_running, true))
        SYS0(SYS_sched_yield);
}

void redirect_fork_parent(void)
{
    atomic_store(&pass_running, false);
    if (atomic_load(&requests))
        request_pass(REQUEST_NEW);
}

void redirect_alone(void (*work)(void))
{
    redirect_fork_prepare();
    work();
    redirect_fork_parent();
}

void redirect_forked_child(void) { atomic_store(&pass_running, false); }

void redirect_get_stats(struct redirect_stats *s) { *s = pass_stats; }
