/* SPDX-License-Identifier: MIT */
/*
 * top.h: `sockleak top`.
 */
#ifndef SOCKLEAK_CLI_TOP_TOP_H
#define SOCKLEAK_CLI_TOP_TOP_H

int cmd_top(int argc, char **argv);
extern const char usage_top[];

#endif
