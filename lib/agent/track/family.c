/* SPDX-License-Identifier: MIT */
/*
 * family.c: which of the processes that hold an inherited socket reports it.
 *
 * Reserving runs on the forking thread, the rest on the thread that looks. Two processes of a
 * family that end together must not leave a finding to each other: each marks first that it leaves,
 * then looks at the marks of the others; the one that marked last reports. It may have done so, and
 * ended, before another looks: so it notes what it reports in its record, which outlives it.
 */
#include "family.h"

#include <linux/kcmp.h>
#include <sys/stat.h>

#include "../../core/out.h"
#include "../../core/statedir.h"
#include "../base/clock.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/header.h"
#include "hold.h"

#define MAX_CHILDREN 1024u
#define UNBORN_NS (10u * NS_PER_S) /* a fork that takes longer has failed */
#define TOLD_NS (10u * NS_PER_S)   /* a last check that takes longer may tell again what another has told */

static struct state_child *own;   /* this process' record, in its parent's table */
static struct state_view parents; /* the parent's table, which stays mapped here */
static struct state_family family;
static uint32_t starter; /* the parent at an exec */
static _Atomic(struct state_child *) children[MAX_CHILDREN] LARGE_TABLE;
static _Atomic unsigned n_children, next_child;

/* ---- who there is ---------------------------------------------------------------------------- */

static bool is_gone(uint32_t pid) { return SYS2(SYS_kill, pid, 0) == -ESRCH; }

static bool is_free(const struct state_child *c, uint32_t pid, uint64_t now)
{
    if (pid == STATE_CHILD_UNBORN)
        return now - atomic_load(&c->since_ns) > UNBORN_NS;
    bool told = pid && atomic_load(&c->told[0]) && now - atomic_load(&c->leaving_ns) < TOLD_NS;
    return !pid || (!told && is_gone(pid));
}

static struct state_child *reserve(struct state_child *c, uint32_t pid, uint64_t now)
{
    if (!atomic_compare_exchange_strong(&c->pid, &pid, STATE_CHILD_UNBORN))
        return NULL;
    atomic_store(&c->since_ns, now);
    atomic_store(&c->leaving_ns, 0);
    for (unsigned i = 0; i < STATE_CHILD_FDS / 64; i++)
        atomic_store(&c->used[i], 0);
    for (unsigned i = 0; i < STATE_CHILD_TOLD; i++)
        atomic_store(&c->told[i], 0);
    return c;
}

/* One old record is looked at in each fork, so that their number stays what is needed at once. */
struct state_child *family_reserve(void)
{
    uint64_t now = clock_now();
    unsigned n = atomic_load(&n_children);
    struct state_child *c = n ? atomic_load(&children[atomic_fetch_add(&next_child, 1) % n]) : NULL;
    uint32_t pid = c ? atomic_load(&c->pid) : 0;
    if (c && is_free(c, pid, now))
        return reserve(c, pid, now);
    state_ref ref;
    if (n >= MAX_CHILDREN || !(c = table_alloc(EXTENT_CHILDREN, sizeof *c / STATE_REF_UNIT, &ref)) || !reserve(c, 0, now))
        return NULL;
    n = atomic_fetch_add(&n_children, 1);
    if (n < MAX_CHILDREN)
        atomic_store(&children[n], c);
    else
        atomic_store(&n_children, MAX_CHILDREN);
    return c;
}

void family_born(struct state_child *record, const struct state_view *parent)
{
    if (parents.base && parents.base != parent->base)
        sys_munmap((void *)(uintptr_t)parents.base, parents.size);
    parents = *parent;
    own = record;
    if (own)
        atomic_store(&own->pid, (uint32_t)sys_getpid());
    atomic_store(&n_children, 0);
    atomic_store(&next_child, 0);
    const struct state_header *h = state_head(parent);
    const struct state_family *f = state_family(parent);
    family = (struct state_family){.parent = h->pid, .parent_start = h->start_ticks, .ancestors = {f->parent}};
    for (unsigned i = 1; i < STATE_ANCESTORS; i++)
        family.ancestors[i] = f->ancestors[i - 1];
}

void family_started_by(uint32_t pid) { starter = pid; }

const struct state_view *family_parent_view(void) { return &parents; }

static struct state_family *written(void)
{
    return (struct state_family *)(uintptr_t)state_family(&(struct state_view){.base = (void *)table_head});
}

void family_describe(void)
{
    struct state_family *f = written();
    f->parent = family.parent;
    f->parent_start = family.parent_start;
    for (unsigned i = 0; i < STATE_ANCESTORS; i++)
        f->ancestors[i] = family.ancestors[i];
}

void family_came_with(const struct state_family *f)
{
    family.parent = f->parent;
    family.parent_start = f->parent_start;
    for (unsigned i = 0; i < STATE_ANCESTORS; i++)
        family.ancestors[i] = f->ancestors[i];
    family_describe();
}

/* The parent has ended: also when it is a zombie, or another process has its number. */
static bool has_ended(void)
{
    char text[1024];
    long n = proc_read(text, sizeof text, "/proc/%u/stat", family.parent);
    if (n == -ENOENT)
        return is_gone(family.parent);
    const char *state = text;
    for (const char *p = text; *p; p++)
        if (*p == ')' && p[1] == ' ')
            state = p + 2;
    return n == -ESRCH || *state == 'Z' || *state == 'X' ||
           (family.parent_start && n > 0 && statedir_start_ticks(text) != family.parent_start);
}

bool family_parent_lives(void) { return family.parent && ((uint32_t)SYS0(SYS_getppid) == family.parent || !has_ended()); }

void family_look(void)
{
    if (family.parent && !atomic_load(&written()->parent_ended) && !family_parent_lives())
        atomic_store(&written()->parent_ended, 1);
}

/* ---- who holds a socket ---------------------------------------------------------------------- */

enum holds { NO, YES, UNKNOWN };

/* Without /proc. A container's filter may refuse it. */
static enum holds compare(uint32_t pid, int fd)
{
    long r = sys_in_sandbox() ? -EPERM : SYS5(SYS_kcmp, sys_getpid(), pid, KCMP_FILE, fd, fd);
    return r == 0 ? YES : r > 0 || r == -EBADF || r == -ESRCH ? NO : UNKNOWN;
}

static enum holds holds(uint32_t pid, int fd, const struct stat *mine)
{
    char path[48];
    struct stat st;
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/%u/fd/%d", pid, fd);
    path[o.len] = 0;
    long r = sys_stat(path, &st);
    if (r >= 0)
        return st.st_ino == mine->st_ino && st.st_dev == mine->st_dev ? YES : NO;
    if (r != -ENOENT && r != -ESRCH)
        return UNKNOWN;
    /* there is no /proc in a chroot, and one that hides others' processes (hidepid) */
    o.len = 0;
    out_fmt(&o, "/proc/%u", pid);
    path[o.len] = 0;
    return is_gone(pid) || sys_stat(path, &st) >= 0 ? NO : compare(pid, fd);
}

/* By the parent's table, where /proc does not let us see. */
static bool parents_table_has(int fd, const struct state_slot *slot)
{
    uint64_t pos = 0;
    struct state_slot s;
    int at;
    if (!parents.base || atomic_load(&written()->parent_ended))
        return false;
    table_refresh(&parents);
    while (state_next_slot(&parents, &pos, &at, &s))
        if (at == fd)
            return s.opened_ns == slot->opened_ns;
    return false;
}

/* THEIRS: when the other began its last check, 0: not yet. It leaves the finding to us. */
static bool leaves_it_to_us(uint64_t theirs)
{
    uint64_t ours = atomic_load(&written()->leaving_ns);
    return ours && theirs && theirs < ours;
}

static bool ancestor_goes_first(int fd, const struct state_slot *slot, const struct stat *mine)
{
    if (starter && holds(starter, fd, mine) == YES)
        return true;
    if (!family.parent)
        return false;
    enum holds h = holds(family.parent, fd, mine);
    /* Whoever opened it reports it at its end too. */
    bool opener = parents.base && !state_family(&parents)->parent;
    if (h == UNKNOWN ? parents_table_has(fd, slot)
                     : h == YES && (opener || !parents.base || !leaves_it_to_us(atomic_load(&state_family(&parents)->leaving_ns))))
        return true;
    for (unsigned i = 0; i < STATE_ANCESTORS && family.ancestors[i]; i++)
        if (holds(family.ancestors[i], fd, mine) == YES)
            return true;
    return false;
}

static bool uses(const struct state_child *c, int fd)
{
    return fd < (int)STATE_CHILD_FDS && (atomic_load(&c->used[fd / 64]) >> fd % 64 & 1);
}

/*
 * C, whose process began its last check after this one's and may have ended, reports the socket of
 * this cookie.
 */
static bool has_told(const struct state_child *c, uint64_t cookie)
{
    uint64_t ours = atomic_load(&written()->leaving_ns);
    bool told = false;
    for (unsigned i = 0; cookie && i < STATE_CHILD_TOLD; i++)
        told |= atomic_load(&c->told[i]) == cookie;
    return told && ours && atomic_load(&c->leaving_ns) > ours;
}

/* For the others, in this process' last check: it reports the socket of this cookie. */
static void tell(uint64_t cookie)
{
    if (!own || !cookie || !atomic_load(&written()->leaving_ns))
        return;
    unsigned i = 0;
    while (i < STATE_CHILD_TOLD && atomic_load(&own->told[i]) && atomic_load(&own->told[i]) != cookie)
        i++;
    if (i < STATE_CHILD_TOLD) /* else another may tell it again */
        atomic_store(&own->told[i], cookie);
}

/* C is a brother or sister, or (BELOW) a child. */
static bool goes_first(const struct state_child *c, bool below, int fd, const struct stat *mine, uint64_t cookie)
{
    uint32_t pid = atomic_load(&c->pid), self = table_pid();
    if (!pid || pid == STATE_CHILD_UNBORN || pid == self)
        return false;
    enum holds h = holds(pid, fd, mine);
    if (has_told(c, cookie)) /* asked after that: it may have ended in between */
        return true;
    if (h != YES)
        return h == UNKNOWN && uses(c, fd) && !is_gone(pid);
    if (uses(c, fd))
        return true;
    if (atomic_load(&written()->leaving_ns))
        return !leaves_it_to_us(atomic_load(&c->leaving_ns));
    return !below && pid < self;
}

static bool other_goes_first(int fd, const struct stat *mine, uint64_t cookie)
{
    uint64_t pos = 0;
    const struct state_child *c;
    if (parents.base) {
        table_refresh(&parents);
        while ((c = state_next_child(&parents, &pos)))
            if (c != own && goes_first(c, false, fd, mine, cookie))
                return true;
    }
    for (unsigned i = 0; i < atomic_load(&n_children) && i < MAX_CHILDREN; i++)
        if ((c = atomic_load(&children[i])) && goes_first(c, true, fd, mine, cookie))
            return true;
    return false;
}

bool family_is_last(int fd, const struct state_slot *slot)
{
    struct stat mine;
    /* Whoever started the program owns its standard descriptors. */
    if (fd <= 2 && !slot->site)
        return false;
    uint64_t word = atomic_load(&slot->word);
    if (SLOT_PHASE(word) != SLOT_LIVE || !hold_live(fd, word))
        return false;
    bool known = sys_stat_at(hold_file(fd), "", &mine, AT_EMPTY_PATH) >= 0;
    hold_end();
    uint64_t cookie = atomic_load(&slot->cookie);
    if (!known || ancestor_goes_first(fd, slot, &mine) || other_goes_first(fd, &mine, cookie))
        return false;
    tell(cookie);
    return true;
}

void family_uses(int fd, bool uses_it)
{
    if (!own || fd >= (int)STATE_CHILD_FDS)
        return;
    uint64_t bit = 1ull << fd % 64;
    if (uses_it)
        atomic_fetch_or(&own->used[fd / 64], bit);
    else
        atomic_fetch_and(&own->used[fd / 64], ~bit);
}

void family_leaves(void)
{
    uint64_t now = clock_now();
    if (own)
        atomic_store(&own->leaving_ns, now);
    atomic_store(&written()->leaving_ns, now);
}
