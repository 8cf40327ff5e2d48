/* SPDX-License-Identifier: MIT */
/*
 * option.h: one option of SOCKLEAK_OPTIONS: what describes it, and its value.
 *
 * For options.c alone. Pure; async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_OPTION_H
#define SOCKLEAK_CORE_OPTION_H

#include "option_fields.h"
#include "out.h"

#define OPTION_SHOWN 64u /* bytes of a word that a warning repeats */

enum option_type {
    OPT_BOOL,
    OPT_NUMBER,
    OPT_BIG,
    OPT_TIME,
    OPT_INTERVAL,
    OPT_KINDS,
    OPT_TEXT,
    OPT_FORMAT,
    OPT_COLOR,
    OPT_SIGNAL,
    OPT_SIZE,
    OPT_WHEN,
    OPT_RUNTIMES,
    OPT_THRESHOLD
};

struct option {
    const char *key;
    uint8_t type;
    uint16_t offset, size; /* of the field in struct options */
    uint64_t max;          /* of numbers */
    const char *initial;   /* the default, as a user would write it */
    const char *meaning;
};

/* Takes the LEN bytes at S as OPT's value in O. NULL: they were taken; else the reason why not. */
const char *option_set(struct options *o, const struct option *opt, const char *s, size_t len);
/* The value in O, as a user would write it. */
void option_put(struct out *out, const struct options *o, const struct option *opt);

#endif
