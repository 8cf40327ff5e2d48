/* SPDX-License-Identifier: MIT */
/*
 * real.h: the originals of every wrapped call: `real.close` is libc's (or the next preload library's) close.
 *
 * Each pointer is valid from the moment that the library is relocated: it first leads to a resolver that fills the whole table (dlsym RTLD_NEXT)
 * and passes the call on; while dlsym itself is running (it may call malloc, which in another preload library may read or close) a
 * raw system call serves. So no wrapper tests for 'resolved yet'. One table, wrapped.def, lists what is wrapped.
 */
#ifndef SOCKLEAK_AGENT_REAL_H
#define SOCKLEAK_AGENT_REAL_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* Read by every call and written once: on cache lines of its own. Hidden also where it is only declared, so that it is reached without the GOT. */
struct real {
#define WRAP(type, name, parameters, arguments, plain) type(*name) parameters;
#include "wrapped.def"
} __attribute__((aligned(64)));
extern struct real real __attribute__((visibility("hidden")));

/*
 * real_resolve: looks all originals up now, through dlsym(RTLD_NEXT). Called by the constructor, so that no later first call has to do it inside
 * a signal handler; the first wrapped call does it where that comes earlier. Any number of threads at once; errno as before. It may
 * clear the thread's pending dlerror() text, which is why the constructor is the place.
 */
void real_resolve(void);

/*
 * real_resolve_default: the same for a library that was not preloaded but loaded later (attach): takes what the program's own calls are bound to,
 * so preload libraries that come earlier in the search order keep their place. Never an address inside this library.
 */
void real_resolve_default(void);

/*
 * Every wrapped name with its wrapper and the place of its original, for those who redirect calls otherwise than by symbol order (attach).
 * WRAPPER is this library's own function, whoever else defines NAME. Defined in table.c.
 */
struct wrapped {
    const char *name;
    void *wrapper;
    void **real;
};
extern const struct wrapped wrapped_table[] __attribute__((visibility("hidden")));
extern const unsigned wrapped_count __attribute__((visibility("hidden")));

#endif
