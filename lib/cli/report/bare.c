/* SPDX-License-Identifier: MIT */
/*
 * bare.c: `sockleak report PID` of a live process that never carried the agent.
 *
 * The kernel knows what it holds, but no stack: one line says so, and what to type next.
 */
#include "bare.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../kernel/program.h"
#include "../model/shown.h"
#include "../state/load_set.h"

static bool take_pid(const char *word, pid_t *pid)
{
    uint64_t n;
    if (!cli_digits(word, strlen(word), INT32_MAX, &n) || !n)
        return false;
    *pid = (pid_t)n;
    return true;
}

/* An earlier process may have had its number. */
static void put_earlier(struct out *o, pid_t pid)
{
    struct load_set set = {0};
    if (load_set_gone(&set, pid))
        out_fmt(o, "; an earlier program with this number has left `sockleak report %s`", set.items[0].path);
    load_set_free(&set);
}

static void put_advice(struct out *o, pid_t pid, enum program program)
{
    uint32_t uid = geteuid();
    procfs_user(pid, &uid);
    if (program_refusal(program))
        out_fmt(o, ": `sockleak scan --watch 2s %d` shows what changes (the agent cannot be loaded: %s)", (int)pid,
                program_refusal(program));
    else
        out_fmt(o, ": `%ssockleak attach %d` starts recording, `sockleak scan %d` lists them by peer", uid == geteuid() ? "" : "sudo ",
                (int)pid, (int)pid);
}

bool report_bare(const char *word)
{
    char text[CLI_PATH_MAX + 512], state;
    struct out o = {.buf = text, .cap = sizeof text - 1};
    struct load_set set = {0};
    struct procfs_stat process;
    uint64_t start;
    bool nothing = false;
    pid_t pid;
    if (!take_pid(word, &pid) || !load_stat(pid, &start, &state) || state == 'Z' || procfs_stat(pid, &process) != 0)
        return false;
    enum program program = program_of(pid);
    if (program == PROGRAM_UNKNOWN || program == PROGRAM_WITH_AGENT)
        return false;
    bool recorded = !load_set_process(&set, pid, &nothing); /* found where such files usually lie */
    load_set_free(&set);
    if (recorded)
        return false;
    out_fmt(&o, "process %d (%s): it does not run under the agent; ", (int)pid, process.comm);
    if (!shown_of_process(&o, pid))
        return false;
    put_advice(&o, pid, program);
    put_earlier(&o, pid);
    text[o.len] = 0;
    cli_fail("%s", text);
    return true;
}
