/* SPDX-License-Identifier: MIT */
/*
 * post.h: one HTTP POST, in plain text, over a connection of its own.
 */
#ifndef SOCKLEAK_CLI_EXPORT_POST_H
#define SOCKLEAK_CLI_EXPORT_POST_H

#include <stddef.h>
#include <stdint.h>

struct post {
    const char *host, *port, *path, *type;
    const char *body;
    size_t len;
    uint64_t timeout_ns; /* for all of it */
};

/* The status of the answer (100..599); or 0, and WHY says what went wrong. */
int post_send(const struct post *p, const char **why);

#endif
