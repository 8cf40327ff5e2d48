/* SPDX-License-Identifier: MIT */
/*
 * libc.c: what a program with the C library linked in must not ask of it, for it would load parts of
 * another system's C library: names of users, character sets, and libraries by name.
 *
 * The link leads calls of NAME to __wrap_NAME (--wrap). libdw asks for libdebuginfod by dlopen; it
 * takes no for an answer.
 */
#include "static.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of /etc/passwd; else of what the system's own getent says, which asks for the users of a network too. */
static struct passwd *entry_of(FILE *f, uid_t uid)
{
    struct passwd *pw;
    while ((pw = fgetpwent(f)) != NULL && pw->pw_uid != uid)
        ;
    return pw;
}

struct passwd *__wrap_getpwuid(uid_t uid)
{
    FILE *f = fopen("/etc/passwd", "re");
    struct passwd *pw = f ? entry_of(f, uid) : NULL;
    if (f)
        fclose(f);
    if (pw)
        return pw;
    char command[80];
    snprintf(command, sizeof command, "exec /usr/bin/getent passwd %u 2>/dev/null", (unsigned)uid);
    f = popen(command, "re");
    pw = f ? entry_of(f, uid) : NULL;
    if (f)
        pclose(f);
    return pw;
}

/* What the environment says of characters; NULL: nothing. */
static const char *wanted_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

/*
 * UTF-8 is in the program. The tables of any other character set are code of the system's C library,
 * which need not be of the same release.
 */
char *__wrap_setlocale(int category, const char *locale)
{
    const char *wanted = locale && !*locale ? wanted_locale() : NULL;
    if (locale && *locale)
        return __real_setlocale(category, locale);
    if (!wanted || (!strcasestr(wanted, "UTF-8") && !strcasestr(wanted, "utf8")))
        return __real_setlocale(category, locale ? "C" : NULL);
    char *result = __real_setlocale(category, wanted);
    return result ? result : __real_setlocale(category, "C.UTF-8");
}

void *__wrap_dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}
void *__wrap_dlsym(void *handle, const char *name)
{
    (void)handle;
    (void)name;
    return NULL;
}
int __wrap_dlclose(void *handle)
{
    (void)handle;
    return -1;
}
