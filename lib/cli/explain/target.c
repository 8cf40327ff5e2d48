/* SPDX-License-Identifier: MIT */
/*
 * target.c: what is explained: the word that names a site or a descriptor, and whose it is.
 *
 * Called by explain.c.
 */
#include "target.h"

#include <string.h>

#include "../base/cli.h"

#define LEAST_DIGITS 4u

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int target_parse(struct target *t, const char *word)
{
    uint64_t fd;
    size_t len = strlen(word);
    *t = (struct target){.word = word};
    if (strncmp(word, "fd:", 3) == 0) {
        if (!cli_digits(word + 3, len - 3, INT32_MAX, &fd))
            return cli_misuse("'%s' is no descriptor: it is written fd:14", word);
        t->by_fd = true;
        t->fd = (int)fd;
        return CLI_OK;
    }
    if (len < LEAST_DIGITS && cli_digits(word, len, INT32_MAX, &fd))
        return cli_misuse("'%s' alone may be anything: descriptor %s is written fd:%s, a site by at least %u of its digits", word, word,
                          word, LEAST_DIGITS);
    for (size_t i = 0; i < len; i++) {
        if (hex_digit(word[i]) < 0 || len > 16)
            return cli_misuse("'%s' is neither a site (its 16 hex digits, or the first of them) nor a descriptor (fd:14)", word);
        t->siteid = t->siteid << 4 | (uint64_t)hex_digit(word[i]);
    }
    if (len < LEAST_DIGITS)
        return cli_misuse("'%s' is too short for a site: give at least %u of its digits", word, LEAST_DIGITS);
    t->digits = (unsigned)len;
    return CLI_OK;
}

/* ---- sites ----------------------------------------------------------------------------------- */

/* The site that S is counted at in reports; 0: none. */
static uint64_t site_of(const struct loaded_file *l, const struct state_slot *s)
{
    struct state_site_view v;
    state_ref ref = s->site ? s->site : atomic_load(&s->told_site);
    return ref && state_site_at(&l->view, ref, &v) ? v.site->siteid : 0;
}

static bool begins_with(uint64_t siteid, const struct target *t) { return siteid && siteid >> (64 - 4 * t->digits) == t->siteid; }

struct matches {
    unsigned n; /* different ones */
    uint64_t id[3];
};

static void add_match(struct matches *m, uint64_t siteid, const struct target *t)
{
    bool again = !begins_with(siteid, t);
    for (unsigned i = 0; i < m->n; i++)
        again |= m->id[i] == siteid;
    if (!again && m->n < 3)
        m->id[m->n++] = siteid;
}

/* The sites of L that begin as T does: those that have opened sockets, and those that sockets are counted at. */
static void match_sites(struct matches *m, const struct target *t, const struct loaded_file *l)
{
    uint64_t pos = 0;
    state_ref ref;
    struct state_site_view v;
    struct state_slot slot;
    while (state_next_site(&l->view, &pos, &ref, &v))
        if (load_relaxed64(&v.site->opened))
            add_match(m, v.site->siteid, t);
    pos = 0;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &slot);)
        add_match(m, site_of(l, &slot), t);
}

size_t target_sockets(const struct target *t, const struct loaded_file *l)
{
    uint64_t pos = 0;
    size_t n = 0;
    struct state_slot slot;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &slot);)
        n += site_of(l, &slot) == t->siteid;
    return n;
}

bool target_is_in(const struct target *t, const struct loaded_file *l)
{
    struct matches m = {0};
    struct target whole = *t;
    if (t->by_fd)
        return false;
    whole.digits = 16;
    match_sites(&m, &whole, l);
    return m.n > 0;
}

static const struct loaded_file *choose_site(struct target *t, const struct load_set *set)
{
    struct matches m = {0};
    const struct loaded_file *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < set->n; i++)
        match_sites(&m, t, &set->items[i]);
    if (m.n == 0) {
        uint64_t number;
        bool decimal = cli_digits(t->word, strlen(t->word), INT32_MAX, &number);
        cli_fail("no socket was opened at a site %s%s: `sockleak report --kinds all` names the sites%s%s",
                 t->digits == 16 ? "" : "that begins with ", t->word, decimal ? "; a descriptor is written fd:" : "",
                 decimal ? t->word : "");
        return NULL;
    }
    if (m.n > 1) {
        cli_fail("several sites begin with %s: %016llx, %016llx%s; give more digits", t->word, (unsigned long long)m.id[0],
                 (unsigned long long)m.id[1], m.n > 2 ? " ..." : "");
        return NULL;
    }
    t->siteid = m.id[0];
    t->digits = 16;
    for (size_t i = 0; i < set->n; i++) {
        size_t n = target_sockets(t, &set->items[i]);
        if (target_is_in(t, &set->items[i]) && (!best || n > most)) {
            best = &set->items[i];
            most = n;
        }
    }
    return best;
}

/* ---- descriptors ------------------------------------------------------------------------------ */

/* Whether L has descriptor FD; FIRST: the first one of the same socket. */
static bool find_descriptor(const struct loaded_file *l, int wanted, int *first)
{
    uint64_t pos = 0;
    struct state_slot slot;
    state_ref share = 0;
    bool found = false;
    for (int fd; !found && state_next_slot(&l->view, &pos, &fd, &slot);)
        if (fd == wanted) {
            found = true;
            share = slot.share;
        }
    *first = wanted;
    pos = 0;
    for (int fd; share && state_next_slot(&l->view, &pos, &fd, &slot);)
        if (slot.share == share && fd < *first)
            *first = fd;
    return found;
}

static const struct loaded_file *choose_descriptor(struct target *t, const struct load_set *set)
{
    const struct loaded_file *found = NULL;
    unsigned n = 0;
    uint32_t pids[2] = {0};
    for (size_t i = 0; i < set->n; i++) {
        int first;
        if (!find_descriptor(&set->items[i], t->fd, &first))
            continue;
        if (n < 2)
            pids[n] = load_is_live(&set->items[i]) ? (uint32_t)set->items[i].pid : state_head(&set->items[i].view)->pid;
        if (n++ == 0)
            found = &set->items[i];
    }
    if (n == 0) {
        cli_fail(
            "no socket with descriptor %d is in the records: `sockleak report --kinds all` lists those that are, `sockleak scan PID` asks "
            "the kernel",
            t->fd);
        return NULL;
    }
    if (n > 1) {
        cli_fail("descriptor %d is a socket in %u processes (%u, %u%s): add the number of one", t->fd, n, pids[0], pids[1],
                 n > 2 ? " ..." : "");
        return NULL;
    }
    find_descriptor(found, t->fd, &t->fd);
    return found;
}

const struct loaded_file *target_choose(struct target *t, const struct load_set *set)
{
    return t->by_fd ? choose_descriptor(t, set) : choose_site(t, set);
}
