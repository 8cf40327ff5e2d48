/* SPDX-License-Identifier: MIT */
/*
 * errno_text.c: errno values in words, for the few errors that the agent's own calls can meet.
 */
#include "errno_text.h"

#include <errno.h>

const char *errno_text(int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
        return "permission denied";
    case ENOENT:
        return "no such file or directory";
    case ENOTDIR:
        return "not a directory";
    case EISDIR:
        return "is a directory";
    case EROFS:
        return "read-only file system";
    case ENOSPC:
        return "no space left";
    case EFBIG:
        return "RLIMIT_FSIZE is too small";
    case EMFILE:
    case ENFILE:
        return "no descriptor left";
    case ENAMETOOLONG:
        return "name too long";
    case ELOOP:
        return "a symbolic link is in the way";
    case EEXIST:
        return "it exists already";
    default:
        return "the system refused";
    }
}
