/* SPDX-License-Identifier: MIT */
/*
 * statefile.h: an image of image.h with one extent of each type, ready for slots, sites, modules
 * and details; and as a file.
 */
#ifndef SOCKLEAK_TESTS_STATEFILE_H
#define SOCKLEAK_TESTS_STATEFILE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image.h"

#define SECOND 1000000000ull

static char statefile_path[64];

enum { IN_SLOTS = 0, IN_SITES, IN_MODULES, IN_DETAILS, IN_TAGS, IN_ALL };

static inline struct state_header *statefile_begin(struct image *im)
{
    image_make(im, IN_ALL);
    image_extent(im, IN_SLOTS, EXTENT_SLOTS, 0);
    image_extent(im, IN_SITES, EXTENT_SITES, 0);
    image_extent(im, IN_MODULES, EXTENT_MODULES, 0);
    image_extent(im, IN_DETAILS, EXTENT_DETAILS, 0);
    image_extent(im, IN_TAGS, EXTENT_TAGS, 0);
    struct state_header *h = (void *)im->base;
    h->pid = 4194304; /* above what pid_max allows: never a live process */
    h->enabled = 1;
    h->kinds = KINDS_DEFAULT;
    h->grace_ns = 30 * SECOND;
    h->opened_mono_ns = 1000 * SECOND;
    h->opened_real_ns = 1700000000 * SECOND;
    h->last_look_ns = 2000 * SECOND;
    strcpy(h->exe, "/srv/app");
    strcpy(h->host, "web1");
    return h;
}

/* An open TCP socket FD of the site at SITE_OFFSET (a multiple of 256; made when it is new). */
static inline struct state_slot *statefile_socket(struct image *im, int fd, uint32_t site_offset)
{
    struct state_site *site = image_at(im, IN_SITES, site_offset);
    if (!site->ready) {
        image_site(im, IN_SITES, site_offset, 2);
        site->size = 256;
    }
    site->opened++;
    struct state_slot *s = image_at(im, IN_SLOTS, (uint32_t)fd * sizeof *s);
    s->word = SLOT_WORD(1, SLOT_LIVE);
    s->opened_ns = 1500 * SECOND;
    s->site = image_ref(IN_SITES, site_offset);
    s->family = AF_INET;
    s->type_origin = SOCK_STREAM;
    s->flags = SLOT_CONNECTED;
    return s;
}

/* What the last look saw of it. */
static inline struct state_detail *statefile_detail(struct image *im, int fd, unsigned kind, uint64_t since_ns)
{
    struct state_slot *s = image_at(im, IN_SLOTS, (uint32_t)fd * sizeof *s);
    struct state_detail *d = image_at(im, IN_DETAILS, (uint32_t)(fd % 16) * sizeof *d);
    *d = (struct state_detail){.gen = 1, .fd = (uint32_t)fd, .kind = (uint8_t)kind, .since_ns = since_ns, .looked_ns = 2000 * SECOND};
    strcpy(d->local, "10.0.0.7:5000");
    strcpy(d->peer, "10.0.0.5:1433");
    s->watch_gen = 1;
    s->cookie = 1000 + (uint64_t)fd;
    s->detail = image_ref(IN_DETAILS, (uint32_t)(fd % 16) * sizeof *d);
    return d;
}

static inline void statefile_write(const struct image *im)
{
    snprintf(statefile_path, sizeof statefile_path, "/tmp/slstate.XXXXXX");
    int fd = mkstemp(statefile_path);
    if (fd < 0 || write(fd, im->base, im->size) != (ssize_t)im->size)
        abort();
    close(fd);
}

#endif
