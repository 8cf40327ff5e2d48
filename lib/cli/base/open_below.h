/* SPDX-License-Identifier: MIT */
/*
 * open_below.h: opens a file of another file system than ours: below a system root, or that of a
 * process.
 */
#ifndef SOCKLEAK_CLI_BASE_OPEN_BELOW_H
#define SOCKLEAK_CLI_BASE_OPEN_BELOW_H

/*
 * Opens PATH below ROOT; absolute symlinks inside are resolved below ROOT too where the kernel can
 * (5.6). A descriptor, or -1 with errno.
 */
int open_below(const char *root, const char *path, int flags);

#endif
