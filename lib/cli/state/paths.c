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
    struct out runtime = {.buf = dirs[0], .cap = CLI_PATH_MAX - 1};
    if (statedir_runtime(&runtime, getenv("XDG_RUNTIME_DIR")) && !runtime.lost)
        dirs[n++][runtime.len] = 0;
    struct out shared = {.buf = dirs[n], .cap = CLI_PATH_MAX - 1};
    statedir_shared(&shared, geteuid());
    dirs[n++][shared.len] = 0;
    return n;
}

bool paths_pid_name(const char *name, const char *suffix, pid_t *pid)
{
    uint32_t n;
    if (!statedir_is_pid(name, suffix, &n))
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
    uint32_t n;
    if (!statedir_is_file(name, &n, start_ticks))
        return false;
    *pid = (pid_t)n;
    return true;
}

uint64_t paths_removed(const char *path)
{
    char name[CLI_PATH_MAX + sizeof STATEDIR_REMOVED + 1];
    struct stat st;
    snprintf(name, sizeof name, "%s/" STATEDIR_REMOVED, path);
    return lstat(name, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

bool paths_is_private(const struct stat *st) { return statedir_is_private(st->st_mode, st->st_uid, geteuid()); }
