/* SPDX-License-Identifier: MIT */
/*
 * configure.c: fills the options, from the program's own defaults and from the environment.
 *
 * Called by the constructor, or by an event that comes before the constructor, on the program's own
 * thread; and again when attach brings more options.
 */
#include "configure.h"

#include <stdatomic.h>
#include <string.h>

#include "../base/environ.h"
#include "../base/log.h"
#include "../base/options.h"
#include "../base/thread.h"
#include "../table/program_defaults.h"
#include "../watch/reporter.h"

extern const char *sockleak_default_options(void) __attribute__((weak));

static _Atomic bool configured;

static bool has_warned;

static void warn_option(void *arg, const char *line)
{
    (void)arg;
    log_warn("%s", line);
    has_warned = true;
}

/*
 * The programs that this one starts inherit its environment, and would all warn of the same word.
 * It is changed there, only where the kernel has put the text, above this thread's frames: from
 * anywhere else it may be read-only. NULL: it is not there.
 */
static char *kernels_text(const char *text)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), at = (uintptr_t)text;
    return at > here && at - here < (uintptr_t)16 << 20 ? (char *)at : NULL;
}

static void blank_warned(const char *text)
{
    if (has_warned || agent_options.help)
        options_blank(kernels_text(text));
}

void configure_hush(void) { options_hush(kernels_text(environ_get("SOCKLEAK_OPTIONS"))); }

/*
 * Parses TEXT twice: log_json may stand after a wrong option, and the warning about that must
 * already be JSON.
 */
void configure_take(const char *text)
{
    struct options ahead = agent_options;
    options_parse(&ahead, text, NULL, NULL);
    agent_options.log_json = ahead.log_json;
    options_parse(&agent_options, text, warn_option, NULL);
}

void configure_first(void)
{
    const char *first = environ_get("SOCKLEAK_FIRST");
    char *list = (char *)(uintptr_t)environ_get("LD_PRELOAD");
    size_t n = first ? strlen(first) : 0;
    if (n && list && strncmp(list, first, n) == 0 && list[n] == ':')
        memmove(list, list + n + 1, strlen(list + n + 1) + 1);
}

void configure_children(void)
{
    char *list = (char *)(uintptr_t)environ_get("LD_PRELOAD");
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

void configure(void)
{
    if (atomic_exchange(&configured, true))
        return;
    thread_enter();
    options_default(&agent_options);
    const char *text = environ_get("SOCKLEAK_OPTIONS");
    log_init();
    reporter_loaded();
    if (sockleak_default_options) {
        const char *defaults = sockleak_default_options();
        defaults_options(defaults);
        if (defaults)
            configure_take(defaults);
    }
    has_warned = false;
    if (text)
        configure_take(text);
    blank_warned(text);
    options_finish(&agent_options);
    log_init();
    thread_leave();
}
