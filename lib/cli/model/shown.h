/* SPDX-License-Identifier: MIT */
/*
 * shown.h: what the kernel shows of sockets of which the agent knows nothing, in words.
 */
#ifndef SOCKLEAK_CLI_MODEL_SHOWN_H
#define SOCKLEAK_CLI_MODEL_SHOWN_H

#include "../../core/out.h"
#include "types.h"

/* "20 in CLOSE_WAIT, 1 dead": those of BY_KIND that are stuck. False, and nothing: none is. */
bool shown_kinds(struct out *o, const uint64_t by_kind[KIND_COUNT]);
/* "in CLOSE_WAIT": the state that a finding of KIND is in, behind a number. */
const char *shown_kind(enum kind kind);

/*
 * What a live process holds that is not in its records, and what to type: "it knows no socket yet;
 * the kernel shows 20 in CLOSE_WAIT ...". Nothing where all is recorded.
 */
void shown_unrecorded(struct out *o, const struct model *m);

/*
 * Of the live process PID, which has no agent: "the kernel shows 20 in CLOSE_WAIT (of 21
 * sockets)". False: it may not be looked into.
 */
bool shown_of_process(struct out *o, pid_t pid);

#endif
