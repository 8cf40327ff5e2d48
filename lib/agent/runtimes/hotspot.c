/* SPDX-License-Identifier: MIT */
/*
 * hotspot.c: finds HotSpot, the virtual machine of OpenJDK, and the layout of its structures.
 *
 * Called when libjvm is met for the first time, maybe before the virtual machine has started: its
 * variables are read at each walk. The offsets come from the tables that libjvm exports for its own
 * debugger (gHotSpotVMStructs, gHotSpotVMTypes), by name, so a version that has renamed or moved
 * something is refused or read right, never wrong. What no table tells are the slots of an
 * interpreter frame and of the call stub's; these are known for the versions below.
 */
#include "hotspot.h"

#include <stddef.h>
#include <string.h>

#include "../../arch/java_frames.h"
#include "../../core/out.h"
#include "../../core/textstack.h"
#include "../base/peek.h"

#define OLDEST 11
#define NEWEST 25
#define MAX_ENTRIES 8192u
#define MAX_OFFSET (1u << 20)

struct hotspot_layout hotspot;

/* ---- the fields ------------------------------------------------------------------------------ */

enum need { VARIABLE, NEEDED, OPTIONAL };

#define AT(member) offsetof(struct hotspot_layout, member)
static const struct field {
    char type[24], name[32];
    enum need need; /* VARIABLE: an address, and needed */
    uint16_t member;
} fields[] = {
    {"CodeCache", "_heaps", VARIABLE, AT(code_heaps)},
    {"CodeCache", "_low_bound", VARIABLE, AT(code_low)},
    {"CodeCache", "_high_bound", VARIABLE, AT(code_high)},
    {"AbstractInterpreter", "_code", VARIABLE, AT(interpreter)},
    {"StubRoutines", "_call_stub_return_address", VARIABLE, AT(call_stub_return)},
    {"Abstract_VM_Version", "_vm_major_version", VARIABLE, AT(major)},
    {"ContinuationEntry", "_return_pc", VARIABLE, AT(virtual_return)}, /* not in 21 */
    {"GrowableArrayBase", "_len", NEEDED, AT(array_length)},
    {"GrowableArray<int>", "_data", NEEDED, AT(array_data)},
    {"CodeHeap", "_memory", NEEDED, AT(heap_memory)},
    {"CodeHeap", "_segmap", NEEDED, AT(heap_segments)},
    {"CodeHeap", "_log2_segment_size", NEEDED, AT(heap_segment_shift)},
    {"VirtualSpace", "_low", NEEDED, AT(space_low)},
    {"VirtualSpace", "_high", NEEDED, AT(space_high)},
    {"HeapBlock::Header", "_used", NEEDED, AT(block_used)},
    {"CodeBlob", "_name", NEEDED, AT(blob_name)},
    {"CodeBlob", "_size", NEEDED, AT(blob_size)},
    {"CodeBlob", "_frame_size", NEEDED, AT(blob_frame_size)},
    {"CodeBlob", "_code_begin", OPTIONAL, AT(blob_code_begin)},     /* up to 22 */
    {"CodeBlob", "_code_offset", OPTIONAL, AT(blob_code_offset)},   /* since 23 */
    {"CodeBlob", "_data_offset", OPTIONAL, AT(blob_data_offset)},   /* for 23, 24 */
    {"CodeBlob", "_mutable_data", OPTIONAL, AT(blob_mutable_data)}, /* since 25 */
    {"CodeBlob", "_relocation_size", OPTIONAL, AT(blob_relocation_size)},
    {"StubQueue", "_stub_buffer", NEEDED, AT(queue_buffer)},
    {"StubQueue", "_buffer_limit", NEEDED, AT(queue_limit)},
    {"nmethod", "_method", NEEDED, AT(nmethod_method)}, /* up to 22 in CompiledMethod */
    {"CompiledMethod", "_scopes_data_begin", OPTIONAL, AT(nmethod_scopes_begin)},
    {"nmethod", "_scopes_data_offset", OPTIONAL, AT(nmethod_scopes_offset)}, /* since 23 */
    {"nmethod", "_scopes_pcs_offset", NEEDED, AT(nmethod_pcs_offset)},
    {"nmethod", "_metadata_offset", OPTIONAL, AT(nmethod_metadata_offset)}, /* up to 24 */
    {"nmethod", "_immutable_data", OPTIONAL, AT(nmethod_immutable_data)},   /* since 23 */
    {"nmethod", "_orig_pc_offset", NEEDED, AT(nmethod_orig_pc_offset)},
    {"CompiledMethod", "_deopt_handler_begin", OPTIONAL, AT(nmethod_deopt_begin)},
    {"CompiledMethod", "_deopt_mh_handler_begin", OPTIONAL, AT(nmethod_deopt_mh_begin)},
    {"nmethod", "_deopt_handler_offset", OPTIONAL, AT(nmethod_deopt_offset)}, /* since 23 */
    {"nmethod", "_deopt_mh_handler_offset", OPTIONAL, AT(nmethod_deopt_mh_offset)},
    {"Method", "_constMethod", NEEDED, AT(method_const)},
    {"ConstMethod", "_constants", NEEDED, AT(const_pool)},
    {"ConstMethod", "_code_size", NEEDED, AT(const_code_size)},
    {"ConstMethod", "_name_index", NEEDED, AT(const_name)},
    {"ConstMethod", "_signature_index", NEEDED, AT(const_signature)},
    {"ConstMethod", "_flags", OPTIONAL, AT(const_flags)},             /* 2 bytes */
    {"ConstMethod", "_flags._flags", OPTIONAL, AT(const_flags_word)}, /* since 21, 4 bytes */
    {"ConstantPool", "_pool_holder", NEEDED, AT(pool_holder)},
    {"ConstantPool", "_length", NEEDED, AT(pool_length)},
    {"ConstantPool", "_source_file_name_index", OPTIONAL, AT(pool_file)},   /* since 15 */
    {"InstanceKlass", "_source_file_name_index", OPTIONAL, AT(class_file)}, /* up to 14 */
    {"Klass", "_name", NEEDED, AT(class_name)},
    {"Symbol", "_length", OPTIONAL, AT(symbol_length)},
    {"Symbol", "_length_and_refcount", OPTIONAL, AT(symbol_length_and_refcount)}, /* 11 */
    {"Symbol", "_body", NEEDED, AT(symbol_body)},
    {"JavaThread", "_anchor", NEEDED, AT(thread_anchor)},
    {"JavaCallWrapper", "_anchor", NEEDED, AT(wrapper_anchor)},
    {"JavaFrameAnchor", "_last_Java_sp", NEEDED, AT(anchor_sp)},
};
#define N_FIELDS (sizeof fields / sizeof *fields)

static const struct size {
    const char *type;
    uint16_t member;
} sizes[] = {{"Method", AT(method_size)}, {"ConstMethod", AT(const_size)}, {"ConstantPool", AT(pool_size)}};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static uint32_t *offset_in(struct hotspot_layout *l, unsigned member) { return (uint32_t *)((char *)l + member); }
static uintptr_t *address_in(struct hotspot_layout *l, unsigned member) { return (uintptr_t *)((char *)l + member); }

/* ---- the tables ------------------------------------------------------------------------------ */

struct table {
    uintptr_t entry, stride, type, field, is_static, offset, address;
};

/* Whether the 8 bytes at A lie in the object, which is a library and so has no holes to read. */
static bool lies_in(const struct exports *e, uintptr_t a) { return a && a >= e->start && a < e->end && e->end - a >= 8; }

/* The word at A; 0 when it does not lie in the object. */
static uintptr_t word_in(const struct exports *e, uintptr_t a) { return lies_in(e, a) ? hotspot_word(a) : 0; }
static uintptr_t exported_word(struct exports *e, const char *name) { return word_in(e, exports_find(e, name, NULL)); }

/* The string at A; "" when it does not lie in the object. */
static const char *text_at(const struct exports *e, uintptr_t a)
{
    return lies_in(e, a) && memchr((const void *)a, 0, e->end - a) ? (const char *)a : "";
}

/* What older versions call otherwise. */
static const char *type_today(const char *type, const char *field)
{
    if (strcmp(type, "GenericGrowableArray") == 0)
        return "GrowableArrayBase";
    return strcmp(type, "CompiledMethod") == 0 && strcmp(field, "_method") == 0 ? "nmethod" : type;
}

static void take_field(struct hotspot_layout *l, const char *type, const char *name, bool is_static, uint64_t offset, uintptr_t address)
{
    type = type_today(type, name);
    for (unsigned i = 0; i < N_FIELDS; i++) {
        const struct field *f = &fields[i];
        if ((f->need == VARIABLE) != is_static || strcmp(f->name, name) != 0 || strcmp(f->type, type) != 0)
            continue;
        if (is_static)
            *address_in(l, f->member) = address;
        else if (offset < MAX_OFFSET)
            *offset_in(l, f->member) = (uint32_t)offset;
    }
}

static void read_fields(struct hotspot_layout *l, struct exports *e)
{
    struct table t = {.entry = exported_word(e, "gHotSpotVMStructs"),
                      .stride = exported_word(e, "gHotSpotVMStructEntryArrayStride"),
                      .type = exported_word(e, "gHotSpotVMStructEntryTypeNameOffset"),
                      .field = exported_word(e, "gHotSpotVMStructEntryFieldNameOffset"),
                      .is_static = exported_word(e, "gHotSpotVMStructEntryIsStaticOffset"),
                      .offset = exported_word(e, "gHotSpotVMStructEntryOffsetOffset"),
                      .address = exported_word(e, "gHotSpotVMStructEntryAddressOffset")};
    for (unsigned i = 0; t.stride && i < MAX_ENTRIES && word_in(e, t.entry + t.type); i++, t.entry += t.stride)
        take_field(l, text_at(e, word_in(e, t.entry + t.type)), text_at(e, word_in(e, t.entry + t.field)),
                   (int32_t)word_in(e, t.entry + t.is_static) != 0, word_in(e, t.entry + t.offset), word_in(e, t.entry + t.address));
}

static void read_sizes(struct hotspot_layout *l, struct exports *e)
{
    uintptr_t entry = exported_word(e, "gHotSpotVMTypes"), stride = exported_word(e, "gHotSpotVMTypeEntryArrayStride");
    uintptr_t name_at = exported_word(e, "gHotSpotVMTypeEntryTypeNameOffset"), size_at = exported_word(e, "gHotSpotVMTypeEntrySizeOffset");
    for (unsigned i = 0; stride && i < MAX_ENTRIES && word_in(e, entry + name_at); i++, entry += stride)
        for (unsigned k = 0; k < N_SIZES; k++) {
            uint64_t size = word_in(e, entry + size_at);
            if (strcmp(sizes[k].type, text_at(e, word_in(e, entry + name_at))) == 0 && size < MAX_OFFSET)
                *offset_in(l, sizes[k].member) = (uint32_t)size;
        }
}

/* ---- what must be there ---------------------------------------------------------------------- */

static bool has(uint32_t offset) { return offset != HOTSPOT_ABSENT; }

/* The name of a needed field that is not there; NULL: all are. */
static const char *missing_field(struct hotspot_layout *l)
{
    for (unsigned i = 0; i < N_FIELDS; i++)
        if (fields[i].need == VARIABLE ? !*address_in(l, fields[i].member) && fields[i].member != AT(virtual_return)
                                       : fields[i].need == NEEDED && !has(*offset_in(l, fields[i].member)))
            return fields[i].name;
    for (unsigned i = 0; i < N_SIZES; i++)
        if (!*offset_in(l, sizes[i].member))
            return sizes[i].type;
    return NULL;
}

/* Of what has moved between versions, each in one of its places. */
static bool has_each(const struct hotspot_layout *l)
{
    return (has(l->blob_code_begin) || has(l->blob_code_offset)) && (has(l->nmethod_scopes_begin) || has(l->nmethod_scopes_offset)) &&
           (has(l->nmethod_metadata_offset) || (has(l->blob_mutable_data) && has(l->blob_relocation_size))) &&
           (!has(l->nmethod_immutable_data) || has(l->blob_mutable_data) || has(l->blob_data_offset)) &&
           (has(l->nmethod_deopt_begin) || has(l->nmethod_deopt_offset)) && (has(l->const_flags) || has(l->const_flags_word)) &&
           (has(l->pool_file) || has(l->class_file)) && (has(l->symbol_length) || has(l->symbol_length_and_refcount));
}

/* "its tables do not have FIELD" */
static const char *without(const char *field)
{
    static char text[96];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    out_str(&o, "its tables do not have ");
    out_str(&o, field);
    text[o.len < o.cap ? o.len : o.cap] = 0;
    return text;
}

static const struct generated_code code = {.holds = hotspot_holds, .step = hotspot_step};

static bool hotspot_find(struct exports *e)
{
    struct hotspot_layout l;
    int32_t major = 0;
    if (!exports_find(e, "gHotSpotVMStructs", NULL))
        return false;
    memset(&l, 0xff, sizeof l);
    for (unsigned i = 0; i < N_FIELDS; i++)
        if (fields[i].need == VARIABLE)
            *address_in(&l, fields[i].member) = 0;
    for (unsigned i = 0; i < N_SIZES; i++)
        *offset_in(&l, sizes[i].member) = 0;
    read_fields(&l, e);
    read_sizes(&l, e);
    const char *wrong = NULL;
    if (!ARCH_HAS_JAVA_FRAMES)
        wrong = "its frames on this processor are not known";
    else if (missing_field(&l))
        wrong = without(missing_field(&l));
    else if (!has_each(&l))
        wrong = "its compiled code is not described as expected";
    else if (!peek(l.major, &major, sizeof major) || major < OLDEST || major > NEWEST)
        wrong = "its version is not known";
    if (wrong)
        return runtime_refuse(&runtime_hotspot, wrong);
    l.version = (unsigned)major;
    hotspot = l;
    return true;
}

/*
 * The launcher and the libraries that come with a Java runtime, beside libjvm. A program's own
 * native library is not.
 */
static bool hotspot_owns(const char *path, bool is_program)
{
    static const char *const own[] = {"libjava.so",     "libjli.so",    "libnet.so",    "libnio.so",        "libextnet.so",
                                      "libzip.so",      "libverify.so", "libjimage.so", "libmanagement.so", "libmanagement_ext.so",
                                      "libprefs.so",    "libattach.so", "libsctp.so",   "libinstrument.so", "libjdwp.so",
                                      "libdt_socket.so"};
    const char *base = text_base_name(path);
    if (is_program)
        return strcmp(base, "java") == 0;
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(base, own[i]) == 0)
            return strstr(path, "/lib/") != NULL;
    return false;
}

/* The virtual machine does not close sockets at its end: what hooks for it close, the program does. */
static bool hotspot_is_ending(void) { return false; }

static void hotspot_forget(void) {}

const struct runtime runtime_hotspot = {
    .number = RUNTIME_JAVA,
    .library = "libjvm.so",
    .find = hotspot_find,
    .generated = &code,
    .owns = hotspot_owns,
    .walk = hotspot_walk,
    .name = hotspot_name,
    .is_ending = hotspot_is_ending,
    .forget = hotspot_forget,
};
