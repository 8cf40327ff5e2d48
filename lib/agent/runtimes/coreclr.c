/* SPDX-License-Identifier: MIT */
/*
 * coreclr.c: finds CoreCLR, the runtime of .NET, in a process that writes a perf map.
 *
 * Called when libcoreclr.so is met for the first time. Nothing of it but its name and the form of
 * the map is taken for granted, so there is no list of versions.
 */
#include "coreclr.h"

#include <string.h>

#include "../../core/textstack.h"

static const struct generated_code code = {.holds = coreclr_holds, .step = coreclr_step};

static bool coreclr_find(struct exports *e)
{
    if (!exports_find(e, "coreclr_initialize", NULL) || !exports_find(e, "coreclr_execute_assembly", NULL))
        return false;
    const char *wrong = coreclr_map_find();
    if (!CORECLR_HAS_FRAMES)
        wrong = "its frames on this processor are not known";
    return wrong ? runtime_refuse(&runtime_coreclr, wrong) : true;
}

/* The launcher, and what lies beside the runtime and its library. */
static bool coreclr_owns(const char *path, bool is_program)
{
    static const char *const own[] = {"libclrjit.so", "libhostfxr.so", "libhostpolicy.so", "libclrgc.so", "libmscordaccore.so"};
    const char *base = text_base_name(path);
    if (is_program)
        return strcmp(base, "dotnet") == 0;
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(base, own[i]) == 0)
            return true;
    /* libSystem.Native.so, System.Security.Cryptography.Native.OpenSsl.so */
    return strncmp(strncmp(base, "lib", 3) == 0 ? base + 3 : base, "System.", 7) == 0 && strstr(base, "Native");
}

/* It closes nothing at its end. */
static bool coreclr_is_ending(void) { return false; }

static void coreclr_forget(void) {}

const struct runtime runtime_coreclr = {
    .number = RUNTIME_DOTNET,
    .library = "libcoreclr.so",
    .find = coreclr_find,
    .generated = &code,
    .owns = coreclr_owns,
    .walk = coreclr_walk,
    .name = coreclr_name,
    .is_ending = coreclr_is_ending,
    .forget = coreclr_forget,
};
