/* SPDX-License-Identifier: MIT */
/*
 * redact_words.c: what stays of one path and of one address.
 *
 * Called by redact.c and diff.
 */
#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/textstack.h"
#include "../base/cli.h"
#include "redact.h"

void redact_begin(struct redaction *r)
{
    *r = (struct redaction){0};
    const struct passwd *pw = getpwuid(getuid());
    char *cwd = getcwd(NULL, 0);
    if (cwd && cwd[0] == '/')
        r->project = arena_string(&r->arena, cwd);
    if (pw && pw->pw_name && *pw->pw_name)
        r->user = arena_string(&r->arena, pw->pw_name);
    free(cwd);
}

void redact_end(struct redaction *r)
{
    free(r->addresses);
    arena_free(&r->arena);
    *r = (struct redaction){0};
}

/* ---- paths --------------------------------------------------------------------------------------- */

/* Folders that packages fill, and no user: what is below them says which package, not whose machine. */
static bool is_system(const char *path)
{
    static const char *const folders[] = {"/usr/lib",   "/usr/libexec", "/usr/include", "/usr/bin",   "/usr/sbin",
                                          "/usr/share", "/lib",         "/lib64",       "/lib32",     "/bin",
                                          "/sbin",      "/nix/store",   "/gnu/store",   "/usr/lib64", "/usr/lib32"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && path[n] == '/')
            return true;
    }
    return false;
}

/* The part of PATH below FOLDER; NULL: it is not there, or FOLDER is one that holds those of many users. */
static const char *below(const char *path, const char *folder)
{
    size_t n = folder ? strlen(folder) : 0, depth = 0;
    for (size_t i = 0; i < n; i++)
        depth += folder[i] == '/' && i + 1 < n;
    if (depth < 2 || strncmp(path, folder, n) != 0 || path[n] != '/')
        return NULL;
    return path + n + 1;
}

/* A folder of PATH is called NAME, or leads up. */
static bool tells(const char *path, const char *name)
{
    for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        size_t n = (size_t)(slash - path);
        if ((name && strlen(name) == n && strncmp(path, name, n) == 0) || (n == 2 && strncmp(path, "..", 2) == 0))
            return true;
    }
    return false;
}

const char *redact_path(struct redaction *r, const char *path)
{
    if (!path || is_system(path))
        return path && tells(path, NULL) ? text_base_name(path) : path;
    const char *rest = path[0] == '/' ? below(path, r->project) : path;
    /* "http://host/app.js", "file:///home/..." */
    if (!rest || strstr(rest, "://") || strncmp(rest, "file:", 5) == 0 || tells(rest, r->user))
        return text_base_name(path);
    return rest;
}

const char *redact_program(const char *exe) { return is_system(exe) && !tells(exe, NULL) ? exe : text_base_name(exe); }

/* ---- addresses ----------------------------------------------------------------------------------- */

/* The length of the host in HOST:PORT, or of all of it where there is no port. */
static size_t host_length(const char *address)
{
    const char *colon = strrchr(address, ':');
    /* of a Unix socket's name nothing stays: it may be anything */
    if (!colon || !colon[1] || address[0] == '/' || address[0] == '@')
        return strlen(address);
    for (const char *p = colon + 1; *p; p++)
        if (!isdigit((unsigned char)*p))
            return strlen(address);
    return (size_t)(colon - address);
}

static bool is_wildcard(const char *host, size_t n)
{
    return (n == 7 && strncmp(host, "0.0.0.0", n) == 0) || (n == 4 && strncmp(host, "[::]", n) == 0);
}

static size_t number_of(struct redaction *r, const char *host, size_t n)
{
    for (size_t i = 0; i < r->n_addresses; i++)
        if (strlen(r->addresses[i]) == n && memcmp(r->addresses[i], host, n) == 0)
            return i + 1;
    r->addresses = cli_grow(r->addresses, r->n_addresses, &r->cap_addresses, sizeof *r->addresses);
    r->addresses[r->n_addresses++] = arena_bytes(&r->arena, host, n);
    return r->n_addresses;
}

const char *redact_address(struct redaction *r, const char *address)
{
    size_t n = address ? host_length(address) : 0;
    if (!n || is_wildcard(address, n))
        return address;
    return arena_printf(&r->arena, "address-%zu%s", number_of(r, address, n), address + n);
}
