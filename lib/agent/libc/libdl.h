/* SPDX-License-Identifier: MIT */
/*
 * libdl.h: the functions of libdl and libpthread, which are parts of libc.so.6 since glibc 2.34 and
 * objects of their own before. A program may have loaded neither, so nothing of them is imported.
 */
#ifndef SOCKLEAK_AGENT_LIBDL_H
#define SOCKLEAK_AGENT_LIBDL_H

/*
 * Looks NAME up in what is loaded, as a call of the program's would be bound; NULL: it is not
 * there. Async-signal-safe; errno may change.
 */
void *libdl_loaded(const char *name);
/*
 * These load libdl or libpthread if need be, as dlopen(3) would. NULL: it cannot be had. For a
 * thread of the program, outside of signal handlers; errno may change.
 */
void *libdl_function(const char *name);
void *libpthread_function(const char *name);

#endif
