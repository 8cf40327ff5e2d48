/* SPDX-License-Identifier: MIT */
/*
 * clean.h: `sockleak clean`.
 */
#ifndef SOCKLEAK_CLI_CLEAN_H
#define SOCKLEAK_CLI_CLEAN_H

int cmd_clean(int argc, char **argv);
extern const char usage_clean[];

#endif
