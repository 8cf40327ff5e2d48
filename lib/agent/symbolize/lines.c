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

/* OWN: the frame that stands for the program. */
static void write_question(struct out *o, const struct frame *f, const struct frame *own)
{
    if (is_asked_source(f, own)) {
        out_fmt(o, "@%u %s\n", f->line, f->file);
        return;
    }
    out_hex(o, f->offset, 1);
    out_char(o, ' ');
    out_str(o, f->build_id ? f->build_id : "-");
    out_char(o, ' ');
    out_str(o, f->module);
    out_char(o, '\n');
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

/* OWN: the frame that stands for the program, in the stack of F. */
typedef bool (*frame_call)(void *arg, const struct frame *f, const struct frame *own);

static bool for_each_of(const struct frame *frames, size_t n, frame_call call, void *arg)
{
    const struct frame *own = program_frame_first(frames, n);
    for (size_t i = 0; i < n; i++)
        if (is_asked(&frames[i], own) && !call(arg, &frames[i], own))
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

static bool add_cached(void *arg, const struct frame *f, const struct frame *own)
{
    struct answers *k = arg;
    size_t len;
    (void)own;
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

static bool cache_name(void *arg, const struct frame *f, const struct frame *own)
{
    char line[600];
    struct out o = {.buf = line, .cap = sizeof line};
    (void)arg;
    (void)own;
    out_str(&o, "0 0\t\t");
    out_str(&o, f->symbol ? f->symbol : "");
    out_char(&o, '\n');
    if (!o.lost)
        line_cache_put(f, line, o.len);
    return true;
}

/* ---- asking ---- */

/*
 * What is known of each frame, in the order of the questions. Only the others are asked about: a
 * second report often has a frame or two of its own, and to read again what the rest is of, such as
 * the C library's lines, takes most of the command's time.
 */
struct question {
    const char *text; /* NULL: it is asked */
    size_t len;
};
struct asking {
    struct out in;
    struct question *all;
    size_t n, asked;
    struct answers rest; /* of the command's answer */
    struct out merged;
};

/* Where only a name is kept, asking may have been in vain: it costs little to ask once more. */
static bool has_line(const struct question *q) { return q->text && (q->len < 5 || memcmp(q->text, "0 0\t\t", 5) != 0); }

static bool note_question(void *arg, const struct frame *f, const struct frame *own)
{
    struct asking *a = arg;
    struct question *q = &a->all[a->n++];
    q->text = line_cache_get(f, &q->len);
    if (!has_line(q)) {
        q->text = NULL;
        a->asked++;
        write_question(&a->in, f, own);
    }
    return true;
}

/* The lines of one frame from the answer: the last of them is no inlined call. */
static bool next_answer(struct answers *rest, struct question *q)
{
    q->text = rest->text;
    for (bool inlined = true; inlined;) {
        const char *newline = memchr(rest->text, '\n', rest->len);
        if (!newline)
            return false;
        inlined = rest->text[0] == '1';
        rest->len -= (size_t)(newline + 1 - rest->text);
        rest->text += newline + 1 - rest->text;
    }
    q->len = (size_t)(rest->text - q->text);
    return true;
}

static bool merge_answer(void *arg, const struct frame *f, const struct frame *own)
{
    struct asking *a = arg;
    struct question *q = &a->all[a->n++];
    (void)own;
    if (!q->text) {
        if (!next_answer(&a->rest, q))
            return false;
        line_cache_put(f, q->text, q->len);
    }
    for (size_t i = 0; i < q->len; i++)
        out_char(&a->merged, q->text[i]);
    return true;
}

static bool take_merged(struct scratch **scratch, struct report *r, struct asking *a)
{
    scratch_out(&a->merged);
    a->n = 0;
    bool ok = for_each_asked(r, merge_answer, a) && !a->merged.lost;
    char *text = ok ? scratch_get(scratch, a->merged.len + 1) : NULL;
    if (text)
        memcpy(text, a->merged.buf, a->merged.len);
    ok = text && take_answers(scratch, r, text, a->merged.len, count_frames(r));
    scratch_out_free(&a->merged);
    return ok;
}

static bool run_command(struct scratch **scratch, struct asking *a)
{
    char command[600], since[32];
    struct out number = {.buf = since, .cap = sizeof since - 1};
    if (!lines_command(command, sizeof command))
        return false;
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
    size_t room = a->asked * BYTES_A_FRAME + 65536;
    struct symbolizer_job job = {.path = command,
                                 .argv = argv,
                                 .envp = envp,
                                 .input = a->in.buf,
                                 .input_size = a->in.len,
                                 .output_room = room < MAX_OUTPUT ? room : MAX_OUTPUT};
    job.output = scratch_get(scratch, job.output_room);
    bool ok = job.output && symbolizer_run(&job, LIMIT_MS);
    a->rest = (struct answers){job.output, ok ? job.output_size : 0};
    return ok;
}

static bool ask_command(struct scratch **scratch, struct report *r)
{
    struct asking a = {.all = scratch_get(scratch, (count_frames(r) + 1) * sizeof *a.all)};
    if (!a.all)
        return false;
    scratch_out(&a.in);
    for_each_asked(r, note_question, &a);
    bool ok = a.n && !a.in.lost && (!a.asked || run_command(scratch, &a));
    scratch_out_free(&a.in);
    return ok && take_merged(scratch, r, &a);
}

bool lines_resolve(struct scratch **scratch, struct report *r)
{
    bool found = take_cached(scratch, r) || ask_command(scratch, r);
    if (!found)
        for_each_asked(r, cache_name, NULL); /* so that the next process does not ask in vain */
    line_cache_done();
    return found;
}
