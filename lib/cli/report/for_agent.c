/* SPDX-License-Identifier: MIT */
/*
 * for_agent.c: a filter from addresses to functions, files and lines, for the agent.
 *
 * Started by the agent with the program's rights and a time limit. It reads all before it answers,
 * since addresses are resolved a module at a time. The agent makes the report itself, since it
 * knows what was suppressed and what it has reported before; here it asks for names only, for the
 * text of lines, or for the readable forms of names that it has.
 */
#include "for_agent.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/arena.h"
#include "../base/cli.h"
#include "../symbolize/symbolize.h"

#define MAX_INPUT (64u << 20)

struct frame_request {
    const char *path; /* of a source file, whose line OFFSET is asked for; NULL: an address */
    unsigned module;
    uint64_t offset;
};

/* What is true of all frames that are asked about. */
struct asked {
    struct symbolizer *sym;
    uint64_t unchanged_since;
    int process;
};

/* All of standard input, NUL-terminated; NULL when it is too much. */
static char *read_all(void)
{
    char *text = NULL;
    size_t len = 0, cap = 0;
    do {
        if (cap - len < 65536)
            text = arena_grow(text, cap = cap ? cap * 2 : 131072, 1);
        len += fread(text + len, 1, cap - len - 1, stdin);
    } while (!feof(stdin) && !ferror(stdin) && len < MAX_INPUT);
    text[len] = 0;
    if (len < MAX_INPUT && !ferror(stdin) && strlen(text) == len)
        return text;
    free(text);
    return NULL;
}

static bool parse_build_id(const char *hex, size_t len, struct state_module *m)
{
    if (len == 1 && hex[0] == '-')
        return true;
    if (len == 0 || len % 2 || len / 2 > sizeof m->build_id)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        char two[3] = {hex[i], hex[i + 1], 0};
        if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]))
            return false;
        m->build_id[i / 2] = (uint8_t)strtoul(two, NULL, 16);
    }
    m->build_id_len = (uint32_t)(len / 2);
    return true;
}

/* "@42 /srv/app.py" */
static bool parse_place(char *line, struct frame_request *out)
{
    char *end;
    out->offset = strtoull(line, &end, 10);
    out->path = end + 1;
    return *end == ' ' && end[1];
}

static bool parse_request(char *line, const struct asked *a, struct frame_request *out)
{
    struct state_module m = {.ready = 1};
    char *end;
    *out = (struct frame_request){.path = NULL};
    if (line[0] == '@')
        return parse_place(line + 1, out);
    if (!isxdigit((unsigned char)line[0]))
        return false;
    out->offset = strtoull(line, &end, 16);
    size_t id = *end == ' ' ? strcspn(end + 1, " ") : 0;
    if (!id || end[1 + id] != ' ' || !parse_build_id(end + 1, id, &m))
        return false;
    const char *path = end + 1 + id + 1;
    size_t len = strlen(path);
    if (len >= sizeof m.path)
        return false;
    memcpy(m.path, path, len + 1);
    out->module = symbolize_module(a->sym, &m, NULL, a->unchanged_since, a->process);
    symbolize_want(a->sym, out->module, out->offset);
    return true;
}

/* Each line is of one function: inlined or not, line, file, name, and the text of that line where it is known. */
static void print_answer(const struct asked *a, const struct frame_request *f)
{
    unsigned n;
    if (f->path) {
        /* a relative one is below the directory of the process, which is ours */
        const struct source_wanted w = {.path = f->path, .line = (uint32_t)f->offset, .newest_ns = a->unchanged_since, .owner = getuid()};
        const char *text = symbolize_source_at(a->sym, &w);
        printf("0 0\t\t\t%s\n", text ? text : "");
        return;
    }
    const struct symbol *s = symbolize_get(a->sym, f->module, f->offset, &n);
    for (unsigned i = 0; i < n; i++) {
        const char *text = symbolize_source(a->sym, f->module, &s[i]);
        printf("%d %u\t%s\t%s%s%s\n", i + 1 < n, s[i].line, s[i].file ? s[i].file : "", s[i].name ? s[i].name : "", text ? "\t" : "",
               text ? text : "");
    }
}

static int answer_input(uint64_t unchanged_since, bool source)
{
    char *text = read_all();
    if (!text)
        return CLI_FAILED;
    size_t n = 0, cap = 0;
    struct frame_request *asked = NULL;
    struct asked a = {.sym = symbolizer_new(&(struct symbolize_options){.names = true, .source = source}),
                      .unchanged_since = unchanged_since,
                      .process = (int)getppid()};
    /*
     * PROCESS: our parent shares its memory with the process that asks, so its mappings are the
     * same. By them a file that was replaced or removed is found.
     */
    bool good = true;
    for (char *line = text, *next; good && *line; line = next) {
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        line[len] = 0;
        if (n == cap)
            asked = arena_grow(asked, cap = cap ? cap * 2 : 256, sizeof *asked);
        good = parse_request(line, &a, &asked[n++]);
    }
    for (size_t i = 0; good && i < n; i++)
        print_answer(&a, &asked[i]);
    good = fflush(stdout) == 0 && !ferror(stdout) && good;
    symbolizer_free(a.sym);
    free(asked);
    free(text);
    return good ? CLI_OK : CLI_FAILED;
}

static int answer_names(void)
{
    char *text = read_all();
    if (!text)
        return CLI_FAILED;
    for (char *line = text, *next; *line; line = next) {
        size_t len = strcspn(line, "\n");
        next = line + len + (line[len] == '\n');
        line[len] = 0;
        char *readable = symbolize_demangle(line);
        puts(readable ? readable : line);
        free(readable);
    }
    free(text);
    return fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : CLI_FAILED;
}

int report_for_agent(int argc, char **argv)
{
    uint64_t unchanged_since = 0;
    if (argc == 2 && strcmp(argv[1], "--names") == 0)
        return answer_names();
    bool source = argc > 1 && strcmp(argv[argc - 1], "--source") == 0;
    argc -= source;
    if (argc == 3 && strcmp(argv[1], "--unchanged-since") == 0) {
        if (!cli_number(argv[1], argv[2], UINT64_MAX, &unchanged_since))
            return CLI_USAGE;
    } else if (argc != 1) {
        return CLI_USAGE;
    }
    unsetenv("DEBUGINFOD_URLS");
    return answer_input(unchanged_since, source);
}
