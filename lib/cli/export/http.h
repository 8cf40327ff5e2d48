/* SPDX-License-Identifier: MIT */
/*
 * http.h: a small HTTP server on libmicrohttpd, which is loaded when it is needed.
 */
#ifndef SOCKLEAK_CLI_EXPORT_HTTP_H
#define SOCKLEAK_CLI_EXPORT_HTTP_H

#include <stddef.h>

struct http_answer {
    unsigned status; /* 200 ... */
    const char *type;
    const char *encoding; /* NULL: as it is */
    const char *body;     /* copied */
    size_t len;
};
/* For a GET (or HEAD) of PATH. ACCEPT: the header, NULL: there is none. On one thread. */
typedef void http_route(void *arg, const char *path, const char *accept, struct http_answer *answer);

/* A sentence why it cannot be used, NULL: it can. */
const char *http_missing(void);
/*
 * Serves on LISTENER until SIGTERM or SIGINT, which must be blocked. NULL, or why it could not
 * begin.
 */
const char *http_run(int listener, http_route *route, void *arg);

#endif
