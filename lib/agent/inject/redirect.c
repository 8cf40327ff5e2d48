/* SPDX-License-Identifier: MIT */
/*
 * redirect.c: redirects table entries of loaded objects to our wrappers, and puts them back.
 *
 * A pass runs on the watcher, on the thread that attach borrowed, or on a thread of the program inside dlsym; one at a time. The program's
 * other threads run on all the while: an entry is one aligned word that is exchanged atomically, and both its values are right.
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
#include "../base/sys.h"
#include "../elf/dynamic.h"
#include "targets.h"

/* ---- what was changed: entry -> old value, never shrinking, so that a thousand attachments need the memory of one ---- */

struct change {
    uint64_t *entry; /* NULL: free */
    uint64_t old;
};
static struct change *changes;
static uint64_t n_changes, n_room; /* room: a power of two */

static struct change *find_change(struct change *in, uint64_t room, const uint64_t *entry)
{
    uint64_t i = hash_spread((uint64_t)entry >> 3) >> 20;
    for (;; i++) {
        struct change *c = &in[i & (room - 1)];
        if (!c->entry || c->entry == entry)
            return c;
    }
}

static bool make_room(void)
{
    if (changes && n_changes * 2 < n_room)
        return true;
    uint64_t room = n_room ? n_room * 2 : 1024;
    struct change *more = sys_mmap(NULL, room * sizeof *more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys_failed(more))
        return false;
    for (uint64_t i = 0; changes && i < n_room; i++)
        if (changes[i].entry)
            *find_change(more, room, changes[i].entry) = changes[i];
    if (changes)
        sys_munmap(changes, n_room * sizeof *changes);
    changes = more;
    n_room = room;
    return true;
}

static bool remember(uint64_t *entry, uint64_t old)
{
    if (!make_room())
        return false;
    struct change *c = find_change(changes, n_room, entry);
    n_changes += !c->entry;
    *c = (struct change){entry, old};
    return true;
}

/* ---- one pass ---- */

enum wish { WISH_REDIRECT = 1, WISH_NEW = 2, WISH_UNDO = 4 };

struct pass {
    bool undo;
    int changed;
    bool out_of_memory;
    struct redirect_stats seen;
};

static struct redirect_stats stats;
static uint64_t seen_generation; /* objects loaded plus objects unloaded, ever, at the last pass */
static bool active;
static _Atomic unsigned wishes;
static _Atomic bool busy;

/* The loader itself, the kernel's own object, and we: none of them calls through an entry that concerns the program. */
static bool leave_alone(const struct dl_phdr_info *info)
{
    uint64_t loader = getauxval(AT_BASE), vdso = getauxval(AT_SYSINFO_EHDR);
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    if ((loader && info->dlpi_addr == loader) || (vdso && info->dlpi_addr == vdso) || strstr(name, "/ld-linux") ||
        strstr(name, "linux-vdso"))
        return true;
    return dynamic_is_ours(info);
}

struct page_lock { /* the object's read-only range, while it is open for writing */
    const struct dynamic *d;
    bool open;
};

static bool writable(struct page_lock *lock, uint64_t *entry)
{
    const struct dynamic *d = lock->d;
    if (sys_touch(entry))
        return true;
    uint64_t at = (uint64_t)entry;
    if (lock->open || at < d->relro_start || at + 8 > d->relro_end)
        return false;
    if (sys_mprotect((void *)d->relro_start, d->relro_end - d->relro_start, PROT_READ | PROT_WRITE) < 0)
        return false;
    lock->open = true;
    return sys_touch(entry);
}

static void lock_again(struct page_lock *lock)
{
    const struct dynamic *d = lock->d;
    if (lock->open)
        sys_mprotect((void *)d->relro_start, d->relro_end - d->relro_start, PROT_READ);
}

static void exchange(struct pass *p, struct page_lock *lock, uint64_t *entry, uint64_t now, uint64_t then)
{
    if (!writable(lock, entry)) {
        p->seen.missed++;
    } else if (!p->undo && !remember(entry, now)) {
        p->out_of_memory = true;
    } else if (__atomic_compare_exchange_n(entry, &now, then, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        p->changed++;
        stats.redirected += p->undo ? -1 : 1;
    }
}

/* An entry of a call that was never made: it leads to the object's own stub, which asks the loader. */
static bool is_lazy_stub(const struct dynamic *d, const Elf64_Rela *r, uint64_t value)
{
    return ELF64_R_TYPE(r->r_info) == ARCH_R_CALL && d->symbols[ELF64_R_SYM(r->r_info)].st_shndx == SHN_UNDEF &&
           dynamic_holds(d, value, PF_X);
}

static void visit_entry(struct pass *p, struct page_lock *lock, const Elf64_Rela *r)
{
    const struct dynamic *d = lock->d;
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
        const struct change *c = value == wrapper && changes ? find_change(changes, n_room, entry) : NULL;
        if (c && c->entry)
            exchange(p, lock, entry, value, c->old);
    } else if (value != wrapper) {
        if (value == (uint64_t)t->original || is_lazy_stub(d, r, value))
            exchange(p, lock, entry, value, wrapper);
        else if (value != (uint64_t)t->alias) /* an executable's stub for it, which leads to us by the executable's own entry */
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
    if (leave_alone(info))
        return 0;
    if (!dynamic_read(&d, info, &broken)) {
        p->seen.broken += broken;
        return 0;
    }
    p->seen.objects++;
    struct page_lock lock = {.d = &d};
    for (unsigned which = 0; which < 2; which++)
        for (size_t i = 0; i < d.relocations[which].n; i++)
            visit_entry(p, &lock, &d.relocations[which].at[i]);
    lock_again(&lock);
    return 0;
}

static int run(bool undo)
{
    struct pass p = {.undo = undo};
    if (!undo)
        targets_find();
    active = !undo;
    dl_iterate_phdr(visit_object, &p);
    stats.objects = p.seen.objects;
    stats.broken = p.seen.broken;
    stats.missed = p.seen.missed;
    return p.out_of_memory ? -ENOMEM : p.changed;
}

static int first_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
        *(uint64_t *)arg = info->dlpi_adds + info->dlpi_subs;
    return 1;
}

static bool anything_new(void)
{
    uint64_t now = 0;
    dl_iterate_phdr(first_object, &now);
    return now != seen_generation;
}

/*
 * The one who finds nobody at work does the work, also what others wish meanwhile; they go their way. The latest of redirect and undo wins.
 */
static int wish(unsigned what)
{
    int saved = errno, result = 0;
    unsigned before = atomic_load(&wishes);
    while (!atomic_compare_exchange_weak(&wishes, &before, what == WISH_NEW ? before | what : what))
        ;
    while (atomic_load(&wishes) && !atomic_exchange(&busy, true)) {
        unsigned now = atomic_exchange(&wishes, 0);
        if (now & WISH_UNDO)
            result = run(true);
        else if (now & WISH_REDIRECT || (now & WISH_NEW && (active || targets_are_preloaded()) && anything_new()))
            result = run(false);
        atomic_store(&busy, false);
    }
    errno = saved;
    return result;
}

int redirect_all(void) { return wish(WISH_REDIRECT); }

int redirect_new(void) { return wish(WISH_NEW); }

int redirect_undo(void) { return wish(WISH_UNDO); }

void redirect_settle(void)
{
    struct timespec nap = {.tv_nsec = 1000000};
    for (int i = 0; i < 2000 && (atomic_load(&busy) || atomic_load(&wishes)); i++)
        SYS2(SYS_nanosleep, &nap, NULL);
}

bool redirect_active(void) { return active; }

void redirect_find_targets(void)
{
    if (targets_are_found())
        return;
    while (atomic_exchange(&busy, true))
        SYS0(SYS_sched_yield);
    targets_find();
    atomic_store(&busy, false);
}

void redirect_fork_prepare(void)
{
    while (atomic_exchange(&busy, true))
        SYS0(SYS_sched_yield);
}

void redirect_fork_parent(void)
{
    atomic_store(&busy, false);
    if (atomic_load(&wishes))
        wish(WISH_NEW);
}

void redirect_forked_child(void) { atomic_store(&busy, false); }

void redirect_get_stats(struct redirect_stats *s) { *s = stats; }
