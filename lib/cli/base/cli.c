/* SPDX-License-Identifier: MIT */
/*
 * cli.c: how every subcommand complains, reads the words of its command line, and finds the state directory.
 *
 * Called by the subcommands on the command's one thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/options.h"
#include "cli.h"
#include "common.h"

const struct command *cli_running;

static void complain(const char *fmt, va_list ap, const char *tail)
{
    char line[2048];
    vsnprintf(line, sizeof line, fmt, ap);
    fflush(stdout); /* the complaint follows what was printed before it */
    fprintf(stderr, "sockleak%s%s: %s%s\n", cli_running ? " " : "", cli_running ? cli_running->name : "", line, tail);
}

int cli_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(fmt, ap, "");
    va_end(ap);
    return CLI_FAILED;
}

int cli_misuse(const char *fmt, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, " (see 'sockleak help%s%s')", cli_running ? " " : "", cli_running ? cli_running->name : "");
    va_list ap;
    va_start(ap, fmt);
    complain(fmt, ap, tail);
    va_end(ap);
    return CLI_USAGE;
}

void cli_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(fmt, ap, "");
    va_end(ap);
}

int cli_bad_option(int c, char **argv)
{
    /* A long option is the word before optind; a short one may stand inside a cluster and is told by optopt. */
    const char *word = argv[optind - 1];
    bool is_long = strncmp(word, "--", 2) == 0;
    char letter[3] = {'-', (char)optopt, 0};
    const char *name = is_long ? word : letter;
    int len = (int)strcspn(name, "=");
    if (c == ':')
        return cli_misuse("option %.*s needs a value", len, name);
    if (is_long && optopt && strchr(word, '='))
        return cli_misuse("option %.*s takes no value", len, name);
    return cli_misuse("unknown option '%.*s'", len, name);
}

int cli_help(void)
{
    fputs(cli_running->usage, stdout);
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
static bool digits(const char *s, size_t len, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        unsigned d = (unsigned)(s[i] - '0');
        if (n > (max - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *number = n;
    return true;
}

bool cli_pid(const char *word, pid_t *pid)
{
    uint64_t n;
    if (!digits(word, strlen(word), 4194304, &n) || n == 0) {
        cli_misuse("'%s' is not a process id", word);
        return false;
    }
    *pid = (pid_t)n;
    return true;
}

bool cli_number(const char *what, const char *word, uint64_t max, uint64_t *number)
{
    if (digits(word, strlen(word), max, number))
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
    cli_misuse("%s %s: unknown kind '%.*s'; the kinds are close_wait, fin_wait_2, dead, never_connected, hangup, open, all", what, word,
               (int)bad_len, bad);
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

static void quiet(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

size_t cli_state_dirs(char dirs[2][CLI_PATH_MAX])
{
    const char *text = getenv("SOCKLEAK_OPTIONS");
    if (text) {
        struct options o;
        options_default(&o);
        options_parse(&o, text, quiet, NULL);
        if (o.state_dir[0]) {
            snprintf(dirs[0], CLI_PATH_MAX, "%s", o.state_dir);
            return 1;
        }
    }
    size_t n = 0;
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (xdg && xdg[0] == '/' && strlen(xdg) < CLI_PATH_MAX - 16)
        snprintf(dirs[n++], CLI_PATH_MAX, "%s/sockleak", xdg);
    snprintf(dirs[n++], CLI_PATH_MAX, "/dev/shm/sockleak-%u", (unsigned)geteuid());
    return n;
}

bool cli_pid_name(const char *name, const char *suffix, pid_t *pid)
{
    const char *dot = strchr(name, '.');
    uint64_t n;
    if (!dot || strcmp(dot, suffix) != 0 || !digits(name, (size_t)(dot - name), INT32_MAX, &n) || n == 0)
        return false;
    *pid = (pid_t)n;
    return true;
}

bool cli_run_name(const char *name, pid_t *pid)
{
    uint64_t n;
    size_t len = strncmp(name, "run-", 4) == 0 ? strcspn(name + 4, ".") : 0;
    if (!digits(name + 4 * (len > 0), len, INT32_MAX, &n) || n == 0 || strlen(name + 4 + len) != strlen(".XXXXXX"))
        return false;
    *pid = (pid_t)n;
    return true;
}

bool cli_state_name(const char *name, pid_t *pid, uint64_t *start_ticks)
{
    const char *dot = strchr(name, '.');
    if (!dot)
        return false;
    const char *end = strchr(dot + 1, '.');
    uint64_t n;
    if (!end || strcmp(end, ".sockleak") != 0 || !digits(name, (size_t)(dot - name), INT32_MAX, &n) || n == 0)
        return false;
    *pid = (pid_t)n;
    return digits(dot + 1, (size_t)(end - dot - 1), UINT64_MAX, start_ticks);
}
