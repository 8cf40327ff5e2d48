/* SPDX-License-Identifier: MIT */
/*
 * library.c: the libsockleak.so that belongs to this command.
 *
 * Called by run, which preloads it, and by attach, which loads it into a process.
 */
#include "library.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool is_usable_library(const char *path, char *to, size_t cap)
{
    char *full = realpath(path, NULL);
    bool ok = full && access(full, R_OK) == 0 && (size_t)snprintf(to, cap, "%s", full) < cap;
    free(full);
    return ok;
}

/* Where this command lies, as the beginning of a glob pattern. */
static bool own_directory(char *pattern, size_t cap)
{
    char self[CLI_PATH_MAX];
    size_t n = 0;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = 0;
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = 0;
    for (const char *p = self; *p && n + 2 < cap; p++) {
        if (strchr("*?[]\\", *p))
            pattern[n++] = '\\';
        pattern[n++] = *p;
    }
    pattern[n] = 0;
    return true;
}

const char *library_find(char *path, size_t cap)
{
    static const char *const places[] = {
        "/libsockleak.so",   "/../lib/libsockleak.so",   "/../lib64/libsockleak.so",   "/../lib/*/libsockleak.so",
        "/libsockleak.so.0", "/../lib/libsockleak.so.0", "/../lib64/libsockleak.so.0", "/../lib/*/libsockleak.so.0"};
    static char why[CLI_PATH_MAX + 128];
    char self[2 * CLI_PATH_MAX], pattern[2 * CLI_PATH_MAX + 64];
    const char *given = getenv("SOCKLEAK_LIBRARY");
    if (given && *given) {
        if (is_usable_library(given, path, cap))
            return NULL;
        snprintf(why, sizeof why, "SOCKLEAK_LIBRARY=%s: %s", given, strerror(errno));
        return why;
    }
    bool found = false, known = own_directory(self, sizeof self);
    for (size_t i = 0; known && !found && i < sizeof places / sizeof places[0]; i++) {
        glob_t g;
        snprintf(pattern, sizeof pattern, "%s%s", self, places[i]);
        if (glob(pattern, 0, NULL, &g) == 0) {
            for (size_t k = 0; k < g.gl_pathc && !found; k++)
                found = is_usable_library(g.gl_pathv[k], path, cap);
            globfree(&g);
        }
    }
    return found ? NULL
                 : "libsockleak.so is neither beside this command nor in ../lib; install both together ('make install'), or name it in "
                   "SOCKLEAK_LIBRARY";
}
