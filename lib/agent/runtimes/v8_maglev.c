/* SPDX-License-Identifier: MIT */
/*
 * v8_maglev.c: the calls that stand in a frame of code that the Maglev compiler has made.
 *
 * Called while a stack is walked. Such code has no table of positions. But at each call that may give
 * the code up, V8 keeps a description of the frames that would take its place: of the function, and
 * of each one that was inlined there, with the bytecode that it is at. So does V8 itself find the
 * lines of a stack.
 *
 * A description is a row of instructions, each with its operands. Those of one code stand behind each
 * other, and one may refer to an earlier one: "the next N as there".
 */
#include "v8.h"

#define PLACES_MORE 1u /* in an entry of the table of places: how many words the call has pushed */

/* ---- instructions ------------------------------------------------------------------------------ */

struct instructions {
    struct v8_table at, before; /* before: in the one that is referred to */
    uint64_t same;              /* how many are taken from there, with this one */
    uint64_t passed;            /* since then, without being taken from there */
    bool ok;
};

static bool next_byte(struct v8_table *t, unsigned *v)
{
    if (t->at >= t->n)
        return false;
    *v = t->p[t->at++];
    return true;
}

static uint64_t operand(struct instructions *s)
{
    uint64_t v = 0;
    s->ok &= v8_next_varint(s->same ? &s->before : &s->at, &v);
    return v;
}

/* The lowest bit is the sign. */
static int64_t signed_operand(struct instructions *s)
{
    uint64_t v = operand(s);
    int64_t size = (int64_t)(v >> 1);
    return v & 1 ? -size : size;
}

static bool is_begin(unsigned opcode) { return opcode >= v8.opcodes->begin && opcode < v8.opcodes->end; }

static bool skip_operands(struct v8_table *t, unsigned opcode)
{
    uint64_t v;
    for (unsigned i = 0; i < v8.opcodes->operands[opcode]; i++)
        if (!v8_next_varint(t, &v))
            return false;
    return true;
}

static bool next_before(struct instructions *s, unsigned *opcode) { return next_byte(&s->before, opcode) && *opcode < v8.opcodes->n - 1u; }

/* The next SAME instructions are those of the description before: goes to the first of them. */
static bool turn_back(struct instructions *s, uint64_t same, unsigned *opcode)
{
    for (; s->passed; s->passed--)
        if (!next_before(s, opcode) || !skip_operands(&s->before, *opcode))
            return false;
    s->same = same;
    return same && next_before(s, opcode);
}

/* The next instruction; its operands follow. "The same" is the last one; beyond it are its short forms. */
static bool next_instruction(struct instructions *s, unsigned *opcode)
{
    uint64_t same;
    if (s->same && --s->same)
        return next_before(s, opcode);
    if (!next_byte(&s->at, opcode))
        return false;
    if (*opcode >= v8.opcodes->n)
        return turn_back(s, *opcode - v8.opcodes->n, opcode);
    if (*opcode == v8.opcodes->n - 1u)
        return v8_next_varint(&s->at, &same) && turn_back(s, same, opcode);
    s->passed++;
    return true;
}

static bool has_more(const struct instructions *s) { return s->same > 1 || s->at.at < s->at.n; }

/* How many frames the description at INDEX has, and how many of these are of functions. */
struct counts {
    int64_t frames, functions;
};

static bool begin(struct instructions *s, int32_t index, struct counts *left)
{
    unsigned opcode;
    s->at.at = (size_t)index;
    if (index < 0 || !next_instruction(s, &opcode) || !is_begin(opcode))
        return false;
    uint64_t distance = operand(s);
    left->frames = signed_operand(s);
    left->functions = signed_operand(s);
    s->before = s->at;
    s->before.at = (size_t)index - distance;
    return s->ok && distance <= (uint64_t)index;
}

/* ---- frames ------------------------------------------------------------------------------------ */

/* The BytecodeArray of a function that runs, in whatever way. */
static uintptr_t bytecodes_of(struct v8_memory *m, uintptr_t shared)
{
    uintptr_t data = v8_field(m, shared, v8.shared_data);
    if (v8_type(m, data) == v8.type_code)
        data = v8_field(m, data, v8.code_deopt); /* of baseline code, which has no such data */
    if (v8_type(m, data) == v8.type_interpreter_data)
        data = v8_field(m, data, v8.interpreter_bytecodes);
    return data;
}

/* The arrays may hold it weakly. */
static uintptr_t literal(struct v8_memory *m, uintptr_t deopt, int32_t array, int64_t i)
{
    return v8_element(m, v8_element(m, deopt, array), (int32_t)i) & ~(uintptr_t)2;
}

static bool add_frame(struct v8_memory *m, struct instructions *s, unsigned opcode, uintptr_t deopt, struct v8_calls *out)
{
    int64_t offset = signed_operand(s), function = signed_operand(s);
    uintptr_t callee = literal(m, deopt, v8.deopt_literals, function);
    uintptr_t bytecodes = v8.deopt_bytecodes ? literal(m, deopt, v8.deopt_bytecodes, signed_operand(s)) : bytecodes_of(m, callee);
    for (unsigned i = v8.deopt_bytecodes ? 3 : 2; i < v8.opcodes->operands[opcode]; i++)
        operand(s);
    return s->ok && v8_type(m, callee) == v8.type_shared && v8_type(m, bytecodes) == v8.type_bytecodes &&
           v8_add_call(out, callee, v8_position_of_bytecode(m, bytecodes, offset));
}

/*
 * The description has the outermost frame first. It is read to its end: if it has another number of
 * frames than it says, or what follows is no beginning, the instructions are not those of this V8.
 */
static bool add_frames(struct v8_memory *m, struct instructions *s, int32_t index, uintptr_t deopt, struct v8_calls *out)
{
    unsigned opcode;
    struct counts left;
    if (!begin(s, index, &left))
        return false;
    while (has_more(s)) {
        if (!next_instruction(s, &opcode))
            return false;
        if (is_begin(opcode))
            break;
        left.frames -= opcode < v8.opcodes->frames;
        left.functions -= opcode < V8_FRAMES_OF_FUNCTIONS;
        bool ok =
            opcode < V8_FRAMES_OF_BYTECODE ? add_frame(m, s, opcode, deopt, out) : skip_operands(s->same ? &s->before : &s->at, opcode);
        if (!ok)
            return false;
    }
    return s->ok && out->n && !left.frames && !left.functions;
}

static void turn_around(struct v8_calls *c)
{
    for (unsigned i = 0; i < c->n / 2; i++) {
        struct v8_call outer = c->call[i];
        c->call[i] = c->call[c->n - 1 - i];
        c->call[c->n - 1 - i] = outer;
    }
}

bool v8_maglev_calls(struct v8_memory *m, const struct v8_code *code, uintptr_t shared, struct v8_calls *out)
{
    uintptr_t deopt = v8_field(m, code->object, v8.code_deopt);
    struct instructions s = {.ok = true};
    struct v8_place place;
    if (!v8_find_place(m, code, (size_t)v8.maglev_places_head, PLACES_MORE, &place) || place.number < 0)
        return false;
    uintptr_t index = v8_element(m, deopt, v8.deopt_first + place.number * v8.deopt_size);
    s.at.p = v8_byte_array(m, v8_element(m, deopt, v8.deopt_frames), &s.at.n);
    if (!s.at.p || !v8_is_smi(index) || !add_frames(m, &s, v8_smi(index), deopt, out) || out->call[0].shared != shared)
        return false;
    turn_around(out);
    return true;
}
