/* SPDX-License-Identifier: MIT */
/*
 * advice.c: what helps further depends on what the culprit is: already recording, able to load the
 * agent, or neither.
 */
#include "advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel/procfs.h"

enum program_kind { PROGRAM_UNKNOWN, PROGRAM_WITH_AGENT, PROGRAM_WITH_LIBC, PROGRAM_OTHER };

static enum program_kind kind_of_program(pid_t pid)
{
    char path[64], *line = NULL;
    size_t cap = 0;
    enum program_kind what = PROGRAM_OTHER;
    bool any = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)procfs_alive(pid));
    FILE *f = fopen(path, "re");
    if (!f)
        return PROGRAM_UNKNOWN;
    while (getline(&line, &cap, f) > 0) {
        any = true;
        if (strstr(line, "/libsockleak.so")) {
            what = PROGRAM_WITH_AGENT;
            break;
        }
        if (strstr(line, "/libc.so.6") || strstr(line, "/libc-2."))
            what = PROGRAM_WITH_LIBC;
    }
    free(line);
    fclose(f);
    return any ? what : PROGRAM_UNKNOWN;
}

const char *scan_advice(char buf[SCAN_ADVICE], const struct scan_view *v)
{
    const struct scan_process *p = v->rows->n ? &v->scan->processes[v->rows->rows[0].process] : NULL;
    const char *sudo = geteuid() == 0 ? "" : "sudo ";
    if (!p) {
        if (v->scan->unseen_processes && *sudo)
            snprintf(buf, SCAN_ADVICE, "sudo sockleak scan (sees every process), or sockleak run -- PROGRAM (records from the start)");
        else
            snprintf(buf, SCAN_ADVICE, "sockleak run -- PROGRAM (records from the start), or sockleak scan --watch 2s (while it leaks)");
        return buf;
    }
    if (p->pid == 0) {
        snprintf(buf, SCAN_ADVICE,
                 *sudo ? "sudo sockleak scan (sees whose they are)"
                       : "sockleak scan on the host (their process is in no namespace seen from here)");
        return buf;
    }
    switch (kind_of_program(p->pid)) {
    case PROGRAM_WITH_AGENT:
        snprintf(buf, SCAN_ADVICE, "sockleak report %d", (int)p->pid);
        break;
    case PROGRAM_OTHER:
        snprintf(buf, SCAN_ADVICE, "sockleak scan --watch 2s %d (static or not on glibc: the agent cannot be loaded there)", (int)p->pid);
        break;
    default:
        snprintf(buf, SCAN_ADVICE, "%ssockleak attach %d", p->uid == geteuid() ? "" : sudo, (int)p->pid);
        break;
    }
    return buf;
}
