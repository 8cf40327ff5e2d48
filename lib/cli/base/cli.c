/* SPDX-License-Identifier: MIT */
/*
 * cli.c: the table of subcommands, how each of them prints errors and reads the words of
 * its command line.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/optvalue.h"
#include "nearest.h"

static const struct command *command_table;
static const struct command *running_command; /* NULL before one was chosen */

void cli_use(const struct command *commands) { command_table = commands; }

const struct command *cli_commands(void) { return command_table; }

const struct command *cli_find(const char *name)
{
    for (const struct command *c = command_table; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

void cli_set_running(const struct command *command) { running_command = command; }

static void print_message(const char *fmt, va_list ap, const char *tail)
{
    char line[2048];
    vsnprintf(line, sizeof line, fmt, ap);
    fflush(stdout); /* so that the message follows what was printed before it */
    fprintf(stderr, "sockleak%s%s: %s%s\n", running_command ? " " : "", running_command ? running_command->name : "", line, tail);
}

int cli_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_message(fmt, ap, "");
    va_end(ap);
    return CLI_FAILED;
}

int cli_misuse(const char *fmt, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, " (see 'sockleak help%s%s')", running_command ? " " : "", running_command ? running_command->name : "");
    va_list ap;
    va_start(ap, fmt);
    print_message(fmt, ap, tail);
    va_end(ap);
    return CLI_USAGE;
}

void cli_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_message(fmt, ap, "");
    va_end(ap);
}

int cli_bad_option(int c, char **argv)
{
    /*
     * A long option is the word before optind. A short one may stand inside a cluster like -ab;
     * optopt says which it is.
     */
    const char *word = argv[optind - 1];
    bool is_long = strncmp(word, "--", 2) == 0;
    char letter[3] = {'-', (char)optopt, 0};
    const char *name = is_long ? word : letter;
    int len = (int)strcspn(name, "=");
    if (c == ':')
        return cli_misuse("option %.*s needs a value", len, name);
    if (is_long && optopt && strchr(word, '='))
        return cli_misuse("option %.*s takes no value", len, name);
    char near[NEAREST_MAX + 1];
    if (is_long && running_command && nearest_option(running_command->usage, name + 2, (size_t)len - 2, near))
        return cli_misuse("unknown option '%.*s'; did you mean '--%s'?", len, name, near);
    return cli_misuse("unknown option '%.*s'", len, name);
}

int cli_help(void)
{
    fputs(running_command->usage, stdout);
    return cli_flush();
}

int cli_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno == EPIPE) /* the reader had enough (a pager, head) */
            return CLI_OK;
        return cli_fail("cannot write to standard output: %s", strerror(errno));
    }
    return CLI_OK;
}

/* Decimal digits only: strtoull would take signs, blanks and a wrapped negative. */
bool cli_digits(const char *s, size_t len, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        unsigned d = (unsigned)(s[i] - '0');
        if (d > max || n > (max - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *number = n;
    return true;
}

bool cli_pid(const char *word, pid_t *pid)
{
    uint64_t n;
    if (!cli_digits(word, strlen(word), 4194304, &n) || n == 0) {
        cli_misuse("'%s' is not a process id", word);
        return false;
    }
    *pid = (pid_t)n;
    return true;
}

bool cli_number(const char *what, const char *word, uint64_t max, uint64_t *number)
{
    if (cli_digits(word, strlen(word), max, number))
        return true;
    cli_misuse("%s %s: not a number from 0 to %llu", what, word, (unsigned long long)max);
    return false;
}

bool cli_time(const char *what, const char *word, uint64_t *ns)
{
    if (parse_time(word, strlen(word), ns))
        return true;
    cli_misuse("%s %s: not a time; write 2s, 5m or 250ms", what, word);
    return false;
}

bool cli_kinds(const char *what, const char *word, uint32_t *mask)
{
    const char *bad;
    size_t bad_len;
    if (parse_kinds(word, strlen(word), mask, &bad, &bad_len))
        return true;
    cli_misuse("%s %s: unknown kind '%.*s'; the kinds are close_wait, fin_wait_2, dead, never_connected, hangup, held_by_child, "
               "use_after_close, open, all",
               what, word, (int)bad_len, bad);
    return false;
}

void *cli_grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t larger = *cap ? *cap * 2 : 64;
    void *p = reallocarray(array, larger, size);
    if (!p)
        exit(cli_fail("out of memory"));
    *cap = larger;
    return p;
}
