/* SPDX-License-Identifier: MIT */
/*
 * probe.h: asks the kernel about one descriptor and changes nothing: no SO_ERROR (it would take the
 * error away from the program), no blocking. Async-signal-safe; any thread.
 */
#ifndef SOCKLEAK_AGENT_PROBE_H
#define SOCKLEAK_AGENT_PROBE_H

#include "../../core/judge.h"
#include "../../core/state.h"

struct identity {
    uint64_t cookie; /* SO_COOKIE */
    int family, type, protocol;
};
/*
 * R, a system call's value, is no answer: the kernel has no memory, or a seccomp filter that was
 * there before the program refuses the call. It tells nothing of the socket. probe counts it
 * (DROP_LOOK): who sees that count grow knows nothing.
 */
bool probe_is_refusal(long r);
/* The kernel has no SO_COOKIE, which came with Linux 4.12: nothing can be known of any socket. Asked once a socket was. */
bool probe_lacks_cookies(void);
/* R, of a getsockopt for SO_COOKIE, says nothing of the one socket, and so will every other. */
bool probe_is_refused_cookie(long r);
/* Returns 0, or -errno (EBADF, ENOTSOCK ...). */
int probe_identity(int fd, struct identity *id);
/* Cookie alone: one system call. 0 when FD is no socket. */
uint64_t probe_cookie(int fd);
/*
 * Fills O from the kernel (REVENTS: poll's result if the caller has it, -1: ask) and from the slot
 * copy S (NULL: a socket without a slot). 0 or -errno.
 */
int probe(int fd, const struct state_slot *s, int revents, struct observation *o);
/* Addresses as text (state_detail's form); empty when unknown. */
void probe_addresses(int fd, char local[96], char peer[96]);

#endif
