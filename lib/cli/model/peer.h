/* SPDX-License-Identifier: MIT */
/*
 * peer.h: by which peer sockets are counted.
 */
#ifndef SOCKLEAK_CLI_MODEL_PEER_H
#define SOCKLEAK_CLI_MODEL_PEER_H

#include "../../core/report.h"

#define PEER_MAX 128u
/*
 * What the program would name: address and port of a connection that it made, the address alone of
 * one that it accepted, since the client's port says nothing. "": not known.
 */
void peer_of(const struct finding *f, char name[PEER_MAX]);

/* Sockets towards one peer. */
struct peer_share {
    char name[PEER_MAX];
    uint64_t count, age_ns; /* AGE_NS: the sum of theirs */
};
/* Sorts the N shares by name and adds up those of one; returns how many are left. */
size_t peer_join(struct peer_share *shares, size_t n);

#endif
