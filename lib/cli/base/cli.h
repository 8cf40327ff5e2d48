/* SPDX-License-Identifier: MIT */
/*
 * cli.h: what the subcommands of `sockleak` share: their table, how they complain, their exit statuses, and a few readers of options.
 *
 * A subcommand NAME is one file (or a few, NAME_*.c) with `int cmd_NAME(int argc, char **argv)` and its help text `usage_NAME`.
 * argv[0] is the subcommand's name; the value returned is the exit status of the command. Everything runs on the one thread of the command.
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
    CLI_FAILED = 1, /* could not do what was asked; one line on standard error said why and what to do */
    CLI_USAGE = 2,  /* wrong usage */
};

struct command {
    const char *name;
    const char *summary; /* one line of `sockleak help` */
    int (*run)(int argc, char **argv);
    const char *usage; /* `sockleak help NAME`: "usage: ..." first, EXAMPLES last, ends with a newline */
};

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_help(int argc, char **argv);

extern const char usage_run[], usage_report[], usage_attach[], usage_detach[], usage_scan[], usage_top[], usage_clean[], usage_help[];

extern const struct command cli_commands[]; /* ends with a NULL name */
const struct command *cli_find(const char *name);

/*
 * Complaints: one line on standard error, "sockleak NAME: " and the text, without a newline of its own.
 * cli_fail returns CLI_FAILED, cli_misuse adds where the help is and returns CLI_USAGE; both are made for `return cli_fail(...)`.
 */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * For a getopt_long loop whose short options begin with ':' or "+:" (ours print, not getopt): call it with what is left over, '?' or ':'.
 * Says which option was unknown, ambiguous or lacks its value. Give every command {"help", no_argument, NULL, 'h'} and end with cli_help.
 */
int cli_bad_option(int c, char **argv);
/* Prints the running command's usage to standard output; returns CLI_OK. */
int cli_help(void);

/* Readers of one word; on a bad one they complain (cli_misuse) and return false: the caller returns CLI_USAGE. WHAT is the option's name, "--grace". */
bool cli_pid(const char *word, pid_t *pid);
bool cli_time(const char *what, const char *word, uint64_t *ns);
bool cli_kinds(const char *what, const char *word, uint32_t *mask);
bool cli_number(const char *what, const char *word, uint64_t max, uint64_t *number);

/* Room for one more: returns ARRAY, or a larger one with *CAP raised, for N elements of SIZE bytes and one to come. Ends the command when memory is out. */
void *cli_grow(void *array, size_t n, size_t *cap, size_t size);

/* Standard output could take all that was written; else complains and returns CLI_FAILED. For the end of a command that prints. */
int cli_flush(void);

/*
 * library.c. The full path of the libsockleak.so that belongs to this command: $SOCKLEAK_LIBRARY, else beside the command, else where `make install` puts
 * it. NULL, or a sentence that says why there is none, in a static buffer.
 */
const char *cli_library(char *path, size_t cap);

/*
 * Where this user's state files may lie, most likely first: the state_dir of SOCKLEAK_OPTIONS alone, if it names one; else
 * $XDG_RUNTIME_DIR/sockleak (when set) and /dev/shm/sockleak-UID (a service has no XDG_RUNTIME_DIR, the shell that looks at it has).
 * Returns how many DIRS were filled: 1 or 2. None of them need exist.
 */
#define CLI_PATH_MAX 4096
size_t cli_state_dirs(char dirs[2][CLI_PATH_MAX]);
/* "PID.START.sockleak" -> its numbers; false for any other name. START is field 22 of /proc/PID/stat. */
bool cli_state_name(const char *name, pid_t *pid, uint64_t *start_ticks);
/* "PID" with SUFFIX behind it: ".exec" (a state file that its process left behind at an exec, with nothing to report), ".log" (of a run). */
bool cli_pid_name(const char *name, const char *suffix, pid_t *pid);
/* "run-PID.XXXXXX", the directory of one `sockleak run` below a state directory; PID is that command's. */
#define CLI_RUN_NAME "run-%d.XXXXXX"
bool cli_run_name(const char *name, pid_t *pid);

#endif
