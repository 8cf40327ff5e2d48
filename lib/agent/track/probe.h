/* SPDX-License-Identifier: MIT */
/*
 * probe.h: the kernel's word on one descriptor, without changing anything: no SO_ERROR (it would eat the program's error), no blocking.
 */
#ifndef SOCKLEAK_AGENT_OBSERVE_H
#define SOCKLEAK_AGENT_OBSERVE_H

#include "../../core/judge.h"
#include "../../core/state.h"

struct identity {
    uint64_t cookie; /* SO_COOKIE */
    int family, type, protocol;
};
/*
 * R, a system call's value, is no answer: the kernel has no memory, or a seccomp filter that was there before the program
 * refuses the call. It tells nothing of the socket. probe counts it (DROP_LOOK): who sees that count grow knows nothing.
 */
bool probe_is_refusal(long r);
/* Returns 0, or -EBADF / -ENOTSOCK ... */
int probe_identity(int fd, struct identity *id);
/* Cookie alone: one system call. 0 when FD is no socket. */
uint64_t probe_cookie(int fd);
/* Fills O from the kernel (REVENTS: poll's result if the caller has it, -1: ask) and from the slot copy S (may be NULL: an adopted one). 0 or -errno. */
int probe(int fd, const struct state_slot *s, int revents, struct observation *o);
/* Addresses as text (state_detail's form); empty when unknown. */
void probe_addresses(int fd, char local[96], char peer[96]);
/* As text from a sockaddr; exported for connect's failures. */
void probe_address_text(char out[96], const void *sockaddr, unsigned len);

#endif
