/* SPDX-License-Identifier: MIT */
/*
 * walker.c: the stacks of one process' threads: takes from a stopped one what runs away, and walks
 * afterwards from what was copied.
 *
 * Go's frames come from its own tables, the others from unwind tables; where C code runs for a
 * goroutine, the two are joined. Known stacks are found again in the memo.
 */
#include "walk.h"

#include <stdlib.h>
#include <sys/syscall.h>

#include "beside.h"
#include "go_stack.h"
#include "goroutine.h"
#include "memo.h"
#include "native_walk.h"
#include "process_memory.h"
#include "waiter.h"

#define STACK_BEYOND 65536u /* bytes of a goroutine's stack that are read behind the copy */

struct walker {
    pid_t pid;
    bool is_stale; /* objects are to be read before they are asked */
    unsigned unknown;
    struct objects objects, old; /* old: of programs that were executed before; names in walks are theirs */
    struct memo *memo;
    struct waiter_hints hints;
};

/* A goroutine's stack behind the copy, while a sample is taken. */
static uint64_t beyond[STACK_BEYOND / 8];

static bool is_kept(const struct walker *w, const struct object *o)
{
    for (unsigned i = 0; i < w->old.n; i++)
        if (w->old.list[i] == o)
            return true;
    return false;
}

static void keep_old(struct walker *w)
{
    for (unsigned i = 0; i < w->objects.n; i++) {
        struct object *o = w->objects.list[i];
        if (is_kept(w, o))
            o->references--; /* the other one remains */
        else if (w->old.n < OBJECTS_MAX)
            w->old.list[w->old.n++] = o;
    }
    w->objects.n = 0;
}

static void refresh(struct walker *w)
{
    if (!w->is_stale)
        return;
    w->is_stale = false;
    memo_clear(w->memo);
    w->hints = (struct waiter_hints){.of = {{.first = 0}}};
    keep_old(w);
    objects_read(&w->objects, w->pid);
}

struct walker *walker_open(pid_t pid)
{
    struct walker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->pid = pid;
    w->is_stale = true;
    w->memo = memo_new();
    refresh(w);
    if (!w->objects.n) {
        walker_close(w);
        return NULL;
    }
    return w;
}

void walker_close(struct walker *w)
{
    if (!w)
        return;
    memo_free(w->memo);
    objects_release(&w->objects);
    objects_release(&w->old);
    free(w);
}

void walker_exec(struct walker *w)
{
    w->is_stale = true;
    w->unknown = 0;
}

bool walker_is_go(const struct walker *w)
{
    refresh((struct walker *)(uintptr_t)w);
    return w->objects.n && w->objects.list[0]->go.address;
}

static struct object *object_at(struct walker *w, uint64_t address)
{
    struct object *o = objects_at(&w->objects, address);
    unsigned times = o ? 0 : ++w->unknown;
    if (o || times & (times - 1))
        return o;       /* the first, second, fourth, eighth time that no object has an address */
    w->is_stale = true; /* it may have been loaded since */
    refresh(w);
    return objects_at(&w->objects, address);
}

/* Go's tables of the object at PC; or, when C code runs, the executable's. NULL: no Go. */
static struct object *go_of(const struct walker *w, struct object *o)
{
    struct object *program = o && o->go.address ? o : w->objects.n ? w->objects.list[0] : NULL;
    return program && program->go.address ? program : NULL;
}

/* ---- while the thread is stopped ---- */

struct piece {
    uint64_t at;
    struct span bytes;
    const struct sample *s; /* words before the piece */
};

static bool piece_word(void *arg, uint64_t at, uint64_t *word)
{
    const struct piece *p = arg;
    if (at >= p->at)
        return span_copy(p->bytes, at - p->at, word, sizeof *word);
    return p->s && at >= p->s->sp && span_copy((struct span){p->s->stack, p->s->stack_bytes}, at - p->s->sp, word, sizeof *word);
}

/* The frames of FROM behind its first SKIPPED. */
static void put_rest(struct beside *b, const struct go_stack *from, unsigned skipped)
{
    b->n_rest = (uint16_t)(from->n - skipped);
    memcpy(b->pcs, from->pcs + skipped, b->n_rest * sizeof *b->pcs);
    b->has_rest = 1;
    b->is_rest_whole = from->end == GO_WHOLE;
}

/* The frames of a goroutine's stack that lie behind the copy. */
static void take_beyond(struct walker *w, const struct go_tables *t, const struct sample *s, const struct goroutine *g, struct beside *b)
{
    uint64_t end = s->sp + s->stack_bytes, high = g->words[G_STACK_HIGH];
    if (!s->stack_bytes || high <= end)
        return;
    struct go_stack stack = {.n = 0};
    struct piece p = {.at = end, .bytes = {NULL, 0}, .s = s};
    go_stack_walk(t, piece_word, &p, s->pc, s->sp, &stack);
    if (stack.end != GO_CUT)
        return;
    unsigned first = stack.n;
    uint64_t from = stack.next_at;
    size_t n = high - end < STACK_BEYOND ? (size_t)(high - end) & ~(size_t)7 : STACK_BEYOND;
    if (!process_memory_read(w->pid, end, beyond, n))
        return;
    p.bytes = (struct span){(const uint8_t *)beyond, n};
    go_stack_walk(t, piece_word, &p, stack.pc, stack.sp, &stack);
    put_rest(b, &stack, first);
    b->rest_at = (uint32_t)(from - s->sp);
}

/* The goroutine's stack while C code runs on the thread's. */
static bool take_joined(struct walker *w, struct go_program *go, const struct goroutine *own, struct goroutine *g, struct beside *b)
{
    uint64_t pc, sp;
    const struct go_tables *t = &go->tables;
    if (!goroutine_in_c(w->pid, t, own, &go->word_of_g, g, &pc, &sp))
        return false;
    uint64_t high = g->words[G_STACK_HIGH];
    size_t n = high - sp < STACK_BEYOND ? (size_t)(high - sp) & ~(size_t)7 : STACK_BEYOND;
    if (!process_memory_read(w->pid, sp, beyond, n))
        return false;
    struct piece p = {.at = sp, .bytes = {(const uint8_t *)beyond, n}};
    struct go_stack stack = {.n = 0};
    go_stack_walk(t, piece_word, &p, pc, sp, &stack);
    put_rest(b, &stack, 0);
    return true;
}

static void take_waiter(struct walker *w, const struct go_tables *t, const struct sample *s, const struct goroutine *g, struct beside *b)
{
    struct go_stack waiter;
    if ((s->nr != SYS_socket && s->nr != SYS_connect) || !waiter_find(&w->hints, t, s, g, b->first, &waiter))
        return;
    b->n_waiter = (uint16_t)waiter.n;
    memcpy(b->pcs + b->n_rest, waiter.pcs, waiter.n * sizeof *b->pcs);
}

bool walker_sample(struct walker *w, struct sample *s)
{
    struct beside b = {.first = 0};
    struct goroutine own, g;
    refresh(w);
    s->goroutine = 0;
    s->beside_bytes = 0;
    struct object *o = object_at(w, s->pc);
    struct object *program = go_of(w, o);
    if (!program)
        return true;
    const struct go_tables *t = &program->go.tables;
    struct go_function f;
    if (!goroutine_of_thread(s, program->image.tls_size, &program->go.place_of_g, &program->go.last_g, &own))
        return true;
    if (go_function_at(t, s->pc, &f)) {
        if (!goroutine_has_own_stack(&own))
            return true;
        g = own;
        take_beyond(w, t, s, &g, &b);
    } else if (!take_joined(w, &program->go, &own, &g, &b)) {
        return true;
    }
    s->goroutine = g.address;
    if (goroutine_creator(t, &g, &program->go.word_of_entry, &b.first, &b.creator))
        take_waiter(w, t, s, &g, &b);
    s->beside_bytes = BESIDE_BYTES(b.n_rest + b.n_waiter);
    memcpy(s->beside, &b, s->beside_bytes);
    return true;
}

/* ---- afterwards ---- */

static bool view_word(void *arg, uint64_t at, uint64_t *word) { return stack_word(arg, at, word); }

static const struct beside *beside_of(const struct sample *s, struct beside *room)
{
    *room = (struct beside){.first = 0};
    if (s->beside_bytes >= BESIDE_BYTES(0) && s->beside_bytes <= sizeof *room)
        memcpy(room, s->beside, s->beside_bytes);
    if (room->n_rest > STATE_MAX_FRAMES || room->n_waiter > STATE_MAX_FRAMES ||
        s->beside_bytes < BESIDE_BYTES(room->n_rest + room->n_waiter))
        *room = (struct beside){.first = 0};
    return room;
}

/*
 * The creator and the waiter, behind the frames of a stack whose outermost function has its entry
 * at FIRST.
 */
static void add_others(const struct go_tables *t, const struct beside *b, uint64_t first, struct walk *out)
{
    struct go_function f;
    if (!b->first || b->first != first || !go_function_at(t, first, &f) || go_name_is(go_function_name(t, &f), "runtime.main"))
        return;
    go_stack_frames(t, &b->creator, 1, ROLE_CREATED_BY, out);
    go_stack_frames(t, b->pcs + b->n_rest, b->n_waiter, ROLE_WAITED_FOR_BY, out);
}

static uint64_t outermost(const struct go_tables *t, const struct go_stack *s, const struct beside *b, bool is_rest)
{
    struct go_function f;
    if (!is_rest || !b->n_rest)
        return s->first;
    return go_function_at(t, b->pcs[b->n_rest - 1], &f) ? f.entry : 0;
}

static enum walk_end walk_go(const struct go_tables *t, struct stack_view *v, const struct beside *b, struct walk *out)
{
    struct go_stack s = {.n = 0};
    go_stack_walk(t, view_word, v, v->sample->pc, v->sample->sp, &s);
    bool is_rest = s.end == GO_CUT && b->has_rest && s.next_at - v->sample->sp == b->rest_at;
    bool is_whole = is_rest ? b->is_rest_whole : s.end == GO_WHOLE;
    go_stack_frames(t, s.pcs, s.n, ROLE_STACK, out);
    if (is_rest)
        go_stack_frames(t, b->pcs, b->n_rest, ROLE_STACK, out);
    if (is_whole)
        add_others(t, b, outermost(t, &s, b, is_rest), out);
    return is_whole ? WALK_WHOLE : WALK_PREFIX;
}

static bool is_call_into_c(const struct go_tables *t, uint64_t pc)
{
    struct go_function f;
    return go_function_at(t, pc - 1, &f) && go_name_is(go_function_name(t, &f), "runtime.asmcgocall");
}

static enum walk_end walk_native(const struct object *program, struct stack_view *v, const struct beside *b, struct walk *out)
{
    static struct native_walk n;
    n.view = *v;
    enum native_end end = native_walk(&n);
    for (unsigned i = 0; i < n.n; i++)
        out->frames[out->n++] = (struct walk_frame){.pc = n.pcs[i], .role = ROLE_STACK};
    if (end != NATIVE_GO || !program)
        return end == NATIVE_BOTTOM ? WALK_WHOLE : WALK_PREFIX;
    const struct go_tables *t = &program->go.tables;
    if (!b->has_rest || b->rest_at || !is_call_into_c(t, n.go_pc))
        return WALK_PREFIX;
    go_stack_frames(t, b->pcs, b->n_rest, ROLE_STACK, out);
    if (!b->is_rest_whole)
        return WALK_PREFIX;
    add_others(t, b, outermost(t, &(struct go_stack){.n = 0}, b, true), out);
    return WALK_WHOLE;
}

enum walk_end walker_walk(struct walker *w, const struct sample *s, struct walk *out)
{
    static struct trail trail;
    struct beside room;
    struct stack_view v = {.sample = s, .objects = &w->objects, .trail = &trail};
    struct go_function f;
    enum walk_end end;
    refresh(w);
    out->n = 0;
    out->known = 0;
    trail = (struct trail){.n = 0};
    if (memo_find(w->memo, &v, out, &end))
        return end;
    struct object *o = object_at(w, s->pc);
    const struct beside *b = beside_of(s, &room);
    if (o && o->go.address && go_function_at(&o->go.tables, s->pc, &f))
        end = walk_go(&o->go.tables, &v, b, out);
    else
        end = walk_native(go_of(w, o), &v, b, out);
    if (!out->n)
        return WALK_NOTHING;
    memo_add(w->memo, &v, out, end);
    return end;
}
