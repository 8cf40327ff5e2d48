/* SPDX-License-Identifier: MIT */
/*
 * meanwhile.h: which sockets the same thread opened while others were served.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_MEANWHILE_H
#define SOCKLEAK_CLI_EXPLAIN_MEANWHILE_H

#include "../../core/report.h"

#define MEANWHILE_SITES 3u
struct meanwhile_site {
    uint64_t siteid;
    state_ref site;
    uint8_t call;
    size_t served;  /* of the sockets explained, how many it was opened during */
    size_t sockets; /* that are open now */
};
struct meanwhile {
    size_t asked; /* sockets whose time and thread are known */
    unsigned n;   /* the sites of the most first */
    struct meanwhile_site sites[MEANWHILE_SITES];
};

/*
 * Of the N FINDINGS, sockets in VIEW: the sockets of other sites that are open and were opened, by
 * the thread that opened one of them, after it and before its end: what UNTIL gives for each. Pure.
 */
void meanwhile_find(struct meanwhile *out, const struct state_view *view, const struct finding *findings, const uint64_t *until, size_t n);

#endif
