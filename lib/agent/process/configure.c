/* SPDX-License-Identifier: MIT */
/*
 * configure.c: the options, from the program's own defaults and from the environment.
 *
 * Called by the constructor, or by an event that comes before it; and when attach brings more.
 */
#include <stdatomic.h>
#include <string.h>

#include "../agent.h"
#include "../table/program_defaults.h"

extern const char *sockleak_default_options(void) __attribute__((weak));

struct options agent_options;
static _Atomic bool configured;

const char *agent_environment(const char *name)
{
    extern char **environ;
    size_t n = strlen(name);
    for (char **e = environ; e && *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

static void warn_option(void *arg, const char *line)
{
    (void)arg;
    agent_warn("%s", line);
}

/* Read twice, so that a complaint already has the format that comes behind what it complains of. */
void agent_take_options(const char *text)
{
    struct options ahead = agent_options;
    options_parse(&ahead, text, NULL, NULL);
    agent_options.log_json = ahead.log_json;
    options_parse(&agent_options, text, warn_option, NULL);
}

void agent_leave_children_alone(void)
{
    char *list = (char *)(uintptr_t)agent_environment("LD_PRELOAD");
    if (!list)
        return;
    char *to = list;
    for (char *from = list; *from;) {
        size_t n = strcspn(from, ": ");
        bool ours = memmem(from, n, "libsockleak", 11) != NULL;
        if (!ours && n) {
            if (to != list)
                *to++ = ':';
            memmove(to, from, n);
            to += n;
        }
        from += n + (from[n] != 0);
    }
    *to = 0;
}

void agent_configure(void)
{
    if (atomic_exchange(&configured, true))
        return;
    agent_enter();
    options_default(&agent_options);
    const char *text = agent_environment("SOCKLEAK_OPTIONS");
    log_init();
    if (sockleak_default_options) {
        const char *defaults = sockleak_default_options();
        said_options(defaults);
        if (defaults)
            agent_take_options(defaults);
    }
    if (text)
        agent_take_options(text);
    options_finish(&agent_options);
    log_init();
    agent_leave();
}
