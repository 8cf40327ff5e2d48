/* SPDX-License-Identifier: MIT */
/*
 * probe.h: what the kernel says of a socket of another process, by a descriptor of our own for it.
 *
 * Nothing is changed: no error is taken, no byte read. The copy is to be closed at once: a socket
 * that the program closes meanwhile ends only with it.
 */
#ifndef SOCKLEAK_CLI_TRACE_PROBE_H
#define SOCKLEAK_CLI_TRACE_PROBE_H

#include <sys/socket.h>

#include "../../core/judge.h"
#include "../../core/state.h"
#include "../kernel/socket_id.h"

/* Our own descriptor for FD of the process behind PIDFD, or -errno. */
int probe_copy(int pidfd, int fd);
/* SO_COOKIE; 0: COPY is no socket. */
uint64_t probe_cookie(int copy);

struct probe_identity {
    int family, type, protocol;
    bool listening, has_peer;
    struct sockaddr_storage local; /* local_size bytes */
    socklen_t local_size;
};
void probe_identify(int copy, struct probe_identity *id);
/* The size of its local address, which goes to LOCAL; 0: it has none, or COPY is no socket. */
socklen_t probe_local(int copy, struct sockaddr_storage *local);
/*
 * Fills O of the socket behind COPY, whose slot (or what is to be one) is S. What the program was
 * told is not known: neither EOF nor an error, and whether it has shut down.
 */
void probe_observe(int copy, const struct state_slot *s, struct observation *o);
/* The addresses of ID, and its family. False: it is no TCP socket that listens or is connected. */
bool probe_id(int copy, struct socket_id *id);
/* Its addresses as text, as in struct state_detail; empty when unknown. */
void probe_addresses(int copy, char local[96], char peer[96]);

#endif
