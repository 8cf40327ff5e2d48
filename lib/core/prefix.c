/* SPDX-License-Identifier: MIT */
/*
 * prefix.c: how a text begins.
 *
 * Called for the names of files and functions in stacks, by agent and command.
 */
#include "prefix.h"

#include <string.h>

bool begins_with(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool any(const char *rest)
{
    (void)rest;
    return true;
}

bool begins_with_one(const char *text, const char *const *list, size_t n) { return text && begins_with_name(text, list, n, any); }

bool begins_with_name(const char *text, const char *const *list, size_t n, name_end *may_follow)
{
    for (size_t i = 0; i < n; i++)
        if (begins_with(text, list[i]) && may_follow(text + strlen(list[i])))
            return true;
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool name_end_of_library(const char *rest) { return begins_with(rest, ".so") || (rest[0] == '-' && is_digit(rest[1])); }

bool name_end_of_program(const char *rest) { return !*rest || *rest == '.' || *rest == '-' || is_digit(*rest); }
