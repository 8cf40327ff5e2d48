/* SPDX-License-Identifier: MIT */
/*
 * load.h: has a process load the agent's library, by its path or, where that does not lead there, by
 * a handover.
 */
#ifndef SOCKLEAK_CLI_REMOTE_LOAD_H
#define SOCKLEAK_CLI_REMOTE_LOAD_H

#include "process.h"
#include "ptrace.h"
#include "refusal.h"

/* How the library came into the process. */
enum load_way {
    LOAD_NOT,    /* it was there */
    LOAD_PATH,   /* by its path */
    LOAD_MEMORY, /* handed over in memory */
    LOAD_FILE,   /* from a file that was put into its root for the moment */
};

struct load_work {
    const char *library; /* its path here */
    char unseen[256];    /* "": the process sees it under that path; else why not: "has no /x" */
    bool in_memory;      /* its filters let it make memory with a descriptor */
};

/*
 * Loads it on T, a held and prepared thread of R and P. NULL and *WAY, or WHY's sentence; R's
 * mappings are read anew.
 */
const char *load_agent(struct tracee *t, struct remote *r, const struct process_facts *p, const struct load_work *w, enum load_way *way,
                       struct refusal *why);

#endif
