/* SPDX-License-Identifier: MIT */
/*
 * inherit.c: what a child of fork knows of the sockets that it got from its parent.
 *
 * The table is a shared mapping, and the parent goes on changing it: it may close its
 * copy of a connection before the child runs at all. So the forking thread copies the live
 * slots into private pages just before the fork, and the parent frees its copy after it.
 * Most children never use a socket and end soon, and nothing more happens. A child that uses one,
 * or that goes on with connections which it does not use, gets a table of its own, into which the
 * inherited sockets are entered. A child made by _Fork or a raw clone(2) is noticed at its first
 * event, and copies what the parent's table holds then.
 *
 * Runs on the forking thread, and in the child on the thread that forked or has the first event.
 */
#include "inherit.h"

#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/lives.h"
#include "../track/life.h"
#include "../track/adopt.h"
#include "../track/family.h"
#include "../track/hold.h"
#include "../track/inherited_set.h"
#include "../track/probe.h"
#include "../track/slot.h"
#include "../track/starts.h"

struct inherited_slot {
    int fd;
    uint64_t at; /* where its slot is in the parent's table: the number that state_next_slot counts in */
    struct state_slot slot;
};

/*
 * The live slots at the fork, as the forking thread copied them. In private pages, so that the
 * child has its own. SIZE: of the whole, in bytes.
 */
struct fork_copy {
    size_t size;
    unsigned n;
    struct state_child *record; /* the child's */
    struct inherited_slot entries[];
};

/* What this process, a forked child that has no table yet, has inherited. NULL: nothing. */
static struct fork_copy *inherited;
/* One of them may become a finding without a call of this process. */
static bool minded;

static void drop_entries(void)
{
    if (inherited)
        pages_free(inherited, inherited->size);
    inherited = NULL;
}

static void fill_set(void)
{
    int highest = -1;
    for (unsigned i = 0; i < inherit_count(); i++)
        if (inherited->entries[i].fd > highest)
            highest = inherited->entries[i].fd;
    if (inherited_set_make(highest))
        for (unsigned i = 0; i < inherited->n; i++)
            inherited_set_add(inherited->entries[i].fd);
}

static struct fork_copy *copy_slots(const struct state_view *view)
{
    uint64_t pos = 0;
    int fd;
    struct state_slot s;
    unsigned n = 0;
    while (state_next_slot(view, &pos, &fd, &s))
        n++;
    if (!n)
        return NULL;
    n += 16; /* other threads may open sockets between the two passes */
    size_t size = sizeof(struct fork_copy) + n * sizeof(struct inherited_slot);
    struct fork_copy *c = pages_alloc(size);
    if (!c)
        return NULL;
    c->size = size;
    pos = 0;
    while (c->n < n && state_next_slot(view, &pos, &fd, &s))
        c->entries[c->n++] = (struct inherited_slot){fd, pos - 1, s};
    return c;
}

void inherit_prepare(void)
{
    struct state_view view = table_view();
    struct fork_copy *c = copy_slots(&view);
    /*
     * Stores the flags of struct state_share too, which is in the parent's table: the child
     * cannot read it there.
     */
    for (unsigned i = 0; c && i < c->n; i++)
        atomic_store(&c->entries[i].slot.flags, slot_flags(&c->entries[i].slot));
    if (c)
        c->record = family_reserve();
    if (c && c->record)
        c->record->started = starts_site(this_thread.fork_start);
    this_thread.fork_copy = c;
}

void inherit_discard(void)
{
    if (this_thread.fork_copy)
        pages_free(this_thread.fork_copy, this_thread.fork_copy->size);
    this_thread.fork_copy = NULL;
}

/*
 * A stream that is, or may become, a finding. Not socketpairs: see track_is_awaited. Not listeners,
 * which are never connected and never were.
 */
static void mind_entries(void)
{
    bool connected = false;
    minded = false;
    for (unsigned i = 0; i < inherit_count(); i++) {
        const struct inherited_slot *e = &inherited->entries[i];
        if (track_is_awaited(&e->slot))
            connected = minded = true;
    }
    track_expect_use(connected);
}

void inherit_take(bool prepared)
{
    if (table_exists()) {
        struct state_view parent;
        table_forget(&parent);
        lives_forget();
        drop_entries();
        inherited_set_clear();
        inherited = prepared ? this_thread.fork_copy : copy_slots(&parent);
        family_born(prepared && inherited ? inherited->record : NULL, &parent);
        this_thread.fork_copy = NULL;
        fill_set();
    } /* else the child of a child that had no table yet: INHERITED is what this one inherited too */
    mind_entries();
}

bool inherit_is_minded(void) { return minded; }

bool inherit_goes_along(void)
{
    for (unsigned i = 0; minded && i < inherit_count(); i++) {
        const struct inherited_slot *e = &inherited->entries[i];
        long flags = track_is_awaited(&e->slot) ? SYS3(SYS_fcntl, e->fd, F_GETFD, 0) : FD_CLOEXEC;
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            return true;
    }
    return false;
}

static bool parent_holds(const struct inherited_slot *e)
{
    const struct state_view *v = family_parent_view();
    const struct state_slot *theirs = (const void *)(v->base + STATE_BODY_OFFSET + e->at * sizeof *theirs);
    return atomic_load(&theirs->word) == atomic_load(&e->slot.word);
}

/*
 * Nearly always the parent lives and holds them all: then this reads its table, and asks nothing.
 */
bool inherit_may_be_last(void)
{
    bool lives = inherit_count() && family_parent_lives();
    for (unsigned i = 0; minded && i < inherit_count(); i++) {
        const struct inherited_slot *e = &inherited->entries[i];
        if (track_is_awaited(&e->slot) && !(lives && parent_holds(e)) && probe_cookie(e->fd))
            return true;
    }
    return false;
}

unsigned inherit_count(void) { return inherited ? inherited->n : 0; }

const struct state_header *inherit_parent_header(void)
{
    const struct state_view *v = family_parent_view();
    return v->base ? state_head(v) : NULL;
}

void inherit_import(void)
{
    const struct state_view *old = family_parent_view();
    struct state_finder find = {0};
    bool holds = descriptors_are_own(); /* then copies are asked, which end with the hold */
    for (unsigned i = 0; i < inherit_count(); i++) {
        struct inherited_slot *e = &inherited->entries[i];
        if (holds)
            hold_range(e->fd, e->fd);
        uint64_t cookie = track_still(e->fd, &e->slot);
        if (cookie && track_import(e->fd, &e->slot, sites_import(old, e->slot.site), cookie))
            life_import(e->fd, old, &find, &e->slot, sites_import);
        if (holds)
            hold_end();
    }
    drop_entries();
}
