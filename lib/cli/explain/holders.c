/* SPDX-License-Identifier: MIT */
/*
 * holders.c: who holds the numbers of a site's sockets, by the memory of the live process.
 *
 * Called by explain.c. The process is not stopped: what is told was the same in two readings a
 * moment apart, between which no socket in question was closed.
 */
#include "holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/textstack.h"
#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../remote/maps.h"
#include "snapshot.h"
#include "watchers.h"

#define LIMIT (1ull << 30)
#define READINGS 4u
#define PAUSE_US 20000u
#define HOLDERS_NEAREST 4u
#define MAX_MODULES 4096u
#define NEAR 4096 /* how far a control may be from the numbers */

/* ---- descriptors ----------------------------------------------------------------------------- */

struct open_socket {
    int fd;
    uint32_t inode;
};
struct descriptors {
    int *numbers; /* of the sockets, ascending */
    struct open_socket *sockets;
    size_t n_sockets, cap_sockets;
};

static int compare_ints(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool contains(const int *sorted, size_t n, int number) { return n && bsearch(&number, sorted, n, sizeof number, compare_ints); }

static void add_socket(void *arg, int fd, uint32_t inode)
{
    struct descriptors *d = arg;
    d->sockets = cli_grow(d->sockets, d->n_sockets, &d->cap_sockets, sizeof *d->sockets);
    d->sockets[d->n_sockets++] = (struct open_socket){.fd = fd, .inode = inode};
}

static uint32_t inode_of(const struct descriptors *d, int fd)
{
    for (size_t i = 0; i < d->n_sockets; i++)
        if (d->sockets[i].fd == fd)
            return d->sockets[i].inode;
    return 0;
}

static bool read_descriptors(struct descriptors *d, pid_t pid)
{
    *d = (struct descriptors){0};
    if (procfs_each_socket(pid, add_socket, d, NULL) != 0)
        return false;
    d->numbers = arena_grow(NULL, d->n_sockets + 1, sizeof *d->numbers);
    for (size_t i = 0; i < d->n_sockets; i++)
        d->numbers[i] = d->sockets[i].fd;
    qsort(d->numbers, d->n_sockets, sizeof *d->numbers, compare_ints);
    return true;
}

static void free_descriptors(struct descriptors *d)
{
    free(d->sockets);
    free(d->numbers);
}

unsigned holders_controls(int controls[SEARCH_CONTROLS], const int *asked, unsigned n, const int *taken, size_t n_taken)
{
    unsigned count = 0;
    for (int away = 1; away < NEAR && count < SEARCH_CONTROLS; away++) {
        for (unsigned i = 0; i < 2 * n && count < SEARCH_CONTROLS; i++) {
            int from = asked[i / 2], number = i % 2 ? from - away : from <= INT32_MAX - away ? from + away : 0;
            bool again = false;
            for (unsigned k = 0; k < n; k++)
                again |= asked[k] == number;
            for (unsigned k = 0; k < count; k++)
                again |= controls[k] == number;
            if (number > 2 && !again && !contains(taken, n_taken, number))
                controls[count++] = number;
        }
    }
    return count;
}

/* ---- names ----------------------------------------------------------------------------------- */

struct naming {
    const struct loaded_file *l;
    const struct remote *r;
    struct symbolizer *sym;
    struct arena *arena;
};

/* Of VALUE: the number of its module for the symbolizer, and its place in it. */
static bool module_of(const struct naming *n, uint64_t value, unsigned *module, uint64_t *offset)
{
    const struct remote_module *found = NULL;
    for (size_t i = 0; i < n->r->n_modules; i++)
        if (n->r->modules[i].start <= value && (!found || n->r->modules[i].start > found->start))
            found = &n->r->modules[i];
    if (!found)
        return false;
    struct state_module made = {.bias = found->bias, .start = found->start, .end = found->end};
    snprintf(made.path, sizeof made.path, "%s", found->path);
    const struct state_module *m = &made, *known;
    for (unsigned i = 0; i < MAX_MODULES && (known = state_module_at(&n->l->view, i)) != NULL; i++)
        if (known->bias == found->bias && known->start == found->start && !load_relaxed64(&known->unloaded_ns))
            m = known;
    *module = symbolize_module(n->sym, m, n->l->root, load_unchanged_since(n->l), (int)n->l->pid);
    *offset = value - found->bias;
    return true;
}

static bool is_code(const struct memory *m, uint64_t value)
{
    for (size_t i = 0; i < m->n_targets; i++)
        if (value >= m->targets[i].start && value < m->targets[i].end)
            return m->targets[i].exec;
    return false;
}

static const char *name_of(const struct naming *n, const struct memory *m, uint64_t value, bool named)
{
    unsigned module, count;
    uint64_t offset;
    if (!module_of(n, value, &module, &offset))
        return NULL;
    /* the look-up is for return addresses, and goes one back */
    const struct symbol *s = symbolize_get(n->sym, module, offset + 1, &count);
    const char *name = count ? s[count - 1].name : NULL;
    if (!named)
        return name ? NULL
                    : arena_printf(n->arena, "(%s+0x%llx)", text_base_name(symbolize_path(n->sym, module)), (unsigned long long)offset);
    if (!name)
        return NULL;
    bool plain = is_code(m, value) || strchr(name, ' ');
    return arena_printf(n->arena, "%s%s", plain ? "" : "&", name);
}

/* The pointer of O that comes after DONE others: by place, or by nearness where O's bounds are not known. */
static unsigned nth_pointer(const struct search_object *o, unsigned done)
{
    unsigned order[SEARCH_POINTERS] = {0};
    for (unsigned i = 0; i < o->n_pointers; i++) {
        unsigned at = i;
        for (; !o->chunk && at > 0 && abs(o->pointers[order[at - 1]].distance) > abs(o->pointers[i].distance); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order[done];
}

static void add_names(struct holders_object *o, const struct naming *n, const struct memory *m, bool named)
{
    unsigned most = o->is.chunk ? HOLDERS_NAMES : HOLDERS_NEAREST;
    for (unsigned i = 0; i < o->is.n_pointers && o->n_names < most; i++) {
        const char *name = name_of(n, m, o->is.pointers[nth_pointer(&o->is, i)].value, named);
        bool again = !name;
        for (unsigned k = 0; name && k < o->n_names; k++)
            again |= strcmp(o->names[k], name) == 0;
        if (!again)
            o->names[o->n_names++] = name;
    }
}

static void name_objects(struct holders *out, const struct naming *n, const struct memory *m, const struct search_result *found)
{
    unsigned module;
    uint64_t offset;
    for (unsigned i = 0; i < found->n_objects; i++)
        for (unsigned k = 0; k < found->objects[i].n_pointers; k++)
            if (module_of(n, found->objects[i].pointers[k].value, &module, &offset))
                symbolize_want(n->sym, module, offset + 1);
    for (unsigned i = 0; i < found->n_objects; i++) {
        struct holders_object *o = &out->objects[out->n_objects++];
        *o = (struct holders_object){.is = found->objects[i]};
        add_names(o, n, m, true);
        if (o->n_names || !o->is.n_pointers)
            continue;
        if (out->n_objects > 1) /* a further one, which says nothing */
            out->n_objects--;
        else
            add_names(o, n, m, false);
    }
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static const char *const doubts[] = {
    [SEARCH_ALIKE] = "what stands around them may do so by chance, it does around other numbers too",
    [SEARCH_TABLE] = "one block or page of memory has most of them: it may be a table of numbers",
    [SEARCH_ELSEWHERE] = "they stand on stacks, or in memory whose objects cannot be told apart",
    [SEARCH_MIXED] = "most stand at one place of blocks, which are of different sizes",
    [SEARCH_TOO_MANY] = "they stand in too many places",
};

static void judge(struct holders *out, const struct search_result *found, bool complete, pid_t pid)
{
    bool held = found->n_objects && found->objects[0].count_stuck;
    bool watched = !held && watchers_have(pid, out->numbers, out->n_stuck);
    bool clear = !held && !watched && complete && found->doubt == SEARCH_CLEAR && out->n_stuck >= 2;
    if (held)
        out->verdict = HOLDERS_FOUND;
    else if (clear)
        out->verdict = out->n_threads < out->n_stuck ? HOLDERS_LOST : HOLDERS_NOWHERE;
    else if (found->n_objects)
        out->verdict = HOLDERS_OTHERS;
    else if (watched)
        out->why = "no object was found, and epoll watches them, or there is an io_uring, which may give them back";
    else if (!complete)
        out->why = "not all of its memory could be read";
    else if (found->doubt)
        out->why = doubts[found->doubt];
    else
        out->why = "nothing was found, but one number is not enough to call it lost";
}

/* One reading, and what it shows. MEMORY is the caller's to free. */
static void read_once(struct search_result *found, struct memory *memory, const struct remote *r, struct search_query *q)
{
    snapshot_take(memory, r, LIMIT);
    q->memory = memory;
    search_numbers(found, q);
}

/* All sockets asked for were open at both times, and the same ones. */
static bool same_sockets(const struct search_query *q, const struct descriptors *before, const struct descriptors *after)
{
    for (unsigned i = 0; i < q->n; i++)
        if (!inode_of(before, q->numbers[i]) || inode_of(before, q->numbers[i]) != inode_of(after, q->numbers[i]))
            return false;
    return true;
}

/* Reads until two readings show the same. */
static void look(struct holders *out, struct naming *n, struct remote *r, struct search_query *q, const struct descriptors *before)
{
    struct search_result found[2];
    struct memory memory = {0};
    bool same = false;
    read_once(&found[0], &memory, r, q);
    for (unsigned i = 1; i < READINGS && !same; i++) {
        snapshot_free(&memory);
        usleep(PAUSE_US);
        if (maps_refresh(r) != 0)
            break;
        read_once(&found[i % 2], &memory, r, q);
        same = search_same(&found[0], &found[1]);
    }
    struct descriptors after;
    bool still = read_descriptors(&after, n->l->pid) && same_sockets(q, before, &after);
    free_descriptors(&after);
    out->read = memory.read;
    if (!still)
        out->why = "the sockets were closed meanwhile";
    else if (!same)
        out->why = "its memory changes: two readings did not agree";
    else {
        name_objects(out, n, &memory, &found[0]);
        /* the agent's own thread has none of them */
        out->n_threads = memory.n_threads - (memory.n_threads && load_relaxed32(&state_head(&n->l->view)->watcher_tid));
        judge(out, &found[0], memory.complete, n->l->pid);
    }
    snapshot_free(&memory);
}

static void choose_numbers(struct holders *out, const struct holders_asked *asked)
{
    size_t others = asked->n - asked->n_stuck, of_others = others < SEARCH_NUMBERS / 3 ? others : SEARCH_NUMBERS / 3;
    out->n_stuck = (unsigned)(asked->n_stuck < SEARCH_NUMBERS - of_others ? asked->n_stuck : SEARCH_NUMBERS - of_others);
    for (unsigned i = 0; i < out->n_stuck; i++)
        out->numbers[out->n++] = asked->fds[i];
    for (size_t i = 0; i < others && out->n < SEARCH_NUMBERS; i++)
        out->numbers[out->n++] = asked->fds[asked->n_stuck + i];
}

void holders_find(struct holders *out, struct arena *arena, const struct loaded_file *l, struct symbolizer *sym,
                  const struct holders_asked *asked)
{
    *out = (struct holders){0};
    struct descriptors open;
    struct remote r;
    if (!load_is_live(l)) {
        out->why = "the process has ended";
        return;
    }
    choose_numbers(out, asked);
    if (out->n < 2) {
        out->why = "it takes two sockets of a site to tell an object from chance";
        return;
    }
    int error = maps_open_to_read(&r, l->pid);
    if (error) {
        out->why = arena_printf(arena, "its memory may not be read: %s", strerror(-error));
        return;
    }
    struct search_query q = {.n = out->n, .n_stuck = out->n_stuck};
    memcpy(q.numbers, out->numbers, sizeof q.numbers);
    if (read_descriptors(&open, l->pid)) {
        q.n_controls = holders_controls(q.controls, q.numbers, q.n, open.numbers, open.n_sockets);
        q.open = open.numbers;
        q.n_open = open.n_sockets;
        look(out, &(struct naming){.l = l, .r = &r, .sym = sym, .arena = arena}, &r, &q, &open);
    } else {
        out->why = "its descriptors may not be read";
    }
    free_descriptors(&open);
    maps_close(&r);
}
