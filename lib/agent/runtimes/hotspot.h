/* SPDX-License-Identifier: MIT */
/*
 * hotspot.h: where HotSpot, the virtual machine of OpenJDK, keeps what its reader needs: shared by
 * the files of that reader.
 *
 * Filled once by hotspot.c, before any other thread reads it.
 */
#ifndef SOCKLEAK_AGENT_HOTSPOT_H
#define SOCKLEAK_AGENT_HOTSPOT_H

#include "../unwind/generated.h"
#include "runtime.h"

#define HOTSPOT_ABSENT UINT32_MAX
#define HOTSPOT_FIRST_VIRTUAL 19 /* the first version with virtual threads */

/*
 * The first part are addresses of variables, the rest offsets in structures; the names are those of
 * HotSpot's sources. ABSENT: this version has no such field.
 */
struct hotspot_layout {
    uintptr_t code_heaps, code_low, code_high, interpreter, call_stub_return, major;
    uintptr_t virtual_return; /* 0: this version does not tell */
    /* the code cache: a growable array of heaps, blocks, blobs of code */
    uint32_t array_length, array_data;
    uint32_t heap_memory, heap_segments, heap_segment_shift, space_low, space_high, block_used;
    uint32_t blob_name, blob_size, blob_frame_size, blob_code_begin, blob_code_offset, blob_data_offset, blob_mutable_data,
        blob_relocation_size;
    uint32_t queue_buffer, queue_limit;
    /* compiled methods */
    uint32_t nmethod_method, nmethod_scopes_begin, nmethod_scopes_offset, nmethod_pcs_offset, nmethod_metadata_offset,
        nmethod_immutable_data, nmethod_orig_pc_offset, nmethod_deopt_begin, nmethod_deopt_mh_begin, nmethod_deopt_offset,
        nmethod_deopt_mh_offset;
    /* methods and their names */
    uint32_t method_const, const_pool, const_code_size, const_name, const_signature, const_flags, const_flags_word;
    uint32_t pool_holder, pool_length, pool_file, class_file, class_name;
    uint32_t symbol_length, symbol_length_and_refcount, symbol_body;
    /* where a thread has left Java */
    uint32_t thread_anchor, wrapper_anchor, anchor_sp;
    /* sizes of structures */
    uint32_t method_size, const_size, pool_size;
    unsigned version; /* the number of the release; 0 before it is known */
};
extern struct hotspot_layout hotspot;

/*
 * The words of a frame are its Method*, and where in the method: an index into its byte code, this
 * for a native method, or (larger) the address of the byte code in an interpreter frame.
 */
#define HOTSPOT_NATIVE 0x10000u

static inline uintptr_t hotspot_word(uintptr_t a) { return *(const volatile uintptr_t *)a; }
static inline int32_t hotspot_int(uintptr_t a) { return *(const volatile int32_t *)a; }
static inline unsigned hotspot_short(uintptr_t a) { return *(const volatile uint16_t *)a; }
static inline bool hotspot_is_address(uintptr_t p) { return p >= 4096 && p < (uintptr_t)1 << 47 && p % 8 == 0; }

/* ---- hotspot_code.c: what the code at an address is ---- */

enum hotspot_kind {
    HOTSPOT_UNKNOWN,
    HOTSPOT_INTERPRETER,
    HOTSPOT_CALL_STUB, /* through which native code has called Java */
    HOTSPOT_COMPILED,  /* by C1 or C2, or the wrapper of a native method */
    HOTSPOT_CARRIER,   /* the frame between a virtual thread's and those of the thread that carries it */
    HOTSPOT_STUB,      /* any other code with a frame of known size */
    HOTSPOT_MOVED,     /* the rest of a virtual thread's frames is in the heap */
};
struct hotspot_code {
    enum hotspot_kind kind;
    uintptr_t blob;
    uint32_t frame_size; /* in bytes */
};
/* Whether PC is code that the virtual machine has generated. */
bool hotspot_holds(uintptr_t pc);
struct hotspot_code hotspot_code_at(uintptr_t pc);
/*
 * Appends the frames that run at PC in the compiled method BLOB, whose frame begins at SP; several
 * where methods were inlined. False: no room for all, or they are not as expected (then *BAD).
 */
bool hotspot_compiled_frames(uintptr_t blob, uintptr_t pc, uintptr_t sp, struct runtime_stack *s, bool *bad);
/* One number of a compressed stream, at most 5 bytes. */
uint32_t hotspot_number(const uint8_t **p);

/* ---- hotspot_walk.c ---- */

enum generated_step hotspot_step(struct walk *w);
enum runtime_answer hotspot_walk(struct runtime_stack *s);

/* ---- hotspot_name.c ---- */

struct hotspot_text {
    const char *at; /* not terminated */
    unsigned len;
};
struct hotspot_text hotspot_symbol(uintptr_t symbol);
bool hotspot_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
