/* SPDX-License-Identifier: MIT */
/*
 * perl_name.c: function, file and line of a Perl frame.
 *
 * Called once for each new frame, in the thread that has it. All is read through the kernel. The
 * words are two contexts: that which the frame left (0: it is the innermost, and the interpreter
 * says where it is), and its own (0: the main program).
 */
#include "perl.h"

#define MAX_OPS 4096   /* looked through for the line of one call */
#define MAX_NESTING 64 /* of operations */

/* ---- lines ----------------------------------------------------------------------------------- */

struct position {
    uintptr_t cop, op;
    bool is_next; /* op is the one that follows the call */
};

struct search {
    const struct position *p;
    uintptr_t cop; /* the last one seen on the way down */
    int left, depth;
};

static bool op_at(uintptr_t a, struct perl_op *o)
{
    memset(o, 0, sizeof *o);
    return a % 8 == 0 && perl_load(true, a, o, PERL_OP_SIZE);
}

/*
 * S_closest_cop of util.c: the statement whose part the operation is. The condition of an elsif has
 * none of its own when it runs, but what is left of one has the line. False: it is not below A.
 */
static bool find_statement(struct search *s, uintptr_t a)
{
    struct perl_op o, kid;
    uintptr_t k;
    if (--s->left < 0 || !op_at(a, &o))
        return false;
    unsigned type = o.type & PERL_OP_TYPE;
    if (s->p->is_next ? o.next == s->p->op && type != perl.layout.op_scope : a == s->p->op)
        return true;
    if (!(o.flags & PERL_OP_HAS_KIDS) || s->depth == MAX_NESTING || !perl_load(true, a + offsetof(struct perl_op, first), &k, sizeof k))
        return false;
    s->depth++;
    for (bool more = k != 0; more; k = kid.sibling) {
        if (!op_at(k, &kid))
            break;
        if (!(kid.type & PERL_OP_TYPE) && kid.target == perl.layout.op_nextstate)
            s->cop = k;
        uintptr_t cop = s->cop;
        if (find_statement(s, k))
            return true;
        s->cop = cop;
        more = kid.type & PERL_OP_HAS_SIBLING;
    }
    s->depth--;
    return false;
}

static uintptr_t statement_of(const struct position *p)
{
    struct perl_op o;
    struct search s = {.p = p, .cop = p->cop, .left = MAX_OPS};
    if (!p->op || !op_at(p->cop, &o) || !(o.type & PERL_OP_HAS_SIBLING))
        return p->cop;
    return find_statement(&s, o.sibling) ? s.cop : p->cop;
}

static bool position_of(const struct runtime_frame *f, struct position *p)
{
    struct perl_context c;
    uintptr_t interpreter = perl_interpreter();
    p->is_next = f->word[0] != 0;
    if (!p->is_next)
        return perl_load(true, interpreter + 8, &p->op, sizeof p->op) &&
               perl_load(true, interpreter + perl.layout.cop, &p->cop, sizeof p->cop);
    if (!perl_load(true, f->word[0], &c, sizeof c))
        return false;
    p->cop = c.old_cop;
    p->op = c.return_op;
    return true;
}

/* T, which fits, behind the AT bytes in OUT; returns how many there are then. */
static size_t put_text(char *out, size_t at, const char *t)
{
    size_t n = strlen(t);
    memcpy(out + at, t, n + 1);
    return at + n;
}

/* "(eval 12)" is "(eval)" here: which number one has may differ between runs. */
static void put_file(const char *file, size_t got, char out[STATE_FILE_MAX])
{
    size_t len = strnlen(file, got), skip = len < STATE_FILE_MAX ? 0 : len - (STATE_FILE_MAX - 1);
    if (strncmp(file, "(eval ", 6) == 0 && len && file[len - 1] == ')' && strspn(file + 6, "0123456789") == len - 7) {
        put_text(out, 0, "(eval)");
        return;
    }
    memcpy(out, file + skip, len - skip);
    out[len - skip] = 0;
}

static bool put_position(const struct runtime_frame *f, struct runtime_name *out)
{
    struct position p;
    struct perl_op cop, found;
    char file[4096];
    if (!position_of(f, &p) || !perl_load(true, p.cop, &cop, sizeof cop))
        return false;
    uintptr_t statement = statement_of(&p);
    out->line = statement != p.cop && perl_load(true, statement, &found, sizeof found) ? found.line : cop.line;
    size_t got = cop.file ? peek_some(cop.file, file, sizeof file) : 0;
    if (cop.file && !got)
        return false;
    put_file(file, got, out->file);
    return true;
}

/* ---- functions ------------------------------------------------------------------------------- */

/* A shared string (struct hek): hash, length, bytes, a NUL, flags. Latin-1 becomes UTF-8. */
static bool append(uintptr_t string, char *out, size_t cap, size_t *len)
{
    uint32_t head[2];
    uint8_t bytes[STATE_FUNCTION_MAX], flags;
    if (!perl_load(true, string, head, sizeof head) || !head[1] || head[1] > 1u << 20)
        return false;
    uint32_t n = head[1] < sizeof bytes ? head[1] : (uint32_t)sizeof bytes;
    if (!peek(string + sizeof head, bytes, n) || !peek(string + sizeof head + head[1] + 1, &flags, 1))
        return false;
    for (uint32_t i = 0; i < n && bytes[i]; i++) {
        bool two = bytes[i] >= 0x80 && !(flags & 1);
        if (*len + 2 + two > cap)
            break;
        if (two)
            out[(*len)++] = (char)(0xc0 | bytes[i] >> 6);
        out[(*len)++] = (char)(two ? 0x80 | (bytes[i] & 0x3f) : bytes[i]);
    }
    out[*len] = 0;
    return true;
}

static bool put_sub(uintptr_t code, char out[STATE_FUNCTION_MAX])
{
    struct perl_names n;
    size_t len = 0;
    if (!perl_names_of(true, code, &n))
        return false;
    if (!n.name) {
        put_text(out, 0, "(unknown)");
        return true;
    }
    if (!n.lexical) {
        if (!n.package)
            len = put_text(out, 0, "__ANON__");
        else if (!append(n.package, out, STATE_FUNCTION_MAX - 2, &len))
            return false;
        len = put_text(out, len, "::");
    }
    return append(n.name, out, STATE_FUNCTION_MAX, &len);
}

static bool put_function(uintptr_t own, char out[STATE_FUNCTION_MAX])
{
    struct perl_context c;
    if (!own) {
        put_text(out, 0, "(main)");
        return true;
    }
    if (!perl_load(true, own, &c, sizeof c))
        return false;
    if ((c.type & PERL_CX_TYPE) != PERL_CX_EVAL)
        return put_sub(c.code, out);
    unsigned op = c.depth_and_op >> 7;
    put_text(out, 0, op == perl.layout.op_require ? "(require)" : op == perl.layout.op_dofile ? "(do)" : "(eval)");
    return true;
}

bool perl_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    *hidden = false;
    out->column = 0;
    out->flags = 0;
    return put_position(f, out) && put_function(f->word[1], out->function);
}
