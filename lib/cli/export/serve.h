/* SPDX-License-Identifier: MIT */
/*
 * serve.h: `sockleak export --listen`.
 */
#ifndef SOCKLEAK_CLI_EXPORT_SERVE_H
#define SOCKLEAK_CLI_EXPORT_SERVE_H

#include <stdbool.h>

#include "look.h"

/* systemd has handed over a socket to this process (LISTEN_FDS). */
bool serve_is_handed_socket(void);
/*
 * A listening socket: the one that was handed over, else one on ADDRESS ("127.0.0.1:9842",
 * "[::1]:0"). Says on standard output where it listens. Or an error was printed: the negative of
 * the status to end with.
 */
int serve_open(const char *address);
/* Serves until SIGTERM or SIGINT; closes LISTENER. The status to end with. */
int serve_run(struct collector *c, int listener);

#endif
