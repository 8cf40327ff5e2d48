/* SPDX-License-Identifier: MIT */
/*
 * agent.h: the agent's entries, called in a running process; the library is loaded there first
 * where it is not yet.
 */
#ifndef SOCKLEAK_CLI_REMOTE_AGENT_H
#define SOCKLEAK_CLI_REMOTE_AGENT_H

#include <stdint.h>

#include "load.h"
#include "process.h"
#include "refusal.h"

/* What the redirections came to, as the agent's own struct inject_stats. */
struct agent_stats {
    uint32_t objects, broken, redirected, missed;
};

struct agent_done {
    struct agent_stats stats;
    enum load_way way;
};

/*
 * Wakes the agent of PROCESS with OPTIONS (the syntax of SOCKLEAK_OPTIONS), loading it if need be.
 * NULL, or WHY's sentence; then the process runs on as before (a library that was loaded stays,
 * dormant).
 */
const char *agent_inject(const struct process_facts *process, const char *options, struct agent_done *done, struct refusal *why);
/* Has the agent of PROCESS put every redirection back. */
const char *agent_withdraw(const struct process_facts *process, struct refusal *why);

#endif
