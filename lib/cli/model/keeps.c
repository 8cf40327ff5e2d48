/* SPDX-License-Identifier: MIT */
/*
 * keeps.c: which connections a process keeps open for nobody.
 *
 * Called by model.c. The process that has closed them knows it, and names its holders in its own
 * state file. Only a live process that has inherited connections costs a look at the other files.
 */
#include "keeps.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../kernel/procfs.h"
#include "../state/load_set.h"

static bool has_inherited(const struct loaded_file *l)
{
    uint64_t pos = 0;
    struct state_slot s;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &s);)
        if (SLOT_ORIGIN(&s) == ORIGIN_INHERITED && SLOT_TYPE(&s) == SOCK_STREAM && (s.family == AF_INET || s.family == AF_INET6))
            return true;
    return false;
}

static uint64_t kept_by(const struct loaded_file *closer, uint32_t pid, pid_t seen_as)
{
    uint64_t pos = 0, n = 0;
    struct state_held h;
    while (state_next_held(&closer->view, &pos, &h))
        for (unsigned i = 0; i < h.n_holders; i++)
            n += h.holder[i].pid == pid && procfs_holds(seen_as, h.holder[i].fd, (uint32_t)h.inode);
    return n;
}

static void ignore(void *arg, const char *path, const char *why)
{
    (void)arg;
    (void)path;
    (void)why;
}

void keeps_find(struct model *m)
{
    const struct loaded_file *l = m->from;
    const char *slash = l->path ? strrchr(l->path, '/') : NULL;
    struct load_set set = {0};
    if (!load_is_live(l) || l->by_kernel || !slash || slash == l->path || !has_inherited(l))
        return;
    char *dir = strndup(l->path, (size_t)(slash - l->path));
    if (dir && !load_set_dir(&set, dir, ignore, NULL))
        for (size_t i = 0; i < set.n && !m->keeps; i++) {
            m->keeps = set.items[i].same_boot ? kept_by(&set.items[i], state_head(&l->view)->pid, l->pid) : 0;
            m->keeps_of = state_head(&set.items[i].view)->pid;
        }
    load_set_free(&set);
    free(dir);
}
