/* SPDX-License-Identifier: MIT */
/*
 * deepbind.h: makes the calls of objects that are loaded with RTLD_DEEPBIND lead to the wrappers.
 *
 * For the entry of dlopen (wrap/process.c), on any thread of the program, before the real call.
 */
#ifndef SOCKLEAK_AGENT_DEEPBIND_H
#define SOCKLEAK_AGENT_DEEPBIND_H

/*
 * dlopen(PATH, MODE) is about to be called: with RTLD_DEEPBIND the C library's names are led to us.
 */
void deepbind_opening(const char *path, int mode) __attribute__((visibility("hidden")));
/* The original that the entry of dlopen jumps to; valid once deepbind_opening has returned. */
extern void *deepbind_dlopen __attribute__((visibility("hidden")));

#endif
