/* SPDX-License-Identifier: MIT */
/*
 * maps.h: another process' mappings and the objects in them.
 */
#ifndef SOCKLEAK_CLI_REMOTE_MAPS_H
#define SOCKLEAK_CLI_REMOTE_MAPS_H

#include "remote.h"

/*
 * Opens PID's memory and reads its maps. 0 or -errno; -EACCES or -EPERM: no permission. A failed
 * one needs no maps_close.
 */
int maps_open(struct remote *r, pid_t pid);
/* The same for a process that nothing is written to. */
int maps_open_to_read(struct remote *r, pid_t pid);
/* Reads the maps again: something was loaded. Module pointers are void then. */
int maps_refresh(struct remote *r);
void maps_close(struct remote *r);

struct remote_module *maps_module_at(const struct remote *r, uint64_t addr);
/*
 * The module whose file name begins with PREFIX and then ends, or goes on with "." or with "-" and
 * a digit: "libc" finds libc.so.6 and libc-2.31.so.
 */
struct remote_module *maps_module_named(const struct remote *r, const char *prefix);
/* The C library; musl's may have the name of its loader, ld-musl-x86_64.so.1. NULL: there is none. */
struct remote_module *maps_libc(const struct remote *r);

#endif
