/* SPDX-License-Identifier: MIT */
/*
 * group.h: findings sorted and cut into groups by kind and allocating stack.
 *
 * No allocation, no lock; async-signal-safe. The arrays belong to the caller; one thread works on
 * them.
 */
#ifndef SOCKLEAK_CORE_GROUP_H
#define SOCKLEAK_CORE_GROUP_H

#include "report.h"

/*
 * Sorts the N FINDINGS in place by kind, siteid and age (oldest first) and cuts them into GROUPS,
 * which has room for N. Returns the number of groups; the site with the most sockets comes first,
 * sockets without any stack last.
 * Sockets of one site that came to different ends are variants of it, with groups of their own.
 * Sockets without an allocating stack are grouped by the stack that saw EOF (of_eof), and by kind
 * alone when there is none. O(n log n). Fills kind, how, eof, siteid, site, what was told, the
 * opener's tid, count, ages and findings. The other fields are 0, and the frames of what was told:
 * they are the caller's to fill.
 */
size_t group_findings(struct finding *findings, size_t n, struct group *groups, uint64_t now_ns);
/* How many sockets of G's kind its site has: of all variants. */
static inline uint64_t group_site_count(const struct group *g) { return g->variants > 1 ? g->site_count : g->count; }
/* A stack of any of its events is known. */
bool group_has_stack(const struct group *g);
/*
 * For sorts: of groups those with a stack first, of them the site with the most sockets, and of it
 * the variant with the most; of one group's findings the oldest.
 */
int group_compare(const void *a, const void *b);
int group_compare_ages(const void *a, const void *b);
/*
 * Fills opened, closed and live from the counters in VIEW, which the group's findings came from.
 * Returns false when G has no stack: then they count all sockets of the process that have none.
 */
bool group_count(struct group *g, const struct state_view *view);

/*
 * A single socket of a site with which nothing was tried is a reserve for the day without
 * descriptors, no finding. Its finding gets KIND: KIND_OPEN where open sockets are asked for, else
 * KIND_NONE. Two groups whose stacks read the same (functions, and files and lines where they are
 * known) are one site here: an unrolled loop opens its sockets at different addresses. GROUPS are
 * group_findings' N, with their frames where these are known. Returns how many findings have
 * changed:
 * then the caller drops those of KIND_NONE, and groups anew.
 */
size_t group_settle_reserves(struct group *groups, size_t n, enum kind kind);
/* Moves the findings up over those of KIND_NONE; returns how many are left. */
size_t group_drop_settled(struct finding *findings, size_t n);

/*
 * When USED of LIMIT descriptors run out, at G's rate and with the descriptors that each of its
 * sockets has: fills fd_limit, fd_limit_in_s and fd_limit_reached. LIMIT 0: not known.
 */
void group_forecast_descriptors(struct group *g, uint64_t used, uint64_t limit);
/*
 * The peer whose ephemeral ports G may use up, or NULL: all sockets of G must be clients of that
 * one peer, and there must be enough of them for a forecast to be worth a line. The string belongs
 * to the group's first finding.
 */
const char *group_ports_peer(const struct group *g);
/*
 * When PORTS ephemeral ports towards that peer run out at G's rate: fills ports, ports_in_s,
 * ports_reached and ports_peer, or leaves them.
 */
void group_forecast_ports(struct group *g, uint64_t ports);

#endif
