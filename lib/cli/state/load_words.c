/* SPDX-License-Identifier: MIT */
/*
 * load_words.c: the state files that a user has named.
 *
 * Called by report and explain.
 */
#include "load_words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cli.h"
#include "paths.h"

static void warn_removed(const char *dir)
{
    uint64_t n = paths_removed(dir);
    if (n)
        cli_warn("%llu older state file%s of ended processes went from %s, which keeps the newest %u", (unsigned long long)n,
                 n == 1 ? "" : "s", dir, STATEDIR_KEEP);
}

void load_words_add(struct load_set *set, const char *word, int *status)
{
    struct stat st;
    bool digits = word[0] != 0, nothing = false;
    for (const char *p = word; *p; p++)
        digits = digits && isdigit((unsigned char)*p);
    if (digits) {
        pid_t pid;
        if (!cli_pid(word, &pid)) {
            *status = CLI_USAGE;
            return;
        }
        char state;
        uint64_t start;
        bool gone = !load_stat(pid, &start, &state) || state == 'Z';
        if (gone && load_set_gone(set, pid))
            return;
        const char *why = gone ? "no such process, and no state file of one: it ended with nothing to report, did not run under the agent, "
                                 "or its file was removed or is elsewhere (then name the file or its directory)"
                               : load_set_process(set, pid, &nothing);
        if (why)
            *status = cli_fail("process %s: %s", word, why);
        else if (nothing)
            cli_warn("process %s runs under the agent and holds no socket now; it has no state file: no call of it came by the agent yet, "
                     "or its "
                     "table is in memory (then its log says why)",
                     word);
        return;
    }
    const char *why;
    if (stat(word, &st) == 0 && S_ISDIR(st.st_mode)) {
        why = load_set_tree(set, word, load_set_print_error, status);
        warn_removed(word);
    } else
        why = load_set_file(set, word);
    if (why)
        *status = cli_fail("%s: %s", word, why);
}

void load_words_all(struct load_set *set, int *status)
{
    char dirs[2][CLI_PATH_MAX];
    size_t n = paths_state_dirs(dirs);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (lstat(dirs[i], &st) == 0 && !paths_is_private(&st)) {
            *status = cli_fail("%s: not read, it is not yours or others may write there", dirs[i]);
            continue;
        }
        const char *why = load_set_tree(set, dirs[i], load_set_print_error, status);
        if (why && strcmp(why, strerror(ENOENT)) != 0)
            *status = cli_fail("%s: %s", dirs[i], why);
        warn_removed(dirs[i]);
    }
    if (set->n == 0 && *status == CLI_OK)
        cli_warn("no state file in %s%s%s: nothing runs under the agent, or all of it ended with nothing to report", dirs[0],
                 n > 1 ? " or " : "", n > 1 ? dirs[1] : "");
}
