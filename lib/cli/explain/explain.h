/* SPDX-License-Identifier: MIT */
/*
 * explain.h: `sockleak explain`.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_EXPLAIN_H
#define SOCKLEAK_CLI_EXPLAIN_EXPLAIN_H

int cmd_explain(int argc, char **argv);
extern const char usage_explain[];

#endif
