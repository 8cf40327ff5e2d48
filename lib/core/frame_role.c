/* SPDX-License-Identifier: MIT */
/*
 * frame_role.c: finds and names the parts of a stack.
 *
 * Called by the renderers.
 */
#include "frame_role.h"

const char *frame_role_name(unsigned role)
{
    static const char *const names[FRAME_ROLE_COUNT] = {NULL, "created_by", "waited_for_by", "or"};
    return role < FRAME_ROLE_COUNT ? names[role] : NULL;
}

const char *frame_role_heading(const struct frame *f)
{
    static const char *const headings[FRAME_ROLE_COUNT] = {NULL, "created by", "waited for by", "or at (which of them is not known)"};
    return f->begins && f->role < FRAME_ROLE_COUNT ? headings[f->role] : NULL;
}

size_t frame_role_part(const struct frame *frames, size_t n, unsigned role, size_t *at)
{
    size_t first = *at;
    while (first < n && frames[first].role != role)
        first++;
    size_t end = first;
    while (end < n && frames[end].role == role && (end == first || !frames[end].begins))
        end++;
    *at = first;
    return end - first;
}

size_t frame_role_first(const struct frame *frames, size_t n)
{
    size_t end = 0;
    while (end < n && frames[end].role != FRAME_ROLE_OR)
        end++;
    return end;
}

bool frame_role_is_either(const struct frame *frames, size_t n) { return frame_role_first(frames, n) < n; }
