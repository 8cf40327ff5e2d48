/* SPDX-License-Identifier: MIT */
/*
 * attach.h: `sockleak attach`.
 */
#ifndef SOCKLEAK_CLI_ATTACH_ATTACH_H
#define SOCKLEAK_CLI_ATTACH_ATTACH_H

int cmd_attach(int argc, char **argv);
extern const char usage_attach[];

#endif
