/* SPDX-License-Identifier: MIT */
/*
 * lines.c: files, lines and inlined calls for the agent's own reports, from the command.
 *
 * The command runs as a filter: one line for each frame goes in, and the functions at that place
 * come out, innermost first (lib/cli/report/for_agent.h). Called with the watch lock held, at exit
 * or for a check.
 */
#include "lines.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../core/program_frame.h"
#include "../base/clock.h"
#include "../base/environ.h"
#include "../base/options.h"
#include "../base/sys.h"
#include "../elf/object.h"
#include "../table/header.h"
#include "line_cache.h"
#include "symbolizer_process.h"
#include "unchanged.h"

#define LIMIT_MS 4000
#define TURN_WAIT_NS NS_PER_S
#define MAX_OUTPUT (32u << 20)
#define BYTES_A_FRAME 1024u

/* Where `make install` and a build put the command, seen from the library. */
static const char *const command_places[] = {"/sockleak", "/../bin/sockleak", "/../../bin/sockleak"};

static bool may_ask;
static struct object self; /* this library */

/* Valgrind ends a program that makes a process with clone(2), as symbolizer_process.c does. */
void lines_begin(void) { may_ask = !environ_is_valgrind() && object_at((uint64_t)(uintptr_t)&lines_resolve, &self); }

bool lines_command(char *path, size_t cap)
{
    char library[512];
    if (!may_ask)
        return false;
    object_path(&self, NULL, library, sizeof library);
    /* a relative path may lead elsewhere by now */
    char *slash = library[0] == '/' ? strrchr(library, '/') : NULL;
    if (!slash)
        return false;
    *slash = 0;
    for (size_t i = 0; i < sizeof command_places / sizeof *command_places; i++) {
        struct out o = {.buf = path, .cap = cap - 1};
        out_str(&o, library);
        out_str(&o, command_places[i]);
        path[o.len] = 0;
        if (!o.lost && SYS3(SYS_faccessat, AT_FDCWD, path, X_OK) >= 0)
            return true;
    }
    return false;
}

/*
 * Of a runtime's frames the one that stands for the program is asked about, for the text of its line
 * alone, which a frame is given nowhere else.
 */
static bool is_asked_source(const struct frame *f, const struct frame *own)
{
    return agent_options.source && f == own && f->runtime != RUNTIME_NATIVE && f->file && f->file[0] && f->line && !f->line_of_function &&
           (f->file[0] == '/' || !strstr(f->file, "..")) && !strchr(f->file, '\n');
}

static bool is_asked(const struct frame *f, const struct frame *own)
{
    return (f->module && f->module[0] == '/') || is_asked_source(f, own);
}

static size_t write_questions(struct out *o, const struct frame *frames, size_t n)
{
    const struct frame *own = program_frame_first(frames, n);
    size_t asked = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_asked(&frames[i], own))
            continue;
        asked++;
        if (is_asked_source(&frames[i], own)) {
            out_fmt(o, "@%u %s\n", frames[i].line, frames[i].file);
            continue;
        }
        out_hex(o, frames[i].offset, 1);
        out_char(o, ' ');
        out_str(o, frames[i].build_id ? frames[i].build_id : "-");
        out_char(o, ' ');
        out_str(o, frames[i].module);
        out_char(o, '\n');
    }
    return asked;
}

/* Not strtoul, which asks the locale of the calling thread. */
static uint32_t parse_number(const char *p)
{
    uint32_t n = 0;
    while (*p >= '0' && *p <= '9')
        n = n * 10 + (uint32_t)(*p++ - '0');
    return n;
}

/*
 * Cuts the next line of *TEXT into the fields of F. False at the end, or when the line has not this
 * form.
 */
static bool parse_line(char **text, const char *end, struct frame *f)
{
    char *line = *text, *newline = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
    if (!newline || newline - line < 3)
        return false;
    *newline = 0;
    *text = newline + 1;
    char *file = strchr(line, '\t'), *symbol = file ? strchr(file + 1, '\t') : NULL;
    if (!symbol || line[1] != ' ')
        return false;
    *file++ = *symbol++ = 0;
    char *source = strchr(symbol, '\t');
    if (source)
        *source++ = 0;
    f->source = source && *source ? source : NULL;
    if (f->runtime != RUNTIME_NATIVE)
        return true; /* the rest is in the table */
    f->inlined = line[0] == '1';
    f->line = parse_number(line + 2);
    f->file = *file ? file : NULL;
    if (*symbol)
        f->symbol = symbol;
    return true;
}

/*
 * Builds N frames anew in OUT, with the lines of *TEXT; returns how many, SIZE_MAX when the answer
 * does not fit the question.
 */
static size_t rebuild_frames(struct frame *out, const struct frame *frames, size_t n, char **text, const char *end)
{
    const struct frame *asked = program_frame_first(frames, n), *own;
    size_t made = 0;
    for (size_t i = 0; i < n; i++) {
        struct frame f = frames[i];
        if (!is_asked(&frames[i], asked)) {
            out[made++] = f;
            continue;
        }
        do {
            f = frames[i];
            if (!parse_line(text, end, &f))
                return SIZE_MAX;
            out[made++] = f;
        } while (f.inlined);
    }
    own = program_frame_first(out, made);
    for (size_t i = 0; i < made; i++)
        if (&out[i] != own)
            out[i].source = NULL;
    return made;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t n = 0;
    for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))) != NULL; p++)
        n++;
    return n;
}

static bool take_answers(struct scratch **scratch, struct report *r, char *text, size_t len, size_t frames)
{
    struct frame *all = scratch_get(scratch, (count_lines(text, len) + frames + 1) * sizeof *all);
    struct group *changed = scratch_get(scratch, (r->n_groups + 1) * sizeof *changed);
    const char *end = text + len;
    if (!all || !changed)
        return false;
    for (size_t i = 0; i < r->n_groups; i++) {
        struct group *g = &changed[i];
        *g = r->groups[i];
        g->n_frames = rebuild_frames(all, r->groups[i].frames, r->groups[i].n_frames, &text, end);
        if (g->n_frames == SIZE_MAX)
            return false;
        g->frames = all;
        all += g->n_frames;
        for (unsigned j = 0; j < g->n_told; j++) {
            struct told *t = &g->told[j];
            t->n_frames = rebuild_frames(all, t->frames, t->n_frames, &text, end);
            if (t->n_frames == SIZE_MAX)
                return false;
            t->frames = all;
            all += t->n_frames;
        }
    }
    memcpy(r->groups, changed, r->n_groups * sizeof *changed);
    return true;
}

/* ---- what is known already ---- */

typedef bool (*frame_call)(void *arg, const struct frame *f);

static bool for_each_of(const struct frame *frames, size_t n, frame_call call, void *arg)
{
    const struct frame *own = program_frame_first(frames, n);
    for (size_t i = 0; i < n; i++)
        if (is_asked(&frames[i], own) && !call(arg, &frames[i]))
            return false;
    return true;
}

/*
 * Calls CALL for each frame of R that is asked about, in the order of the questions, until it
 * returns false.
 */
static bool for_each_asked(const struct report *r, frame_call call, void *arg)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        if (!for_each_of(g->frames, g->n_frames, call, arg))
            return false;
        for (unsigned k = 0; k < g->n_told; k++)
            if (!for_each_of(g->told[k].frames, g->told[k].n_frames, call, arg))
                return false;
    }
    return true;
}

struct answers {
    char *text; /* NULL: only counted */
    size_t len;
};

static bool add_cached(void *arg, const struct frame *f)
{
    struct answers *k = arg;
    size_t len;
    const char *text = line_cache_get(f, &len);
    if (!text)
        return false;
    if (k->text)
        memcpy(k->text + k->len, text, len);
    k->len += len;
    return true;
}

static size_t count_frames(const struct report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        n += r->groups[i].n_frames;
        for (unsigned k = 0; k < r->groups[i].n_told; k++)
            n += r->groups[i].told[k].n_frames;
    }
    return n;
}

static bool take_cached(struct scratch **scratch, struct report *r)
{
    struct answers k = {NULL, 0};
    if (!for_each_asked(r, add_cached, &k))
        return false;
    k.text = scratch_get(scratch, k.len + 1);
    k.len = 0;
    return k.text && for_each_asked(r, add_cached, &k) && take_answers(scratch, r, k.text, k.len, count_frames(r));
}

bool lines_known(struct scratch **scratch, struct report *r)
{
    uint64_t until = clock_now() + TURN_WAIT_NS;
    bool known = take_cached(scratch, r);
    while (!known && line_cache_wait(until))
        known = take_cached(scratch, r);
    known = known || take_cached(scratch, r);
    if (known)
        line_cache_done();
    return known;
}

/* Puts the lines of one frame into the cache: the last of them is no inlined call. */
static bool cache_answer(void *arg, const struct frame *f)
{
    struct answers *rest = arg;
    const char *first = rest->text;
    for (bool inlined = true; inlined;) {
        const char *newline = memchr(rest->text, '\n', rest->len);
        if (!newline)
            return false;
        inlined = rest->text[0] == '1';
        rest->len -= (size_t)(newline + 1 - rest->text);
        rest->text += newline + 1 - rest->text;
    }
    line_cache_put(f, first, (size_t)(rest->text - first));
    return true;
}

static bool cache_name(void *arg, const struct frame *f)
{
    char line[600];
    struct out o = {.buf = line, .cap = sizeof line};
    (void)arg;
    out_str(&o, "0 0\t\t");
    out_str(&o, f->symbol ? f->symbol : "");
    out_char(&o, '\n');
    if (!o.lost)
        line_cache_put(f, line, o.len);
    return true;
}

/* ---- asking ---- */

static bool ask_command(struct scratch **scratch, struct report *r)
{
    char command[600], since[32];
    struct out in, number = {.buf = since, .cap = sizeof since - 1};
    size_t asked = 0;
    if (!lines_command(command, sizeof command))
        return false;
    scratch_out(&in);
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        asked += write_questions(&in, g->frames, g->n_frames);
        for (unsigned k = 0; k < g->n_told; k++)
            asked += write_questions(&in, g->told[k].frames, g->told[k].n_frames);
    }
    out_u64(&number, unchanged_since());
    since[number.len] = 0;
    char *argv[] = {command,
                    (char *)(uintptr_t) "report",
                    (char *)(uintptr_t) "--for-agent",
                    (char *)(uintptr_t) "--unchanged-since",
                    since,
                    agent_options.source ? (char *)(uintptr_t) "--source" : NULL,
                    NULL};
    char *envp[] = {(char *)(uintptr_t) "LC_ALL=C", NULL};
    size_t room = asked * BYTES_A_FRAME + 65536;
    struct symbolizer_job job = {.path = command,
                                 .argv = argv,
                                 .envp = envp,
                                 .input = in.buf,
                                 .input_size = in.len,
                                 .output_room = room < MAX_OUTPUT ? room : MAX_OUTPUT};
    job.output = asked ? scratch_get(scratch, job.output_room) : NULL;
    bool ok = job.output && !in.lost && symbolizer_run(&job, LIMIT_MS);
    scratch_out_free(&in);
    if (!ok)
        return false;
    for_each_asked(r, cache_answer, &(struct answers){job.output, job.output_size});
    return take_answers(scratch, r, job.output, job.output_size, count_frames(r));
}

bool lines_resolve(struct scratch **scratch, struct report *r)
{
    bool found = take_cached(scratch, r) || ask_command(scratch, r);
    if (!found)
        for_each_asked(r, cache_name, NULL); /* so that the next process does not ask in vain */
    line_cache_done();
    return found;
}
