/* SPDX-License-Identifier: MIT */
/*
 * load.c: calls dlopen in the process.
 *
 * Called by agent.c with a thread that is held at a safe point.
 */
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "elf_symbol.h"
#include "handover.h"
#include "maps.h"
#include "memory.h"

/* __RTLD_DLOPEN: how glibc < 2.34 knows that the call is a dlopen of its own making. */
#define RTLD_LIBC_PRIVATE 0x80000000u

static bool find_dlopen(const struct remote *r, uint64_t *at, unsigned *flags)
{
    *flags = RTLD_NOW;
    if (elf_symbol(r, maps_libc(r), "dlopen", at, NULL) || elf_symbol(r, maps_module_named(r, "libdl"), "dlopen", at, NULL))
        return true;
    *flags |= RTLD_LIBC_PRIVATE;
    return elf_symbol(r, maps_libc(r), "__libc_dlopen_mode", at, NULL);
}

static const char *why_not_loaded(struct tracee *t, const char *library, struct refusal *why)
{
    uint64_t dlerror_at, text = 0;
    const uint64_t none[3] = {0, 0, 0};
    char reason[512] = "";
    if (elf_symbol(t->r, maps_libc(t->r), "dlerror", &dlerror_at, NULL) ||
        elf_symbol(t->r, maps_module_named(t->r, "libdl"), "dlerror", &dlerror_at, NULL))
        if (call_run(t, dlerror_at, none, &text, CALL_LIMIT_MS) == CALL_DONE && text)
            memory_string(t->r, text, reason, sizeof(reason));
    return refuse(why, "process %d could not load %s%s%s", t->r->pid, library, *reason ? ": " : "", reason);
}

/* *LET is set when the loader itself said no: then another way may do. */
static const char *load_path(struct tracee *t, struct remote *r, const char *path, bool *let, struct refusal *why)
{
    uint64_t dlopen_at, handle = 0;
    unsigned flags;
    *let = false;
    if (!find_dlopen(r, &dlopen_at, &flags))
        return refuse(why, "process %d has no dlopen: use `sockleak scan %d`", r->pid, r->pid);
    const uint64_t args[3] = {call_put_string(t, path), flags, 0};
    enum call_result c = call_run(t, dlopen_at, args, &handle, CALL_LIMIT_MS);
    if (c != CALL_DONE)
        return call_refused(t, c, why);
    if (!handle) {
        *let = true;
        return why_not_loaded(t, path, why);
    }
    maps_refresh(r);
    return NULL;
}

static const char *load_handed_over(struct tracee *t, struct remote *r, struct handover *h, bool *let, struct refusal *why)
{
    const char *refused = load_path(t, r, h->path, let, why);
    handover_end(t, h);
    return refused;
}

/* The symbol version that the loader missed: "GLIBC_2.35". False: it said something else. */
static bool missing_version(const struct refusal *said, char version[32])
{
    const char *at = strstr(said->text, "version `GLIBC_");
    if (!at)
        return false;
    at += strlen("version `");
    snprintf(version, 32, "%.*s", (int)strcspn(at, "'"), at);
    return true;
}

/* Why neither way did. */
static const char *not_loaded(const struct process_facts *p, const struct load_work *w, const struct refusal said[3], struct refusal *why)
{
    char version[32];
    for (unsigned i = 0; i < 3; i++)
        if (missing_version(&said[i], version))
            return refuse(why,
                          "process %d (%s) has an older C library than libsockleak.so was built for (it lacks %s): build sockleak on a "
                          "system like that, or use `sockleak scan %d`",
                          p->pid, p->name, version, p->pid);
    return refuse(
        why,
        "%.300s, and the library could be handed over neither in memory (%.200s) nor as a file (%.200s): copy %.200s to where the "
        "process sees it under that name",
        said[0].text, said[1].text, said[2].text, w->library);
}

const char *load_agent(struct tracee *t, struct remote *r, const struct process_facts *p, const struct load_work *w, enum load_way *way,
                       struct refusal *why)
{
    struct refusal said[3] = {{""}, {"its seccomp filter forbids memfd_create"}, {""}}, *path = &said[0], *memory = &said[1],
                   *file = &said[2];
    struct handover h;
    bool let = true;
    snprintf(path->text, sizeof path->text, "process %d (%s) %s", p->pid, p->name, w->unseen);
    *way = LOAD_PATH;
    if (!*w->unseen && !load_path(t, r, w->library, &let, path))
        return NULL;
    if (!t->stopped || !let)
        return refuse(why, "%s", path->text);
    *way = LOAD_MEMORY;
    if (w->in_memory && !handover_in_memory(t, w->library, &h, memory) && !load_handed_over(t, r, &h, &let, memory))
        return NULL;
    if (!t->stopped || !let)
        return refuse(why, "%s", memory->text);
    *way = LOAD_FILE;
    if (!handover_in_root(t, p, w->library, &h, file) && !load_handed_over(t, r, &h, &let, file))
        return NULL;
    if (!t->stopped || !let)
        return refuse(why, "%s", file->text);
    return not_loaded(p, w, said, why);
}
