/* SPDX-License-Identifier: MIT */
/*
 * refusal.h: why something is not done, in one sentence for the user.
 *
 * Functions that may refuse return NULL when nothing stands in the way, else WHY's text, without a
 * newline.
 */
#ifndef SOCKLEAK_CLI_REMOTE_REFUSAL_H
#define SOCKLEAK_CLI_REMOTE_REFUSAL_H

struct refusal {
    char text[1024];
};

/* Puts the sentence into WHY and returns it: for `return refuse(why, ...)`. */
const char *refuse(struct refusal *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
