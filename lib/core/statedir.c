/* SPDX-License-Identifier: MIT */
/*
 * statedir.c: where state files lie and what they are called.
 *
 * Called by the agent when it makes or removes its file, by the command when it looks for files or
 * removes them.
 */
#include "statedir.h"

#include <string.h>
#include <sys/stat.h>

bool statedir_runtime(struct out *o, const char *runtime_dir)
{
    if (!runtime_dir || runtime_dir[0] != '/')
        return false;
    out_str(o, runtime_dir);
    out_str(o, "/sockleak");
    return true;
}

void statedir_shared(struct out *o, uint32_t uid) { out_fmt(o, "/dev/shm/sockleak-%u", uid); }

void statedir_file(struct out *o, uint32_t pid, uint64_t start_ticks)
{
    out_fmt(o, "%u.%lu" STATEDIR_SUFFIX, pid, (unsigned long)start_ticks);
}

void statedir_aside(struct out *o, uint32_t pid) { out_fmt(o, "%u" STATEDIR_ASIDE, pid); }

/* Decimal digits up to END, as the agent writes them; false: anything else, or more than MAX. */
static bool read_number(const char *text, const char *end, uint64_t max, uint64_t *value)
{
    *value = 0;
    for (const char *p = text; p < end; p++) {
        unsigned digit = (unsigned char)*p - '0';
        if (digit > 9 || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return end > text;
}

static bool read_pid(const char *name, const char *end, uint32_t *pid)
{
    uint64_t n;
    if (!read_number(name, end, INT32_MAX, &n) || !n)
        return false;
    *pid = (uint32_t)n;
    return true;
}

bool statedir_is_file(const char *name, uint32_t *pid, uint64_t *start_ticks)
{
    const char *dot = strchr(name, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    return end && strcmp(end, STATEDIR_SUFFIX) == 0 && read_pid(name, dot, pid) && read_number(dot + 1, end, UINT64_MAX, start_ticks);
}

bool statedir_is_pid(const char *name, const char *suffix, uint32_t *pid)
{
    const char *dot = strchr(name, '.');
    return dot && strcmp(dot, suffix) == 0 && read_pid(name, dot, pid);
}

bool statedir_is_private(uint32_t mode, uint32_t owner, uint32_t uid)
{
    return S_ISDIR(mode) && owner == uid && !(mode & (S_IWGRP | S_IWOTH));
}

uint64_t statedir_start_ticks(const char *stat)
{
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    uint64_t ticks = 0;
    for (; p && *p >= '0' && *p <= '9'; p++)
        ticks = ticks * 10 + (uint64_t)(*p - '0');
    return ticks;
}
