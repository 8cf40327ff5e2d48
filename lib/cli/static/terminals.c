/* SPDX-License-Identifier: MIT */
/*
 * terminals.c: a few terminals whose descriptions are in the program, for systems that have none.
 *
 * Small containers have no terminfo. The table is written by infocmp when the program is built
 * (scripts/terminals); ncurses takes a description from $TERMINFO, too, in place of a folder's name.
 */
#include "static.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *description;
} terminals[] = {
#include "terminals.inc"
};

/* The one of NAME, or that of its family, which stands before the dash: xterm-kitty is an xterm. -1: not known. */
static int terminal_of(const char *name)
{
    for (int whole = 1; whole >= 0; whole--) {
        size_t n = whole ? strlen(name) : strcspn(name, "-");
        for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
            if (strlen(terminals[i].name) == n && strncmp(terminals[i].name, name, n) == 0)
                return (int)i;
    }
    return -1;
}

SCREEN *__wrap_newterm(const char *type, FILE *out, FILE *in)
{
    SCREEN *screen = __real_newterm(type, out, in);
    const char *name = type ? type : getenv("TERM");
    int which = !screen && name ? terminal_of(name) : -1;
    if (which < 0 || setenv("TERMINFO", terminals[which].description, 1) != 0)
        return screen;
    screen = __real_newterm(terminals[which].name, out, in);
    unsetenv("TERMINFO");
    return screen;
}
