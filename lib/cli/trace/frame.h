/* SPDX-License-Identifier: MIT */
/*
 * frame.h: what is known of a frame of native code, and how a step to its caller ends.
 *
 * Only the stack pointer and the program counter are known at first. A register that a function has
 * saved is known by its place on the stack, and read when a rule needs it.
 */
#ifndef SOCKLEAK_CLI_TRACE_FRAME_H
#define SOCKLEAK_CLI_TRACE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER_BP 6u /* DWARF's numbers for x86-64 */
#define REGISTER_SP 7u
#define REGISTER_PC 16u
#define REGISTERS 17u

struct frame {
    uint64_t pc;
    bool is_exact;             /* pc is an instruction's address, not that behind a call */
    uint32_t known, stored;    /* bits: the value is known; the address is known at which it is stored */
    uint64_t value[REGISTERS]; /* or that address */
};

enum unwind_step {
    UNWIND_OK,
    UNWIND_BOTTOM,  /* the function has no caller: _start, a thread's first */
    UNWIND_UNKNOWN, /* a rule needs a register that is not known */
    UNWIND_NO_TABLE,
    UNWIND_CUT /* the copy of the stack ends there, or a rule cannot be used */
};

#endif
