/* SPDX-License-Identifier: MIT */
/*
 * export.h: `sockleak export`.
 */
#ifndef SOCKLEAK_CLI_EXPORT_EXPORT_H
#define SOCKLEAK_CLI_EXPORT_EXPORT_H

extern const char usage_export[];
int cmd_export(int argc, char **argv);

#endif
