/* SPDX-License-Identifier: MIT */
/*
 * help.c: `sockleak help [COMMAND]`, the list of commands, and the suggestion for a mistyped one.
 */
#include "help.h"

#include <string.h>

#include "base/cli.h"
#include "base/nearest.h"

const char usage_help[] = "usage: sockleak help [COMMAND]\n"
                          "\n"
                          "Without COMMAND lists the commands; with one prints its options and examples.\n"
                          "'sockleak COMMAND --help' prints the same.\n"
                          "\n"
                          "  -h, --help\n"
                          "\n"
                          "EXAMPLES\n"
                          "  sockleak help\n"
                          "  sockleak help scan\n";

void help_list(FILE *to)
{
    fputs("usage: sockleak COMMAND [options] ...\n"
          "\n"
          "Finds leaked sockets (CLOSE_WAIT, FIN_WAIT_2, dead, never connected) and the\n"
          "lines of code that opened them.\n"
          "\n",
          to);
    for (const struct command *c = cli_commands(); c->name; c++)
        fprintf(to, "  %-8s %s\n", c->name, c->summary);
    fputs("\n"
          "  -V, --version     print the version\n"
          "  -h, --help        print this list; after a COMMAND, its options and examples\n"
          "\n"
          "EXAMPLES\n"
          "  sockleak scan                     who holds stuck sockets on this machine?\n"
          "  sockleak run -- ./server --port 80\n"
          "  sockleak attach 4242              record in a process that runs already\n"
          "  sockleak help run                 options of one command\n",
          to);
}

const char *help_nearest(const char *word)
{
    const char *near = NULL;
    unsigned best = 3;
    for (const struct command *c = cli_commands(); c->name; c++) {
        unsigned d = nearest_distance(word, c->name);
        if (d < best && d < strlen(c->name) - 1) {
            best = d;
            near = c->name;
        }
    }
    return near;
}

int cmd_help(int argc, char **argv)
{
    if (argc > 2)
        return cli_misuse("takes one command");
    if (argc < 2) {
        help_list(stdout);
        return cli_flush();
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cli_help();
    const struct command *c = cli_find(argv[1]);
    if (!c) {
        const char *near = help_nearest(argv[1]);
        if (near)
            return cli_misuse("unknown command '%s'; did you mean '%s'?", argv[1], near);
        return cli_misuse("unknown command '%s'", argv[1]);
    }
    fputs(c->usage, stdout);
    return cli_flush();
}
