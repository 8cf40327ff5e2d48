/* SPDX-License-Identifier: MIT */
/*
 * static.h: the calls that go another way in the command that has everything linked in.
 *
 * Such a command is built by `make dist-bin` alone. No file of the command includes this one: the
 * linker leads their calls here. Its list of them is STATIC_WRAPPED in the Makefile.
 */
#ifndef SOCKLEAK_CLI_STATIC_STATIC_H
#define SOCKLEAK_CLI_STATIC_STATIC_H

#include <ncurses.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>

struct passwd *__wrap_getpwuid(uid_t uid);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *a);
char *__wrap_setlocale(int category, const char *locale);
char *__real_setlocale(int category, const char *locale);
void *__wrap_dlopen(const char *file, int mode);
void *__wrap_dlsym(void *handle, const char *name);
int __wrap_dlclose(void *handle);
SCREEN *__wrap_newterm(const char *type, FILE *out, FILE *in);
SCREEN *__real_newterm(const char *type, FILE *out, FILE *in);

#endif
