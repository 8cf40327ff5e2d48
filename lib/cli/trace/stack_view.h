/* SPDX-License-Identifier: MIT */
/*
 * stack_view.h: the words of a sample's stack, and the trail of those that a walk has read.
 *
 * A walk is a function of the program counter and the words that it reads. So a sample in which
 * they are the same has the same stack: memo.h compares the trail and makes no walk.
 */
#ifndef SOCKLEAK_CLI_TRACE_STACK_VIEW_H
#define SOCKLEAK_CLI_TRACE_STACK_VIEW_H

#include "objects.h"
#include "walk.h"

enum trail_kind {
    TRAIL_SAME,     /* the value counts */
    TRAIL_RELATIVE, /* its distance from the stack pointer counts: it points into the stack */
    TRAIL_NO_CODE   /* it is no address of code, whatever it is */
};
struct trail_word {
    uint64_t value;
    uint16_t offset; /* from the stack pointer */
    uint8_t kind;
};

#define TRAIL_MAX 384u

struct trail {
    uint16_t n;
    bool is_cut; /* more words were read than fit in */
    struct trail_word words[TRAIL_MAX];
};

struct stack_view {
    const struct sample *sample;
    const struct objects *objects;
    struct trail *trail;
};

/* The word at address AT, if the sample's copy has it. */
bool stack_word(const struct stack_view *v, uint64_t at, uint64_t *word);
/*
 * The same for a search of return addresses: true only if the word is an address of code, which
 * lies in *OBJECT.
 */
bool stack_code_word(const struct stack_view *v, uint64_t at, uint64_t *word, struct object **object);
/* The words of the trail W are the same in another sample. */
bool stack_follows(const struct stack_view *v, const struct trail_word *w, unsigned n);

#endif
