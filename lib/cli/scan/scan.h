/* SPDX-License-Identifier: MIT */
/*
 * scan.h: `sockleak scan`.
 */
#ifndef SOCKLEAK_CLI_SCAN_SCAN_H
#define SOCKLEAK_CLI_SCAN_SCAN_H

int cmd_scan(int argc, char **argv);
extern const char usage_scan[];

#endif
