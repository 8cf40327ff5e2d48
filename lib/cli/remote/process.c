/* SPDX-License-Identifier: MIT */
/*
 * process.c: what /proc/PID/status says of a process, read once.
 *
 * Called by attach and detach, which hand the facts on to every check and message.
 */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/state.h"
#include "../kernel/procfs.h"

static void take_field(struct process_facts *facts, const char *field, const char *value)
{
    if (strcmp(field, "Name") == 0)
        /* any bytes that the process likes */
        state_string(facts->name, sizeof(facts->name), value, sizeof(facts->name));
    else if (strcmp(field, "State") == 0)
        facts->state = value[0];
    else if (strcmp(field, "Tgid") == 0)
        facts->tgid = atol(value);
    else if (strcmp(field, "TracerPid") == 0)
        facts->tracer = atol(value);
    else if (strcmp(field, "Uid") == 0)
        facts->uid = atol(value);
    else if (strcmp(field, "Kthread") == 0)
        facts->kernel_thread = atol(value) == 1;
    else if (strcmp(field, "Seccomp") == 0)
        facts->seccomp = atol(value);
    else if (strcmp(field, "x86_Thread_features") == 0)
        facts->shadow_stack = strstr(value, "shstk") != NULL;
}

bool process_read(pid_t pid, struct process_facts *facts)
{
    char path[64], line[512];
    *facts = (struct process_facts){.pid = pid, .name = "?", .tgid = -1, .tracer = -1, .uid = -1, .seccomp = -1};
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (fgets(line, sizeof(line), f)) {
        char *value = strchr(line, ':');
        if (!value)
            continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = '\0';
        take_field(facts, line, value);
    }
    fclose(f);
    if (facts->state == 'Z') { /* the first thread has ended: do others still run? */
        pid_t alive = procfs_alive(pid);
        struct procfs_stat other;
        if (alive != pid && procfs_stat(alive, &other) == 0)
            facts->state = other.state;
    }
    return facts->state != 0;
}
