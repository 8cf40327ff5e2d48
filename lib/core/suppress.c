/* SPDX-License-Identifier: MIT */
/*
 * suppress.c: suppression files: parsing, matching, writing a ready line.
 *
 * Called while a report is made, by one thread at a time, since rules count their matches. The text
 * of a file is the user's and may hold anything.
 */
#include "suppress.h"

#include <string.h>

#include "own_frames.h"
#include "prefix.h"
#include "textstack.h"
#include "word.h"

#define WARN_WORD 48u   /* bytes of a bad line that a warning repeats */
#define CHAIN_FRAMES 8u /* of the program's own code that a generated line names */
#define CHAIN_LINK " < "
#define CHAIN_SIZE 4096u

typedef void warn_fn(void *arg, const char *line);

/* Above each group of rules: whose idiom it is. */
const char suppress_builtin[] =
    /*
     * The JDK keeps one end of a socketpair whose other end it closed, to dup2 it over descriptors
     * that are being closed.
     */
    "hangup:^Java_sun_nio_ch_*\n"
    "hangup:^Java_java_net_*\n"
    "hangup:*/libnet.so$\n"
    "hangup:*/libnio.so$\n"
    /* up to JDK 17 its plain sockets have one of their own, which it shuts down, too */
    "dead:^Java_java_net_PlainSocketImpl_initProto$\n";

struct line {
    const char *text;
    size_t len;
    unsigned number;
};

static void warn_line(warn_fn *warn, void *arg, const struct line *l, const char *before, const char *word, size_t word_len,
                      const char *after)
{
    char buf[512];
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    out_fmt(&o, "line %u: %s", l->number, before);
    out_clean(&o, word, word_len, WARN_WORD);
    out_str(&o, after);
    buf[o.len] = 0;
    if (warn)
        warn(arg, buf);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

/* Sets the subject that the word before the colon names. False: no such word. */
static bool parse_subject(const char *word, size_t len, struct suppression *rule)
{
    unsigned kind = kind_from_name(word, len);
    rule->subject = SUPPRESS_STACK;
    rule->kinds = KINDS_ALL;
    if (kind != KIND_NONE)
        rule->kinds = (uint8_t)KIND_BIT(kind);
    else if (word_is(word, len, "peer"))
        rule->subject = SUPPRESS_PEER;
    else if (word_is(word, len, "local"))
        rule->subject = SUPPRESS_LOCAL;
    else
        return word_is(word, len, "leak");
    return true;
}

static bool parse_rule(const struct line *l, struct suppression *rule, warn_fn *warn, void *arg)
{
    static const char how_to[] = "'; write KIND:PATTERN, KIND being close_wait, fin_wait_2, dead, never_connected, hangup, held_by_child, "
                                 "use_after_close, open, leak (all of these), peer or local";
    const char *colon = memchr(l->text, ':', l->len);
    if (!colon) {
        warn_line(warn, arg, l, "no kind in '", l->text, l->len, how_to);
        return false;
    }
    size_t word = (size_t)(colon - l->text);
    *rule = (struct suppression){.pattern = colon + 1, .pattern_len = (uint32_t)(l->len - word - 1)};
    while (word > 0 && is_blank(l->text[word - 1]))
        word--;
    while (rule->pattern_len > 0 && is_blank(*rule->pattern)) {
        rule->pattern++;
        rule->pattern_len--;
    }
    if (!parse_subject(l->text, word, rule)) {
        warn_line(warn, arg, l, "unknown kind '", l->text, word, how_to);
        return false;
    }
    if (rule->pattern_len == 0) {
        warn_line(warn, arg, l, "no pattern after '", l->text, word, ":'; write * to match everything");
        return false;
    }
    return true;
}

void suppress_parse(const char *text, size_t len, struct suppression *rules, size_t *n, size_t cap, warn_fn *warn, void *arg)
{
    struct line l = {.number = 0};
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        l.text = text + at;
        l.len = end ? (size_t)(end - l.text) : len - at;
        l.number++;
        at += l.len + 1;
        while (l.len > 0 && is_blank(l.text[l.len - 1]))
            l.len--;
        while (l.len > 0 && is_blank(*l.text)) {
            l.text++;
            l.len--;
        }
        if (l.len == 0 || *l.text == '#')
            continue;
        if (*n == cap) {
            warn_line(warn, arg, &l, "too many suppressions: this one and all that follow are ignored", "", 0, "");
            return;
        }
        if (l.len <= UINT32_MAX && parse_rule(&l, &rules[*n], warn, arg))
            ++*n;
    }
}

/* ---- matching -------------------------------------------------------------------------------- */

/* The first place in S where the LEN bytes at P stand; NULL when nowhere. */
static const char *find_text(const char *s, size_t s_len, const char *p, size_t len) { return len == 0 ? s : memmem(s, s_len, p, len); }

/*
 * A pattern is pieces between stars. The first and the last may be anchored; each piece between
 * them is matched at its first place. A later place could not match more, since a star matches any
 * text: so nothing is tried twice.
 */
bool pattern_match(const char *pattern, size_t pattern_len, const char *s)
{
    const char *p = pattern, *p_end = pattern + pattern_len;
    const char *s_end = s + strlen(s);
    bool at_start = p < p_end && *p == '^';
    p += at_start;
    bool at_end = p < p_end && p_end[-1] == '$';
    p_end -= at_end;
    for (bool first = true;; first = false) {
        const char *star = memchr(p, '*', (size_t)(p_end - p));
        size_t len = (size_t)((star ? star : p_end) - p), left = (size_t)(s_end - s);
        if (len > left)
            return false;
        if (first && at_start) {
            if (memcmp(s, p, len) != 0)
                return false;
            if (!star && at_end && len != left)
                return false;
            s += len;
        } else if (!star && at_end) {
            return memcmp(s_end - len, p, len) == 0;
        } else {
            s = find_text(s, left, p, len);
            if (!s)
                return false;
            s += len;
        }
        if (!star)
            return true;
        p = star + 1;
    }
}

static bool rule_matches(const struct suppression *rule, const char *s)
{
    return s && *s && pattern_match(rule->pattern, rule->pattern_len, s);
}

/*
 * A path matches as a whole or by its last part, so that ^libfoo.so.1$ matches that library in any
 * directory.
 */
static bool path_matches(const struct suppression *rule, const char *path)
{
    return rule_matches(rule, path) || rule_matches(rule, text_base_name(path));
}

static bool frame_matches(const struct suppression *rule, const struct frame *f)
{
    return rule_matches(rule, f->symbol) || path_matches(rule, f->file) || path_matches(rule, f->generated_file) ||
           path_matches(rule, f->module);
}

/*
 * A builtin rule applies only to socketpairs, which the process made for itself: it must not hide a
 * connection to somebody else.
 */
static bool made_for_itself(const struct group *g)
{
    for (size_t i = 0; i < g->n_findings; i++)
        if (g->findings[i].origin != ORIGIN_SOCKETPAIR)
            return false;
    return true;
}

/* ---- the first frames of the program's own code ---------------------------------------------- */

static bool has_text(const char *s) { return s && *s; }

/*
 * Neither the C library, with the code that it links into each program, nor another library of the
 * system.
 */
static bool is_own(const struct frame *f)
{
    static const char *const system[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "["};
    if (f->runtime != RUNTIME_NATIVE)
        return !own_frames_is_library(f, true);
    if (!has_text(f->module))
        return has_text(f->symbol) || has_text(f->file);
    if (has_text(f->symbol) && strcmp(f->symbol, "_start") == 0)
        return false;
    return !begins_with_one(f->module, system, sizeof system / sizeof *system);
}

/*
 * "db_connect (db.c:42)", "db_connect (app+0x1234)". AS_RUN: with the place in the file that runs, which
 * is all that the library knows.
 */
static void put_chain_frame(struct out *o, const struct frame *f, bool as_run)
{
    const char *file = as_run && f->generated_file ? f->generated_file : f->file;
    uint32_t line = as_run && f->generated_file ? f->generated_line : f->line;
    if (has_text(f->symbol))
        out_fmt(o, "%s ", f->symbol);
    if (has_text(file) && line) {
        out_fmt(o, "(%s:%u)", text_base_name(file), line);
    } else if (f->runtime != RUNTIME_NATIVE) {
        out_fmt(o, "(%s)", has_text(file) ? text_base_name(file) : runtime_name(f->runtime));
    } else {
        out_fmt(o, "(%s+0x", text_base_name(f->module));
        out_hex(o, f->offset, 1);
        out_char(o, ')');
    }
}

/*
 * The first frames of the program's own code, of any code where there are none, as one text:
 * "db_connect (db.c:42) < login (web.c:88)". TEXT, of CAP bytes, gets an end. False: not one frame
 * has a name.
 */
static bool chain_of(char *text, size_t cap, const struct group *g, bool as_run)
{
    struct out o = {.buf = text, .cap = cap - 1};
    bool own = false;
    for (size_t i = 0; i < g->n_frames && !own; i++)
        own = !g->frames[i].interpreter && is_own(&g->frames[i]);
    for (size_t i = 0, n = 0; i < g->n_frames && n < CHAIN_FRAMES; i++) {
        const struct frame *f = &g->frames[i];
        if ((own && !is_own(f)) || f->interpreter || (!has_text(f->symbol) && !has_text(f->file) && !has_text(f->module)))
            continue;
        if (n++)
            out_str(&o, CHAIN_LINK);
        put_chain_frame(&o, f, as_run);
    }
    text[o.len] = 0;
    return o.len > 0;
}

/* Only such a pattern is compared with the chain: any other is about one frame. */
static bool names_chain(const struct suppression *rule)
{
    size_t at = *rule->pattern == '^';
    return (rule->pattern_len > at && rule->pattern[at] == '(') || memmem(rule->pattern, rule->pattern_len, " (", 2);
}

static bool chain_matches(const struct suppression *rule, const struct group *g)
{
    char chain[CHAIN_SIZE];
    if (!names_chain(rule))
        return false;
    for (int as_run = 0; as_run <= 1; as_run++)
        if (chain_of(chain, sizeof chain, g, as_run) && rule_matches(rule, chain))
            return true;
    return false;
}

struct suppression *suppress_group(struct suppression *rules, size_t n, const struct group *g)
{
    for (size_t i = 0; i < n; i++) {
        if (rules[i].subject != SUPPRESS_STACK || g->kind >= KIND_COUNT || !(rules[i].kinds & KIND_BIT(g->kind)) ||
            (rules[i].builtin && !made_for_itself(g)))
            continue;
        for (size_t f = 0; f < g->n_frames; f++)
            if (frame_matches(&rules[i], &g->frames[f]))
                return &rules[i];
        if (chain_matches(&rules[i], g))
            return &rules[i];
    }
    return NULL;
}

bool suppress_may_match(const struct suppression *rules, size_t n, unsigned kind)
{
    for (size_t i = 0; i < n; i++)
        if (!rules[i].builtin && rules[i].subject == SUPPRESS_STACK && kind < KIND_COUNT && rules[i].kinds & KIND_BIT(kind))
            return true;
    return false;
}

struct suppression *suppress_socket(struct suppression *rules, size_t n, const struct finding *f)
{
    for (size_t i = 0; i < n; i++) {
        const char *address = rules[i].subject == SUPPRESS_PEER ? f->peer : rules[i].subject == SUPPRESS_LOCAL ? f->local : NULL;
        if (rule_matches(&rules[i], address))
            return &rules[i];
    }
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

/*
 * S as a pattern that matches it: what cannot stand in a line, or would mean something else at an
 * end of a pattern, becomes a star.
 */
static void put_pattern(struct out *o, const char *s)
{
    for (const char *p = s; *p; p++) {
        bool control = (unsigned char)*p < 0x20 || *p == 0x7f;
        bool end = (p == s && (*p == '^' || is_blank(*p))) || (!p[1] && (*p == '$' || is_blank(*p)));
        out_char(o, control || end ? '*' : *p);
    }
}

void suppress_write_line(struct out *o, const struct group *g)
{
    char chain[CHAIN_SIZE];
    const char *kind = kind_name(g->kind);
    if (chain_of(chain, sizeof chain, g, true)) {
        out_fmt(o, "%s:^", kind ? kind : "leak");
        put_pattern(o, chain);
        out_str(o, "$\n");
        return;
    }
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        bool peer = f->peer && *f->peer;
        if (peer || (f->local && *f->local)) {
            out_str(o, peer ? "peer:^" : "local:^");
            put_pattern(o, peer ? f->peer : f->local);
            out_str(o, "$\n");
            return;
        }
    }
    out_fmt(o, "# %s: neither a stack nor an address to name it by\n", kind ? kind : "leak");
}

static void put_rule(struct out *o, const struct suppression *rule)
{
    if (rule->subject != SUPPRESS_STACK)
        out_str(o, rule->subject == SUPPRESS_PEER ? "peer:" : "local:");
    else if (rule->kinds == KINDS_ALL)
        out_str(o, "leak:");
    else
        for (unsigned k = 0; k < KIND_COUNT; k++)
            if (rule->kinds == KIND_BIT(k))
                out_fmt(o, "%s:", kind_name(k));
    out_clean(o, rule->pattern, rule->pattern_len, SIZE_MAX);
}

static bool is_listed(const struct suppression *rule) { return !rule->builtin && rule->sockets > 0; }

void suppress_print(struct out *o, uint32_t pid, const struct suppression *rules, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (!is_listed(&rules[i]))
            continue;
        if (!any)
            out_fmt(o, "==%u==sockleak: Suppressions used:\n  sockets  groups  suppression\n", pid);
        any = true;
        out_fmt(o, "  %7lu  %6lu  ", (unsigned long)rules[i].sockets, (unsigned long)rules[i].groups);
        put_rule(o, &rules[i]);
        out_char(o, '\n');
    }
}

void suppress_json(struct out *o, const struct report *r, const struct suppression *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char pattern[4096];
        struct out p = {.buf = pattern, .cap = sizeof pattern - 1};
        if (!is_listed(&rules[i]))
            continue;
        put_rule(&p, &rules[i]);
        pattern[p.len] = 0;
        out_str(o, "{\"type\":\"suppression\",\"time\":\"");
        out_rfc3339(o, r->now_real_ns);
        out_fmt(o, "\",\"pid\":%u,\"pattern\":", r->pid);
        out_json(o, pattern);
        out_fmt(o, ",\"groups\":%lu,\"sockets\":%lu}\n", (unsigned long)rules[i].groups, (unsigned long)rules[i].sockets);
    }
}
