/* SPDX-License-Identifier: MIT */
/*
 * cli.h: what every subcommand of `sockleak` uses: exit statuses, error messages, readers of words.
 *
 * A subcommand NAME has `int cmd_NAME(int argc, char **argv)` and its help text `usage_NAME`,
 * declared in the header of the file that defines them; main.c lists them all. argv[0] is the
 * subcommand's name; the value returned is the exit status of the command. The command has one
 * thread.
 */
#ifndef SOCKLEAK_CLI_BASE_CLI_H
#define SOCKLEAK_CLI_BASE_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum cli_status {
    CLI_OK = 0,
    /* could not do what was asked; one line on standard error said why and what to do */
    CLI_FAILED = 1,
    CLI_USAGE = 2, /* wrong usage */
};

struct command {
    const char *name;
    const char *summary; /* one line of `sockleak help` */
    int (*run)(int argc, char **argv);
    /* `sockleak help NAME`: "usage: ..." first, EXAMPLES last, ends with a newline */
    const char *usage;
};

/* main.c hands over its table, which ends with a NULL name. To be called first. */
void cli_use(const struct command *commands);
/* The table. */
const struct command *cli_commands(void);
/* The subcommand called NAME; NULL: there is none. */
const struct command *cli_find(const char *name);
/* From now on error messages name this subcommand, and cli_help prints its help. */
void cli_set_running(const struct command *command);

/*
 * Errors and warnings: one line on standard error, "sockleak NAME: " and the text, which has no
 * newline of its own. cli_fail returns CLI_FAILED. cli_misuse adds where the help is and returns
 * CLI_USAGE. Both are made for `return cli_fail(...)`.
 */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * For a getopt_long loop whose short options begin with ':' or "+:", so that getopt itself prints
 * nothing: call it when getopt returned '?' or ':'. Says which option was unknown, ambiguous or
 * lacks its value. Every subcommand has {"help", no_argument, NULL, 'h'} and returns cli_help() for
 * it.
 */
int cli_bad_option(int c, char **argv);
/* Prints the running subcommand's usage to standard output; returns CLI_OK. */
int cli_help(void);

/*
 * Readers of one word. On a bad word they print an error (cli_misuse) and return false; the caller
 * then returns CLI_USAGE. WHAT is the option's name, "--grace".
 */
bool cli_pid(const char *word, pid_t *pid);
bool cli_time(const char *what, const char *word, uint64_t *ns);
bool cli_kinds(const char *what, const char *word, uint32_t *mask);
bool cli_number(const char *what, const char *word, uint64_t max, uint64_t *number);
/* LEN decimal digits and nothing else, at most MAX. Prints nothing. */
bool cli_digits(const char *s, size_t len, uint64_t max, uint64_t *number);

/*
 * Room for one more: returns ARRAY, or a larger one with *CAP raised, for N elements of SIZE bytes
 * and one to come. Ends the command when memory runs out.
 */
void *cli_grow(void *array, size_t n, size_t *cap, size_t size);

/*
 * For the end of a subcommand that prints: CLI_OK when standard output took all that was written,
 * else it prints an error and returns CLI_FAILED.
 */
int cli_flush(void);

#define CLI_PATH_MAX 4096

#endif
