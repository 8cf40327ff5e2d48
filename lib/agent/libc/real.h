/* SPDX-License-Identifier: MIT */
/*
 * real.h: the originals of every wrapped call: `real.close` is the close of libc (or of the next
 * preload library).
 *
 * Each pointer is valid from the moment that the library is relocated. At first it leads to a
 * resolver, which fills the whole table (dlsym RTLD_NEXT) and passes the call on. While dlsym
 * itself is running (it may call malloc, which in another preload library may read or close), a raw
 * system call is made instead. So no wrapper tests for 'resolved yet'. One table, wrapped.def,
 * lists what is wrapped.
 */
#ifndef SOCKLEAK_AGENT_REAL_H
#define SOCKLEAK_AGENT_REAL_H

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "../../libc/libc.h"

/*
 * Every call reads it, and it is written once: so it has cache lines of its own. It is also hidden
 * where it is only declared, so that it is reached without the GOT.
 */
struct real {
#define WRAP(type, name, parameters, arguments, plain) type(*name) parameters;
#include "wrapped.def"
} __attribute__((aligned(64)));
extern struct real real __attribute__((visibility("hidden")));

/*
 * real_resolve: looks up all originals now, through dlsym(RTLD_NEXT). The constructor calls it, so
 * that no later first call has to do it inside a signal handler; a wrapped call that comes earlier
 * calls it itself. Any number of threads at once; errno is kept. It may clear the thread's pending
 * dlerror() text, which is why the constructor is the right place.
 */
void real_resolve(void);

/*
 * real_resolve_default: the same for a library that was not preloaded but loaded later (attach). It
 * takes what the program's own calls are bound to, so preload libraries that come earlier in the
 * search order keep their place. Never stores an address inside this library.
 */
void real_resolve_default(void);

/*
 * Every wrapped name with its wrapper and the place of its original, for code that redirects calls
 * in another way than by symbol order (attach). WRAPPER is this library's own function, even when
 * another object defines NAME. Defined in table.c.
 */
struct wrapped {
    const char *name;
    void *wrapper;
    void **real;
};
extern const struct wrapped wrapped_table[] __attribute__((visibility("hidden")));
extern const unsigned wrapped_count __attribute__((visibility("hidden")));

#endif
