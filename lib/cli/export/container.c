/* SPDX-License-Identifier: MIT */
/*
 * container.c: the id of a container, from the path of a cgroup.
 *
 * Called by fleet.c and kernel.c. The path is the container's own text where that may make cgroups
 * below its own: the first id in it is the outermost, which only the container's engine chooses.
 */
#include "container.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../kernel/procfs.h"

#define ID_DIGITS 64u

/* The first run of exactly 64 hex digits in LEN bytes at PATH. */
static const char *hex_id(const char *path, size_t len)
{
    size_t run = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && isxdigit((unsigned char)path[i])) {
            run++;
            continue;
        }
        if (run == ID_DIGITS && (i == len || !isalnum((unsigned char)path[i])))
            return path + i - run;
        run = 0;
    }
    return NULL;
}

/* Behind PREFIX, as far as a name goes. */
static bool named(const char *path, size_t len, const char *prefix, char out[CONTAINER_MAX])
{
    size_t n = 0, skip = strlen(prefix);
    const char *at = memmem(path, len, prefix, skip);
    if (!at)
        return false;
    at += skip;
    while (n < CONTAINER_MAX - 1 && at + n < path + len && (isalnum((unsigned char)at[n]) || strchr("._-", at[n])))
        n++;
    memcpy(out, at, n);
    out[n] = 0;
    char *scope = strstr(out, ".scope");
    if (scope)
        *scope = 0;
    return out[0] != 0;
}

void container_parse(const char *text, char out[CONTAINER_MAX])
{
    out[0] = 0;
    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        end = strchrnul(line, '\n');
        size_t len = (size_t)(end - line);
        const char *id = hex_id(line, len);
        if (id) {
            memcpy(out, id, ID_DIGITS);
            out[ID_DIGITS] = 0;
            return;
        }
        if (named(line, len, "/lxc.payload.", out) || named(line, len, "/lxc/", out) || named(line, len, "/machine.slice/machine-", out))
            return;
    }
}

void container_of(pid_t pid, char out[CONTAINER_MAX])
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    if (procfs_read(path, text, sizeof text) < 0)
        text[0] = 0;
    container_parse(text, out);
}
