/* SPDX-License-Identifier: MIT */
/*
 * loop.h: the event loops of a process that uses libuv, and the handles of their sockets.
 *
 * uv_loop_t, uv_handle_t, uv_stream_t and uv_udp_t of libuv 1 (include/uv.h, uv/unix.h), whose
 * binary interface is fixed, for 64 bits. Pure but for the cache.
 */
#ifndef SOCKLEAK_CLI_OWNER_LOOP_H
#define SOCKLEAK_CLI_OWNER_LOOP_H

#include "cache.h"

/*
 * LOOP, any number, is a loop that has handles: they lead to one another and to it. EPFD: the epoll
 * instance that it must have; -1: any.
 */
bool loop_is(struct owner_cache *c, uint64_t loop, int epfd);
/*
 * The loop that a thread waits in for events of EPFD: a word of its stack between SP and at most
 * END leads there. 0: there is none.
 */
uint64_t loop_of_stack(struct owner_cache *c, uint64_t sp, uint64_t end, int epfd);
/* The loop of uv_default_loop, whose code begins at CODE; 0: not found there. For x86-64. */
uint64_t loop_of_function(struct owner_cache *c, uint64_t code);
/*
 * Calls EACH for every open handle of LOOP that has a socket, with its descriptor and the program's
 * DATA. False: the list changed while it was read, or is none; what EACH was called for may be
 * wrong then.
 */
bool loop_each_socket(struct owner_cache *c, uint64_t loop, void (*each)(void *arg, uint64_t handle, int fd, uint64_t data), void *arg);

#endif
