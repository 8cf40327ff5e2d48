/* SPDX-License-Identifier: MIT */
/*
 * libc.h: what the agent needs to know about the C library that it runs with: names that one of them
 * lacks, and facts that no interface tells.
 *
 * Includes the header of the C library that is compiled for. All of it is async-signal-safe and
 * allocates nothing. A function that differs has a file for each of them, NAME_glibc.c and
 * NAME_musl.c, of which the Makefile takes one.
 */
#ifndef SOCKLEAK_LIBC_H
#define SOCKLEAK_LIBC_H

/*
 * LIBC_TLS_MODEL: the model of thread-local variables that never allocates at the first access, also
 * in a library that dlopen has loaded; a string for the attribute tls_model.
 * LIBC_THREAD_OFFSET: how assembler gets such a variable's offset: one of ARCH_OFFSET_*.
 *
 * LIBC_SMALLEST_STACK: below a thread's control block so many bytes can be read for sure.
 * libc_stack_reaches(BELOW): so far below it too.
 *
 * LIBC_HAS_UNWIND_TABLES: 0 where most functions of the C library have none.
 *
 * LIBC_TID_FROM, LIBC_TID_TO: between these offsets of its control block a thread's number is found.
 * libc_fill_control_block(BLOCK, SIZE, STORAGE): fills the zeroed control block, SIZE bytes long, of
 * a thread that the C library does not know, behind STORAGE bytes of thread-local variables, with
 * what compiled code and debuggers read of it. False: it cannot be told what these need.
 *
 * LIBC_OWN_NAME: the name of a function that the C library alone exports.
 *
 * libc_first_object(): the loader's list of objects (struct link_map), NULL: not known.
 */
#include <features.h>

#if defined(__GLIBC__)
#include "glibc.h"
#else
#include "musl.h"
#endif

#endif
