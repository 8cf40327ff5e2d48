/* SPDX-License-Identifier: MIT */
/*
 * suppressions.c: the suppression rules of this process.
 *
 * Loaded at the start where the user gave rules, else with the first report. The text stays mapped,
 * for the rules point into it.
 */
#include "suppressions.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "../../core/hash.h"
#include "../base/errno_text.h"
#include "../base/log.h"
#include "../base/options.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../table/program_defaults.h"

#define MAX_RULES 1024
#define MAX_TEXT (1u << 20)
#define MAX_KNOWN 1024 /* a power of two */

extern const char *sockleak_default_suppressions(void) __attribute__((weak));

static struct suppression *rules;
static size_t n_rules, max_rules;

/* The program's own function is not called by the watcher, on which a report may load the rules. */
static const char *program_text;
static _Atomic bool asked_program;

static bool faulty;

/* Once in a family of processes: an ancestor may have logged the same of the same file. */
#define WARN(...)                             \
    do {                                      \
        faulty = true;                        \
        if (!agent_options.suppressions_told) \
            log_warn(__VA_ARGS__);            \
    } while (0)

static void warn(void *arg, const char *line) { WARN("suppressions %s: %s", (const char *)arg, line); }

bool suppressions_warned(void) { return faulty; }

static void parse(const char *text, size_t len, const char *where)
{
    size_t before = n_rules;
    suppress_parse(text, len, rules, &n_rules, max_rules, warn, (void *)(uintptr_t)where);
    if (where == suppress_builtin)
        for (size_t i = before; i < n_rules; i++)
            rules[i].builtin = true;
}

static void read_file(const char *path)
{
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    if (fd < 0) {
        WARN("suppressions=%s cannot be read (%s); its rules do not apply", path, errno_text((int)-fd));
        return;
    }
    char *text = pages_alloc(MAX_TEXT);
    size_t len = 0;
    long n = -ENOMEM;
    while (text && len < MAX_TEXT && (n = sys_read((int)fd, text + len, MAX_TEXT - len)) > 0)
        len += (size_t)n;
    sys_close((int)fd);
    if (n < 0)
        WARN("suppressions=%s cannot be read (%s); its rules do not apply", path, errno_text((int)-n));
    else if (len == MAX_TEXT)
        WARN("suppressions=%s is larger than 1 MiB; the rest is ignored", path);
    if (len) {
        defaults_rules(text, len);
        parse(text, len, path);
    } else if (text) {
        pages_free(text, MAX_TEXT);
    }
}

void suppressions_load_early(void)
{
    if (sockleak_default_suppressions && !atomic_exchange(&asked_program, true))
        program_text = sockleak_default_suppressions();
    if (agent_options.suppressions[0] || program_text)
        suppressions_load();
}

void suppressions_load(void)
{
    if (rules)
        return;
    size_t size = MAX_RULES * sizeof *rules;
    rules = pages_alloc(size);
    max_rules = rules ? MAX_RULES : 0;
    parse(suppress_builtin, strlen(suppress_builtin), suppress_builtin);
    if (program_text) {
        defaults_rules(program_text, strlen(program_text));
        parse(program_text, strlen(program_text), "of the program");
    }
    if (agent_options.suppressions[0])
        read_file(agent_options.suppressions);
}

struct suppression *suppressions_rules(size_t *n)
{
    suppressions_load();
    *n = n_rules;
    return rules;
}

/* ---- what was decided by files and lines ----------------------------------------------------- */

struct known {
    uint64_t key;
    struct suppression *rule; /* NULL: none matches */
};
static struct known *known; /* a newer entry replaces an older one, which is asked for again */

static uint64_t key_of(const struct group *g) { return hash_spread(g->siteid ^ (g->kind + 1u)); }

bool suppressions_known(const struct group *g, struct suppression **rule)
{
    const struct known *k = known ? &known[key_of(g) >> 32 & (MAX_KNOWN - 1)] : NULL;
    if (!g->siteid || !k || k->key != key_of(g))
        return false;
    *rule = k->rule;
    return true;
}

void suppressions_learnt(const struct group *g, struct suppression *rule)
{
    if (!known)
        known = pages_alloc(MAX_KNOWN * sizeof *known);
    if (!known || !g->siteid)
        return;
    known[key_of(g) >> 32 & (MAX_KNOWN - 1)] = (struct known){key_of(g), rule};
}
