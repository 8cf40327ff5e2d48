/* SPDX-License-Identifier: MIT */
/*
 * generated.c: names of the frames of a site that are in no module.
 *
 * Called by stacks.c. The process may be alive, so a site is read as a copy of the caller's or once.
 */
#include "generated.h"

#include <stdio.h>
#include <string.h>

#include "../../core/start_time.h"
#include "../base/now.h"

/*
 * The perf map of L's process; false: there can be none that is certainly its. With an exec the
 * number has gone to another program, and in the same file system the number of another PID
 * namespace may be that of any process.
 */
static bool perf_file_of(const struct loaded_file *l, struct perf_file *f)
{
    const struct state_header *h = state_head(&l->view);
    bool live = load_is_live(l);
    if (!l->same_boot || l->by_kernel || l->life == LIFE_EXECED || (live && !l->root[0] && l->pid != (pid_t)h->pid))
        return false;
    *f = (struct perf_file){.inner_pid = (pid_t)h->pid, .pid = live ? l->pid : 0, .owner = l->owner, .start_ticks = h->start_ticks};
    f->begun_ns = start_time_real(h->start_ticks, now_boot_ns(), now_real_ns());
    snprintf(f->path, sizeof f->path, "/tmp/perf-%u.map", h->pid);
    snprintf(f->root, sizeof f->root, "%s", live ? l->root : "");
    return true;
}

static bool is_generated(const struct state_site_view *site, unsigned i)
{
    return site->modules[i] == STATE_NO_MODULE && !state_is_frame(site->pcs[i]);
}

/* The symbolizer's number for SITE's generated code; false: it has none, or no map. */
static bool find_module(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site, unsigned *module)
{
    struct perf_file map;
    unsigned i = 0;
    while (i < site->nframes && !is_generated(site, i))
        i++;
    if (i == site->nframes || !perf_file_of(l, &map))
        return false;
    *module = symbolize_generated(sym, &map);
    return true;
}

/* The next stack that has SITE's id, SITE itself among them. */
static bool next_alike(const struct loaded_file *l, const struct state_site_view *site, uint64_t *pos, struct state_site_view *other)
{
    state_ref ref;
    while (state_next_site(&l->view, pos, &ref, other))
        if (other->site->siteid == site->site->siteid)
            return true;
    return false;
}

void generated_want(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site)
{
    struct state_site_view other;
    uint64_t pos = 0;
    unsigned module;
    if (!find_module(l, sym, site, &module))
        return;
    while (next_alike(l, site, &pos, &other))
        for (unsigned i = 0; i < other.nframes; i++)
            if (is_generated(&other, i))
                symbolize_want(sym, module, other.pcs[i]);
}

static const char *name_of(struct symbolizer *sym, unsigned module, const struct state_site_view *site, unsigned i)
{
    unsigned n;
    return i < site->nframes && is_generated(site, i) ? symbolize_get(sym, module, site->pcs[i], &n)->name : NULL;
}

void generated_names(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site,
                     const char *names[STATE_MAX_FRAMES])
{
    struct state_site_view other;
    uint64_t pos = 0;
    unsigned module;
    memset(names, 0, STATE_MAX_FRAMES * sizeof *names);
    if (!find_module(l, sym, site, &module))
        return;
    for (unsigned i = 0; i < site->nframes; i++)
        names[i] = name_of(sym, module, site, i);
    while (next_alike(l, site, &pos, &other))
        for (unsigned i = 0; i < site->nframes; i++) {
            const char *name = names[i] ? name_of(sym, module, &other, i) : NULL;
            if (!name || other.nframes != site->nframes || strcmp(name, names[i]) != 0)
                names[i] = NULL;
        }
}
