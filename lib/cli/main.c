/* SPDX-License-Identifier: MIT */
/*
 * main.c: the command `sockleak`: the table of its subcommands, and the call of the one that was
 * asked for.
 *
 * Everything else about a subcommand is in its own file or folder; what they share is in
 * base/cli.c.
 */
#include <string.h>

#include "attach/attach.h"
#include "attach/detach.h"
#include "base/cli.h"
#include "clean.h"
#include "diff/diff.h"
#include "explain/explain.h"
#include "export/export.h"
#include "help.h"
#include "report/report.h"
#include "run/run.h"
#include "scan/scan.h"
#include "top/top.h"

static const struct command commands[] = {
    {"run", "run a program and its children under the agent, report at the end", cmd_run, usage_run},
    {"report", "report of live or dead processes from their state files", cmd_report, usage_report},
    {"explain", "one site or socket: its life, its siblings, who holds its number", cmd_explain, usage_explain},
    {"diff", "two reports: which sites are new, gone, grown or shrunk", cmd_diff, usage_diff},
    {"export", "metrics and profiles of all processes, for Prometheus, OpenTelemetry and pprof", cmd_export, usage_export},
    {"attach", "start recording in a running process", cmd_attach, usage_attach},
    {"detach", "stop recording and undo every redirection", cmd_detach, usage_detach},
    {"scan", "every process's stuck sockets from the kernel's tables, no agent needed", cmd_scan, usage_scan},
    {"top", "live view of a process: its sites by stuck count, rate or age", cmd_top, usage_top},
    {"clean", "remove state files of processes that are gone", cmd_clean, usage_clean},
    {"help", "this list, or the help of one command", cmd_help, usage_help},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    cli_use(commands);
    if (argc < 2) {
        help_list(stderr);
        return CLI_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("sockleak %s\n", SOCKLEAK_VERSION);
        return cli_flush();
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    const struct command *c = cli_find(word);
    if (!c) {
        const char *near = help_nearest(word);
        if (near)
            return cli_misuse("unknown command '%s'; did you mean '%s'?", word, near);
        return cli_misuse("unknown command '%s'", word);
    }
    cli_set_running(c);
    return c->run(argc - 1, argv + 1);
}
