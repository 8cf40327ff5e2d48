/* SPDX-License-Identifier: MIT */
/*
 * redact.h: takes out of a report what tells of the machine, its users and its network, so that it
 * may be sent to others.
 *
 * Left out: addresses (the port stays), names of hosts, and folders above the project with the user
 * names that are in them. What is the same on every machine stays: sites, functions, names of files
 * and of system folders, lines, numbers of processes and descriptors. The same address gets the same
 * placeholder in all models that are redacted with one struct redaction.
 */
#ifndef SOCKLEAK_CLI_RENDER_REDACT_H
#define SOCKLEAK_CLI_RENDER_REDACT_H

#include "../model/types.h"

struct redaction {
    struct arena arena;  /* of all that the functions below return */
    const char *project; /* the sources are below this folder; NULL: they are not known to be below one */
    const char *user;    /* a folder of this name is never shown; NULL: none is known */
    char **addresses;
    size_t n_addresses, cap_addresses;
};

/* PROJECT and USER are those of this process: its working directory, and who runs it. */
void redact_begin(struct redaction *r);
void redact_end(struct redaction *r);

/* Every string of M's report, in place. What this puts there lives until redact_end. */
void redact_model(struct redaction *r, struct model *m);
/* N frames of a stack, as a copy; NULL gives NULL. */
const struct frame *redact_frames(struct redaction *r, const struct frame *frames, size_t n);
/* A file's name: below the project, or of a system folder, or without its folder. NULL gives NULL. */
const char *redact_path(struct redaction *r, const char *path);
/* The same of a program's file, of whose name the beginning may be missing. */
const char *redact_program(const char *exe);
/* "10.0.0.5:1433" becomes "address-1:1433", "/run/app.sock" "address-2". NULL and "" stay. */
const char *redact_address(struct redaction *r, const char *address);

#endif
