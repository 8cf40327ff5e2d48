/* SPDX-License-Identifier: MIT */
/*
 * v8_code.c: from a place in V8's generated code to places in the source.
 *
 * Called while a stack is walked. A function runs as bytecode, whose frame says how far it is; as
 * baseline code, whose table says how long the code of each bytecode is; or as optimized code, whose
 * table of positions says which calls are inlined as well. The object that describes the code lies
 * at the beginning of the code, so it is found from the return address alone: the function may have
 * other code by now, and a loop that was entered in optimized code never had it in the function.
 */
#include <stdatomic.h>
#include <string.h>

#include "../base/sys.h"
#include "v8.h"

#define CODE_ALIGN 32u        /* of the first instruction, at least */
#define MAX_CODE (512u << 10) /* how far into its code a return address is looked for */
#define CHUNK (256u << 10)    /* of memory that V8 maps and unmaps as one */
#define KNOWN_CODE 256u
#define INLINED_SIZE 16u          /* of an entry of the table of inlined calls: a position, a number */
#define DEBUG_BREAK_EXTRA_WIDE 3u /* bytecodes up to this one say how wide the operands of the next are */

/* ---- tables of positions --------------------------------------------------------------------- */

bool v8_next_varint(struct v8_table *b, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; b->at < b->n && shift < 63; shift += 7) {
        uint8_t c = b->p[b->at++];
        *v |= (uint64_t)(c & 127) << shift;
        if (!(c & 128))
            return true;
    }
    return false;
}

static int64_t signed_of(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

/*
 * The last entry of the table of positions that is not beyond code offset AT. Entries: a step in
 * code, whose complement marks an expression, and a step in positions. False: there is none.
 */
static bool position_at(struct v8_table table, int64_t at, uint64_t *position)
{
    int64_t code = -1, source = 0;
    bool found = false;
    for (uint64_t v; v8_next_varint(&table, &v);) {
        int64_t step = signed_of(v);
        code += step >= 0 ? step : -step - 1;
        if (code > at || !v8_next_varint(&table, &v))
            break;
        source += signed_of(v);
        found = true;
    }
    *position = (uint64_t)source;
    return found;
}

/* A position: bit 0 says that it is not in JavaScript, then the place plus 1, then the inlined call. */
static int32_t place_of(uint64_t position) { return position & 1 ? V8_NO_POSITION : (int32_t)(position >> 1 & 0x3fffffff) - 1; }
static uint32_t inlined_of(uint64_t position) { return (uint32_t)(position >> 31 & 0xffff); }

static bool position_in(struct v8_memory *m, uintptr_t table, int64_t at, uint64_t *position)
{
    struct v8_table b = {.at = 0};
    b.p = v8_byte_array(m, table, &b.n);
    return b.p && position_at(b, at, position);
}

int32_t v8_position_of_bytecode(struct v8_memory *m, uintptr_t bytecodes, int64_t offset)
{
    uint64_t position;
    return position_in(m, v8_field(m, bytecodes, v8.bytecodes_positions), offset, &position) ? place_of(position) : V8_NO_POSITION;
}

/* ---- baseline code --------------------------------------------------------------------------- */

/* How many bytes the bytecode at AT has, of N; 0: it cannot be said. */
static size_t bytecode_length(const uint8_t *codes, size_t at, size_t n)
{
    const uint8_t *lengths = (const uint8_t *)v8_builtins.bytecode_lengths;
    unsigned scale = 0, prefix = 0;
    if (at >= n)
        return 0;
    if (codes[at] <= DEBUG_BREAK_EXTRA_WIDE) {
        scale = codes[at] & 1 ? 2 : 1;
        prefix = 1;
    }
    if (at + prefix >= n || codes[at + prefix] >= v8_builtins.n_bytecodes)
        return 0;
    return prefix + lengths[scale * v8_builtins.n_bytecodes + codes[at + prefix]];
}

/*
 * The bytecode whose code ends behind PC, an offset in the code: the table has the length of the
 * prologue, then that of each bytecode's. -1: the prologue, or it is not known.
 */
static int64_t bytecode_of(struct v8_memory *m, uintptr_t bytecodes, struct v8_table lengths, uint64_t pc)
{
    uintptr_t n = v8_field(m, bytecodes, v8.array_length);
    const uint8_t *codes =
        v8_is_smi(n) && v8_smi(n) > 0 ? v8_bytes(m, bytecodes - 1 + (uintptr_t)v8.bytecodes_data, (size_t)v8_smi(n)) : NULL;
    uint64_t end, step;
    size_t next = 0;
    int64_t offset = -1;
    if (!codes || !v8_next_varint(&lengths, &end))
        return -1;
    while (end < pc) {
        size_t length = bytecode_length(codes, next, (size_t)v8_smi(n));
        if (!length || !v8_next_varint(&lengths, &step))
            return -1;
        end += step;
        offset = (int64_t)next;
        next += length;
    }
    return offset;
}

/* ---- code objects ---------------------------------------------------------------------------- */

/* Whether CODE, which may be anything, describes instructions that begin at START and hold PC. */
static bool describes(struct v8_memory *m, uintptr_t object, uintptr_t start, uintptr_t pc, struct v8_code *out)
{
    uint32_t size, flags;
    if (v8_certain_type(m, object) != v8.type_code || !v8_load_half(m, object - 1 + (uintptr_t)v8.code_size, &size) ||
        !v8_load_half(m, object - 1 + (uintptr_t)v8.code_flags, &flags) || pc - start > size)
        return false;
    *out = (struct v8_code){object, start, size, flags & (uint32_t)v8.kind_mask, pc - start};
    return true;
}

/* The two words at the head of an object in code space. */
struct head {
    uintptr_t map, second;
};

static bool load_head(struct v8_memory *m, uintptr_t start, struct head *h)
{
    uintptr_t at = start - (uintptr_t)v8.code_head;
    return v8_load(m, at, &h->map) && v8_load(m, at + 8, &h->second) && v8_is_object(h->map) && v8_is_object(h->second);
}

/* Whether instructions that hold PC begin at START, behind the head H. */
static bool begins_at(struct v8_memory *m, uintptr_t start, const struct head *h, uintptr_t pc, struct v8_code *out)
{
    uintptr_t head = start - (uintptr_t)v8.code_head + 1;
    if (v8.code_inside)
        return describes(m, head, start, pc, out);
    return v8_type(m, head) == v8.type_stream && v8_field(m, h->second, v8.code_start) == start && describes(m, h->second, start, pc, out);
}

/* What lies before PC is anything, so that each page is asked about. */
static bool search_start(struct v8_memory *m, uintptr_t pc, struct head *h, struct v8_code *out)
{
    uintptr_t at = pc & ~(uintptr_t)(CODE_ALIGN - 1);
    for (uintptr_t until = at - MAX_CODE; at > until; at -= CODE_ALIGN) {
        if (!v8_is_readable(m, at - (uintptr_t)v8.code_head))
            return false;
        if (load_head(m, at, h) && begins_at(m, at, h, pc, out))
            return true;
    }
    return false;
}

/*
 * Where the code of a return address begins, and its head. The address is on the stack, so its code
 * is alive, with what it leads to; and so is the whole chunk of memory that it lies in. If the head
 * is another one by now, so is the code. Threads that write an entry at once leave one that does not
 * agree with the memory.
 */
static struct known {
    _Atomic uintptr_t pc, start, map, second;
} known[KNOWN_CODE] LARGE_TABLE;

static struct known *known_at(uintptr_t pc) { return &known[(pc ^ pc >> 8) % KNOWN_CODE]; }

static bool recall_code(struct v8_memory *m, uintptr_t pc, struct v8_code *out)
{
    struct known *k = known_at(pc);
    uintptr_t start = atomic_load_explicit(&k->start, memory_order_relaxed);
    struct head h;
    if (atomic_load_explicit(&k->pc, memory_order_relaxed) != pc || start > pc || (start - (uintptr_t)v8.code_head) / CHUNK != pc / CHUNK)
        return false;
    bool trusting = m->trusting;
    m->trusting = true;
    bool same = load_head(m, start, &h) && h.map == atomic_load_explicit(&k->map, memory_order_relaxed) &&
                h.second == atomic_load_explicit(&k->second, memory_order_relaxed) && begins_at(m, start, &h, pc, out);
    m->trusting = trusting;
    return same;
}

static void remember_code(uintptr_t pc, uintptr_t start, const struct head *h)
{
    struct known *k = known_at(pc);
    atomic_store_explicit(&k->pc, 0, memory_order_relaxed);
    atomic_store_explicit(&k->start, start, memory_order_relaxed);
    atomic_store_explicit(&k->map, h->map, memory_order_relaxed);
    atomic_store_explicit(&k->second, h->second, memory_order_relaxed);
    atomic_store_explicit(&k->pc, pc, memory_order_relaxed);
}

void v8_code_reset(void)
{
    for (unsigned i = 0; i < KNOWN_CODE; i++)
        atomic_store_explicit(&known[i].pc, 0, memory_order_relaxed);
}

bool v8_find_code(struct v8_memory *m, uintptr_t pc, struct v8_code *out)
{
    struct head h;
    if (recall_code(m, pc, out))
        return true;
    bool trusting = m->trusting;
    m->trusting = false;
    bool found = search_start(m, pc, &h, out);
    m->trusting = trusting;
    if (found)
        remember_code(pc, out->start, &h);
    return found;
}

/* ---- places where code can be left --------------------------------------------------------------- */

/*
 * Behind the instructions of optimized code stands a table of the places where it can be left: a
 * number of entries, and a word that says how large the parts of an entry are; in newer versions
 * the number of words in a frame stands in front of them. An entry: where a
 * call returns to, a number plus 1, and plus 1 where it is made to return to instead once the code
 * is given up for the function's other code; the rest is the collector's. Without the word's lowest
 * bit an entry has the first part alone.
 */
#define HAS_NUMBERS 1u
#define MAX_PLACES 65536u

static uint32_t little_endian(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

bool v8_find_place(struct v8_memory *m, const struct v8_code *code, size_t more_head, size_t more, struct v8_place *out)
{
    uint32_t head[2];
    uintptr_t table = code->start + code->size + (uintptr_t)v8.places_head;
    const uint8_t *p = v8_bytes(m, table, sizeof head);
    if (!p)
        return false;
    memcpy(head, p, sizeof head);
    unsigned registers = head[1] >> 1 & 7, pc = head[1] >> 4 & 7, number = head[1] >> 7 & 7;
    size_t entry = 2 * pc + number + more + registers;
    if (!(head[1] & HAS_NUMBERS) || head[0] > MAX_PLACES || pc > 4 || number > 4 ||
        !(p = v8_bytes(m, table + sizeof head + more_head, head[0] * entry)))
        return false;
    for (uint32_t i = 0; i < head[0]; i++, p += entry) {
        *out = (struct v8_place){little_endian(p, pc), (int32_t)little_endian(p + pc, number) - 1};
        if (out->pc == code->pc || little_endian(p + pc + number, pc) == code->pc + 1)
            return true;
    }
    return false;
}

/* Where the frame's call would have returned to, had its code not been given up meanwhile. */
static uintptr_t return_before(struct v8_memory *m, const struct v8_code *code)
{
    struct v8_place place;
    return v8_find_place(m, code, 0, 0, &place) ? place.pc : code->pc;
}

/* ---- frames ---------------------------------------------------------------------------------- */

bool v8_add_call(struct v8_calls *out, uintptr_t shared, int32_t position)
{
    if (out->n == V8_MAX_INLINED)
        return false;
    out->call[out->n].shared = shared;
    out->call[out->n++].position = position;
    return true;
}

static uintptr_t deopt_function(struct v8_memory *m, uintptr_t deopt)
{
    uintptr_t shared = v8_element(m, deopt, v8.deopt_shared);
    return v8_type(m, shared) == v8.type_shared_wrapper ? v8_field(m, shared, v8.wrapper_shared) : shared;
}

/*
 * Optimized code: the position says in which inlined call it is, and the table of these where each
 * was called from.
 */
static bool optimized_calls(struct v8_memory *m, const struct v8_code *code, uintptr_t shared, struct v8_calls *out)
{
    uintptr_t deopt = v8_field(m, code->object, v8.code_deopt), literals = v8_element(m, deopt, v8.deopt_literals);
    uint64_t position;
    size_t n = 0;
    if (deopt_function(m, deopt) != shared)
        return false;
    if (!position_in(m, v8_field(m, code->object, v8.code_positions), (int64_t)return_before(m, code) - 1, &position))
        return false;
    const uint8_t *inlined = v8_byte_array(m, v8_element(m, deopt, v8.deopt_inlined), &n);
    for (uint32_t id; (id = inlined_of(position)) != 0;) {
        int32_t function;
        int32_t place = place_of(position);
        if (!inlined || id * (size_t)INLINED_SIZE > n)
            return false;
        memcpy(&position, inlined + (id - 1) * (size_t)INLINED_SIZE, sizeof position);
        memcpy(&function, inlined + (id - 1) * (size_t)INLINED_SIZE + sizeof position, sizeof function);
        /* the array holds it weakly, or it is the function itself that was inlined into itself */
        uintptr_t callee = function < 0 ? shared : v8_element(m, literals, function) & ~(uintptr_t)2;
        if (v8_type(m, callee) != v8.type_shared || !v8_add_call(out, callee, place))
            return false;
    }
    return v8_add_call(out, shared, place_of(position));
}

static bool baseline_calls(struct v8_memory *m, const struct v8_code *code, uintptr_t shared, uintptr_t bytecodes, struct v8_calls *out)
{
    struct v8_table lengths = {.at = 0};
    lengths.p = v8_byte_array(m, v8_field(m, code->object, v8.code_positions), &lengths.n);
    if (!lengths.p || v8_type(m, bytecodes) != v8.type_bytecodes)
        return false;
    return v8_add_call(out, shared, v8_position_of_bytecode(m, bytecodes, bytecode_of(m, bytecodes, lengths, code->pc)));
}

bool v8_calls_of(struct v8_memory *m, const struct v8_code *code, uintptr_t fp, uintptr_t shared, struct v8_calls *out)
{
    uintptr_t bytecodes, offset;
    out->n = 0;
    if (!v8_load(m, fp + (uintptr_t)(intptr_t)v8.fp_bytecodes, &bytecodes) ||
        !v8_load(m, fp + (uintptr_t)(intptr_t)v8.fp_bytecode_offset, &offset))
        return false;
    if (code && v8.kind_maglev && code->kind == (uint32_t)v8.kind_maglev)
        return v8_maglev_calls(m, code, shared, out);
    if (code && code->kind > (uint32_t)v8.kind_baseline)
        return optimized_calls(m, code, shared, out);
    if (code && code->kind == (uint32_t)v8.kind_baseline)
        return baseline_calls(m, code, shared, bytecodes, out);
    /* the interpreter's own code, or a copy of it that the function has for itself */
    if (v8_type(m, bytecodes) != v8.type_bytecodes || !v8_is_smi(offset))
        return false;
    return v8_add_call(out, shared, v8_position_of_bytecode(m, bytecodes, v8_smi(offset) - (v8.bytecodes_data - 1)));
}
