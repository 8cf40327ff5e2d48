/* SPDX-License-Identifier: MIT */
/*
 * fate.h: what became of a TCP socket that a descriptor holds, but that no kernel table lists.
 */
#ifndef SOCKLEAK_CLI_KERNEL_FATE_H
#define SOCKLEAK_CLI_KERNEL_FATE_H

#include <stdint.h>
#include <sys/types.h>

enum fate {
    FATE_NONE = 0, /* it lives: it is in another network namespace */
    FATE_DEAD,
    FATE_NEVER,         /* never connected */
    FATE_DEAD_OR_NEVER, /* not permitted to find out which */
};

/* Serves any number of descriptors of process PID; -1: not permitted, which fate_of takes too. */
int fate_open(pid_t pid);
void fate_close(int process);
/* Check afterwards (procfs_holds) that FD is still the socket that was meant. */
enum fate fate_of(int process, int fd);

/*
 * Did the peer of the Unix socket behind FD have a name? 1, 0, or -1: not permitted to ask. Check
 * afterwards as above.
 */
int fate_has_named_peer(int process, int fd);

/*
 * The family (AF_INET, AF_INET6) of a TCP socket by the name of its protocol, as procfs_protocol
 * has it; 0: it is no TCP socket.
 */
uint8_t fate_family(const char *protocol);

#endif
