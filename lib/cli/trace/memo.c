/* SPDX-License-Identifier: MIT */
/*
 * memo.c: walks that were made before, in lists by program counter and system call.
 *
 * A list is short, for a program opens sockets at few places. What was used goes to its head; the
 * last one makes room.
 */
#include "memo.h"

#include <stdlib.h>

#include "../../core/hash.h"

#define LISTS 64u
#define LENGTH 32u

struct entry {
    struct entry *next;
    uint64_t known, pc;
    int nr;
    enum walk_end end;
    uint32_t n_frames, n_words, beside_bytes;
    struct walk_frame *frames; /* within this block, as the next two */
    struct trail_word *words;
    unsigned char *beside;
};

struct memo {
    struct entry *lists[LISTS];
};

struct memo *memo_new(void) { return calloc(1, sizeof(struct memo)); }

void memo_clear(struct memo *m)
{
    for (unsigned i = 0; m && i < LISTS; i++)
        for (struct entry *e; (e = m->lists[i]);) {
            m->lists[i] = e->next;
            free(e);
        }
}

void memo_free(struct memo *m)
{
    memo_clear(m);
    free(m);
}

static struct entry **list_of(struct memo *m, const struct sample *s)
{
    return &m->lists[hash_spread(s->pc ^ (uint64_t)(unsigned)s->nr << 48) >> 58];
}

static bool is_same(const struct entry *e, const struct stack_view *v)
{
    const struct sample *s = v->sample;
    return e->pc == s->pc && e->nr == s->nr && e->beside_bytes == s->beside_bytes && memcmp(e->beside, s->beside, e->beside_bytes) == 0 &&
           stack_follows(v, e->words, e->n_words);
}

bool memo_find(struct memo *m, const struct stack_view *v, struct walk *out, enum walk_end *end)
{
    if (!m)
        return false;
    struct entry **list = list_of(m, v->sample);
    for (struct entry **at = list; *at; at = &(*at)->next) {
        struct entry *e = *at;
        if (!is_same(e, v))
            continue;
        *at = e->next;
        e->next = *list;
        *list = e;
        out->known = e->known;
        out->n = e->n_frames;
        memcpy(out->frames, e->frames, e->n_frames * sizeof *e->frames);
        *end = e->end;
        return true;
    }
    return false;
}

static void drop_last(struct entry **list)
{
    unsigned n = 0;
    for (struct entry **at = list; *at; at = &(*at)->next)
        if (++n == LENGTH) {
            free(*at);
            *at = NULL;
            return;
        }
}

void memo_add(struct memo *m, const struct stack_view *v, struct walk *walk, enum walk_end end)
{
    static uint64_t last;
    const struct sample *s = v->sample;
    const struct trail *t = v->trail;
    if (!m || t->is_cut || s->beside_bytes > SAMPLE_BESIDE)
        return;
    size_t frames = walk->n * sizeof *walk->frames, words = t->n * sizeof *t->words;
    struct entry *e = malloc(sizeof *e + frames + words + s->beside_bytes);
    if (!e)
        return;
    struct entry **list = list_of(m, s);
    drop_last(list);
    unsigned char *room = (unsigned char *)(e + 1);
    walk->known = ++last;
    *e = (struct entry){.next = *list,
                        .known = walk->known,
                        .pc = s->pc,
                        .nr = s->nr,
                        .end = end,
                        .n_frames = walk->n,
                        .n_words = t->n,
                        .beside_bytes = s->beside_bytes,
                        .frames = (struct walk_frame *)room,
                        .words = (struct trail_word *)(room + frames),
                        .beside = room + frames + words};
    memcpy(e->frames, walk->frames, frames);
    memcpy(e->words, t->words, words);
    memcpy(e->beside, s->beside, s->beside_bytes);
    *list = e;
}
