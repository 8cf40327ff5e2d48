/* SPDX-License-Identifier: MIT */
/*
 * objects.h: shared objects made while a test runs, in a folder of the test's own.
 *
 * For tests that need an object to be stripped, replaced, damaged or loaded at a place of their
 * choice. Uses cc and objcopy, which built the tests.
 */
#ifndef SOCKLEAK_TESTS_UNIT_OBJECTS_H
#define SOCKLEAK_TESTS_UNIT_OBJECTS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char objects_dir[256];

/* A shell command; its exit status. "DIR" in front of a slash stands for the folder. */
__attribute__((format(printf, 1, 2))) static inline int objects_run(const char *fmt, ...)
{
    char text[4096], command[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(command, sizeof command, "DIR='%s'; cd \"$DIR\" && { %s; }", objects_dir, text);
    return system(command);
}

static inline void objects_write(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", objects_dir, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static inline const char *objects_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", objects_dir, name);
    return p;
}

static inline int objects_setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(objects_dir, sizeof objects_dir, "%s/slobj.XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    return mkdtemp(objects_dir) ? 0 : -1;
}

static inline int objects_teardown(void **state)
{
    (void)state;
    return objects_run("rm -rf \"$DIR\"") == 0 ? 0 : -1;
}

#endif
