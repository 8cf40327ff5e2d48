/* SPDX-License-Identifier: MIT */
/*
 * inherit.c: what a child of fork knows of the sockets that it got from its parent.
 *
 * The table is a shared mapping, and the parent goes on changing it: it may close its copy of a connection before the child runs first. So the forking
 * thread copies the live slots into private pages right before the fork; the parent gives them back after it. Most children never use a socket and
 * stop there; a child that does gets a table of its own, and what it inherited is entered into it. A child made by _Fork or a raw clone is noticed
 * late, and copies what the parent's table says then.
 */
#include <string.h>
#include <sys/mman.h>

#include "../agent.h"
#include "../track/probe.h"
#include "../stacks/sites.h"
#include "../base/sys.h"
#include "../table/table.h"
#include "../track/track.h"

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

static struct fork_copy *copy; /* of this process, a child that has no table yet */
static uint64_t *present;      /* a bit for each descriptor: every read and write of a child asks until it has a table */
static size_t present_size;
static int highest = -1;
static struct state_view parent; /* the parent's mapping, for its stacks; still mapped here */

static void drop_entries(void)
{
    if (copy)
        agent_free_pages(copy, copy->size);
    if (present)
        agent_free_pages(present, present_size);
    copy = NULL;
    present = NULL;
    highest = -1;
}

static void mark_present(void)
{
    for (unsigned i = 0; i < inherited_count(); i++)
        if (copy->entries[i].fd > highest)
            highest = copy->entries[i].fd;
    present_size = (size_t)highest / 8 + 8;
    present = highest >= 0 ? agent_pages(present_size) : NULL;
    for (unsigned i = 0; present && i < copy->n; i++)
        present[copy->entries[i].fd / 64] |= 1ull << copy->entries[i].fd % 64;
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
    struct fork_copy *c = agent_pages(size);
    if (!c)
        return NULL;
    c->size = size;
    pos = 0;
    while (c->n < n && state_next_slot(view, &pos, &fd, &s))
        c->entries[c->n++] = (struct entry){fd, s};
    return c;
}

void inherited_prepare(void)
{
    struct state_view view = table_view();
    struct fork_copy *c = copy_slots(&view);
    for (unsigned i = 0; c && i < c->n; i++) /* the child cannot see what several descriptors share here */
        atomic_store(&c->entries[i].slot.flags, slot_flags(&c->entries[i].slot));
    agent_thread.fork_copy = c;
}

void inherited_discard(void)
{
    if (agent_thread.fork_copy)
        agent_free_pages(agent_thread.fork_copy, agent_thread.fork_copy->size);
    agent_thread.fork_copy = NULL;
}

void inherited_take(bool prepared)
{
    if (!table_head)
        return; /* a child of a child that had no table yet: what it took is ours too */
    struct state_view old = parent;
    table_forget(&parent);
    if (old.base)
        sys_munmap((void *)(uintptr_t)old.base, old.size);
    drop_entries();
    copy = prepared ? agent_thread.fork_copy : copy_slots(&parent);
    agent_thread.fork_copy = NULL;
    mark_present();
    bool connected = false;
    for (unsigned i = 0; i < inherited_count(); i++)
        if (track_is_awaited(&copy->entries[i].slot))
            connected = true;
    track_expect_use(connected);
}

unsigned inherited_count(void) { return copy ? copy->n : 0; }

bool inherited_has(int fd) { return fd >= 0 && fd <= highest && present && (present[fd / 64] >> fd % 64 & 1); }

void inherited_describe(struct state_header *h)
{
    if (!parent.base)
        return;
    const struct state_header *p = state_head(&parent);
    h->boot_id_hash = p->boot_id_hash;
    h->exe_dev = p->exe_dev;
    h->exe_ino = p->exe_ino;
    memcpy(h->exe, p->exe, sizeof h->exe);
    memcpy(h->host, p->host, sizeof h->host);
}

void inherited_import(void)
{
    for (unsigned i = 0; i < inherited_count(); i++) {
        struct entry *e = &copy->entries[i];
        uint64_t stamped = atomic_load(&e->slot.watch_gen) == SLOT_GEN(atomic_load(&e->slot.word)) ? atomic_load(&e->slot.cookie) : 0;
        uint64_t cookie = observe_cookie(e->fd);
        if (cookie && (!stamped || stamped == cookie))
            track_import(e->fd, &e->slot, sites_import(&parent, e->slot.site), cookie);
    }
    drop_entries();
    if (parent.base)
        sys_munmap((void *)(uintptr_t)parent.base, parent.size);
    parent.base = NULL;
}
