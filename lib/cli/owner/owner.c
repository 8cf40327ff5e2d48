/* SPDX-License-Identifier: MIT */
/*
 * owner.c: the program's functions that handle the descriptors of a live node process.
 *
 * Called by the model once for each report of a process. Finds the engine, the event loops of all
 * threads, the handles of the descriptors, and walks from each.
 */
#include "owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/now.h"
#include "../kernel/procfs.h"
#include "../remote/elf_symbol.h"
#include "../remote/maps.h"
#include "../remote/memory.h"
#include "loop.h"

#define MAX_READS 400000u /* pages, over all */
#define MAX_NS 1000000000ull
#define MAX_LOOPS 256u
#define MAX_PERSISTENT 256u
#define TRIES 3
#define PAUSE_NS 3000000

struct target {
    struct remote remote;
    struct remote_module *engine;
    struct owner_cache cache;
    struct objects objects;
    struct v8_layout layout;
    uint64_t persistent;
    uint64_t deadline_ns;
    unsigned n_loops;
    uint64_t loops[MAX_LOOPS];
};

static bool read_memory(void *remote, uint64_t a, void *to, size_t n) { return memory_read(remote, a, to, n); }

/* ---- the engine -------------------------------------------------------------------------------- */

static bool number(void *target, const char *symbol, int32_t *v)
{
    struct target *t = target;
    uint64_t at;
    return elf_symbol(&t->remote, t->engine, symbol, &at, NULL) && memory_read(&t->remote, at, v, sizeof *v);
}

/* The object that has V8 and node: the program, or the library that it is only a front of. */
static bool find_engine(struct target *t)
{
    uint64_t at;
    for (size_t i = 0; i < t->remote.n_modules; i++) {
        t->engine = &t->remote.modules[i];
        if (elf_symbol(&t->remote, t->engine, "_ZN2v88internal7Version6major_E", &at, NULL))
            return true;
    }
    return false;
}

static bool find_layout(struct target *t)
{
    int32_t major, minor;
    uint64_t at;
    if (!number(t, "_ZN2v88internal7Version6major_E", &major) || !number(t, "_ZN2v88internal7Version6minor_E", &minor))
        return false;
    if (v8_layout_find(&t->layout, major, minor, number, t) || !object_layout_find(&t->objects.layout, number, t))
        return false;
    if (!elf_symbol(&t->remote, t->engine, "nodedbg_offset_BaseObject__persistent_handle___v8_Persistent_v8_Object", &at, NULL) ||
        !memory_read(&t->remote, at, &t->persistent, sizeof t->persistent))
        return false;
    return t->persistent && t->persistent < MAX_PERSISTENT && t->persistent % 8 == 0;
}

/* ---- loops -------------------------------------------------------------------------------------- */

static void add_loop(struct target *t, uint64_t loop)
{
    for (unsigned i = 0; i < t->n_loops; i++)
        if (t->loops[i] == loop)
            return;
    if (loop && t->n_loops < MAX_LOOPS)
        t->loops[t->n_loops++] = loop;
}

static bool is_wait(long call)
{
#ifdef SYS_epoll_wait
    if (call == SYS_epoll_wait)
        return true;
#endif
    return call == SYS_epoll_pwait;
}

/* The end of the mapping that A lies in; A: in none. */
static uint64_t end_of_mapping(const struct remote *r, uint64_t a)
{
    for (size_t i = 0; i < r->n_maps; i++)
        if (a >= r->maps[i].start && a < r->maps[i].end)
            return r->maps[i].end;
    return a;
}

/* The loop of a thread that waits for events. */
static void take_thread(struct target *t, const char *tid)
{
    char path[96], text[256];
    long call;
    unsigned long long epfd, sp;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/syscall", (int)t->remote.pid, tid);
    if (procfs_read(path, text, sizeof text) > 0 && sscanf(text, "%ld %llx %*x %*x %*x %*x %*x %llx", &call, &epfd, &sp) == 3 &&
        is_wait(call))
        add_loop(t, loop_of_stack(&t->cache, sp, end_of_mapping(&t->remote, sp), (int)epfd));
}

/* The first thread's loop, also while it runs. */
static void take_default(struct target *t)
{
    uint64_t code;
    struct remote_module *uv = maps_module_named(&t->remote, "libuv");
    if (elf_symbol(&t->remote, t->engine, "uv_default_loop", &code, NULL) ||
        (uv && elf_symbol(&t->remote, uv, "uv_default_loop", &code, NULL)))
        add_loop(t, loop_of_function(&t->cache, code));
}

static void find_loops(struct target *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)t->remote.pid);
    DIR *d = opendir(path);
    take_default(t);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            take_thread(t, e->d_name);
    if (d)
        closedir(d);
}

/* ---- handles ------------------------------------------------------------------------------------ */

struct asked {
    int fd;
    bool ambiguous; /* several handles claim it */
    uint64_t handle, wrap;
    const struct owner_handlers *answer;
};

struct request {
    struct asked *asked; /* by descriptor */
    size_t n;
    const struct owner_handlers **kept; /* the answers, each once */
    size_t n_kept;
};

static int by_fd(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static void take_handle(void *arg, uint64_t handle, int fd, uint64_t data)
{
    struct request *r = arg;
    struct asked key = {.fd = fd}, *a = bsearch(&key, r->asked, r->n, sizeof *r->asked, by_fd);
    if (!a)
        return;
    a->ambiguous |= a->handle && a->handle != handle;
    a->handle = handle;
    a->wrap = data;
}

static void forget_handles(struct request *r)
{
    for (size_t i = 0; i < r->n; i++) {
        r->asked[i].handle = r->asked[i].wrap = 0;
        r->asked[i].ambiguous = false;
    }
}

static bool has_all(const struct request *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!r->asked[i].handle)
            return false;
    return true;
}

/*
 * A thread that is busy just now does not show its loop, and a list that is being changed cannot be
 * read: then once more, after a pause.
 */
static void find_handles(struct target *t, struct request *r)
{
    static const struct timespec pause = {0, PAUSE_NS};
    for (int i = 0; i < TRIES; i++) {
        bool good = true;
        if (i)
            nanosleep(&pause, NULL);
        owner_cache_drop(&t->cache);
        forget_handles(r);
        t->n_loops = 0;
        find_loops(t);
        for (unsigned k = 0; k < t->n_loops; k++)
            good &= loop_each_socket(&t->cache, t->loops[k], take_handle, r);
        if (good && has_all(r))
            return;
    }
}

/* ---- answers ------------------------------------------------------------------------------------ */

/* Equal answers are one. */
static const struct owner_handlers *keep(struct arena *arena, struct request *r, const struct owner_handlers *h)
{
    for (size_t i = r->n_kept; i-- > 0;)
        if (walk_same(r->kept[i], h))
            return r->kept[i];
    struct owner_handlers *kept = arena_take(arena, sizeof *kept);
    *kept = *h;
    r->kept[r->n_kept++] = kept;
    return kept;
}

/* A walk over all of them with fresh reads; in the SECOND the answers of the first must come again. */
static void walk_all(struct target *t, struct request *r, struct arena *arena, bool second)
{
    struct owner_handlers h;
    owner_cache_drop(&t->cache);
    for (size_t i = 0; i < r->n; i++) {
        struct asked *a = &r->asked[i];
        if (!a->handle || a->ambiguous || (second && !a->answer))
            continue;
        bool known = now_mono_ns() < t->deadline_ns && walk_handle(&t->objects, a->handle, a->wrap, t->persistent, &h) && h.n;
        if (second)
            a->answer = known && walk_same(a->answer, &h) ? a->answer : NULL;
        else if (known)
            a->answer = keep(arena, r, &h);
    }
}

const struct owner_handlers **owner_find(struct arena *arena, pid_t pid, const int *fds, size_t n)
{
    const struct owner_handlers **answers = arena_array(arena, n + 1, sizeof *answers);
    struct target *t = arena_grow(NULL, 1, sizeof *t);
    memset(t, 0, sizeof *t);
    if (!n || maps_open_to_read(&t->remote, pid) != 0) {
        free(t);
        return answers;
    }
    t->cache.read = read_memory;
    t->cache.arg = &t->remote;
    t->cache.max_reads = MAX_READS;
    t->deadline_ns = now_mono_ns() + MAX_NS;
    t->objects.heap = (struct v8_heap){.layout = &t->layout, .at = owner_cache_at, .arg = &t->cache};
    if (find_engine(t) && find_layout(t)) {
        struct request r = {.asked = arena_array(arena, n, sizeof *r.asked), .n = n, .kept = arena_array(arena, n, sizeof *r.kept)};
        for (size_t i = 0; i < n; i++)
            r.asked[i].fd = fds[i];
        qsort(r.asked, n, sizeof *r.asked, by_fd);
        find_handles(t, &r);
        walk_all(t, &r, arena, false);
        walk_all(t, &r, arena, true);
        for (size_t i = 0; i < n; i++) {
            struct asked key = {.fd = fds[i]}, *a = bsearch(&key, r.asked, n, sizeof *r.asked, by_fd);
            answers[i] = a ? a->answer : NULL;
        }
    }
    maps_close(&t->remote);
    free(t);
    return answers;
}
