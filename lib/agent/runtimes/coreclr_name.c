/* SPDX-License-Identifier: MIT */
/*
 * coreclr_name.c: the method of a frame, from its line in the perf map.
 *
 * Such a name is what the runtime calls a method's full info: what it returns, its assembly in
 * brackets with a blank behind it, its class and name, and its arguments. It becomes
 * Space.Outer+Inner.Method, as Mono's reader and Environment.StackTrace write it.
 */
#include "coreclr.h"

#include <string.h>

/* What a part of the name is. */
struct part {
    const char *at, *end;
};

static bool begins_with(struct part p, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(p.end - p.at) >= n && memcmp(p.at, text, n) == 0;
}

static bool is(struct part p, const char *text) { return (size_t)(p.end - p.at) == strlen(text) && begins_with(p, text); }

/*
 * The first word in brackets that has a blank behind it and none of a type before it. What is
 * returned may have an assembly's name too: "class [System.Net]System.Net.Cookie [Shop] ...".
 */
static bool find_assembly(struct part name, struct part *assembly)
{
    for (const char *p = name.at; p < name.end; p++) {
        if (*p != '[' || (p > name.at && p[-1] != ' '))
            continue;
        const char *close = memchr(p, ']', (size_t)(name.end - p));
        if (!close)
            return false;
        if (close > p + 1 && close + 1 < name.end && close[1] == ' ') {
            *assembly = (struct part){p + 1, close};
            return true;
        }
    }
    return false;
}

/*
 * Whether the library that comes with .NET has it. Its methods are compiled ahead of time, and only
 * those that were compiled again have a line in the map.
 */
static bool is_library(struct part assembly)
{
    static const char *const families[] = {"System.", "Microsoft.AspNetCore.", "Microsoft.Extensions.", "Microsoft.Win32."};
    static const char *const names[] = {"System", "mscorlib", "netstandard", "WindowsBase", "Microsoft.CSharp", "Microsoft.VisualBasic"};
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
        if (begins_with(assembly, families[i]))
            return true;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (is(assembly, names[i]))
            return true;
    return false;
}

static bool put(char *out, size_t cap, size_t *len, struct part p)
{
    size_t n = (size_t)(p.end - p.at);
    if (n >= cap - *len)
        return false;
    memcpy(out + *len, p.at, n);
    *len += n;
    out[*len] = 0;
    return true;
}

/* The same without the types that stand for a generic one's parameters: List`1[System.__Canon]. */
static bool put_plain(char *out, size_t cap, size_t *len, struct part p)
{
    unsigned depth = 0;
    const char *from = p.at;
    for (const char *c = p.at; c < p.end; c++) {
        if (*c == '[' && depth++ == 0 && !put(out, cap, len, (struct part){from, c}))
            return false;
        if (*c == ']' && depth && --depth == 0)
            from = c + 1;
    }
    return depth == 0 && put(out, cap, len, (struct part){from, p.end});
}

bool coreclr_name_parse(const char *name, size_t len, struct runtime_name *out)
{
    struct part whole = {name, name + len}, assembly;
    static const char dot[] = ".";
    size_t function = 0, file = 0;
    *out = (struct runtime_name){.line = 0};
    if (!find_assembly(whole, &assembly) || is_library(assembly))
        return false;
    const char *from = assembly.end + 2, *arguments = memchr(from, '(', (size_t)(whole.end - from)), *colons = NULL;
    for (const char *p = from; arguments && p + 1 < arguments; p++)
        if (p[0] == ':' && p[1] == ':')
            colons = p;
    if (!colons || colons == from || colons + 2 == arguments || is((struct part){from, colons}, "dynamicClass"))
        return false;
    return put_plain(out->function, sizeof out->function, &function, (struct part){from, colons}) &&
           put(out->function, sizeof out->function, &function, (struct part){dot, dot + 1}) &&
           put_plain(out->function, sizeof out->function, &function, (struct part){colons + 2, arguments}) &&
           put(out->file, sizeof out->file, &file, assembly);
}

bool coreclr_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    struct perf_map_target t = {.addr = f->word[0] - 1}; /* the call is before it */
    struct scratch *scratch = NULL;
    *hidden = false;
    bool found = coreclr_map_names(&t, 1, &scratch) && t.name && coreclr_name_parse(t.name, t.len, out);
    scratch_free(&scratch);
    return found;
}
