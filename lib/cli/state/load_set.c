/* SPDX-License-Identifier: MIT */
/*
 * load_set.c: many state files, and the request to their agents for a fresh look.
 *
 * Called by every subcommand that reads state files.
 */
#include "load_set.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "load_process.h"
#include "paths.h"

static const char *append(struct load_set *set, struct loaded_file *l)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].dev == l->dev && set->items[i].ino == l->ino) {
            load_free(l);
            return NULL;
        }
    }
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 16;
        struct loaded_file *more = realloc(set->items, cap * sizeof *more);
        if (!more) {
            load_free(l);
            return strerror(ENOMEM);
        }
        set->items = more;
        set->cap = cap;
    }
    set->items[set->n++] = *l;
    return NULL;
}

const char *load_set_file(struct load_set *set, const char *path)
{
    struct loaded_file l = {0};
    const char *why = load_file(&l, path);
    return why ? why : append(set, &l);
}

const char *load_set_process(struct load_set *set, pid_t pid, bool *nothing)
{
    struct loaded_file l = {0};
    const char *why = load_process(&l, pid, nothing);
    return why || *nothing ? why : append(set, &l);
}

void load_set_print_error(void *status, const char *path, const char *why) { *(int *)status = cli_fail("%s: %s", path, why); }

static int is_state_file(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 9 && strcmp(e->d_name + n - 9, ".sockleak") == 0;
}

static int by_version(const struct dirent **a, const struct dirent **b) { return strverscmp((*a)->d_name, (*b)->d_name); }

/* ONLY: of this process; 0: of all. */
static const char *add_dir(struct load_set *set, const char *dir, pid_t only, load_set_bad *bad, void *arg)
{
    struct dirent **names;
    int n = scandir(dir, &names, is_state_file, by_version);
    if (n < 0)
        return strerror(errno);
    for (int i = 0; i < n; i++) {
        char path[CLI_PATH_MAX + 256];
        pid_t pid;
        uint64_t start;
        bool wanted = !only || (paths_state_name(names[i]->d_name, &pid, &start) && pid == only);
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        const char *why = wanted ? load_set_file(set, path) : NULL;
        /* A process that has just ended cleanly has removed its file. */
        if (why && strcmp(why, strerror(ENOENT)) != 0)
            bad(arg, path, why);
        free(names[i]);
    }
    free(names);
    return NULL;
}

const char *load_set_dir(struct load_set *set, const char *dir, load_set_bad *bad, void *arg) { return add_dir(set, dir, 0, bad, arg); }

static int is_run(const struct dirent *e)
{
    pid_t pid;
    return paths_run_name(e->d_name, &pid);
}

static const char *add_tree(struct load_set *set, const char *dir, pid_t only, load_set_bad *bad, void *arg)
{
    struct dirent **names;
    struct stat above, st;
    const char *why = add_dir(set, dir, only, bad, arg);
    int n = why || stat(dir, &above) != 0 ? -1 : scandir(dir, &names, is_run, by_version);
    for (int i = 0; i < n; i++) {
        char path[CLI_PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == above.st_uid && !(st.st_mode & (S_IWGRP | S_IWOTH))) {
            const char *inner = add_dir(set, path, only, bad, arg);
            if (inner && strcmp(inner, strerror(ENOENT)) != 0)
                bad(arg, path, inner);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return why;
}

const char *load_set_tree(struct load_set *set, const char *dir, load_set_bad *bad, void *arg) { return add_tree(set, dir, 0, bad, arg); }

/* ---- a process that has ended ---------------------------------------------------------------- */

static void pass_over(void *arg, const char *path, const char *why)
{
    (void)arg;
    (void)path;
    (void)why;
}

/* Takes the newest file of PID out of those below DIR, if it is newer than the one in BEST. */
static void take_newest(struct loaded_file *best, const char *dir, pid_t pid)
{
    struct load_set all = {0};
    struct stat st;
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || !statedir_is_private(st.st_mode, st.st_uid, geteuid() ? geteuid() : st.st_uid))
        return;
    add_tree(&all, dir, pid, pass_over, NULL);
    for (size_t i = 0; i < all.n; i++) {
        struct loaded_file *l = &all.items[i];
        const struct state_header *h = state_head(&l->view);
        if (load_is_live(l) || (best->path && state_head(&best->view)->opened_real_ns >= h->opened_real_ns))
            continue;
        struct loaded_file before = *best;
        *best = *l;
        *l = before; /* freed with the others */
    }
    load_set_free(&all);
}

bool load_set_gone(struct load_set *set, pid_t pid)
{
    char dirs[2][CLI_PATH_MAX];
    struct loaded_file best = {0};
    size_t n = paths_state_dirs(dirs);
    for (size_t i = 0; i < n; i++)
        take_newest(&best, dirs[i], pid);
    glob_t others = {0};
    glob("/dev/shm/sockleak-*", GLOB_NOSORT, NULL, &others);
    glob("/run/user/*/sockleak", GLOB_NOSORT | GLOB_APPEND, NULL, &others);
    for (size_t i = 0; i < others.gl_pathc; i++)
        take_newest(&best, others.gl_pathv[i], pid);
    globfree(&others);
    return best.path && !append(set, &best);
}

void load_set_free(struct load_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        load_free(&set->items[i]);
    free(set->items);
    *set = (struct load_set){0};
}

/* ---- a fresh look ---------------------------------------------------------------------------- */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

static bool can_answer(const struct loaded_file *l)
{
    const struct state_header *h = state_head(&l->view);
    return load_can_write(l) && l->life == LIFE_RUNNING && atomic_load(&h->enabled) && atomic_load(&h->watcher_tid);
}

/* Our own mapping of a word that a futex call only reads. */
static _Atomic uint32_t *word_of(const _Atomic uint32_t *word) { return (_Atomic uint32_t *)(uintptr_t)word; }

/* Asks for a fresh look. False: it cannot be asked after all. */
static bool ask(struct loaded_file *l)
{
    const struct state_header *h = state_head(&l->view);
    if (l->writable)
        l->asked = atomic_fetch_add(&l->writable->request, 1) + 1;
    else if (load_put32(l, &h->request, atomic_load(&h->request) + 1))
        l->asked = atomic_load(&h->request);
    else
        return false;
    futex(word_of(&h->request), FUTEX_WAKE, INT32_MAX, NULL);
    return true;
}

/* Until the process has answered, or cannot any more, or the time is over. */
static bool wait_for_answer(const struct loaded_file *l, uint64_t deadline)
{
    const struct state_header *h = state_head(&l->view);
    for (;;) {
        uint32_t answered = atomic_load(&h->answered);
        if ((int32_t)(answered - l->asked) >= 0)
            return true;
        uint64_t now = now_mono_ns(), start;
        char state;
        if (now >= deadline)
            return false;
        /* In short steps: a process that dies or is stopped meanwhile never answers. */
        uint64_t step = deadline - now < 50000000u ? deadline - now : 50000000u;
        struct timespec ts = {.tv_nsec = (long)step};
        futex(word_of(&h->answered), FUTEX_WAIT, answered, &ts);
        if (!load_stat(l->pid, &start, &state) || state == 'Z' || state == 'T' || state == 't')
            return false;
    }
}

void load_set_refresh(struct load_set *set, int timeout_ms)
{
    uint64_t deadline = now_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    for (size_t i = 0; i < set->n; i++) {
        struct loaded_file *l = &set->items[i];
        l->answered = false;
        l->asked = 0;
        if (can_answer(l) && !ask(l))
            l->header_there = 0;
    }
    for (size_t i = 0; i < set->n; i++) {
        struct loaded_file *l = &set->items[i];
        if (!can_answer(l))
            continue;
        l->answered = wait_for_answer(l, deadline);
        l->answered ? load_grown(l) : load_recheck(l);
    }
}
