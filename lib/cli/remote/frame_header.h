/* SPDX-License-Identifier: MIT */
/*
 * frame_header.h: an object's .eh_frame_hdr in the memory of another process: a table of its
 * functions, sorted by where they begin (LSB, "Exception Frame Header").
 */
#ifndef SOCKLEAK_CLI_REMOTE_FRAME_HEADER_H
#define SOCKLEAK_CLI_REMOTE_FRAME_HEADER_H

#include "remote.h"

struct frame_header {
    uint64_t at;     /* of the section; what the table holds is relative to it */
    uint64_t table;  /* pairs of 4-byte offsets: where a function begins, and its entry in .eh_frame */
    uint32_t n;      /* pairs */
    uint8_t pointer; /* how the pointer to .eh_frame before them is encoded (DW_EH_PE_*) */
};

/*
 * That of module M of R. False: there is none, it cannot be read, or its table is of a form that no
 * linker makes. TABLE is right only if the pointer takes 4 bytes.
 */
bool frame_header_read(const struct remote *r, const struct remote_module *m, struct frame_header *h);

#endif
