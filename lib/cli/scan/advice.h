/* SPDX-License-Identifier: MIT */
/*
 * advice.h: the command that a person should type after this look.
 */
#ifndef SOCKLEAK_CLI_SCAN_ADVICE_H
#define SOCKLEAK_CLI_SCAN_ADVICE_H

#include "scan.h"

#define SCAN_NEXT 256
/* "sockleak attach 4242" and the like, with a reason in brackets where it is not obvious. Reads /proc/PID/maps of the culprit. Returns BUF. */
const char *scan_next(char buf[SCAN_NEXT], const struct scan_view *v);

#endif
