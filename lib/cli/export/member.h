/* SPDX-License-Identifier: MIT */
/*
 * member.h: the samples of one process that carries, or carried, the agent. For look.c alone.
 */
#ifndef SOCKLEAK_CLI_EXPORT_MEMBER_H
#define SOCKLEAK_CLI_EXPORT_MEMBER_H

#include "fleet.h"
#include "ledger.h"
#include "types.h"

/* Its stuck sockets by kind and site: the MAX_SITES sites with the most, the rest as one. */
void member_add_stuck(struct samples *s, const struct fleet_member *m, unsigned max_sites);
/* The same by peer, for the MAX_PEERS peers with the most. */
void member_add_peers(struct samples *s, const struct fleet_member *m);
/* Open sockets, forecasts. */
void member_add_process(struct samples *s, const struct fleet_member *m);
/* What it has opened and closed at each site, into the ledger. */
void member_count(struct ledger *l, const struct fleet_member *m, struct symbolizer *sym, unsigned max_sites, uint64_t now_s);

#endif
