/* SPDX-License-Identifier: MIT */
/*
 * names.c: the C library's look-up of hosts would load parts of another system's C library. Addresses
 * need none, and localhost is one; any other name is not known.
 */
#include "static.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct found {
    struct addrinfo info; /* first: what the caller frees */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
};

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    struct found *f = calloc(1, sizeof *f);
    char *end = NULL;
    unsigned long number = port ? strtoul(port, &end, 10) : 0;
    if (!f)
        return EAI_MEMORY;
    if (!host || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    f->info = (struct addrinfo){.ai_socktype = hints ? hints->ai_socktype : 0, .ai_addr = &f->address.any};
    if (inet_pton(AF_INET, host, &f->address.v4.sin_addr) == 1) {
        f->address.v4.sin_family = AF_INET;
        f->address.v4.sin_port = htons((uint16_t)number);
        f->info.ai_addrlen = sizeof f->address.v4;
    } else if (inet_pton(AF_INET6, host, &f->address.v6.sin6_addr) == 1) {
        f->address.v6.sin6_family = AF_INET6;
        f->address.v6.sin6_port = htons((uint16_t)number);
        f->info.ai_addrlen = sizeof f->address.v6;
    }
    f->info.ai_family = f->address.any.sa_family;
    if (!f->info.ai_addrlen || number > UINT16_MAX || (end && *end)) {
        free(f);
        return EAI_NONAME;
    }
    *found = &f->info;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *a) { free(a); }
