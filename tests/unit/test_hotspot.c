/* SPDX-License-Identifier: MIT */
/*
 * test_hotspot.c: HotSpot's frames, from a code cache, methods and a stack that the test wrote.
 *
 * The structures have the shape that JDK 17 has, at offsets of the test's own. The stack is, from
 * the innermost frame on: the wrapper of a native method, a compiled method with another inlined, an
 * interpreter frame, the call stub; each test changes what it is about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/runtimes/hotspot.h"
#include "arch/java_frames.h"

#define CODE_SIZE 0x10000u
#define SEGMENT 7
#define PLACE(offset) (code + (offset))
#define OUTSIDE 0x12340u /* native code */

/* ---- the virtual machine ----------------------------------------------------------------------- */

static char *code;
static uint8_t segments[CODE_SIZE >> SEGMENT];
static struct {
    char *low, *high;
    uint8_t *map, *map_end;
    int shift;
} heap;
static void *heaps[1];
static struct {
    int length;
    void **data;
} heap_array;
static struct {
    char *buffer;
    int limit;
} queue;
static void *variables[6];

struct blob {
    const char *name;
    int size, frame_size;
    char *code_begin;
    void *method, *scopes, *deopt, *deopt_mh;
    int pcs, pcs_end, metadata, orig_pc;
};
struct text {
    uint16_t length;
    char body[46];
};
struct constants {
    void *class;
    int length;
    uint16_t file;
    void *slots[4]; /* 1: the method's name, 2: the file's */
};
struct bytecode {
    struct constants *pool;
    uint16_t size, name, signature, flags;
    uint8_t code[16], lines[16];
};
struct method {
    uint64_t pad;
    struct bytecode *constant;
    struct bytecode body;
    struct constants pool;
    struct text name, file, class_name;
    void *class[2]; /* 1: its name */
};
static struct method *methods; /* 0: native, 1: outer, 2: inlined, 3: interpreted */

enum { WRAPPER_AT = 0x2000, COMPILED_AT = 0x3000, STUB_AT = 0x4000, MOVED_AT = 0x5000, CARRIER_AT = 0x6000, CALL_STUB_PC = 0x4100 };
#define INTERPRETER_PC 0x100

static struct blob *blob(unsigned at, const char *name, int words)
{
    memset(PLACE(at), 0, 0x800);
    *(bool *)PLACE(at) = true; /* the block is used */
    struct blob *b = (struct blob *)(void *)PLACE(at + 8);
    *b = (struct blob){.name = name, .size = 0x7f8, .frame_size = words, .code_begin = PLACE(at + 0x100)};
    for (unsigned i = 0; i < 0x800u >> SEGMENT; i++)
        segments[(at >> SEGMENT) + i] = (uint8_t)i;
    return b;
}

static void name_it(struct text *t, const char *name)
{
    t->length = (uint16_t)strlen(name);
    memcpy(t->body, name, t->length);
}

static void method(unsigned i, const char *class, const char *name, const char *file)
{
    struct method *m = &methods[i];
    *m = (struct method){.constant = &m->body};
    name_it(&m->class_name, class);
    name_it(&m->name, name);
    name_it(&m->file, file);
    m->class[1] = &m->class_name;
    m->pool = (struct constants){.class = m->class, .length = 4, .file = 2, .slots = {NULL, &m->name, &m->file, NULL}};
    m->body = (struct bytecode){.pool = &m->pool, .size = 16, .name = 1, .flags = 1};
    /* bci 0: line 10; 3: 12; 8: 11 */
    memcpy(m->body.lines, "\xff\x00\x14\x1a\xff\x0a\x01\x00", 8);
    m->body.lines[1] = 0;
}

static void compile(void)
{
    struct blob *b = blob(COMPILED_AT, "nmethod", 6);
    struct {
        int32_t pc, scope, object, flags;
    } *pcs = (void *)PLACE(COMPILED_AT + 8 + 0x300);
    uint8_t *scopes = (uint8_t *)PLACE(COMPILED_AT + 8 + 0x400);
    void **metadata = (void *)PLACE(COMPILED_AT + 8 + 0x500);
    b->method = &methods[1];
    b->pcs = 0x300;
    b->pcs_end = 0x300 + 3 * 16;
    b->scopes = scopes;
    b->metadata = 0x500;
    b->deopt = PLACE(COMPILED_AT + 0x1f0);
    b->deopt_mh = PLACE(COMPILED_AT + 0x1f8);
    b->orig_pc = 8;
    metadata[0] = &methods[1];
    metadata[1] = &methods[2];
    /* sender, method, bci + 1 */
    const uint8_t outer[] = {0, 1, 6}, inlined[] = {4, 2, 4};
    memcpy(scopes + 4, outer, sizeof outer);
    memcpy(scopes + 8, inlined, sizeof inlined);
    pcs[0].pc = 0x10;
    pcs[0].scope = 4;
    pcs[1].pc = 0x20;
    pcs[1].scope = 8;
    pcs[2].pc = 0x30;
    pcs[2].scope = 4;
}

static void layout(void)
{
    memset(&hotspot, 0xff, sizeof hotspot);
    variables[0] = &heap_array;
    variables[1] = code;
    variables[2] = code + CODE_SIZE;
    variables[3] = &queue;
    variables[4] = PLACE(CALL_STUB_PC);
    variables[5] = PLACE(CARRIER_AT + 0x180);
    hotspot.code_heaps = (uintptr_t)&variables[0];
    hotspot.code_low = (uintptr_t)&variables[1];
    hotspot.code_high = (uintptr_t)&variables[2];
    hotspot.interpreter = (uintptr_t)&variables[3];
    hotspot.call_stub_return = (uintptr_t)&variables[4];
    hotspot.virtual_return = (uintptr_t)&variables[5];
    hotspot.array_length = offsetof(__typeof(heap_array), length);
    hotspot.array_data = offsetof(__typeof(heap_array), data);
    hotspot.heap_memory = 0;
    hotspot.heap_segments = offsetof(__typeof(heap), map);
    hotspot.heap_segment_shift = offsetof(__typeof(heap), shift);
    hotspot.space_low = 0;
    hotspot.space_high = 8;
    hotspot.block_used = 0;
    hotspot.blob_name = offsetof(struct blob, name);
    hotspot.blob_size = offsetof(struct blob, size);
    hotspot.blob_frame_size = offsetof(struct blob, frame_size);
    hotspot.blob_code_begin = offsetof(struct blob, code_begin);
    hotspot.queue_buffer = offsetof(__typeof(queue), buffer);
    hotspot.queue_limit = offsetof(__typeof(queue), limit);
    hotspot.nmethod_method = offsetof(struct blob, method);
    hotspot.nmethod_scopes_begin = offsetof(struct blob, scopes);
    hotspot.nmethod_pcs_offset = offsetof(struct blob, pcs);
    hotspot.nmethod_metadata_offset = offsetof(struct blob, metadata);
    hotspot.nmethod_orig_pc_offset = offsetof(struct blob, orig_pc);
    hotspot.nmethod_deopt_begin = offsetof(struct blob, deopt);
    hotspot.nmethod_deopt_mh_begin = offsetof(struct blob, deopt_mh);
    hotspot.method_const = offsetof(struct method, constant);
    hotspot.const_pool = offsetof(struct bytecode, pool);
    hotspot.const_code_size = offsetof(struct bytecode, size);
    hotspot.const_name = offsetof(struct bytecode, name);
    hotspot.const_signature = offsetof(struct bytecode, signature);
    hotspot.const_flags = offsetof(struct bytecode, flags);
    hotspot.const_size = offsetof(struct bytecode, code);
    hotspot.pool_holder = offsetof(struct constants, class);
    hotspot.pool_length = offsetof(struct constants, length);
    hotspot.pool_file = offsetof(struct constants, file);
    hotspot.pool_size = offsetof(struct constants, slots);
    hotspot.class_name = 8;
    hotspot.symbol_length = offsetof(struct text, length);
    hotspot.symbol_body = offsetof(struct text, body);
    hotspot.thread_anchor = 16;
    hotspot.wrapper_anchor = 8;
    hotspot.anchor_sp = 0;
    hotspot.version = 17;
}

/* ---- the stack --------------------------------------------------------------------------------- */

#define WORDS 2048u
static uint64_t *stack;
static uint64_t thread[4]; /* 2: where it has left Java */
static struct runtime_stack s;
static struct walk w;

/* Word indexes of the frames; the wrapper's begins at 16. */
enum { BORDER = 16, COMPILED = 20, INTERPRETED = 26, INTERPRETED_FP = 40, CALL_STUB = 44, CALL_STUB_FP = 60, NATIVE = 62, WRAPPER = 80 };

static void write_stack(void)
{
    memset(stack, 0, WORDS * 8);
    stack[COMPILED - 1] = (uintptr_t)PLACE(COMPILED_AT + 0x120);
    stack[INTERPRETED - 1] = (uintptr_t)PLACE(INTERPRETER_PC);
    stack[INTERPRETED - 2] = (uintptr_t)&stack[INTERPRETED_FP];
    stack[INTERPRETED_FP + ARCH_JAVA_METHOD] = (uintptr_t)&methods[3];
    stack[INTERPRETED_FP + ARCH_JAVA_BCP] = (uintptr_t)&methods[3].body.code[9];
    stack[INTERPRETED_FP + ARCH_JAVA_SENDER_SP] = (uintptr_t)&stack[CALL_STUB];
    stack[INTERPRETED_FP] = (uintptr_t)&stack[CALL_STUB_FP];
    stack[INTERPRETED_FP + 1] = (uintptr_t)PLACE(CALL_STUB_PC);
    stack[CALL_STUB_FP] = 4712; /* a register of the native code */
    stack[CALL_STUB_FP + 1] = OUTSIDE;
    stack[CALL_STUB_FP + ARCH_JAVA_THREAD] = (uintptr_t)thread;
    stack[CALL_STUB_FP + ARCH_JAVA_WRAPPER] = (uintptr_t)&stack[WRAPPER];
    stack[WRAPPER] = (uintptr_t)thread;
    thread[2] = (uintptr_t)&stack[BORDER];
}

static int set_up(void **state)
{
    (void)state;
    if (!code) {
        code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char *p = mmap(NULL, WORDS * 8 + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(p + 4096, WORDS * 8, PROT_READ | PROT_WRITE);
        stack = (uint64_t *)(void *)(p + 4096);
    }
    methods = calloc(4, sizeof *methods); /* new addresses: none is known from the test before */
    memset(segments, 0xff, sizeof segments);
    heap.low = code;
    heap.high = code + CODE_SIZE;
    heap.map = segments;
    heap.map_end = segments + sizeof segments;
    heap.shift = SEGMENT;
    heaps[0] = &heap;
    heap_array.length = 1;
    heap_array.data = heaps;
    queue.buffer = code;
    queue.limit = 0x1000;
    method(0, "sun/nio/ch/Net", "socket0", "Net.java");
    methods[0].body.size = 0;
    method(1, "app/Db", "connect", "Db.java");
    method(2, "app/Pool", "open", "Pool.java");
    method(3, "app/Main", "main", "Main.java");
    blob(WRAPPER_AT, "native nmethod", 4)->method = &methods[0];
    compile();
    blob(STUB_AT, "RuntimeStub - resolve", 4);
    blob(MOVED_AT, "StubRoutines (continuation stubs)", 0);
    blob(CARRIER_AT, "native nmethod", 4);
    layout();
    write_stack();
    return 0;
}

static enum generated_step step_from(uintptr_t pc, unsigned word)
{
    w = (struct walk){.at = {.pc = pc, .sp = (uintptr_t)&stack[word]}, .collect = &s};
    w.span = (struct span){.lo = (uintptr_t)&stack[word], .len = (WORDS - word) * 8};
    return hotspot_step(&w);
}
static enum generated_step step(unsigned max)
{
    runtime_stack_begin(&s, max);
    return step_from((uintptr_t)PLACE(WRAPPER_AT + 0x140), BORDER);
}
#define NO_FRAMES()                                            \
    do {                                                       \
        step(64);                                              \
        assert_int_equal(hotspot_walk(&s), RUNTIME_NO_FRAMES); \
    } while (0)

static void is_named(unsigned i, const char *function, const char *file, unsigned line)
{
    struct runtime_name name;
    bool hidden;
    assert_true(hotspot_name(&s.frames[i], &name, &hidden));
    assert_false(hidden);
    assert_string_equal(name.function, function);
    assert_string_equal(name.file, file);
    assert_int_equal(name.line, line);
}

/* ---- tests ------------------------------------------------------------------------------------- */

static void compiled_inlined_and_interpreted_methods_are_named_with_their_lines(void **state)
{
    (void)state;
    assert_int_equal(step(64), GENERATED_PASSED);
    assert_int_equal(w.at.pc, OUTSIDE);
    assert_int_equal(w.at.sp, (uintptr_t)&stack[NATIVE]);
    assert_int_equal(w.at.fp, 4712);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 4);
    is_named(0, "sun.nio.ch.Net.socket0", "Net.java", 0);
    is_named(1, "app.Pool.open", "Pool.java", 12);
    is_named(2, "app.Db.connect", "Db.java", 12);
    is_named(3, "app.Main.main", "Main.java", 11);
    assert_int_equal(s.n_marks, 1);
    assert_int_equal(s.marks[0].count, 4);
    assert_int_equal(s.marks[0].on_stack, w.at.sp);
}

static void a_frame_that_is_being_deoptimized_is_known_by_its_true_place(void **state)
{
    (void)state;
    stack[COMPILED - 1] = (uintptr_t)PLACE(COMPILED_AT + 0x1f0);
    stack[COMPILED + 1] = (uintptr_t)PLACE(COMPILED_AT + 0x110);
    step(64);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 3);
    is_named(1, "app.Db.connect", "Db.java", 12);
    stack[COMPILED - 1] = (uintptr_t)PLACE(COMPILED_AT + 0x1f8);
    step(64);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
}

static void a_stack_that_the_thread_does_not_confirm_has_no_frames(void **state)
{
    (void)state;
    thread[2] += 4096;
    NO_FRAMES();
    thread[2] = (uintptr_t)&stack[BORDER - 1];
    NO_FRAMES();
    thread[2] = (uintptr_t)&stack[BORDER + 1]; /* a call out of the interpreter aligns the stack */
    step(64);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    stack[WRAPPER] = (uintptr_t)stack;
    NO_FRAMES();
    write_stack();
    stack[CALL_STUB_FP + ARCH_JAVA_THREAD] = (uintptr_t)stack;
    NO_FRAMES();
    stack[WRAPPER] = stack[CALL_STUB_FP + ARCH_JAVA_THREAD] = 8;
    NO_FRAMES();
    stack[CALL_STUB_FP + ARCH_JAVA_WRAPPER] = (uintptr_t)&stack[BORDER];
    NO_FRAMES();
}

static void frames_between_native_ones_are_confirmed_by_what_the_call_has_saved(void **state)
{
    (void)state;
    const unsigned outer = 512;
    for (unsigned i = 0; i < 128; i++)
        stack[outer + i] = stack[i];
    stack[outer + INTERPRETED - 2] = (uintptr_t)&stack[outer + INTERPRETED_FP];
    stack[outer + INTERPRETED_FP + ARCH_JAVA_SENDER_SP] = (uintptr_t)&stack[outer + CALL_STUB];
    stack[outer + INTERPRETED_FP] = (uintptr_t)&stack[outer + CALL_STUB_FP];
    stack[outer + CALL_STUB_FP + ARCH_JAVA_WRAPPER] = (uintptr_t)&stack[outer + WRAPPER];
    stack[WRAPPER + 1] = (uintptr_t)&stack[outer + BORDER];
    assert_int_equal(step(64), GENERATED_PASSED);
    assert_int_equal(step_from((uintptr_t)PLACE(WRAPPER_AT + 0x140), outer + BORDER), GENERATED_PASSED);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 8);
    assert_int_equal(s.n_marks, 2);
    assert_int_equal(s.marks[1].count, 8);
    stack[WRAPPER + 1] = (uintptr_t)&stack[outer];
    step(64);
    assert_int_equal(step_from((uintptr_t)PLACE(WRAPPER_AT + 0x140), outer + BORDER), GENERATED_END);
    assert_int_equal(hotspot_walk(&s), RUNTIME_NO_FRAMES);
}

static void a_frame_that_is_not_as_expected_leaves_no_frames(void **state)
{
    (void)state;
    stack[COMPILED - 1] += 1; /* no place of a call */
    NO_FRAMES();
    write_stack();
    stack[INTERPRETED_FP + ARCH_JAVA_BCP] = (uintptr_t)&methods[3].body.code[16];
    NO_FRAMES();
    write_stack();
    stack[INTERPRETED_FP + ARCH_JAVA_METHOD] = (uintptr_t)&stack[WORDS]; /* cannot be read */
    NO_FRAMES();
    write_stack();
    stack[INTERPRETED_FP + ARCH_JAVA_METHOD] = 4713;
    NO_FRAMES();
    write_stack();
    stack[INTERPRETED_FP + ARCH_JAVA_SENDER_SP] = (uintptr_t)&stack[INTERPRETED_FP];
    NO_FRAMES();
    write_stack();
    stack[INTERPRETED - 2] = (uintptr_t)&stack[4]; /* a frame pointer that leads back */
    NO_FRAMES();
    write_stack();
    stack[COMPILED - 1] = (uintptr_t)PLACE(0x7000); /* no code is there */
    NO_FRAMES();
    write_stack();
    *(bool *)PLACE(COMPILED_AT) = false; /* a block that was freed */
    NO_FRAMES();
}

static void a_method_that_lies_on_the_stack_is_none(void **state)
{
    (void)state;
    struct method *m = (struct method *)(void *)&stack[1024];
    *m = methods[3];
    m->constant = &m->body;
    stack[INTERPRETED_FP + ARCH_JAVA_METHOD] = (uintptr_t)m;
    stack[INTERPRETED_FP + ARCH_JAVA_BCP] = (uintptr_t)&m->body.code[9];
    NO_FRAMES();
}

static void a_method_whose_name_cannot_be_read_leaves_no_frames(void **state)
{
    (void)state;
    methods[3].name.length = 0;
    NO_FRAMES();
    methods[3].pool.length = 1;
    methods[3].name.length = 4;
    NO_FRAMES();
    methods[3].pool.length = 4;
    methods[3].pool.slots[1] = &stack[WORDS];
    NO_FRAMES();
    methods[3].pool.slots[1] = &methods[3].name;
    methods[3].class[1] = NULL;
    NO_FRAMES();
}

static void a_stub_of_the_virtual_machine_is_passed(void **state)
{
    (void)state;
    runtime_stack_begin(&s, 64);
    assert_int_equal(step_from((uintptr_t)PLACE(STUB_AT + 0x140), BORDER), GENERATED_PASSED);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 3);
    blob(STUB_AT, "upcall_stub_", 4);
    runtime_stack_begin(&s, 64);
    assert_int_equal(step_from((uintptr_t)PLACE(STUB_AT + 0x140), BORDER), GENERATED_END);
}

static void a_virtual_thread_ends_at_its_entry_or_where_its_frames_are_in_the_heap(void **state)
{
    (void)state;
    stack[COMPILED - 1] = (uintptr_t)PLACE(CARRIER_AT + 0x180);
    stack[COMPILED + 3] = (uintptr_t)PLACE(INTERPRETER_PC);
    stack[COMPILED + 2] = (uintptr_t)&stack[INTERPRETED_FP];
    assert_int_equal(step(64), GENERATED_PASSED);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 1);
    assert_false(s.cut);
    stack[COMPILED - 1] = (uintptr_t)PLACE(MOVED_AT + 0x180);
    assert_int_equal(step(64), GENERATED_END);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 1);
    assert_true(s.cut);
    thread[2] = 0;
    NO_FRAMES();
    /* 21 */
    hotspot.virtual_return = 0;
    hotspot.version = 21;
    step(64);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 1);
    assert_true(s.cut);
    write_stack();
    stack[COMPILED - 1] = (uintptr_t)PLACE(CARRIER_AT + 0x180);
    stack[COMPILED + 3] = (uintptr_t)PLACE(INTERPRETER_PC);
    stack[COMPILED + 2] = (uintptr_t)&stack[INTERPRETED_FP];
    struct blob *carrier = (struct blob *)(void *)PLACE(CARRIER_AT + 8);
    carrier->method = &methods[1];
    method(1, "jdk/internal/vm/Continuation", "enterSpecial", "");
    assert_int_equal(step(64), GENERATED_PASSED);
    assert_int_equal(s.n, 1);
    method(1, "jdk/internal/vm/Continuation", "enter", "");
    step(64);
    assert_int_equal(s.n, 3);
}

static void a_deep_stack_is_cut_and_confirmed_all_the_same(void **state)
{
    (void)state;
    step(2); /* and as many again for those that are not shown, so 3 */
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 3);
    assert_true(s.cut);
    thread[2] = 0;
    step(2);
    assert_int_equal(hotspot_walk(&s), RUNTIME_NO_FRAMES);
}

static void a_method_at_the_address_of_another_has_another_hash(void **state)
{
    (void)state;
    step(64);
    hotspot_walk(&s);
    uint64_t before = s.frames[3].hash, inlined = s.frames[1].hash;
    assert_int_not_equal(before, inlined);
    step(64);
    hotspot_walk(&s);
    assert_int_equal(s.frames[3].hash, before);
    methods[3].class_name.body[5] ^= 1;
    step(64);
    hotspot_walk(&s);
    assert_int_not_equal(s.frames[3].hash, before);
    methods[3].class_name.body[5] ^= 1;
    methods[3].name.body[3] ^= 1;
    step(64);
    hotspot_walk(&s);
    assert_int_not_equal(s.frames[3].hash, before);
    methods[3].name.body[3] ^= 1;
    stack[INTERPRETED_FP + ARCH_JAVA_BCP]--;
    step(64);
    hotspot_walk(&s);
    assert_int_not_equal(s.frames[3].hash, before);
}

static bool is_hidden(void)
{
    struct runtime_name name;
    bool hidden;
    step(64);
    assert_int_equal(hotspot_walk(&s), RUNTIME_FRAMES);
    assert_true(hotspot_name(&s.frames[3], &name, &hidden));
    return hidden;
}

static void what_differs_between_runs_is_not_in_a_name(void **state)
{
    (void)state;
    method(3, "app/Proxy+0x00007f12", "call", "Main.java");
    step(64);
    hotspot_walk(&s);
    is_named(3, "app.Proxy.call", "Main.java", 11);
    method(3, "app/Proxy/0x00007f12", "call", "Main.java");
    step(64);
    hotspot_walk(&s);
    is_named(3, "app.Proxy.call", "Main.java", 11);
    assert_false(is_hidden());
    method(3, "app/Main$$Lambda$14+0x00007f12", "run", "");
    assert_true(is_hidden());
    method(3, "java/lang/invoke/LambdaForm$MH+0x00007f12", "invoke", "");
    assert_true(is_hidden());
    method(3, "jdk/internal/reflect/GeneratedMethodAccessor3", "invoke", "");
    assert_true(is_hidden());
    method(3, "jdk/proxy2/$Proxy12", "call", "");
    assert_true(is_hidden());
    method(3, "$Proxy1", "call", "");
    assert_true(is_hidden());
    static const char *const shown[] = {"app/reflect/Main", "app/$Proxy", "app/My$Proxy3", "Proxy12", "12"};
    for (unsigned i = 0; i < 5; i++) {
        method(3, shown[i], "invoke", "Main.java");
        assert_false(is_hidden());
    }
}

static void a_damaged_stack_gives_no_fault_and_no_method_that_is_none(void **state)
{
    (void)state;
    srandom(4711);
    for (unsigned i = 0; i < 200000; i++) {
        const uint64_t words[] = {(uintptr_t)&stack[random() % WORDS],
                                  (uintptr_t)PLACE(random() % CODE_SIZE),
                                  (uintptr_t)&methods[random() % 4],
                                  (uintptr_t)methods + (uint64_t)random() % sizeof *methods * 4,
                                  (uintptr_t)thread,
                                  (uint64_t)random(),
                                  (uintptr_t)&stack[WORDS],
                                  (uintptr_t)PLACE(INTERPRETER_PC),
                                  (uintptr_t)PLACE(CALL_STUB_PC),
                                  (uintptr_t)PLACE(COMPILED_AT + 0x120),
                                  0};
        if (i % 8 == 0)
            write_stack();
        stack[random() % 100] = words[(unsigned)random() % (sizeof words / sizeof *words)];
        step(64);
        if (hotspot_walk(&s) != RUNTIME_FRAMES)
            continue;
        for (unsigned k = 0; k < s.n; k++) {
            struct runtime_name name;
            bool hidden;
            assert_in_range(s.frames[k].word[0], (uintptr_t)methods, (uintptr_t)(methods + 4) - 1);
            assert_true(hotspot_name(&s.frames[k], &name, &hidden));
        }
    }
}

#define CASE(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(compiled_inlined_and_interpreted_methods_are_named_with_their_lines),
        CASE(a_frame_that_is_being_deoptimized_is_known_by_its_true_place),
        CASE(a_stack_that_the_thread_does_not_confirm_has_no_frames),
        CASE(frames_between_native_ones_are_confirmed_by_what_the_call_has_saved),
        CASE(a_frame_that_is_not_as_expected_leaves_no_frames),
        CASE(a_method_that_lies_on_the_stack_is_none),
        CASE(a_method_whose_name_cannot_be_read_leaves_no_frames),
        CASE(a_stub_of_the_virtual_machine_is_passed),
        CASE(a_virtual_thread_ends_at_its_entry_or_where_its_frames_are_in_the_heap),
        CASE(a_deep_stack_is_cut_and_confirmed_all_the_same),
        CASE(a_method_at_the_address_of_another_has_another_hash),
        CASE(what_differs_between_runs_is_not_in_a_name),
        CASE(a_damaged_stack_gives_no_fault_and_no_method_that_is_none),
    };
    if (!ARCH_HAS_JAVA_FRAMES)
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
