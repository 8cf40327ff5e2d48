/* SPDX-License-Identifier: MIT */
/*
 * siteid.c: the name of a call site that is the same in every process and on every host.
 *
 * Called by the agent when it interns a new stack (any thread, signal handlers too), and by the
 * tests. What goes into the hash is fixed for good: users keep site names in tickets and
 * dashboards. Bytes are hashed in an order that does not depend on the machine.
 */
#include "siteid.h"

#include <string.h>

#include "hash.h"

uint64_t siteid_begin(void) { return HASH_START; }

uint64_t siteid_frame(uint64_t h, const struct state_module *m, uint64_t pc)
{
    if (!m)
        return hash_byte(h, 'J');
    if (m->build_id_len > 0 && m->build_id_len <= sizeof m->build_id) {
        h = hash_byte(h, 'B');
        h = hash_bytes(h, m->build_id, m->build_id_len);
    } else {
        size_t len = strnlen(m->path, sizeof m->path), start = len;
        while (start > 0 && m->path[start - 1] != '/')
            start--;
        h = hash_byte(h, 'N');
        h = hash_bytes(h, m->path + start, len - start);
        h = hash_byte(h, 0);
    }
    uint64_t offset = pc - m->bias;
    for (unsigned shift = 0; shift < 64; shift += 8)
        h = hash_byte(h, (unsigned char)(offset >> shift));
    return h;
}

/* The last part of PATH, of a file that is called like its folder's contents the last two. */
static const char *last_parts(const char *path)
{
    const char *end = path + strlen(path), *last = end;
    while (last > path && last[-1] != '/')
        last--;
    if (strncmp(last, "__", 2) != 0 || last == path) /* __init__.py, __main__.py */
        return last;
    for (last--; last > path && last[-1] != '/';)
        last--;
    return last;
}

/* Below the folder of a PHP program's packages, or of PHP's own; NULL: FILE is in none, or no PHP file. */
static const char *file_of_php(const char *file)
{
    static const char *const roots[] = {"/vendor/", "/share/php/"};
    const char *last = NULL;
    for (unsigned i = 0; strstr(file, ".php") && i < sizeof roots / sizeof *roots; i++)
        for (const char *at = file; (at = strstr(at, roots[i])) != NULL;) {
            at += strlen(roots[i]);
            last = !last || at > last ? at : last;
            at--; /* its slash may begin the next one */
        }
    return last;
}

/* Behind a folder that is called like a version of Perl 5 or like a kind of machine, with Linux. */
static const char *below_version_of_perl(const char *file)
{
    const char *slash = strchr(file, '/');
    if (slash && strncmp(file, "5.", 2) == 0 && strspn(file, "0123456789.") == (size_t)(slash - file)) {
        file = slash + 1;
        slash = strchr(file, '/');
    }
    const char *machine = strstr(file, "-linux");
    return slash && machine && machine < slash ? slash + 1 : file;
}

/* In one of Perl's folders of modules, the innermost; NULL: it is in none. */
static const char *file_of_perl(const char *file)
{
    static const char *const roots[] = {"/perl/5.", "/perl5/", "/perl-base/", "/site_perl/", "/vendor_perl/"};
    const char *last = NULL;
    for (unsigned i = 0; i < sizeof roots / sizeof *roots; i++)
        for (const char *at = file; (at = strstr(at, roots[i])) != NULL;) {
            at = strchr(at + 1, '/') + 1;
            if (!last || at > last)
                last = at;
        }
    return last ? below_version_of_perl(last) : NULL;
}

/* Below Ruby's folders of gems, or of its own library: /usr/lib/ruby/3.1.0/; NULL: FILE is in none. */
static const char *file_of_ruby(const char *file)
{
    static const char *const roots[] = {"/gems/", "/vendor_ruby/", "/site_ruby/", "/ruby/"};
    const char *last = NULL;
    for (unsigned i = 0; i < sizeof roots / sizeof *roots; i++)
        for (const char *at = file; (at = strstr(at, roots[i])) != NULL;) {
            at += strlen(roots[i]);
            size_t version = strspn(at, "0123456789.");
            bool has_version = version > 2 && at[version] == '/';
            if (has_version && i > 1)
                at += version + 1;
            if ((has_version || i < 3) && (!last || at > last))
                last = at;
            at--;
        }
    return last;
}

const char *siteid_stable_file(const char *file)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/"};
    const char *module = NULL; /* the innermost of node's: node_modules/a/node_modules/b/index.js */
    for (const char *p = file; (p = strstr(p, "/node_modules/")) != NULL;)
        module = p += strlen("/node_modules/");
    if (module)
        return module;
    if (strncmp(file, "node:", 5) == 0) /* what is part of node: node:internal/net */
        return file;
    for (unsigned i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *at = strstr(file, roots[i]);
        if (at)
            return at + strlen(roots[i]);
    }
    const char *php = file_of_php(file);
    if (php)
        return php;
    const char *perl = file_of_perl(file);
    if (perl)
        return perl;
    const char *ruby = file_of_ruby(file);
    if (ruby)
        return ruby;
    /* the library that comes with the interpreter: /usr/lib/python3.11/asyncio/events.py */
    const char *at = strstr(file, "/lib/python");
    at = at ? strchr(at + strlen("/lib/python"), '/') : NULL;
    return at ? at + 1 : last_parts(file);
}

uint64_t siteid_runtime_frame(uint64_t h, const struct state_frame_view *f)
{
    const char *file = siteid_stable_file(f->file);
    h = hash_byte(h, 'R');
    h = hash_byte(h, f->runtime);
    h = hash_bytes(h, f->function, strlen(f->function) + 1);
    h = hash_bytes(h, file, strlen(file) + 1);
    for (unsigned shift = 0; shift < 32; shift += 8)
        h = hash_byte(h, (unsigned char)(f->frame->line >> shift));
    return h;
}

uint64_t siteid_end(uint64_t h)
{
    /*
     * FNV's high bits hardly depend on the last bytes, but people compare the first digits of what
     * is printed.
     */
    h ^= h >> 32;
    h = hash_spread(h);
    h ^= h >> 29;
    return h ? h : 1;
}
