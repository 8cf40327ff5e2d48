/* SPDX-License-Identifier: MIT */
/*
 * settings.c: grace, kinds and log, on their way from the command line to an agent.
 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/options.h"
#include "../base/cli.h"
#include "../kernel/procfs.h"

/*
 * The process opens the file, in a directory of its own: so the path is made absolute here, where
 * the user typed it. A quote would end the value in an options string.
 */
bool settings_take_log(struct attach_settings *s, const char *word)
{
    char here[sizeof s->log];
    int n;
    if (!*word || strpbrk(word, "\"\n")) {
        cli_misuse("--log takes a file's name without quotes, or stderr");
        return false;
    }
    if (strcmp(word, "stderr") == 0 || *word == '/') {
        n = snprintf(s->log, sizeof s->log, "%s", word);
    } else {
        if (!getcwd(here, sizeof here)) {
            cli_fail("--log %s: the current directory has no name (%s); give a path that begins with /", word, strerror(errno));
            return false;
        }
        n = snprintf(s->log, sizeof s->log, "%s/%s", strcmp(here, "/") == 0 ? "" : here, word);
    }
    if ((size_t)n >= sizeof s->log) {
        cli_misuse("--log: the path is longer than %zu bytes", sizeof s->log - 1);
        return false;
    }
    return s->log_set = true;
}

bool settings_check_log(const struct attach_settings *s, const struct process_facts *process)
{
    char dir[sizeof s->log], there[sizeof s->log + 64];
    struct stat st;
    if (!s->log_set || *s->log != '/')
        return true;
    snprintf(dir, sizeof dir, "%s", s->log);
    *strrchr(dir, '/') = 0;
    snprintf(there, sizeof there, "/proc/%d/root%s/", (int)procfs_alive(process->pid), dir);
    if (strchr(dir, '%') || stat(there, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return true;
    cli_fail("--log %s: process %d (%s) sees no directory %s", s->log, (int)process->pid, process->name, *dir ? dir : "/");
    return false;
}

void settings_as_options(const struct attach_settings *s, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "log_path=\"%s\":", s->log_set ? s->log : "none");
    if (s->grace_set && n < size)
        n += (size_t)snprintf(text + n, size - n, "grace=%llums:", (unsigned long long)(s->grace_ns / 1000000));
    for (unsigned k = 0, any = 0; s->kinds_set && k < KIND_COUNT; k++)
        if (s->kinds & KIND_BIT(k) && kind_name(k) && n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%s", any++ ? "," : "kinds=", kind_name(k));
}

static bool put_log(struct loaded_file *l, const char *place)
{
    const struct state_log *log = state_log(&l->view);
    uint64_t words[sizeof log->place / sizeof *log->place] = {0};
    memcpy(words, place, strlen(place));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!load_put64(l, &log->place[i], words[i]))
            return false;
    uint32_t next = atomic_load(&log->turn) + 1;
    return load_put32(l, &log->turn, next + !next);
}

static bool put_grace(struct loaded_file *l, uint64_t grace_ns)
{
    const struct state_header *h = state_head(&l->view);
    struct options follows = {.grace_ns = grace_ns};
    options_finish(&follows);
    return load_put64(l, &h->grace_ns, grace_ns) && (h->interval_given || load_put64(l, &h->interval_ns, follows.interval_ns));
}

bool settings_put(struct loaded_file *l, const struct attach_settings *s, bool woken)
{
    const struct state_header *h = state_head(&l->view);
    if (s->grace_set && !put_grace(l, s->grace_ns))
        return false;
    if (s->kinds_set && !load_put32(l, &h->kinds, s->kinds))
        return false;
    if (s->log_set || woken)
        return put_log(l, s->log_set ? s->log : "none");
    return true;
}
