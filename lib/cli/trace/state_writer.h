/* SPDX-License-Identifier: MIT */
/*
 * state_writer.h: the state file of a traced process, written from outside: the same format as the
 * agent's (core/state.h), so that whoever reads the one reads the other.
 *
 * One thread writes. Other processes read at any moment: a record is complete before a word leads to
 * it. Where the file system has no room, nothing is added any more, and that is counted in the file.
 */
#ifndef SOCKLEAK_CLI_TRACE_STATE_WRITER_H
#define SOCKLEAK_CLI_TRACE_STATE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/state.h"

#define STATE_KNOWN_WALKS 64u

struct state_index { /* of sites, of frames: open addressing; ref 0: free */
    struct state_index_entry {
        uint64_t hash;
        state_ref ref;
    } * entries;
    size_t n, cap;
};

struct state_writer {
    int fd;
    unsigned char *base;
    struct state_header *head;
    char *path;
    bool full;
    struct {
        uint32_t extent, used; /* extent + 1, 0: none; units of 64 bytes used there */
    } cursor[EXTENT_COUNT];
    struct state_slot **chunks; /* by descriptor / STATE_SLOTS_PER_EXTENT */
    size_t n_chunks;
    struct state_attempt **attempts; /* by descriptor / STATE_ATTEMPTS_PER_EXTENT */
    size_t n_attempts;
    state_ref *free_details;
    size_t n_free_details, cap_free_details;
    struct state_index sites, frames;
    struct state_known { /* sites of walks that were made before, by their number (struct walk) */
        uint64_t walk;
        unsigned call;
        state_ref site;
    } known[STATE_KNOWN_WALKS];
    uint32_t n_modules;
};

/*
 * Makes the file of the process that HEADER describes (pid, start time, program, options; the rest
 * is filled in here) in the directory DIR. NULL: errno.
 */
struct state_writer *state_writer_open(const char *dir, const struct state_header *header);
/* Lets go of the file, which stays; REMOVE: it goes too. */
void state_writer_close(struct state_writer *w, bool remove);
static inline struct state_view state_writer_view(const struct state_writer *w)
{
    return (struct state_view){w->base, STATE_MAX_SIZE, atomic_load(&w->head->n_extents)};
}

/* UNITS * 64 zeroed bytes in an extent of TYPE; NULL: the table, or the file system, is full. */
void *state_writer_alloc(struct state_writer *w, enum state_extent_type type, unsigned units, state_ref *ref);
/* The record at REF, which this writer has made; NULL for 0. */
static inline void *state_writer_at(const struct state_writer *w, state_ref ref)
{
    return ref ? w->base + (uint64_t)ref * STATE_REF_UNIT : NULL;
}

/* The slot of descriptor FD; NULL: there is none yet and MAKE is false, or no room. */
struct state_slot *state_writer_slot(struct state_writer *w, int fd, bool make);
/* What was tried last with descriptor FD; NULL: no room. */
struct state_attempt *state_writer_attempt(struct state_writer *w, int fd);
/*
 * Lets SLOT stand for the socket that SET describes from now on: a new generation. The word of SET
 * is not read.
 */
void state_writer_enter(struct state_slot *slot, const struct state_slot *set);
/* The socket in SLOT is open no more. */
void state_writer_leave(struct state_writer *w, struct state_slot *slot);
/* The detail of SLOT's socket, made if MAKE; NULL: there is none. */
struct state_detail *state_writer_detail(struct state_writer *w, struct state_slot *slot, bool make);
/* D, SLOT's, is filled: readers may take it. */
void state_writer_detail_ready(const struct state_slot *slot, struct state_detail *d);
/* The socket in SLOT is in no condition any more. */
void state_writer_drop_detail(struct state_writer *w, struct state_slot *slot);

/* The place in INDEX of HASH, or a free one, from *AT on (SIZE_MAX: begin); NULL: no memory. */
struct state_index_entry *state_index_next(struct state_index *index, uint64_t hash, size_t *at);
void state_index_put(struct state_index *index, struct state_index_entry *free_place, uint64_t hash, state_ref ref);

#endif
