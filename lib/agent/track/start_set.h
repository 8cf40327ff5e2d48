/* SPDX-License-Identifier: MIT */
/*
 * start_set.h: the sockets that were open before the program's first instruction: what it inherited
 * over exec.
 */
#ifndef SOCKLEAK_AGENT_TRACK_START_SET_H
#define SOCKLEAK_AGENT_TRACK_START_SET_H

#include <stdbool.h>
#include <stdint.h>

/* By the constructor, once. A program without such sockets pays seven system calls. */
void start_set_take(void);
/* FD was open at the start, and is still that socket: COOKIE is its SO_COOKIE now. Any thread. */
bool start_set_has(int fd, uint64_t cookie);
/*
 * A stream socket that does not listen is among them, beyond the three standard descriptors: one
 * that may become a finding without any call of the program. Not the half of a socketpair: a
 * server's processes talk over them, and one that is started with nothing else may insist on being
 * alone in its process (chromium's zygotes end themselves when they see a second thread).
 */
bool start_set_is_worth_watching(void);
/* The parent at the start. 0: none that is known. */
uint32_t start_set_parent(void);

#endif
