/* SPDX-License-Identifier: MIT */
/*
 * fleet.c: finds the state files of all users and mount namespaces, and makes the reports.
 *
 * Called by look.c, pprof and the page. Directories come first, since a glob finds most files
 * at little cost; a process that maps a file elsewhere (state_dir=) is found by its mapping, which
 * is read once a minute.
 */
#include "fleet.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/sort.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "../state/paths.h"
#include "../state/suppression_files.h"
#include "container.h"

#define ANSWER_MS 150
#define FRESH_NS 15000000000u        /* the longest interval that an agent chooses itself is 10 s */
#define NAMES_LIFE_NS 3600000000000u /* of a symbolizer, whose memory grows with each address */
#define MAPS_AGAIN_NS 60000000000u

struct seen_process {
    uint64_t pid; /* first: sorted_first */
    uint64_t start, asked_ns;
};

struct fleet_memory {
    struct arena arena; /* of the rules */
    struct suppression *rules;
    size_t n_rules;
    struct symbolizer *sym;
    uint64_t sym_since_ns;
    struct seen_process *seen; /* sorted by pid: /proc is read in that order */
    size_t n_seen, cap_seen;
};

struct fleet_memory *fleet_memory_new(void)
{
    struct fleet_memory *memory = arena_grow(NULL, 1, sizeof *memory);
    struct suppression_files files = {0};
    struct options chosen;
    *memory = (struct fleet_memory){0};
    /* A server that is slow, or away, must not hold up a scrape; and names are the same on every host. */
    unsetenv("DEBUGINFOD_URLS");
    options_default(&chosen);
    settings_environment(&chosen);
    if (chosen.suppressions[0])
        suppression_files_add(&files, chosen.suppressions);
    bool read = suppression_files_read(&memory->arena, &files, &memory->rules, &memory->n_rules);
    free(files.paths);
    if (read)
        return memory;
    fleet_memory_free(memory);
    return NULL;
}

void fleet_memory_free(struct fleet_memory *memory)
{
    if (memory->sym)
        symbolizer_free(memory->sym);
    arena_free(&memory->arena);
    free(memory->seen);
    free(memory);
}

static void pass_over(void *arg, const char *path, const char *why)
{
    (void)arg;
    (void)path;
    (void)why;
}

/* A directory that its owner alone may write to: nobody else has put a file there. */
static void add_tree(struct load_set *set, const char *dir)
{
    struct stat st;
    if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && statedir_is_private(st.st_mode, st.st_uid, geteuid() ? geteuid() : st.st_uid))
        load_set_tree(set, dir, pass_over, NULL);
}

static void add_usual_places(struct load_set *set, const char *root)
{
    static const char *const places[] = {"/dev/shm/sockleak-*", "/run/user/*/sockleak"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char pattern[128];
        glob_t found = {0};
        snprintf(pattern, sizeof pattern, "%s%s", root, places[i]);
        if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc; k++)
                add_tree(set, found.gl_pathv[k]);
        globfree(&found);
    }
}

/* ---- processes ------------------------------------------------------------------------------- */

struct walk {
    struct load_set *set;
    struct fleet_memory *memory;
    struct seen_process *now; /* becomes the memory's */
    size_t n_now, cap_now;
    uint64_t *roots; /* inodes of the mount namespaces that were searched */
    size_t n_roots, cap_roots;
    uint64_t now_ns;
};

static bool is_new_namespace(struct walk *w, pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    if (stat(path, &st) != 0)
        return false;
    for (size_t i = 0; i < w->n_roots; i++)
        if (w->roots[i] == st.st_ino)
            return false;
    w->roots = cli_grow(w->roots, w->n_roots, &w->cap_roots, sizeof *w->roots);
    w->roots[w->n_roots++] = st.st_ino;
    return true;
}

static bool is_loaded(const struct load_set *set, pid_t pid)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].pid == pid && load_is_live(&set->items[i]))
            return true;
    return false;
}

static const struct seen_process *seen_before(const struct fleet_memory *m, pid_t pid, uint64_t start)
{
    size_t i = sorted_first(m->seen, m->n_seen, sizeof *m->seen, (uint64_t)pid);
    return i < m->n_seen && m->seen[i].pid == (uint64_t)pid && m->seen[i].start == start ? &m->seen[i] : NULL;
}

static bool on_namespace(void *arg, pid_t pid)
{
    struct walk *w = arg;
    char root[32];
    if (!is_new_namespace(w, pid))
        return true;
    snprintf(root, sizeof root, "/proc/%d/root", (int)pid);
    add_usual_places(w->set, root);
    return true;
}

static bool on_process(void *arg, pid_t pid)
{
    struct walk *w = arg;
    struct procfs_stat st;
    bool nothing = false;
    if (procfs_stat(pid, &st) != 0 || st.kernel_thread || is_loaded(w->set, pid))
        return true;
    const struct seen_process *before = seen_before(w->memory, pid, st.start_ticks);
    struct seen_process s = {(uint64_t)pid, st.start_ticks, w->now_ns};
    if (before && w->now_ns - before->asked_ns < MAPS_AGAIN_NS)
        s.asked_ns = before->asked_ns;
    else if (procfs_maps_file(pid, STATEDIR_SUFFIX))
        load_set_process(w->set, pid, &nothing);
    w->now = cli_grow(w->now, w->n_now, &w->cap_now, sizeof *w->now);
    w->now[w->n_now++] = s;
    return true;
}

static int by_pid(const void *a, const void *b)
{
    const struct seen_process *x = a, *y = b;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void find_files(struct load_set *set, struct fleet_memory *memory)
{
    char dirs[2][CLI_PATH_MAX];
    struct walk w = {.set = set, .memory = memory, .now_ns = now_mono_ns()};
    size_t n = paths_state_dirs(dirs);
    for (size_t i = 0; i < n; i++)
        add_tree(set, dirs[i]);
    is_new_namespace(&w, getpid()); /* our own needs no detour */
    add_usual_places(set, "");
    procfs_each_pid(on_namespace, &w);
    procfs_each_pid(on_process, &w);
    if (w.n_now)
        qsort(w.now, w.n_now, sizeof *w.now, by_pid);
    free(memory->seen);
    memory->seen = w.now;
    memory->n_seen = w.n_now;
    free(w.roots);
}

/*
 * Asks the agents whose last look is old. The others are not disturbed: what was closed since is seen
 * from outside, and what has become stuck since has not been so for long.
 */
static void refresh(struct load_set *set)
{
    struct load_set old = {.items = arena_grow(NULL, set->n + 1, sizeof *old.items)};
    size_t *from = arena_grow(NULL, set->n + 1, sizeof *from);
    uint64_t now = now_mono_ns();
    for (size_t i = 0; i < set->n; i++) {
        struct loaded_file *l = &set->items[i];
        uint64_t looked = load_relaxed64(&state_head(&l->view)->last_look_ns);
        if (l->life == LIFE_RUNNING && !l->by_kernel && atomic_load(&state_head(&l->view)->enabled) && looked && looked + FRESH_NS > now) {
            l->answered = true;
            continue;
        }
        from[old.n] = i;
        old.items[old.n++] = *l;
    }
    load_set_refresh(&old, ANSWER_MS);
    for (size_t i = 0; i < old.n; i++)
        set->items[from[i]] = old.items[i];
    free(old.items);
    free(from);
}

/* ---- reports --------------------------------------------------------------------------------- */

static struct symbolizer *names_of(struct fleet_memory *memory)
{
    uint64_t now = now_mono_ns();
    if (memory->sym && now - memory->sym_since_ns > NAMES_LIFE_NS) {
        symbolizer_free(memory->sym);
        memory->sym = NULL;
    }
    if (!memory->sym) {
        /* No lines of source: root reads everybody's files, and whoever may connect reads the page. */
        memory->sym = symbolizer_new(&(struct symbolize_options){.names = true});
        memory->sym_since_ns = now;
    }
    return memory->sym;
}

/* The container of a live process, or of the one through whose root a dead one's file was found. */
static void find_container(struct fleet_member *m)
{
    int through;
    if (load_is_live(m->from))
        container_of(m->from->pid, m->container);
    else if (sscanf(m->from->path, "/proc/%d/root/", &through) == 1)
        container_of((pid_t)through, m->container);
}

static void make_model(struct fleet *f, struct fleet_member *m, const struct fleet_memory *memory, bool threads)
{
    struct model_options o = {.reason = -1,
                              .max_sockets = 8,
                              .no_watched = true,
                              .no_threads = !threads,
                              .no_handlers = true,
                              .rules = memory->rules,
                              .n_rules = memory->n_rules};
    o.own = settings_rules_of(&f->own, m->from, &o.n_own);
    model_build(&m->model, m->from, f->sym, &o);
    find_container(m);
}

void fleet_take(struct fleet *f, struct fleet_memory *memory, bool threads)
{
    *f = (struct fleet){0};
    find_files(&f->set, memory);
    refresh(&f->set);
    f->sym = names_of(memory);
    f->members = arena_array(&f->arena, f->set.n + 1, sizeof *f->members);
    for (size_t i = 0; i < f->set.n; i++) {
        if (f->set.items[i].by_kernel) /* kernel.c counts its sockets */
            continue;
        f->members[f->n].from = &f->set.items[i];
        make_model(f, &f->members[f->n++], memory, threads);
    }
}

void fleet_free(struct fleet *f)
{
    for (size_t i = 0; i < f->n; i++)
        model_free(&f->members[i].model);
    settings_rules_free(&f->own);
    load_set_free(&f->set);
    arena_free(&f->arena);
    *f = (struct fleet){0};
}
