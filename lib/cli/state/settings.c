/* SPDX-License-Identifier: MIT */
/*
 * settings.c: options and suppressions that come with a program or with the environment.
 *
 * Called by report and run.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TEXTS 64

/* A copy of a text in the file, whose writer may be changing it, cut at the first NUL. */
static char *copy_text(const char *field, size_t cap, uint32_t claimed, size_t *len)
{
    size_t n = claimed <= cap ? claimed : 0;
    char *text = arena_grow(NULL, n + 1, 1);
    memcpy(text, field, n);
    text[n] = 0;
    *len = strlen(text);
    return text;
}

void settings_program(struct options *o, const struct loaded_file *l)
{
    const struct state_text *t = state_text_of(&l->view, 0);
    size_t len;
    if (!t)
        return;
    char *text = copy_text(t->options, sizeof t->options, t->options_len, &len);
    options_parse(o, text, NULL, NULL);
    free(text);
}

void settings_environment(struct options *o)
{
    const char *text = getenv("SOCKLEAK_OPTIONS");
    options_parse(o, text ? text : "", NULL, NULL);
}

/* All pieces of the program's rules, with newlines between them. */
static char *all_rules(const struct loaded_file *l, size_t *len)
{
    const struct state_text *t;
    char *text = NULL;
    *len = 0;
    for (unsigned nth = 0; nth < MAX_TEXTS && (t = state_text_of(&l->view, nth)) != NULL; nth++) {
        size_t n;
        char *piece = copy_text(t->rules, sizeof t->rules, t->rules_len, &n);
        text = arena_grow(text, *len + n + 2, 1);
        if (*len && n)
            text[(*len)++] = '\n';
        memcpy(text + *len, piece, n);
        *len += n;
        free(piece);
    }
    return text;
}

struct suppression *settings_rules_of(struct settings_rules *s, const struct loaded_file *l, size_t *n)
{
    size_t len, lines = 1;
    char *text = all_rules(l, &len);
    struct settings_set *set = NULL;
    *n = 0;
    for (size_t i = 0; len && i < s->n_sets && !set; i++)
        if (s->sets[i].len == len && memcmp(s->sets[i].text, text, len) == 0)
            set = &s->sets[i];
    if (len && !set) {
        if (s->n_sets == s->cap_sets)
            s->sets = arena_grow(s->sets, s->cap_sets = s->cap_sets ? s->cap_sets * 2 : 8, sizeof *s->sets);
        set = &s->sets[s->n_sets++];
        *set = (struct settings_set){.text = arena_bytes(&s->arena, text, len), .len = len};
        for (size_t i = 0; i < len; i++)
            lines += text[i] == '\n';
        set->rules = arena_array(&s->arena, lines, sizeof *set->rules);
        suppress_parse(set->text, len, set->rules, &set->n, lines, NULL, NULL);
    }
    free(text);
    *n = set ? set->n : 0;
    return set ? set->rules : NULL;
}

void settings_rules_free(struct settings_rules *s)
{
    arena_free(&s->arena);
    free(s->sets);
    *s = (struct settings_rules){0};
}

void settings_print_used(struct out *o, uint32_t pid, const struct suppression *rules, size_t n, const struct settings_rules *s)
{
    size_t total = n;
    for (size_t i = 0; i < s->n_sets; i++)
        total += s->sets[i].n;
    struct suppression *all = arena_grow(NULL, total + 1, sizeof *all);
    if (n)
        memcpy(all, rules, n * sizeof *all);
    for (size_t i = 0, at = n; i < s->n_sets; at += s->sets[i++].n)
        if (s->sets[i].n)
            memcpy(all + at, s->sets[i].rules, s->sets[i].n * sizeof *all);
    suppress_print(o, pid, all, total);
    free(all);
}
