/* SPDX-License-Identifier: MIT */
/*
 * inherit.c: what a child of fork knows of the sockets that it got from its parent.
 *
 * The table is a shared mapping, and the parent goes on changing it: it may close its
 * copy of a connection before the child runs at all. So the forking thread copies the live
 * slots into private pages just before the fork, and the parent frees its copy after it.
 * Most children never use a socket, and nothing more happens. A child that does gets a table of its
 * own, into which the inherited sockets are entered. A child made by _Fork or a raw clone(2) is
 * noticed at its first event, and copies what the parent's table holds then.
 *
 * Runs on the forking thread, and in the child on the thread that forked or has the first event.
 */
#include "inherit.h"

#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../track/adopt.h"
#include "../track/inherited_set.h"
#include "../track/probe.h"
#include "../track/slot.h"

struct inherited_slot {
    int fd;
    struct state_slot slot;
};

/*
 * The live slots at the fork, as the forking thread copied them. In private pages, so that the
 * child has its own. SIZE: of the whole, in bytes.
 */
struct fork_copy {
    size_t size;
    unsigned n;
    struct inherited_slot entries[];
};

/* What this process, a forked child that has no table yet, has inherited. NULL: nothing. */
static struct fork_copy *inherited;
/*
 * The parent's table, for its stacks: it stays mapped here until inherit_import. base NULL:
 * none.
 */
static struct state_view parent_view;

static void drop_entries(void)
{
    if (inherited)
        pages_free(inherited, inherited->size);
    inherited = NULL;
    inherited_set_clear();
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
        c->entries[c->n++] = (struct inherited_slot){fd, s};
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
    this_thread.fork_copy = c;
}

void inherit_discard(void)
{
    if (this_thread.fork_copy)
        pages_free(this_thread.fork_copy, this_thread.fork_copy->size);
    this_thread.fork_copy = NULL;
}

void inherit_take(bool prepared)
{
    if (!table_exists())
        /* the child of a child that had no table yet: INHERITED is what this one inherited too */
        return;
    struct state_view old = parent_view;
    table_forget(&parent_view);
    if (old.base)
        sys_munmap((void *)(uintptr_t)old.base, old.size);
    drop_entries();
    inherited = prepared ? this_thread.fork_copy : copy_slots(&parent_view);
    this_thread.fork_copy = NULL;
    fill_set();
    bool connected = false;
    for (unsigned i = 0; i < inherit_count(); i++)
        if (track_is_awaited(&inherited->entries[i].slot))
            connected = true;
    track_expect_use(connected);
}

unsigned inherit_count(void) { return inherited ? inherited->n : 0; }

const struct state_header *inherit_parent_header(void) { return parent_view.base ? state_head(&parent_view) : NULL; }

void inherit_import(void)
{
    for (unsigned i = 0; i < inherit_count(); i++) {
        struct inherited_slot *e = &inherited->entries[i];
        uint64_t stamped = atomic_load(&e->slot.watch_gen) == SLOT_GEN(atomic_load(&e->slot.word)) ? atomic_load(&e->slot.cookie) : 0;
        uint64_t cookie = probe_cookie(e->fd);
        if (cookie && (!stamped || stamped == cookie))
            track_import(e->fd, &e->slot, sites_import(&parent_view, e->slot.site), cookie);
    }
    drop_entries();
    if (parent_view.base)
        sys_munmap((void *)(uintptr_t)parent_view.base, parent_view.size);
    parent_view.base = NULL;
}
