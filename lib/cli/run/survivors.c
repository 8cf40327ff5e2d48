/* SPDX-License-Identifier: MIT */
/*
 * survivors.c: the processes of a run that outlive the program: a daemon, whose parent ends at
 * once.
 *
 * Called by report.c at the end of a run. What a daemon opens, it opens after that.
 */
#include "survivors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"

struct search {
    struct survivors *found;
    const struct load_set *set;
    const char *option; /* as run.c writes it into SOCKLEAK_OPTIONS */
};

static bool add(struct survivors *s, pid_t pid)
{
    if (s->n < SURVIVORS_LISTED)
        s->pids[s->n] = pid;
    s->n++;
    return true;
}

static bool has_file(const struct load_set *set, pid_t pid)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].pid == pid && load_is_live(&set->items[i]))
            return true;
    return false;
}

static bool was_started_with(pid_t pid, const char *option)
{
    char path[64], *variable = NULL;
    size_t room = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)procfs_alive(pid));
    FILE *f = fopen(path, "re");
    while (f && !found && getdelim(&variable, &room, 0, f) > 0)
        found = strncmp(variable, "SOCKLEAK_OPTIONS=", 17) == 0 && strstr(variable, option);
    free(variable);
    if (f)
        fclose(f);
    return found;
}

static bool look_at(void *arg, pid_t pid)
{
    const struct search *search = arg;
    struct procfs_stat st;
    if (has_file(search->set, pid) || procfs_stat(pid, &st) != 0 || st.state == 'Z' || st.kernel_thread || st.ending)
        return true;
    if (was_started_with(pid, search->option) &&
        (procfs_maps_file(pid, "/libsockleak.so") || procfs_maps_file(pid, "/libsockleak-musl.so")))
        add(search->found, pid);
    return true;
}

void survivors_find(struct survivors *s, const struct load_set *set, const char *dir)
{
    char option[CLI_PATH_MAX + 16];
    *s = (struct survivors){0};
    for (size_t i = 0; i < set->n; i++)
        if (load_is_live(&set->items[i]))
            add(s, set->items[i].pid);
    snprintf(option, sizeof option, "state_dir=\"%s\"", dir);
    struct search search = {.found = s, .set = set, .option = option};
    procfs_each_pid(look_at, &search);
}

void survivors_print(const struct survivors *s, const char *dir, bool traced)
{
    char pids[SURVIVORS_LISTED * 12 + 32];
    size_t len = 0;
    if (!s->n)
        return;
    for (size_t i = 0; i < s->n && i < SURVIVORS_LISTED; i++)
        len += (size_t)snprintf(pids + len, sizeof pids - len, "%s%d", i ? ", " : "", (int)s->pids[i]);
    if (s->n > SURVIVORS_LISTED)
        snprintf(pids + len, sizeof pids - len, " and %zu more", s->n - SURVIVORS_LISTED);
    if (traced)
        cli_warn("%zu process%s of the run live%s on (%s) and %s not recorded any more: 'sockleak scan' counts %s sockets", s->n,
                 s->n == 1 ? "" : "es", s->n == 1 ? "s" : "", pids, s->n == 1 ? "is" : "are", s->n == 1 ? "its" : "their");
    else if (s->n == 1)
        cli_warn("a process of the run lives on (%s): 'sockleak report %s' reports on it", pids, pids);
    else
        cli_warn("%zu processes of the run live on (%s): 'sockleak report PID' reports on one, 'sockleak report %s' on all that have "
                 "opened a socket",
                 s->n, pids, dir);
}
