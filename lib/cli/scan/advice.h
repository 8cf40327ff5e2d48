/* SPDX-License-Identifier: MIT */
/*
 * advice.h: the command that a person should type after this scan.
 */
#ifndef SOCKLEAK_CLI_SCAN_ADVICE_H
#define SOCKLEAK_CLI_SCAN_ADVICE_H

#include "types.h"

#define SCAN_ADVICE 256
/*
 * "sockleak attach 4242" and the like, with a reason in brackets where it is not obvious. Reads
 * /proc/PID/maps of the culprit. Returns BUF.
 */
const char *scan_advice(char buf[SCAN_ADVICE], const struct scan_view *v);

#endif
