/* SPDX-License-Identifier: MIT */
/*
 * cfi.h: the unwind rules of one address, read from an object's .eh_frame (System V ABI, LSB 5.0
 * chapter 10, DWARF 5 section 6.4).
 *
 * Pure: reads only the bytes of the image that it is given, allocates nothing, keeps no state. The
 * bytes are not trusted: every read is checked against the image, every loop consumes input, and
 * what is not understood is reported as CFI_BAD.
 */
#ifndef SOCKLEAK_AGENT_CFI_H
#define SOCKLEAK_AGENT_CFI_H

#include <stdint.h>

#include "cfi_row.h"

/*
 * Memory that holds the object's .eh_frame_hdr (at HDR) and .eh_frame; all of [LO, HI) can be read.
 */
struct cfi_image {
    uintptr_t lo, hi, hdr;
};

enum cfi_result {
    CFI_OK,
    CFI_NONE, /* the object has no rules for this address */
    CFI_BAD,  /* damaged, or in a form that this code does not read */
};

/* Fills ROW with the rules that apply at PC. ROW is complete only after CFI_OK. */
enum cfi_result cfi_find(const struct cfi_image *image, uintptr_t pc, struct cfi_row *row);

#endif
