/* SPDX-License-Identifier: MIT */
/*
 * module.c: a library to be loaded and unloaded: twice the same code layout with different frames
 * (SHAPE 1 and 2), and many functions bound lazily.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef SHAPE
#define SHAPE 1
#endif

__attribute__((noinline, visibility("default"))) int module_inner(void (*call)(void))
{
    volatile char room[SHAPE * 4096 + 16];
    room[0] = 1;
    call();
    return room[0];
}
__attribute__((noinline, visibility("default"))) int module_entry(void (*call)(void))
{
    volatile char room[(3 - SHAPE) * 2048 + 16];
    room[0] = 1;
    return module_inner(call) + room[0];
}

/* Each of these calls goes through the loader's resolver once after each dlopen. */
__attribute__((visibility("default"))) long module_lazy(void)
{
    char a[64] = "a", b[64] = "b";
    struct tm tm;
    time_t t = 0;
    long n =
        (long)strlen(a) + strcmp(a, b) + strncmp(a, b, 2) + (strchr(a, 'a') != NULL) + (strrchr(a, 'a') != NULL) + (strstr(a, b) != NULL);
    n += memcmp(a, b, 3) + (memchr(a, 1, 5) != NULL) + (long)strspn(a, b) + (long)strcspn(a, b) + (strpbrk(a, b) != NULL) + atoi("3") +
         strtol("4", NULL, 10);
    n += (long)strnlen(a, 9) + (strcpy(a, "x") != NULL) + (strcat(b, a) != NULL) + (strncpy(a, b, 3) != NULL) + getpid() + getppid() +
         (long)getuid() + (long)getgid();
    n += (gmtime_r(&t, &tm) != NULL) + mktime(&tm) + (long)clock() + abs((int)n) + labs(n) + rand() + (getenv("HOME") != NULL) +
         (stpcpy(a, "q") != NULL);
    n += (long)geteuid() + (long)getegid() + strcasecmp(a, b) + (memmem(a, 4, b, 2) != NULL) + (long)time(NULL) + isatty(0) +
         (strdup("") ? 1 : 0);
    return n;
}
