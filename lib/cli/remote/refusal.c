/* SPDX-License-Identifier: MIT */
/*
 * refusal.c: why something is not done, in one sentence for the user.
 */
#include "refusal.h"

#include <stdarg.h>
#include <stdio.h>

const char *refuse(struct refusal *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return why->text;
}
