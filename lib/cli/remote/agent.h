/* SPDX-License-Identifier: MIT */
/*
 * agent.h: the agent's entries called in a running process, the library loaded there first where it is not yet.
 */
#ifndef SOCKLEAK_CLI_REMOTE_AGENT_H
#define SOCKLEAK_CLI_REMOTE_AGENT_H

#include "check.h"

struct remote_stats { /* as lib/agent/inject.h's struct inject_stats */
    uint32_t objects, broken, redirected, missed;
};

/*
 * Wakes the agent of process PID with OPTIONS (the syntax of SOCKLEAK_OPTIONS), loading it if need be. NULL, or WHY's sentence; then the
 * process runs on as before (a library that was loaded stays, dormant).
 */
const char *agent_inject(pid_t pid, const char *options, struct remote_stats *stats, struct refusal *why);
/* Has the agent of PID put every redirection back. */
const char *agent_withdraw(pid_t pid, struct refusal *why);
/* Is it mapped there? -1: cannot be told (no permission). */
int agent_is_mapped(pid_t pid);

#endif
