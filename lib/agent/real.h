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
#endif
