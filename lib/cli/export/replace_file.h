/* SPDX-License-Identifier: MIT */
/*
 * replace_file.h: a file whose readers see all of the old text or all of the new.
 */
#ifndef SOCKLEAK_CLI_EXPORT_REPLACE_FILE_H
#define SOCKLEAK_CLI_EXPORT_REPLACE_FILE_H

#include <stdio.h>
#include <sys/types.h>

/*
 * Writes LEN bytes into a file beside PATH and gives it that name. 0, or -errno, and then PATH is as
 * it was.
 */
int replace_file(const char *path, const char *text, size_t len, mode_t mode);

#endif
