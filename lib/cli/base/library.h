/* SPDX-License-Identifier: MIT */
/*
 * library.h: where the agent's library is.
 */
#ifndef SOCKLEAK_CLI_BASE_LIBRARY_H
#define SOCKLEAK_CLI_BASE_LIBRARY_H

#include <stddef.h>

/*
 * The full path of the libsockleak.so that belongs to this command, into PATH: $SOCKLEAK_LIBRARY,
 * else beside the command, else where `make install` puts it. NULL, or a sentence that says why
 * there is none, in a static buffer.
 */
const char *library_find(char *path, size_t cap);

#endif
