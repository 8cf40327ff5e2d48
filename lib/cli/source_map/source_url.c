/* SPDX-License-Identifier: MIT */
/*
 * source_url.c: where a generated file's source map is, and the map's original files.
 *
 * Called when a map is read. Names are URLs, as node takes them: %20 is a space, and what follows a
 * ? is not of the file.
 */
#include "source_url.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vlq.h"

static bool begins_with(const char *s, size_t len, const char *with) { return len >= strlen(with) && memcmp(s, with, strlen(with)) == 0; }

/* ---- the comment ------------------------------------------------------------------------------- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The URL in a line that is such a comment alone; NULL: it is not. */
static const char *url_of_line(const char *line, const char *end, size_t *len)
{
    static const char name[] = "sourceMappingURL=";
    if (end - line < 3 || line[0] != '/' || (line[1] != '/' && line[1] != '*') || line[2] != '#')
        return NULL;
    bool closes = line[1] == '*';
    line += 3;
    const char *text = line;
    while (text < end && is_blank(*text))
        text++;
    if (text == line || !begins_with(text, (size_t)(end - text), name))
        return NULL;
    text += sizeof name - 1;
    for (*len = 0; text + *len < end && !is_blank(text[*len]) && !(closes && text[*len] == '*');)
        ++*len;
    const char *rest = text + *len;
    while (rest < end && is_blank(*rest))
        rest++;
    if (closes && end - rest >= 2 && memcmp(rest, "*/", 2) == 0)
        rest += 2;
    else if (closes)
        return NULL;
    while (rest < end && is_blank(*rest))
        rest++;
    return rest == end && *len ? text : NULL;
}

const char *source_url_find(const char *text, size_t n, size_t *len)
{
    const char *end = text + n;
    while (end > text) {
        const char *newline = memrchr(text, '\n', (size_t)(end - text)), *line = newline ? newline + 1 : text;
        while (line < end && is_blank(*line))
            line++;
        const char *url = url_of_line(line, end, len);
        if (url)
            return url;
        if (line < end && !(end - line >= 2 && line[0] == '/' && line[1] == '/'))
            return NULL;
        if (!newline)
            return NULL;
        end = newline;
    }
    return NULL;
}

/* ---- data: ------------------------------------------------------------------------------------- */

bool source_url_is_data(const char *url, size_t len) { return begins_with(url, len, "data:"); }

char *source_url_data(const char *url, size_t len, size_t *n)
{
    static const char type[] = "data:application/json", coding[] = ";base64";
    const char *comma = memchr(url, ',', len), *end = url + len;
    if (!comma || !begins_with(url, len, type) || (url[sizeof type - 1] != ';') ||
        comma - url < (ptrdiff_t)(sizeof type + sizeof coding - 2) || memcmp(comma - (sizeof coding - 1), coding, sizeof coding - 1) != 0)
        return NULL;
    while (end > comma + 1 && end[-1] == '=')
        end--;
    size_t digits = (size_t)(end - comma) - 1;
    char *data = digits % 4 == 1 ? NULL : malloc(digits / 4 * 3 + 3);
    unsigned bits = 0;
    *n = 0;
    for (size_t i = 0; data && i < digits; i++) {
        int digit = vlq_digit(comma[1 + i]);
        if (digit < 0) {
            free(data);
            return NULL;
        }
        bits = bits << 6 | (unsigned)digit;
        if (i % 4)
            data[(*n)++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return data;
}

/* ---- paths ------------------------------------------------------------------------------------- */

struct path {
    char *to;
    size_t n, cap;
    size_t root; /* nothing before it is taken away by ".." */
    bool bad;
};

static void put(struct path *p, const char *s, size_t n)
{
    if (n >= p->cap - p->n) {
        p->bad = true;
        return;
    }
    memcpy(p->to + p->n, s, n);
    p->n += n;
}

/* Takes the last part away, up to its slash. */
static void up(struct path *p)
{
    while (p->n > p->root && p->to[--p->n] != '/')
        ;
}

/* One part of a path, with a slash before it. */
static void put_part(struct path *p, const char *s, size_t n)
{
    if (n == 2 && memcmp(s, "..", 2) == 0) {
        up(p);
    } else if (n && !(n == 1 && *s == '.')) {
        put(p, "/", 1);
        put(p, s, n);
    }
}

static void put_parts(struct path *p, const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len + 1) {
        const char *slash = memchr(s + i, '/', n - i);
        len = slash ? (size_t)(slash - s) - i : n - i;
        put_part(p, s + i, len);
    }
}

/* How long the scheme of URL is, with its colon; 0: it has none. */
static size_t scheme_of(const char *url, size_t len)
{
    size_t n = 0;
    while (n < len && (isalnum((unsigned char)url[n]) || (n && strchr("+-.", url[n]))))
        n++;
    return n && n < len && url[n] == ':' && isalpha((unsigned char)url[0]) ? n + 1 : 0;
}

static int hex(char c) { return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1; }

/* The file of a URL's path, in TO, which has room for it: without a query, %20 as a space. */
static size_t decode(const char *s, size_t n, char *to)
{
    size_t at = 0;
    for (size_t i = 0; i < n && s[i] != '?' && s[i] != '#'; i++) {
        int high = s[i] == '%' && i + 2 < n ? hex(s[i + 1]) : -1, low = high >= 0 ? hex(s[i + 2]) : -1;
        to[at++] = low >= 0 ? (char)(high << 4 | low) : s[i];
        i += low >= 0 ? 2 : 0;
    }
    return at;
}

static bool finish(struct path *p)
{
    p->to[p->n] = 0;
    return !p->bad && p->n && strlen(p->to) == p->n;
}

/* A URL of another scheme, with the parts of its path in order; what stands behind // is not one. */
static bool resolve_other(struct path *p, const char *url, size_t len, size_t scheme)
{
    size_t at = scheme;
    if (begins_with(url + at, len - at, "//")) {
        const char *slash = memchr(url + at + 2, '/', len - at - 2);
        at = slash ? (size_t)(slash - url) : len;
    }
    put(p, url, at);
    p->root = p->n;
    if (at < len && url[at] == '/')
        put_parts(p, url + at + 1, len - at - 1);
    else
        put(p, url + at, len - at);
    return finish(p);
}

static bool resolve_path(struct path *p, const char *from, const char *url, size_t len)
{
    char *plain = calloc(1, len + 1);
    size_t n = plain ? decode(url, len, plain) : 0;
    const char *slash = strrchr(from, '/');
    bool ok = n && from[0] == '/' && !memchr(plain, 0, n) && !begins_with(plain, n, "//");
    if (ok && plain[0] != '/')
        put_parts(p, from, (size_t)(slash - from));
    if (ok)
        put_parts(p, plain, n);
    free(plain);
    return ok && finish(p);
}

bool source_url_resolve(const char *from, const char *root, const char *url, size_t len, char *to, size_t cap)
{
    char joined[PATH_MAX];
    struct path p = {.to = to, .cap = cap};
    size_t scheme = scheme_of(url, len);
    if (root && *root && !scheme && !begins_with(url, len, "/")) {
        struct path j = {.to = joined, .cap = sizeof joined};
        put(&j, root, strlen(root));
        if (root[strlen(root) - 1] != '/')
            put(&j, "/", 1);
        put(&j, url, len);
        if (!len || !finish(&j))
            return false;
        return source_url_resolve(from, NULL, joined, j.n, to, cap);
    }
    if (begins_with(url, len, "file:///"))
        return resolve_path(&p, from, url + sizeof "file://" - 1, len - (sizeof "file://" - 1));
    if (begins_with(url, len, "file:"))
        return false; /* of another host */
    return scheme ? resolve_other(&p, url, len, scheme) : resolve_path(&p, from, url, len);
}
