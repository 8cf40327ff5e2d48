/* SPDX-License-Identifier: MIT */
/*
 * push.h: what repeats: the wait between two looks, and `sockleak export --otlp`.
 */
#ifndef SOCKLEAK_CLI_EXPORT_PUSH_H
#define SOCKLEAK_CLI_EXPORT_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "look.h"

/* From now on SIGTERM and SIGINT only end push_wait. */
void push_hold_signals(void);
/* Waits so long; true: it is to end. */
bool push_wait(uint64_t ns);

struct push_target {
    char host[256], port[8], path[1024];
    const char *url; /* as given */
};
/* The status: CLI_OK, or an error was printed. */
int push_parse(struct push_target *t, const char *url);
/* Posts until it is to end. */
int push_run(struct collector *c, const struct push_target *t, uint64_t interval_ns);

#endif
