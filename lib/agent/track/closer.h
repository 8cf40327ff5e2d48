/* SPDX-License-Identifier: MIT */
/*
 * closer.h: who closes a descriptor.
 */
#ifndef SOCKLEAK_AGENT_TRACK_CLOSER_H
#define SOCKLEAK_AGENT_TRACK_CLOSER_H

/*
 * The address in the program to which the call returns, and where the caller's part of the stack
 * ends. NULL: not known; then the stack is walked each time. Two words, which are passed in registers:
 * the call itself (calls.h; 0: not known) is an argument beside it.
 */
struct closer {
    const void *returns_to, *stack;
};

#endif
