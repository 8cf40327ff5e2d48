/* SPDX-License-Identifier: MIT */
/*
 * run.h: `sockleak run`.
 */
#ifndef SOCKLEAK_CLI_RUN_RUN_H
#define SOCKLEAK_CLI_RUN_RUN_H

int cmd_run(int argc, char **argv);
extern const char usage_run[];

#endif
