/* SPDX-License-Identifier: MIT */
/*
 * diff.h: `sockleak diff`: which sites are new, gone, grown or shrunk from one report to another.
 */
#ifndef SOCKLEAK_CLI_DIFF_DIFF_H
#define SOCKLEAK_CLI_DIFF_DIFF_H

int cmd_diff(int argc, char **argv);
extern const char usage_diff[];

#endif
