/* SPDX-License-Identifier: MIT */
/*
 * match.c: pairs the sites of two reports.
 *
 * Called by diff.c. Three passes, each over what the one before has left: by id, by functions and
 * files, by functions.
 */
#include "match.h"

#include <stdlib.h>
#include <string.h>

#include "stack_key.h"

struct candidate {
    const struct diff_site *site;
    const char *key;
    bool taken, uncertain;
};

struct matching {
    struct diff_pairs *pairs;
    struct arena *arena;
    struct candidate *left[2]; /* before, now: what has no partner yet */
    size_t n[2];
};

static void add_pair(struct diff_pairs *p, const struct diff_site *before, const struct diff_site *now, enum diff_matched how,
                     bool uncertain)
{
    enum diff_change change = !before                      ? DIFF_NEW
                              : !now                       ? DIFF_GONE
                              : now->count > before->count ? DIFF_GROWN
                              : now->count < before->count ? DIFF_SHRUNK
                                                           : DIFF_SAME;
    p->items[p->n++] = (struct diff_pair){.before = before, .now = now, .change = change, .matched = how, .uncertain = uncertain};
    p->changes[change]++;
}

/* ---- by id --------------------------------------------------------------------------------------- */

static int by_id(const struct diff_site *a, const struct diff_site *b)
{
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->id ? 0 : strcmp(a->exe, b->exe);
}

static void leave(struct matching *m, int side, const struct diff_site *site) { m->left[side][m->n[side]++].site = site; }

/* Both are in the order of by_id, each id once. */
static void match_ids(struct matching *m, const struct diff_side *before, const struct diff_side *now)
{
    size_t i = 0, k = 0;
    while (i < before->n || k < now->n) {
        int order = i == before->n ? 1 : k == now->n ? -1 : by_id(&before->sites[i], &now->sites[k]);
        if (order == 0)
            add_pair(m->pairs, &before->sites[i++], &now->sites[k++], MATCHED_SITE, false);
        else if (order < 0)
            leave(m, 0, &before->sites[i++]);
        else
            leave(m, 1, &now->sites[k++]);
    }
}

/* ---- by the stack -------------------------------------------------------------------------------- */

/* Those without a key last; equal ones in the order of programs and lines. */
static int by_key(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order;
    if (!x->key || !y->key)
        return !x->key - !y->key;
    if ((order = strcmp(x->key, y->key)) || (order = strcmp(x->site->exe, y->site->exe)) || (order = stack_key_lines(x->site, y->site)))
        return order;
    return x->site->id < y->site->id ? -1 : x->site->id > y->site->id;
}

static size_t same_keys(const struct candidate *c, size_t n)
{
    size_t i = 1;
    while (i < n && strcmp(c[i].key, c[0].key) == 0)
        i++;
    return i;
}

/* Those of one key, A of the old report and B of the new one. */
static void match_class(struct matching *m, struct candidate *before, size_t a, struct candidate *now, size_t b, enum diff_matched how)
{
    bool uncertain = a != b, paired = false;
    for (size_t i = 0; i < a; i++) {
        for (size_t k = 0; k < b && !before[i].taken; k++) {
            if (now[k].taken || stack_key_is_other_call(before[i].site, now[k].site))
                continue;
            before[i].taken = now[k].taken = paired = true;
            add_pair(m->pairs, before[i].site, now[k].site, how, uncertain);
        }
    }
    for (size_t i = 0; uncertain && paired && i < a; i++)
        before[i].uncertain = true;
    for (size_t k = 0; uncertain && paired && k < b; k++)
        now[k].uncertain = true;
}

static size_t drop_taken(struct candidate *c, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!c[i].taken)
            c[kept++] = c[i];
    return kept;
}

static void match_stacks(struct matching *m, enum diff_matched how)
{
    size_t n[2], i = 0, k = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t j = 0; j < m->n[side]; j++)
            m->left[side][j].key = stack_key(m->arena, m->left[side][j].site, how == MATCHED_FILES);
        if (m->n[side])
            qsort(m->left[side], m->n[side], sizeof *m->left[side], by_key);
        for (n[side] = 0; n[side] < m->n[side] && m->left[side][n[side]].key; n[side]++)
            ;
    }
    while (i < n[0] && k < n[1]) {
        struct candidate *before = &m->left[0][i], *now = &m->left[1][k];
        size_t a = same_keys(before, n[0] - i), b = same_keys(now, n[1] - k);
        int order = strcmp(before->key, now->key);
        if (order == 0)
            match_class(m, before, a, now, b, how);
        i += order <= 0 ? a : 0;
        k += order >= 0 ? b : 0;
    }
    for (int side = 0; side < 2; side++)
        m->n[side] = drop_taken(m->left[side], m->n[side]);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static uint64_t difference(const struct diff_pair *p)
{
    uint64_t before = p->before ? p->before->count : 0, now = p->now ? p->now->count : 0;
    return before > now ? before - now : now - before;
}

static int by_change(const void *a, const void *b)
{
    const struct diff_pair *x = a, *y = b;
    uint64_t d = difference(x), e = difference(y);
    if (x->change != y->change)
        return x->change < y->change ? -1 : 1;
    if (d != e)
        return d > e ? -1 : 1;
    uint64_t i = (x->now ? x->now : x->before)->id, k = (y->now ? y->now : y->before)->id;
    return i < k ? -1 : i > k;
}

/* Sites without a name could have been paired only by their ids. */
static bool left_unnamed(const struct matching *m)
{
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; m->n[!side] && i < m->n[side]; i++)
            if (m->left[side][i].site->n_frames && !stack_key_first(m->left[side][i].site))
                return true;
    return false;
}

void diff_match(struct diff_pairs *pairs, struct arena *arena, const struct diff_side *before, const struct diff_side *now)
{
    struct matching m = {.pairs = pairs, .arena = arena};
    *pairs = (struct diff_pairs){.items = arena_array(arena, before->n + now->n, sizeof *pairs->items)};
    m.left[0] = arena_array(arena, before->n, sizeof *m.left[0]);
    m.left[1] = arena_array(arena, now->n, sizeof *m.left[1]);
    match_ids(&m, before, now);
    match_stacks(&m, MATCHED_FILES);
    match_stacks(&m, MATCHED_FUNCTIONS);
    pairs->unnamed = left_unnamed(&m);
    for (size_t i = 0; i < m.n[0]; i++)
        add_pair(pairs, m.left[0][i].site, NULL, MATCHED_NOT, m.left[0][i].uncertain);
    for (size_t i = 0; i < m.n[1]; i++)
        add_pair(pairs, NULL, m.left[1][i].site, MATCHED_NOT, m.left[1][i].uncertain);
    for (size_t i = 0; i < before->n; i++)
        pairs->before += before->sites[i].count;
    for (size_t i = 0; i < now->n; i++)
        pairs->now += now->sites[i].count;
    if (pairs->n)
        qsort(pairs->items, pairs->n, sizeof *pairs->items, by_change);
}

const struct frame *diff_place(const struct diff_site *s) { return stack_key_first(s); }
