/* SPDX-License-Identifier: MIT */
/*
 * paths.c: where state files lie and what they are called.
 *
 * Called by every subcommand that looks for state files or removes them.
 */
#include "paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/options.h"

size_t paths_state_dirs(char dirs[2][CLI_PATH_MAX])
{
    const char *text = getenv("SOCKLEAK_OPTIONS");
    if (text) {
        struct options o;
        options_default(&o);
        options_parse(&o, text, NULL, NULL);
        if (o.state_dir[0]) {
            snprintf(dirs[0], CLI_PATH_MAX, "%s", o.state_dir);
            return 1;
        }
    }
    size_t n = 0;
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (xdg && xdg[0] == '/' && strlen(xdg) < CLI_PATH_MAX - 16)
        snprintf(dirs[n++], CLI_PATH_MAX, "%s/sockleak", xdg);
    snprintf(dirs[n++], CLI_PATH_MAX, "/dev/shm/sockleak-%u", (unsigned)geteuid());
    return n;
}

bool paths_pid_name(const char *name, const char *suffix, pid_t *pid)
{
    const char *dot = strchr(name, '.');
    uint64_t n;
    if (!dot || strcmp(dot, suffix) != 0 || !cli_digits(name, (size_t)(dot - name), INT32_MAX, &n) || n == 0)
        return false;
    *pid = (pid_t)n;
    return true;
}

bool paths_run_name(const char *name, pid_t *pid)
{
    uint64_t n;
    size_t len = strncmp(name, "run-", 4) == 0 ? strcspn(name + 4, ".") : 0;
    if (!cli_digits(name + 4 * (len > 0), len, INT32_MAX, &n) || n == 0 || strlen(name + 4 + len) != strlen(".XXXXXX"))
        return false;
    *pid = (pid_t)n;
    return true;
}

bool paths_state_name(const char *name, pid_t *pid, uint64_t *start_ticks)
{
    const char *dot = strchr(name, '.');
    if (!dot)
        return false;
    const char *end = strchr(dot + 1, '.');
    uint64_t n;
    if (!end || strcmp(end, ".sockleak") != 0 || !cli_digits(name, (size_t)(dot - name), INT32_MAX, &n) || n == 0)
        return false;
    *pid = (pid_t)n;
    return cli_digits(dot + 1, (size_t)(end - dot - 1), UINT64_MAX, start_ticks);
}

bool paths_is_private(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}
