/* SPDX-License-Identifier: MIT */
/*
 * call_code.c: what x86-64 code says of calls and frames. See Intel's manual, volume 2, for the
 * bytes.
 */
#include "call_code.h"

#define FUNCTION_MAX (1u << 16)

static bool code(const struct image *i, uint64_t at, void *to, size_t n)
{
    return image_is_code(i, at) && span_copy(image_at(i, at), 0, to, n);
}

/*
 * Address that a jump or call of 32 bits at AT, of N bytes, leads to; the distance is its last
 * four.
 */
static bool target(const struct image *i, uint64_t at, unsigned n, uint64_t *to)
{
    int32_t distance;
    if (!code(i, at + n - 4, &distance, sizeof distance))
        return false;
    *to = at + n + (uint64_t)(int64_t)distance;
    return true;
}

/*
 * What a call of AT reaches, over jumps at its beginning. False: through a table, nobody knows
 * here.
 */
static bool destination(const struct image *i, uint64_t at, uint64_t function, uint64_t *to)
{
    static const uint8_t marker[4] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */
    *to = at;
    for (unsigned hops = 0; hops < 3 && *to != function; hops++) {
        uint8_t b[7] = {0};
        uint64_t jump = *to;
        if (code(i, jump, b, 4) && memcmp(b, marker, 4) == 0)
            jump += 4;
        if (!code(i, jump, b, 6))
            return true;
        if ((b[0] == 0xff && b[1] == 0x25) || (b[0] == 0xf2 && b[1] == 0xff && b[2] == 0x25))
            return false;
        if (b[0] == 0xeb)
            *to = jump + 2 + (uint64_t)(int64_t)(int8_t)b[1];
        else if (b[0] != 0xe9 || !target(i, jump, 5, to))
            return true;
    }
    return true;
}

/*
 * call r/m: opcode 0xff with 2 in the middle of the next byte, which says how long the operand is.
 */
static bool is_indirect(const uint8_t *b)
{
    static const struct {
        uint8_t back, mode, has_index;
    } shapes[] = {{2, 3, 0}, {2, 0, 0}, {3, 0, 1}, {3, 1, 0}, {4, 1, 1}, {6, 2, 0}, {7, 2, 1}, {6, 0, 0}};
    for (unsigned k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        const uint8_t *at = b + 7 - shapes[k].back;
        unsigned mode = at[1] >> 6, operand = at[1] & 7;
        bool has_index = mode != 3 && operand == 4, is_relative = mode == 0 && operand == 5;
        bool is_long = shapes[k].back == 6 && shapes[k].mode == 0;
        if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 && mode == shapes[k].mode && has_index == shapes[k].has_index && is_relative == is_long)
            return true;
    }
    return false;
}

/* The function at CALLED ends in a jump to FUNCTION, or in one that nobody knows the end of. */
static bool may_jump(struct image *i, uint64_t called, uint64_t function)
{
    uint64_t start, end, to;
    if (!image_function(i, called, &start, &end) || start != called || end - start > FUNCTION_MAX)
        return true;
    struct span s = span_part(image_at(i, start), 0, end - start);
    for (size_t k = 0; k + 1 < s.n; k++) {
        const uint8_t *b = s.at + k;
        bool is_long = b[0] == 0xe9, is_conditional = b[0] == 0x0f && (b[1] & 0xf0) == 0x80;
        if (b[0] == 0xff && (b[1] >> 3 & 7) == 4)
            return true;
        if ((is_long || is_conditional) && target(i, start + k, is_long ? 5 : 6, &to) && image_is_code(i, to) && (to < start || to >= end))
            if (to == function || !destination(i, to, function, &to) || to == function)
                return true;
    }
    return false;
}

enum call_kind call_before(struct image *i, uint64_t pc, uint64_t function)
{
    uint8_t b[7];
    uint64_t called, to;
    if (!code(i, pc - 7, b, sizeof b) || !image_is_code(i, pc - 1))
        return CALL_NONE;
    bool indirect = is_indirect(b);
    if (b[2] == 0xe8 && target(i, pc - 5, 5, &called) && image_is_code(i, called)) {
        if (!destination(i, called, function, &to))
            return CALL_INDIRECT;
        if (to == function)
            return CALL_DIRECT;
        if (!indirect)
            return may_jump(i, to, function) ? CALL_OTHER : CALL_NONE;
    }
    return indirect ? CALL_INDIRECT : CALL_NONE;
}

/*
 * rsp is changed by a number that the code does not say: alloca, an array of variable size,
 * alignment.
 */
static bool is_dynamic(const uint8_t *b)
{
    if ((b[0] & 0xf8) != 0x48)
        return false;
    bool to_operand = (b[2] & 0xc7) == 0xc4 && !(b[0] & 1), to_register = (b[2] & 0x38) == 0x20 && !(b[0] & 4);
    bool subtracts = b[1] == 0x29 && to_operand;                                /* sub reg, rsp */
    bool moves = b[1] == 0x89 && to_operand;                                    /* mov reg, rsp */
    bool loads = (b[1] == 0x2b || b[1] == 0x8b || b[1] == 0x8d) && to_register; /* sub, mov, lea ..., rsp */
    bool aligns = (b[1] == 0x83 || b[1] == 0x81) && b[2] == 0xe4;               /* and number, rsp */
    return subtracts || moves || loads || aligns;
}

/* What an instruction at B, if one begins there, takes from rsp. */
static uint64_t taken(const uint8_t *b)
{
    int32_t n;
    if ((b[0] & 0xf8) == 0x50)
        return 8; /* push */
    if (b[0] == 0x68 || b[0] == 0x6a || (b[0] == 0xff && (b[1] >> 3 & 7) == 6))
        return 8; /* push of a number, of memory */
    if (b[0] != 0x48)
        return 0;
    if (b[1] == 0x83 && (b[2] == 0xec || b[2] == 0xc4)) {
        n = b[3] < 128 ? b[3] : b[3] - 256; /* a byte with a sign */
        n = b[2] == 0xec ? n : -n;
        return n > 0 ? (uint64_t)n : 0;
    }
    if (b[1] == 0x81 && (b[2] == 0xec || b[2] == 0xc4)) {
        memcpy(&n, b + 3, sizeof n);
        int64_t size = b[2] == 0xec ? n : -(int64_t)n;
        return size > 0 ? (uint64_t)size : 0;
    }
    return 0;
}

/*
 * At most: every byte is taken for an instruction's first, which finds each that is one and some
 * that are none.
 */
static uint64_t most_of(struct span s)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < s.n; k++) {
        uint8_t b[8] = {0};
        memcpy(b, s.at + k, s.n - k < sizeof b ? s.n - k : sizeof b);
        if (is_dynamic(b))
            return UINT64_MAX;
        sum += taken(b);
    }
    return sum;
}

static const uint8_t branch_target[4] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */

/*
 * push rbp; mov rsp, rbp; pushes; sub number, rsp: unoptimised code, and some of the rest, begins
 * so.
 */
static bool least_of(struct span s, struct call_frame *out)
{
    static const uint8_t enter[4] = {0x55, 0x48, 0x89, 0xe5};
    uint8_t b[8];
    uint64_t at = 0;
    if (span_copy(s, 0, b, 4) && memcmp(b, branch_target, 4) == 0)
        at += 4;
    if (!span_copy(s, at, b, 4) || memcmp(b, enter, 4) != 0)
        return false;
    at += 4;
    while (span_copy(s, at, b, sizeof b)) {
        unsigned skip = b[0] == 0x41; /* push of r8 to r15 */
        if ((b[skip] & 0xf8) != 0x50)
            break;
        at += 1 + skip;
        out->least += 8;
    }
    if (!span_copy(s, at, b, sizeof b) || b[0] != 0x48 || (b[1] != 0x83 && b[1] != 0x81) || b[2] != 0xec)
        return false;
    out->least += taken(b);
    return true;
}

void call_frame_of(const struct image *i, uint64_t start, uint64_t end, uint64_t pc, struct call_frame *out)
{
    *out = (struct call_frame){.most = UINT64_MAX};
    if (pc <= start || pc > end || end - start > FUNCTION_MAX || !image_is_code(i, start))
        return;
    struct span s = span_part(image_at(i, start), 0, end - start);
    if (!s.n)
        return;
    out->most = most_of(s);
    bool is_plain = least_of(s, out);
    /* one more sub, as of a large frame that is made page by page, would come on top */
    out->is_exact = is_plain && out->most != UINT64_MAX && out->most < out->least + 4096;
}
