/* SPDX-License-Identifier: MIT */
/*
 * library.c: the agents that belong to this command.
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

enum library_libc library_of_loader(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strncmp(name, "ld-musl", 7) == 0 || strncmp(name, "libc.musl", 9) == 0 ? LIBRARY_MUSL : LIBRARY_GLIBC;
}

static bool find_below(const char *self, const char *name, char *path, size_t cap)
{
    static const char *const folders[] = {"", "/../lib", "/../lib64", "/../lib/*"};
    char pattern[2 * CLI_PATH_MAX + 64];
    bool found = false;
    for (size_t i = 0; !found && i < sizeof folders / sizeof folders[0]; i++) {
        glob_t g;
        snprintf(pattern, sizeof pattern, "%s%s/%s", self, folders[i], name);
        if (glob(pattern, 0, NULL, &g) == 0) {
            for (size_t k = 0; k < g.gl_pathc && !found; k++)
                found = is_usable_library(g.gl_pathv[k], path, cap);
            globfree(&g);
        }
    }
    return found;
}

const char *library_find(enum library_libc libc, char *path, size_t cap)
{
    static const char *const names[][2] = {{"libsockleak.so", "libsockleak.so.0"}, {"libsockleak-musl.so", "libsockleak-musl.so.0"}};
    static char why[CLI_PATH_MAX + 128];
    char self[2 * CLI_PATH_MAX];
    const char *given = getenv("SOCKLEAK_LIBRARY");
    if (given && *given) {
        if (is_usable_library(given, path, cap))
            return NULL;
        snprintf(why, sizeof why, "SOCKLEAK_LIBRARY=%s: %s", given, strerror(errno));
        return why;
    }
    if (own_directory(self, sizeof self) && (find_below(self, names[libc][0], path, cap) || find_below(self, names[libc][1], path, cap)))
        return NULL;
    snprintf(why, sizeof why,
             "%s is neither beside this command nor in ../lib; install both together ('make %sinstall'), or name it in SOCKLEAK_LIBRARY",
             names[libc][0], libc == LIBRARY_MUSL ? "musl " : "");
    return why;
}

void library_preload(const char *path, char *list, size_t cap)
{
    static const char folder[] = "sockleak-preload/$LIB/libsockleak.so";
    const char *given = getenv("SOCKLEAK_LIBRARY"), *slash = strrchr(path, '/');
    if (!(given && *given) && slash && (size_t)snprintf(list, cap, "%.*s%s", (int)(slash + 1 - path), path, folder) < cap &&
        access(list, R_OK) == 0)
        return;
    snprintf(list, cap, "%s", path);
}
