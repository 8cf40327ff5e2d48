/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c: copies the writable memory of a live process, without stopping it.
 *
 * Called by holders.c. Reading /proc/PID/mem takes the permission to trace the process, but stops
 * no thread and leaves no trace. What changes meanwhile is torn; so everything is read twice.
 */
#include "snapshot.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/own_frames.h"
#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../remote/maps.h"
#include "../remote/memory.h"

#define ARENA_ALIGNMENT (64u << 20)
#define RED_ZONE 128u /* below the stack pointer, in use */
#define LARGEST_GUARD (64u << 10)
#define MAX_THREADS 4096u

struct taking {
    struct memory *memory;
    const struct remote *r;
    uint64_t limit;
    size_t cap_regions, cap_targets;
    size_t n_stacks;
    uint64_t *stacks; /* the stack pointers of threads that wait */
};

/* ---- stacks ---------------------------------------------------------------------------------- */

uint64_t snapshot_parse_call(const char *line, uint64_t arguments[SNAPSHOT_ARGUMENTS])
{
    /* "NR A1 .. A6 SP PC", "-1 SP PC" outside of a call, or "running" */
    uint64_t words[SNAPSHOT_ARGUMENTS + 3];
    unsigned n = 0;
    memset(arguments, 0, SNAPSHOT_ARGUMENTS * sizeof *arguments);
    for (char *end; n < SNAPSHOT_ARGUMENTS + 3 && *line; n++, line = end) {
        words[n] = strtoull(line, &end, 0);
        if (end == line)
            break;
    }
    if (n == SNAPSHOT_ARGUMENTS + 3)
        memcpy(arguments, &words[1], SNAPSHOT_ARGUMENTS * sizeof *arguments);
    return n == SNAPSHOT_ARGUMENTS + 3 || n == 3 ? words[n - 2] : 0;
}

static void read_threads(struct taking *t)
{
    char path[64], text[256];
    pid_t pid = t->r->pid;
    size_t cap = 0, cap_arguments = 0, n_arguments = 0;
    uint64_t(*arguments)[SNAPSHOT_ARGUMENTS] = NULL;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && t->memory->n_threads < MAX_THREADS && (e = readdir(dir)) != NULL;) {
        uint64_t tid;
        if (!cli_digits(e->d_name, strlen(e->d_name), INT32_MAX, &tid))
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
        ssize_t n = procfs_read(path, text, sizeof text);
        t->memory->n_threads++;
        arguments = cli_grow(arguments, n_arguments, &cap_arguments, sizeof *arguments);
        uint64_t sp = n > 0 ? snapshot_parse_call(text, arguments[n_arguments++]) : 0;
        t->stacks = cli_grow(t->stacks, t->n_stacks, &cap, sizeof *t->stacks);
        if (sp)
            t->stacks[t->n_stacks++] = sp;
    }
    if (dir)
        closedir(dir);
    t->memory->regions = cli_grow(t->memory->regions, 0, &t->cap_regions, sizeof *t->memory->regions);
    t->memory->regions[t->memory->n_regions++] =
        (struct memory_region){.size = n_arguments * sizeof *arguments, .data = (unsigned char *)arguments, .kind = MEMORY_STACK};
}

/*
 * Where the used part of the stack in MAP begins, if it is a thread's stack: there are a few pages
 * that nobody may touch before it, or it is the first thread's. All of one whose thread runs, or has
 * ended: glibc keeps that for the next, with what is left on it. 0: it is none.
 */
static uint64_t used_stack(const struct taking *t, const struct remote_map *map)
{
    const struct remote_map *guard = map > t->r->maps && map[-1].end == map->start ? map - 1 : NULL;
    bool guarded = guard && !guard->read && !guard->write && guard->end - guard->start <= LARGEST_GUARD;
    if (strcmp(map->path, "[stack]") != 0 && (!guarded || map->path[0]))
        return 0;
    for (size_t i = 0; i < t->n_stacks; i++)
        if (t->stacks[i] >= map->start && t->stacks[i] < map->end)
            return t->stacks[i] - map->start > RED_ZONE ? (t->stacks[i] - RED_ZONE) & ~(uint64_t)7 : map->start;
    return map->start;
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* The module whose data MAP is, also where it continues in memory without a file. NULL: of none. */
static const struct remote_map *data_of(const struct taking *t, const struct remote_map *map)
{
    if (map->path[0] == '/')
        return maps_module_at(t->r, map->start) ? map : NULL;
    if (map->path[0] || map == t->r->maps || map[-1].end != map->start || map[-1].path[0] != '/' || !map[-1].write)
        return NULL;
    return maps_module_at(t->r, map[-1].start) ? map - 1 : NULL;
}

static bool is_agent(const char *path)
{
    const char *name = strrchr(path, '/');
    return strncmp(name ? name + 1 : path, "libsockleak", 11) == 0;
}

static void add_target(struct taking *t, const struct remote_map *map)
{
    const struct remote_map *of = data_of(t, map);
    if (!of || is_agent(of->path) || (map->write && own_frames_is_inner_object(of->path)))
        return;
    t->memory->targets = cli_grow(t->memory->targets, t->memory->n_targets, &t->cap_targets, sizeof *t->memory->targets);
    t->memory->targets[t->memory->n_targets++] = (struct memory_target){.start = map->start, .end = map->end, .exec = map->exec};
}

/* False: nothing of the program's own is in MAP. */
static bool may_hold(const struct taking *t, const struct remote_map *map)
{
    const struct remote_map *of = data_of(t, map);
    if (!map->read || !map->write || map->shared || (of && own_frames_is_inner_object(of->path)))
        return false;
    return strcmp(map->path, "[vvar]") != 0 && strcmp(map->path, "[vsyscall]") != 0;
}

static void add_region(struct taking *t, const struct remote_map *map)
{
    struct memory *m = t->memory;
    uint64_t stack = used_stack(t, map), start = stack ? stack : map->start, size = map->end - start;
    if (size > t->limit - m->read) {
        m->complete = false;
        return;
    }
    unsigned char *data = malloc(size);
    if (!data || !memory_read(t->r, start, data, size)) {
        free(data);
        m->complete = false;
        return;
    }
    enum memory_kind kind = MEMORY_OTHER;
    if (stack)
        kind = MEMORY_STACK;
    else if (strcmp(map->path, "[heap]") == 0)
        kind = MEMORY_HEAP;
    else if (!map->path[0] && start % ARENA_ALIGNMENT == 0)
        kind = MEMORY_ARENA;
    m->regions = cli_grow(m->regions, m->n_regions, &t->cap_regions, sizeof *m->regions);
    m->regions[m->n_regions++] = (struct memory_region){.start = start, .size = size, .data = data, .kind = kind};
    m->read += size;
}

void snapshot_take(struct memory *memory, const struct remote *r, uint64_t limit)
{
    struct taking t = {.memory = memory, .r = r, .limit = limit};
    *memory = (struct memory){.complete = true};
    read_threads(&t);
    for (size_t i = 0; i < r->n_maps; i++) {
        add_target(&t, &r->maps[i]);
        if (may_hold(&t, &r->maps[i]))
            add_region(&t, &r->maps[i]);
    }
    free(t.stacks);
}

void snapshot_free(struct memory *memory)
{
    for (size_t i = 0; i < memory->n_regions; i++)
        free((void *)memory->regions[i].data);
    free(memory->regions);
    free(memory->targets);
    *memory = (struct memory){0};
}
