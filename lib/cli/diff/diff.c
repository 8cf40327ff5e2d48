/* SPDX-License-Identifier: MIT */
/*
 * diff.c: `sockleak diff OLD NEW`: its options, and the order of the steps.
 */
#include "diff.h"

#include <string.h>

#include "../base/cli.h"
#include "../render/formats.h"
#include "../render/redact.h"
#include "load.h"
#include "match.h"
#include "print.h"

const char usage_diff[] = "usage: sockleak diff [options] OLD NEW\n"
                          "\n"
                          "Compares two reports: which sites are new, gone, grown or shrunk. OLD and NEW are JSON Lines (report --format\n"
                          "json, run --json, a log with log_format=json), state files, or directories of the ones or the others.\n"
                          "A site of another build is found by the functions and files of its stack, or by the functions alone.\n"
                          "\n"
                          "  --format FORMAT       text (default) or json (JSON Lines)\n"
                          "  --exitcode N          end with N when a site is new or has grown\n"
                          "  --kinds KINDS         compare these alone (default: all that the reports have; of state files what the\n"
                          "                        process itself reports)\n"
                          "  --debug-dir DIR       find debug files, or the programs of another build, in DIR too (for state files)\n"
                          "  --redact              leave out folders above the working directory and names of users\n"
                          "  -h, --help\n"
                          "\n"
                          "EXAMPLES\n"
                          "  sockleak run --json new.json -- ./test-suite; sockleak diff --exitcode 23 main.json new.json\n"
                          "  sockleak diff before.sockleak after.sockleak\n"
                          "  sockleak diff --format json yesterday/ today/\n";

struct diff_request {
    bool json, redact;
    uint64_t exitcode;
    uint32_t kinds;
    struct symbolize_options symbols;
};

enum { DIFF_OPT_FORMAT = 256, DIFF_OPT_EXITCODE, DIFF_OPT_KINDS, DIFF_OPT_DEBUG_DIR, DIFF_OPT_REDACT };

static const struct option diff_options[] = {
    {"format", required_argument, NULL, DIFF_OPT_FORMAT},
    {"exitcode", required_argument, NULL, DIFF_OPT_EXITCODE},
    {"kinds", required_argument, NULL, DIFF_OPT_KINDS},
    {"debug-dir", required_argument, NULL, DIFF_OPT_DEBUG_DIR},
    {"redact", no_argument, NULL, DIFF_OPT_REDACT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The status to end with, or -1 to go on. */
static int take_diff_option(struct diff_request *a, int c, char **argv)
{
    switch (c) {
    case DIFF_OPT_FORMAT:
        a->json = strcmp(optarg, "json") == 0;
        if (!a->json && strcmp(optarg, "text") != 0)
            return cli_misuse("--format %s: not a format; there are text, json", optarg);
        return -1;
    case DIFF_OPT_EXITCODE:
        return cli_number("--exitcode", optarg, 255, &a->exitcode) ? -1 : CLI_USAGE;
    case DIFF_OPT_KINDS:
        return cli_kinds("--kinds", optarg, &a->kinds) ? -1 : CLI_USAGE;
    case DIFF_OPT_DEBUG_DIR:
        a->symbols.debug_dir = optarg;
        return -1;
    case DIFF_OPT_REDACT:
        a->redact = true;
        return -1;
    case 'h':
        return cli_help();
    default:
        return cli_bad_option(c, argv);
    }
}

static void redact_side(struct redaction *r, struct diff_side *side)
{
    for (size_t i = 0; i < side->n; i++)
        side->sites[i].frames = redact_frames(r, side->sites[i].frames, side->sites[i].n_frames);
}

static void print(const struct diff_request *a, const struct diff_pairs *pairs)
{
    char buf[65536];
    struct out o;
    format_open(&o, stdout, buf, sizeof buf);
    if (a->json)
        diff_json(&o, pairs);
    else
        diff_text(&o, pairs);
    format_flush(&o);
}

/* Both sides are read. */
static int compare(const struct diff_request *a, struct diff_side *before, struct diff_side *now)
{
    struct arena arena = {0};
    struct redaction redaction = {0};
    struct diff_pairs pairs;
    if (a->kinds) {
        side_keep_kinds(before, a->kinds);
        side_keep_kinds(now, a->kinds);
    }
    diff_match(&pairs, &arena, before, now);
    if (a->redact) {
        redact_begin(&redaction);
        redact_side(&redaction, before);
        redact_side(&redaction, now);
    }
    print(a, &pairs);
    if (pairs.unnamed)
        cli_warn("some stacks have no function names, so their sites were matched by their ids alone; for a state file of an older build "
                 "--debug-dir names where that build is");
    redact_end(&redaction);
    arena_free(&arena);
    int status = cli_flush();
    return status == CLI_OK && (pairs.changes[DIFF_NEW] || pairs.changes[DIFF_GROWN]) ? (int)a->exitcode : status;
}

int cmd_diff(int argc, char **argv)
{
    struct diff_request a = {.symbols = {.names = true}};
    struct diff_side before = {0}, now = {0};
    int c;
    while ((c = getopt_long(argc, argv, ":h", diff_options, NULL)) != -1) {
        int end = take_diff_option(&a, c, argv);
        if (end >= 0)
            return end;
    }
    if (argc - optind != 2)
        return cli_misuse("takes two reports, OLD and NEW");
    bool good = diff_load(&before, argv[optind], &a.symbols, a.kinds) && diff_load(&now, argv[optind + 1], &a.symbols, a.kinds);
    int status = good ? compare(&a, &before, &now) : CLI_FAILED;
    side_free(&before);
    side_free(&now);
    return status;
}
