/* SPDX-License-Identifier: MIT */
/*
 * inherit.c: what a child of fork knows of the sockets that it got from its parent.
 *
 * The table is a shared mapping, and the parent goes on changing it: it may close its copy of a connection before the child runs first. So the forking
 * thread copies the live slots into private pages right before the fork; the parent gives them back after it. Most children never use a socket and
 * stop there; a child that does gets a table of its own, and what it inherited is entered into it. A child made by _Fork or a raw clone is noticed
 * late, and copies what the parent's table says then.
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

struct entry {
    int fd;
    struct state_slot slot;
};

/* The copy that the forking thread made, with its room; private pages, so that the child has its own. */
struct fork_copy {
    size_t size;
    unsigned n;
    struct entry entries[];
};

static struct fork_copy *copy;   /* of this process, a child that has no table yet */
static struct state_view parent; /* the parent's mapping, for its stacks; still mapped here */

static void drop_entries(void)
{
    if (copy)
        pages_free(copy, copy->size);
    copy = NULL;
    inherited_set_clear();
}

static void fill_set(void)
{
    int highest = -1;
    for (unsigned i = 0; i < inherit_count(); i++)
        if (copy->entries[i].fd > highest)
            highest = copy->entries[i].fd;
    if (inherited_set_make(highest))
        for (unsigned i = 0; i < copy->n; i++)
            inherited_set_add(copy->entries[i].fd);
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
    n += 16; /* other threads go on opening */
    size_t size = sizeof(struct fork_copy) + n * sizeof(struct entry);
    struct fork_copy *c = pages_alloc(size);
    if (!c)
        return NULL;
    c->size = size;
    pos = 0;
    while (c->n < n && state_next_slot(view, &pos, &fd, &s))
        c->entries[c->n++] = (struct entry){fd, s};
    return c;
}

void inherit_prepare(void)
{
    struct state_view view = table_view();
    struct fork_copy *c = copy_slots(&view);
    for (unsigned i = 0; c && i < c->n; i++) /* the child cannot see what several descriptors share here */
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
        return; /* a child of a child that had no table yet: what it took is ours too */
    struct state_view old = parent;
    table_forget(&parent);
    if (old.base)
        sys_munmap((void *)(uintptr_t)old.base, old.size);
    drop_entries();
    copy = prepared ? this_thread.fork_copy : copy_slots(&parent);
    this_thread.fork_copy = NULL;
    fill_set();
    bool connected = false;
    for (unsigned i = 0; i < inherit_count(); i++)
        if (track_is_awaited(&copy->entries[i].slot))
            connected = true;
    track_expect_use(connected);
}

unsigned inherit_count(void) { return copy ? copy->n : 0; }

const struct state_header *inherit_parent_header(void) { return parent.base ? state_head(&parent) : NULL; }

void inherit_import(void)
{
    for (unsigned i = 0; i < inherit_count(); i++) {
        struct entry *e = &copy->entries[i];
        uint64_t stamped = atomic_load(&e->slot.watch_gen) == SLOT_GEN(atomic_load(&e->slot.word)) ? atomic_load(&e->slot.cookie) : 0;
        uint64_t cookie = probe_cookie(e->fd);
        if (cookie && (!stamped || stamped == cookie))
            track_import(e->fd, &e->slot, sites_import(&parent, e->slot.site), cookie);
    }
    drop_entries();
    if (parent.base)
        sys_munmap((void *)(uintptr_t)parent.base, parent.size);
    parent.base = NULL;
}
