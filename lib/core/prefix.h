/* SPDX-License-Identifier: MIT */
/*
 * prefix.h: how a text begins.
 *
 * Pure; async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_PREFIX_H
#define SOCKLEAK_CORE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>

bool begins_with(const char *text, const char *with);
/* With one of the N texts of LIST. TEXT NULL: false. */
bool begins_with_one(const char *text, const char *const *list, size_t n);
/*
 * With one of the N names of LIST, behind which MAY_FOLLOW allows what comes: so that libc-client is
 * not taken for libc.
 */
typedef bool name_end(const char *rest);
bool begins_with_name(const char *text, const char *const *list, size_t n, name_end *may_follow);
/* Behind the name of a shared library: ".so", or a version, as in libc-2.31.so. */
bool name_end_of_library(const char *rest);
/* Behind the name of a program or its library: nothing, ".so", or a version: python3.11, php-8. */
bool name_end_of_program(const char *rest);

#endif
