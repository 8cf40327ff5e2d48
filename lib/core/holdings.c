/* SPDX-License-Identifier: MIT */
/*
 * holdings.c: what the descriptors of a process are that are no sockets, as the links of
 * /proc/PID/fd name them (proc(5)).
 *
 * Called by the agent when descriptors run out. Bounded: what does not fit is counted in the last
 * kind, "other".
 */
#include <string.h>

#include "exhaustion.h"
#include "sort.h"

static bool begins(const char *s, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && memcmp(s, with, n) == 0;
}

/* "anon_inode:[eventpoll]", "anon_inode:inotify" */
static void anonymous_name(char *name, size_t cap, const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < cap; i++)
        if (s[i] != '[' && s[i] != ']')
            name[n++] = s[i];
    name[n] = 0;
    if (!strcmp(name, "eventpoll"))
        memcpy(name, "epoll", sizeof "epoll");
}

/* True: LINK is a path, which is worth telling. */
static bool name_of(char name[20], const char *link, size_t len)
{
    const char *is = begins(link, len, "pipe:")         ? "pipe"
                     : begins(link, len, "/memfd:")     ? "memfd"
                     : begins(link, len, "/dev/pts/")   ? "terminal"
                     : begins(link, len, "/dev/shm/")   ? "file"
                     : begins(link, len, "/dev/")       ? "device"
                     : begins(link, len, "/")           ? "file"
                     : begins(link, len, "anon_inode:") ? NULL
                                                        : "other";
    if (is)
        memcpy(name, is, strlen(is) + 1);
    else
        anonymous_name(name, 20, link + 11, len - 11);
    return len && *link == '/';
}

static unsigned kind_index(struct holdings *h, const char *name)
{
    unsigned i = 0;
    while (i < h->n_kinds && strcmp(h->kinds[i].name, name) != 0)
        i++;
    if (i < h->n_kinds)
        return i;
    if (i == HOLDING_KINDS)
        return HOLDING_KINDS - 1;
    if (i == HOLDING_KINDS - 1)
        name = "other";
    memcpy(h->kinds[i].name, name, strlen(name) + 1);
    return h->n_kinds++;
}

static void add_target(struct holdings *h, unsigned kind, const char *path, size_t len)
{
    const size_t most = sizeof h->targets->path - 1;
    if (len > most) {
        path += len - most;
        len = most;
    }
    for (unsigned i = 0; i < h->n_targets; i++) {
        struct holding_target *t = &h->targets[i];
        if (t->kind == kind && strlen(t->path) == len && memcmp(t->path, path, len) == 0) {
            t->count++;
            return;
        }
    }
    if (h->n_targets == HOLDING_TARGETS)
        return;
    struct holding_target *t = &h->targets[h->n_targets++];
    memcpy(t->path, path, len);
    t->path[len] = 0;
    t->kind = kind;
    t->count = 1;
}

void holdings_add(struct holdings *h, const char *link, size_t len)
{
    char name[20];
    h->descriptors++;
    if (begins(link, len, "socket:")) {
        h->sockets++;
        return;
    }
    bool path = name_of(name, link, len);
    unsigned kind = kind_index(h, name);
    h->kinds[kind].count++;
    if (path)
        add_target(h, kind, link, len);
}

static int more_of_kind(const void *a, const void *b)
{
    const struct holding_kind *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->name, y->name);
}

static int more_of_target(const void *a, const void *b)
{
    const struct holding_target *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->path, y->path);
}

void holdings_sort(struct holdings *h)
{
    struct holding_kind before[HOLDING_KINDS];
    memcpy(before, h->kinds, sizeof before);
    heap_sort(h->kinds, h->n_kinds, sizeof *h->kinds, more_of_kind);
    for (unsigned i = 0; i < h->n_targets; i++) {
        unsigned k = 0;
        while (strcmp(h->kinds[k].name, before[h->targets[i].kind].name) != 0)
            k++;
        h->targets[i].kind = k;
    }
    heap_sort(h->targets, h->n_targets, sizeof *h->targets, more_of_target);
}
