/* SPDX-License-Identifier: MIT */
/*
 * runtime_files.c: whose code a source file of a language runtime is, by its name.
 *
 * Called for reports and suppressions, and once for each new stack with frames of a runtime. One
 * pair of functions for each runtime; what a folder means in one language it need not in another.
 */
#include "runtime_files.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "prefix.h"
#include "runtime_name.h"

/* Behind the last of the N folders ROOTS that is in FILE; NULL: none is. */
static const char *below_last(const char *file, const char *const *roots, size_t n)
{
    const char *last = NULL;
    for (size_t i = 0; i < n; i++)
        for (const char *at = file; (at = strstr(at, roots[i])) != NULL;) {
            at += strlen(roots[i]);
            last = !last || at > last ? at : last;
            at--; /* its slash may begin the next one */
        }
    return last;
}
#define BELOW_LAST(file, roots) below_last(file, roots, sizeof(roots) / sizeof *(roots))

/* The last part of PATH, of a file that is called like its folder's contents the last two. */
static const char *last_parts(const char *path)
{
    const char *end = path + strlen(path), *last = end;
    while (last > path && last[-1] != '/')
        last--;
    if (!begins_with(last, "__") || last == path) /* __init__.py, __main__.py */
        return last;
    for (last--; last > path && last[-1] != '/';)
        last--;
    return last;
}

/* ---- Python ---- */

static const char *const python_packages[] = {"/site-packages/", "/dist-packages/"};

static enum runtime_code python_code(const char *file)
{
    if (BELOW_LAST(file, python_packages))
        return RUNTIME_CODE_PACKAGE;
    return begins_with(file, "<frozen ") || strstr(file, "/lib/python") ? RUNTIME_CODE_LIBRARY : RUNTIME_CODE_PROGRAM;
}

static const char *python_stable(const char *file)
{
    const char *package = BELOW_LAST(file, python_packages);
    if (package)
        return package;
    /* the library that comes with the interpreter: /usr/lib/python3.11/asyncio/events.py */
    const char *at = strstr(file, "/lib/python");
    at = at ? strchr(at + strlen("/lib/python"), '/') : NULL;
    return at ? at + 1 : NULL;
}

/* ---- PHP ---- */

/* Below the folder of a program's packages, or of PHP's own; NULL: FILE is in none, or no PHP file. */
static const char *php_stable(const char *file)
{
    static const char *const roots[] = {"/vendor/", "/share/php/"};
    return strstr(file, ".php") ? BELOW_LAST(file, roots) : NULL;
}

static enum runtime_code php_code(const char *file) { return php_stable(file) ? RUNTIME_CODE_PACKAGE : RUNTIME_CODE_PROGRAM; }

/* ---- Perl ---- */

/* WORD is in FILE, and a version of Perl 5 follows it. */
static bool has_version_of_perl(const char *file, const char *word)
{
    const char *at = strstr(file, word);
    return at && begins_with(at + strlen(word), "5.");
}

/* Debian has other folders than Perl itself would choose. */
static enum runtime_code perl_code(const char *file)
{
    bool debian = has_version_of_perl(file, "/perl/");
    if (strstr(file, "/perl-base/") || (debian && !begins_with(file, "/usr/local/")) || has_version_of_perl(file, "/lib/perl5/"))
        return RUNTIME_CODE_LIBRARY;
    if (debian || strstr(file, "/perl5/") || strstr(file, "/site_perl/") || strstr(file, "/vendor_perl/"))
        return RUNTIME_CODE_PACKAGE;
    return RUNTIME_CODE_PROGRAM;
}

/* Behind a folder that is called like a version of Perl 5 or like a kind of machine, with Linux. */
static const char *below_version_of_perl(const char *file)
{
    const char *slash = strchr(file, '/');
    if (slash && begins_with(file, "5.") && strspn(file, "0123456789.") == (size_t)(slash - file)) {
        file = slash + 1;
        slash = strchr(file, '/');
    }
    const char *machine = strstr(file, "-linux");
    return slash && machine && machine < slash ? slash + 1 : file;
}

static const char *perl_stable(const char *file)
{
    static const char *const roots[] = {"/perl5/", "/perl-base/", "/site_perl/", "/vendor_perl/"};
    const char *last = BELOW_LAST(file, roots), *debian = strstr(file, "/perl/5.");
    if (debian && (!last || debian > last))
        last = debian + strlen("/perl/");
    return last ? below_version_of_perl(last) : NULL;
}

/* ---- Ruby ---- */

/* Its own library is in a folder that is called like its version. */
static enum runtime_code ruby_code(const char *file)
{
    const char *at = strstr(file, "/ruby/");
    if (strstr(file, "/gems/") || strstr(file, "/vendor_ruby/") || strstr(file, "/site_ruby/"))
        return RUNTIME_CODE_PACKAGE;
    bool own = begins_with(file, "<internal:") || (at && at[6] >= '0' && at[6] <= '9' && at[7] == '.');
    return own ? RUNTIME_CODE_LIBRARY : RUNTIME_CODE_PROGRAM;
}

/* Below the folders of gems, or of Ruby's own library: /usr/lib/ruby/3.1.0/. */
static const char *ruby_stable(const char *file)
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

/* ---- JavaScript ---- */

static const char *const node_packages[] = {"/node_modules/"};

/* What is part of node is called node:internal/net. */
static enum runtime_code node_code(const char *file)
{
    if (BELOW_LAST(file, node_packages))
        return RUNTIME_CODE_PACKAGE;
    return begins_with(file, "node:") ? RUNTIME_CODE_LIBRARY : RUNTIME_CODE_PROGRAM;
}

/* The innermost module: node_modules/a/node_modules/b/index.js. */
static const char *node_stable(const char *file)
{
    const char *module = BELOW_LAST(file, node_packages);
    return module ? module : begins_with(file, "node:") ? file : NULL;
}

/* ---- Java, C# ---- */

/* The packages of the JDK itself. */
static enum runtime_code java_code(const char *function)
{
    static const char *const packages[] = {"java.", "javax.", "jdk.", "sun.", "com.sun."};
    return begins_with_one(function, packages, sizeof packages / sizeof *packages) ? RUNTIME_CODE_LIBRARY : RUNTIME_CODE_PROGRAM;
}

/* Mono's assemblies, and those of the global cache. */
static enum runtime_code dotnet_code(const char *file) { return strstr(file, "/lib/mono/") ? RUNTIME_CODE_LIBRARY : RUNTIME_CODE_PROGRAM; }

/* ---- Go ---- */

/* The first part of the names of the packages that come with Go: net/http.(*Client).Do is of net. */
static const char go_own[][12] = {"archive", "bufio",   "bytes",    "cmp",      "compress", "container", "context", "crypto",  "database",
                                  "debug",   "embed",   "encoding", "errors",   "expvar",   "flag",      "fmt",     "go",      "hash",
                                  "html",    "image",   "index",    "internal", "io",       "iter",      "log",     "maps",    "math",
                                  "mime",    "net",     "os",       "path",     "plugin",   "reflect",   "regexp",  "runtime", "slices",
                                  "sort",    "strconv", "strings",  "structs",  "sync",     "syscall",   "testing", "text",    "time",
                                  "unicode", "unique",  "unsafe",   "vendor",   "weak"};

static enum runtime_code go_code(const char *file, const char *function)
{
    size_t n = function ? strcspn(function, "/.") : 0;
    for (unsigned i = 0; i < sizeof go_own / sizeof *go_own; i++)
        if (n && strlen(go_own[i]) == n && strncmp(function, go_own[i], n) == 0)
            return RUNTIME_CODE_LIBRARY;
    bool package = file && (strstr(file, "/pkg/mod/") || strstr(file, "/vendor/") || strstr(file, "@v"));
    return package ? RUNTIME_CODE_PACKAGE : RUNTIME_CODE_PROGRAM;
}

/* Below the folder of modules, or of Go's own sources or a workspace's. */
static const char *go_stable(const char *file)
{
    static const char *const roots[] = {"/pkg/mod/", "/src/"};
    return BELOW_LAST(file, roots);
}

/* ---- all ---- */

enum runtime_code runtime_files_code(unsigned runtime, const char *file, const char *function)
{
    static enum runtime_code (*const code[RUNTIME_COUNT])(const char *) = {
        [RUNTIME_PYTHON] = python_code, [RUNTIME_JAVASCRIPT] = node_code, [RUNTIME_RUBY] = ruby_code,
        [RUNTIME_PHP] = php_code,       [RUNTIME_PERL] = perl_code,       [RUNTIME_DOTNET] = dotnet_code,
    };
    if (runtime == RUNTIME_JAVA)
        return java_code(function);
    if (runtime == RUNTIME_GO)
        return go_code(file, function);
    return runtime < RUNTIME_COUNT && code[runtime] && file ? code[runtime](file) : RUNTIME_CODE_PROGRAM;
}

const char *runtime_files_stable(unsigned runtime, const char *file)
{
    static const char *(*const stable[RUNTIME_COUNT])(const char *) = {
        [RUNTIME_PYTHON] = python_stable, [RUNTIME_JAVASCRIPT] = node_stable, [RUNTIME_RUBY] = ruby_stable,
        [RUNTIME_PHP] = php_stable,       [RUNTIME_PERL] = perl_stable,       [RUNTIME_GO] = go_stable,
    };
    const char *part = runtime < RUNTIME_COUNT && stable[runtime] ? stable[runtime](file) : NULL;
    return part ? part : last_parts(file);
}
