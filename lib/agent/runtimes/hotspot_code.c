/* SPDX-License-Identifier: MIT */
/*
 * hotspot_code.c: what HotSpot's code cache knows of the code at an address.
 *
 * Called in threads that are in native code, while other threads may compile, deoptimize and free
 * code. What is on a stack is never freed, and all that is read here of it has been written before it
 * could run, but for a return address: deoptimization replaces it, and has put the true one into
 * the frame before.
 */
#include <string.h>

#include "hotspot.h"

#define MAX_HEAPS 8u
#define MAX_HOPS (1u << 16)
#define MAX_FRAME (1u << 20)
#define MAX_NUMBER_SHIFT 24
#define PC_DESC_SIZE 16u

bool hotspot_holds(uintptr_t pc) { return pc >= hotspot_word(hotspot.code_low) && pc < hotspot_word(hotspot.code_high); }

/* ---- blobs ----------------------------------------------------------------------------------- */

/*
 * The blob that holds PC in HEAP, whose memory begins at LOW. Its segment map has, for each segment,
 * how far to go back towards the first of its block, whose header stands before the blob.
 */
static uintptr_t blob_in(uintptr_t heap, uintptr_t low, uintptr_t pc)
{
    const uint8_t *map = (const uint8_t *)hotspot_word(heap + hotspot.heap_segments + hotspot.space_low);
    uintptr_t size = hotspot_word(heap + hotspot.heap_segments + hotspot.space_high) - (uintptr_t)map;
    unsigned shift = (unsigned)hotspot_int(heap + hotspot.heap_segment_shift) & 31;
    uintptr_t at = (pc - low) >> shift;
    if (at >= size)
        return 0;
    for (unsigned hops = 0; map[at]; hops++) {
        if (hops == MAX_HOPS || map[at] > at)
            return 0;
        at -= map[at];
    }
    uintptr_t block = low + (at << shift), blob = (block + hotspot.block_used + 8) & ~(uintptr_t)7;
    bool used = *(const volatile uint8_t *)(block + hotspot.block_used);
    return used && pc - blob < (uint32_t)hotspot_int(blob + hotspot.blob_size) ? blob : 0;
}

static uintptr_t blob_of(uintptr_t pc)
{
    uintptr_t array = hotspot_word(hotspot.code_heaps), heaps = array ? hotspot_word(array + hotspot.array_data) : 0;
    int n = heaps ? hotspot_int(array + hotspot.array_length) : 0;
    for (unsigned i = 0; (int)i < n && i < MAX_HEAPS; i++) {
        uintptr_t heap = hotspot_word(heaps + 8 * i), low = hotspot_word(heap + hotspot.heap_memory + hotspot.space_low);
        if (pc >= low && pc < hotspot_word(heap + hotspot.heap_memory + hotspot.space_high))
            return blob_in(heap, low, pc);
    }
    return 0;
}

static bool is_interpreter(uintptr_t pc)
{
    uintptr_t queue = hotspot_word(hotspot.interpreter);
    return queue && pc - hotspot_word(queue + hotspot.queue_buffer) < (uint32_t)hotspot_int(queue + hotspot.queue_limit);
}

static bool is_native_wrapper(uintptr_t blob)
{
    return strcmp((const char *)hotspot_word(blob + hotspot.blob_name), "native nmethod") == 0;
}

static bool is_text(uintptr_t symbol, const char *text)
{
    struct hotspot_text t = hotspot_symbol(symbol);
    return t.len == strlen(text) && memcmp(t.at, text, t.len) == 0;
}

/*
 * The wrapper of the native method that runs a virtual thread's frames on top of the carrying
 * thread's: by an address in it, or in 21, which does not tell that, by its name.
 */
static bool is_carrier(uintptr_t blob)
{
    if (hotspot.virtual_return)
        return hotspot_word(hotspot.virtual_return) - blob < (uint32_t)hotspot_int(blob + hotspot.blob_size);
    uintptr_t method = hotspot.version >= HOTSPOT_FIRST_VIRTUAL ? hotspot_word(blob + hotspot.nmethod_method) : 0;
    if (!method)
        return false;
    uintptr_t constant = hotspot_word(method + hotspot.method_const), pool = hotspot_word(constant + hotspot.const_pool);
    uintptr_t name = hotspot_word(pool + hotspot.pool_size + 8 * (uintptr_t)hotspot_short(constant + hotspot.const_name));
    return is_text(name, "enterSpecial") &&
           is_text(hotspot_word(hotspot_word(pool + hotspot.pool_holder) + hotspot.class_name), "jdk/internal/vm/Continuation");
}

static enum hotspot_kind kind_of(uintptr_t blob)
{
    const char *name = (const char *)hotspot_word(blob + hotspot.blob_name);
    if (strcmp(name, "nmethod") == 0)
        return HOTSPOT_COMPILED;
    if (strcmp(name, "native nmethod") == 0)
        return is_carrier(blob) ? HOTSPOT_CARRIER : HOTSPOT_COMPILED;
    /* an upcall stub keeps what HotSpot must know in a frame of its own making */
    if (strncmp(name, "upcall_stub", 11) == 0)
        return HOTSPOT_UNKNOWN;
    return strncmp(name, "StubRoutines (cont", 18) == 0 ? HOTSPOT_MOVED : HOTSPOT_STUB;
}

struct hotspot_code hotspot_code_at(uintptr_t pc)
{
    if (is_interpreter(pc))
        return (struct hotspot_code){.kind = HOTSPOT_INTERPRETER};
    if (pc == hotspot_word(hotspot.call_stub_return))
        return (struct hotspot_code){.kind = HOTSPOT_CALL_STUB};
    uintptr_t blob = blob_of(pc);
    int words = blob ? hotspot_int(blob + hotspot.blob_frame_size) : 0;
    enum hotspot_kind kind = blob ? kind_of(blob) : HOTSPOT_UNKNOWN;
    if (kind == HOTSPOT_MOVED)
        return (struct hotspot_code){.kind = kind};
    if (words < 2 || (unsigned)words > MAX_FRAME / 8)
        return (struct hotspot_code){.kind = HOTSPOT_UNKNOWN};
    return (struct hotspot_code){.kind = kind, .blob = blob, .frame_size = 8 * (uint32_t)words};
}

/* ---- compiled methods ------------------------------------------------------------------------ */

uint32_t hotspot_number(const uint8_t **p)
{
    /* since 20 no byte of it is 0 */
    uint32_t least = hotspot.version >= 20, byte = *(*p)++, v = byte - least;
    for (unsigned shift = 6; byte >= 192 && shift <= MAX_NUMBER_SHIFT; shift += 6) {
        byte = *(*p)++;
        v += (byte - least) << shift;
    }
    return v;
}

static bool has(uint32_t offset) { return offset != HOTSPOT_ABSENT; }
static uintptr_t after(uintptr_t base, uintptr_t at) { return base + (uintptr_t)(intptr_t)hotspot_int(at); }

static uintptr_t code_of(uintptr_t nm)
{
    return has(hotspot.blob_code_begin) ? hotspot_word(nm + hotspot.blob_code_begin) : after(nm, nm + hotspot.blob_code_offset);
}

/* Where the tables of places and of scopes are counted from. */
static uintptr_t tables_of(uintptr_t nm)
{
    return has(hotspot.nmethod_immutable_data) ? hotspot_word(nm + hotspot.nmethod_immutable_data) : nm;
}

static uintptr_t scopes_of(uintptr_t nm)
{
    return has(hotspot.nmethod_scopes_begin) ? hotspot_word(nm + hotspot.nmethod_scopes_begin)
                                             : after(tables_of(nm), nm + hotspot.nmethod_scopes_offset);
}

static uintptr_t metadata_of(uintptr_t nm)
{
    if (has(hotspot.blob_mutable_data) && has(hotspot.blob_relocation_size)) /* 25 */
        return after(hotspot_word(nm + hotspot.blob_mutable_data), nm + hotspot.blob_relocation_size);
    if (has(hotspot.nmethod_immutable_data)) /* 23, 24 */
        return after(nm, nm + hotspot.blob_data_offset) + hotspot_short(nm + hotspot.nmethod_metadata_offset);
    return after(nm, nm + hotspot.nmethod_metadata_offset);
}

/* PC, or the one that deoptimization has replaced by its handler. */
static uintptr_t true_pc(uintptr_t nm, uintptr_t pc, uintptr_t sp)
{
    uintptr_t handler, mh_handler = 0;
    if (has(hotspot.nmethod_deopt_begin)) {
        handler = hotspot_word(nm + hotspot.nmethod_deopt_begin);
        if (has(hotspot.nmethod_deopt_mh_begin))
            mh_handler = hotspot_word(nm + hotspot.nmethod_deopt_mh_begin);
    } else {
        handler = after(nm, nm + hotspot.nmethod_deopt_offset);
        if (has(hotspot.nmethod_deopt_mh_offset))
            mh_handler = after(nm, nm + hotspot.nmethod_deopt_mh_offset);
    }
    if (pc != handler && pc != mh_handler)
        return pc;
    uint32_t at = (uint32_t)hotspot_int(nm + hotspot.nmethod_orig_pc_offset);
    return at < (uint32_t)hotspot_int(nm + hotspot.blob_frame_size) * 8 ? hotspot_word(sp + (at & ~7u)) : 0;
}

/* The place of the innermost scope that holds at PC among the scopes; 0: none. */
static uint32_t scope_at(uintptr_t nm, uintptr_t pc)
{
    struct desc {
        int32_t pc, scope, object, flags;
    };
    _Static_assert(sizeof(struct desc) == PC_DESC_SIZE, "as PcDesc");
    int32_t at = (int32_t)(pc - code_of(nm));
    const struct desc *d = (const struct desc *)after(tables_of(nm), nm + hotspot.nmethod_pcs_offset);
    /* it ends where the part behind it begins: the next offset in the structure, in every version */
    const struct desc *end = (const struct desc *)after(tables_of(nm), nm + hotspot.nmethod_pcs_offset + 4);
    size_t low = 0, high = end > d ? (size_t)(end - d) : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (d[middle].pc < at)
            low = middle + 1;
        else
            high = middle;
    }
    return d + low < end && d[low].pc == at ? (uint32_t)d[low].scope : 0;
}

static bool append(struct runtime_stack *s, uintptr_t method, uintptr_t at)
{
    if (s->n == s->max) {
        s->cut = true;
        return false;
    }
    s->frames[s->n].word[0] = method;
    s->frames[s->n++].word[1] = at;
    return true;
}

bool hotspot_compiled_frames(uintptr_t nm, uintptr_t pc, uintptr_t sp, struct runtime_stack *s, bool *bad)
{
    if (is_native_wrapper(nm))
        return append(s, hotspot_word(nm + hotspot.nmethod_method), HOTSPOT_NATIVE);
    uint32_t scope = scope_at(nm, true_pc(nm, pc, sp));
    uintptr_t scopes = scopes_of(nm), methods = metadata_of(nm);
    *bad = !scope;
    while (scope) {
        const uint8_t *p = (const uint8_t *)scopes + scope;
        uint32_t sender = hotspot_number(&p), index = hotspot_number(&p);
        int32_t bci = (int32_t)hotspot_number(&p) - 1;
        *bad = !index || bci >= (int32_t)HOTSPOT_NATIVE || sender >= scope;
        /* -1: before the first instruction, where a synchronized method takes its lock */
        if (*bad || !append(s, hotspot_word(methods + 8 * ((uintptr_t)index - 1)), bci < 0 ? 0 : (uintptr_t)bci))
            return false;
        scope = sender;
    }
    return !*bad;
}
