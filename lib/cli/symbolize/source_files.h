/* SPDX-License-Identifier: MIT */
/*
 * source_files.h: single lines of source files, for reports.
 *
 * The paths come out of debug data and state files, which may lie: only a regular file is read, of
 * 16 MiB at most, and when the command runs as root, only one that everybody may read or that the
 * owner of the program has. A file that is newer than the program shows another text than was
 * compiled: nothing is read from it.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_SOURCE_FILES_H
#define SOCKLEAK_CLI_SYMBOLIZE_SOURCE_FILES_H

#include <stdint.h>
#include <sys/types.h>

struct source_files;

struct source_files *source_files_new(void);
void source_files_free(struct source_files *s);

/* Where a line is, and what must be true of its file. */
struct source_wanted {
    const char *root; /* PATH is below this directory, and links lead nowhere else; NULL or "": it is not */
    const char *path;
    uint32_t line;
    uint64_t newest_ns; /* CLOCK_REALTIME: last written at this time or before; 0: at no time */
    uid_t owner;        /* of the program */
};

/*
 * The text of the line without its end, at most 400 bytes of it; NULL: it cannot be read, must not
 * be, is blank, or is not known to be what ran. Lives as long as S.
 */
const char *source_files_line(struct source_files *s, const struct source_wanted *w);

#endif
