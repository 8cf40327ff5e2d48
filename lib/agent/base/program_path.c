/* SPDX-License-Identifier: MIT */
/*
 * program_path.c: the path of the program's file, and the kernel's mark on names of removed files.
 *
 * Called when the state file is made, when a log is opened and when a module is recorded, in any
 * thread, in signal handlers too.
 */
#include "program_path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"

static const char mark[] = " (deleted)";

/* Where the mark begins in PATH; NULL: there is none. */
static char *mark_of(char *path)
{
    size_t n = strlen(path);
    return n > sizeof mark - 1 && strcmp(path + n - (sizeof mark - 1), mark) == 0 ? path + n - (sizeof mark - 1) : NULL;
}

void program_path_unmark(char *path)
{
    struct stat st;
    char *at = mark_of(path);
    if (at && sys_stat(path, &st) < 0)
        *at = 0;
}

void program_path(char *to, size_t cap)
{
    struct stat named, running;
    long n = SYS4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", to, cap - 1);
    to[n > 0 ? n : 0] = 0;
    char *at = mark_of(to);
    /* the file's own name may end so; then it is there, and no other than the one that runs */
    if (at && (sys_stat(to, &named) < 0 || sys_stat("/proc/self/exe", &running) < 0 || named.st_dev != running.st_dev ||
               named.st_ino != running.st_ino))
        *at = 0;
}
