/* SPDX-License-Identifier: MIT */
/*
 * traced.c: joins the wait for a program and the supervisor that watches it from outside.
 *
 * Called by run.c for programs that load no library. The state files that the supervisor writes are
 * read as an agent's are.
 */
#include "traced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../trace/supervisor.h"

#define INTERVAL_NS 1000000000ull /* as run.c has it for the agent: of a process that is killed only the last look is known */

static void warn(void *arg, const char *line)
{
    (void)arg;
    cli_warn("%s", line);
}

void traced_options(struct options *users)
{
    const char *text = getenv("SOCKLEAK_OPTIONS");
    options_default(users);
    options_parse(users, text ? text : "", warn, NULL);
    options_finish(users);
}

static int child(void *arg) { return supervisor_child(arg); }

static const char *take(void *arg, pid_t pid) { return supervisor_take(arg, pid); }

static void serve(void *arg, int until) { supervisor_serve(arg, until); }

static void away(void *arg, bool is_away) { supervisor_leave(arg, is_away); }

/* A signal will end the program, or may: what it has open then is known by a look before. */
static void look_before(void *arg, bool surely)
{
    (void)surely;
    supervisor_look(arg);
}

const char *traced_run(const char *path, char **argv, const char *dir, const struct options *users, uint32_t kinds, uint64_t grace_ns,
                       struct run_end *end)
{
    struct trace_options o = {.dir = dir,
                              .kinds = kinds ? kinds : users->kinds,
                              .grace_ns = grace_ns,
                              .interval_ns = users->interval_set ? users->interval_ns : INTERVAL_NS,
                              .max_frames = users->max_frames};
    struct supervisor *s = supervisor_new(&o);
    struct run_watch watch = {.arg = s, .child = child, .take = take, .serve = serve, .away = away};
    if (!s)
        return strerror(errno);
    const char *why = run_program(path, argv, environ, &watch, look_before, s, end);
    supervisor_end(s);
    return why;
}
