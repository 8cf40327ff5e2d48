/* SPDX-License-Identifier: MIT */
/*
 * inherited.c: what a child of fork knows of the sockets that it got from its parent.
 *
 * The parent's table is a shared mapping that goes on changing, so the child copies the live slots into private memory at once (fork handler, one
 * thread). Most children never use a socket and stop there; a child that does gets a table of its own, and what it inherited is entered into it.
 */
#include <sys/mman.h>

#include "agent.h"
#include "observe.h"
#include "sites.h"
#include "sys.h"
#include "table.h"
#include "track.h"

struct entry {
    int fd;
    struct state_slot slot;
};

static struct entry *entries;
static unsigned n_entries;
static size_t entries_size;
static uint64_t *present; /* a bit for each descriptor: every read and write of a child asks until it has a table */
static size_t present_size;
static int highest = -1;
static struct state_view parent; /* the parent's mapping, for its stacks; still mapped here */

static void drop_entries(void)
{
    if (entries)
        agent_free_pages(entries, entries_size);
    if (present)
        agent_free_pages(present, present_size);
    entries = NULL;
    present = NULL;
    n_entries = 0;
    highest = -1;
}

static void mark_present(void)
{
    for (unsigned i = 0; i < n_entries; i++)
        if (entries[i].fd > highest)
            highest = entries[i].fd;
    present_size = (size_t)highest / 8 + 8;
    present = highest >= 0 ? agent_pages(present_size) : NULL;
    for (unsigned i = 0; present && i < n_entries; i++)
        present[entries[i].fd / 64] |= 1ull << entries[i].fd % 64;
}

static void copy_slots(uint64_t forked_ns)
{
    uint64_t pos = 0;
    int fd;
    struct state_slot s;
    unsigned n = 0;
    while (state_next_slot(&parent, &pos, &fd, &s))
        n++;
    if (!n)
        return;
    entries_size = (n + 16) * sizeof *entries; /* the parent's other threads go on opening */
    entries = agent_pages(entries_size);
    if (!entries)
        return;
    pos = 0;
    while (n_entries < n + 16 && state_next_slot(&parent, &pos, &fd, &s))
        if (s.opened_ns <= forked_ns)
            entries[n_entries++] = (struct entry){fd, s};
    mark_present();
}

void inherited_take(uint64_t forked_ns)
{
    if (!table_head)
        return; /* a child of a child that had no table yet: what it took is ours too */
    struct state_view old = parent;
    table_forget(&parent);
    if (old.base)
        sys_munmap((void *)(uintptr_t)old.base, old.size);
    drop_entries();
    copy_slots(forked_ns);
    bool connected = false;
    for (unsigned i = 0; i < n_entries; i++)
        if (atomic_load(&entries[i].slot.flags) & SLOT_CONNECTED)
            connected = true;
    track_expect_use(connected);
}

unsigned inherited_count(void)
{
    return n_entries;
}

bool inherited_has(int fd)
{
    return fd >= 0 && fd <= highest && present && (present[fd / 64] >> fd % 64 & 1);
}

void inherited_import(void)
{
    for (unsigned i = 0; i < n_entries; i++) {
        struct entry *e = &entries[i];
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
