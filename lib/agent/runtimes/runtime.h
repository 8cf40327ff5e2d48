/* SPDX-License-Identifier: MIT */
/*
 * runtime.h: the contract between a language runtime's reader and the capture of stacks.
 *
 * A reader reads the frames of one runtime (CPython, a JVM ...) from inside an unmodified process.
 * Each is a file of this folder that defines a `struct runtime`; runtimes.c lists them, and is what
 * stacks/ calls. To add one: write that file, and put it into the list.
 *
 * How a stack comes about. The own walk takes the native frames, as in any program. A runtime is
 * found when one of them lies in an object that is met for the first time: the interpreter's code
 * is on the stack of every call that the runtime makes, so nothing need be searched at the start or
 * at a dlopen, and a program without a runtime does nothing for this. From then on, where the
 * native stack has a frame of the interpreter and none of a signal handler, the reader's walk adds
 * the runtime's frames. A frame is *words* at first: what identifies it, cheap to read and compare.
 * Only a stack whose words are new is taken apart: each of its frames gets a name once, which
 * becomes a frame record of the state file, and the runtime's frames are put among the native ones
 * where the interpreter that runs them stands.
 *
 * A process may have several runtimes, and a stack frames of each: every one that has code on the
 * stack is asked, and its frames stand where its own interpreter's do. Of one runtime there is one
 * reader's worth: a second copy of the same interpreter is not read.
 *
 * A runtime that generates code without unwind tables has its own part in the native walk
 * (unwind/generated.h), which puts the words into the same structure on its way; its walk then only
 * checks them. As such code is what is met first, its library is searched by name at the first
 * address that lies in no object. Only its runtime knows whose such code is: of two such runtimes in
 * one process the one that is met first is read, and the other refused.
 *
 * What a reader must keep:
 * - walk and name run in any thread of the program, without the runtime's lock, inside of a C call
 *   that the runtime made; never in a signal handler. No allocation, no lock, no stdio, no call
 *   into the runtime but what takes no lock and allocates nothing (mono.c says why it does);
 *   errno is kept.
 * - A word is content, never only an address: a function that took a freed one's place must differ.
 * - Nothing is believed that was not checked. What is not as expected makes the walk answer
 *   RUNTIME_NO_FRAMES: native frames alone are shown, never a wrong name, and never a fault.
 * - A version, a build or a structure that is not known is refused in find: runtime_refuse says
 *   why, for one line when verbosity is 1.
 * - The runtime may be ending while another thread walks: walk and name stop at once when it says
 *   so, and what they have by then is dropped.
 */
#ifndef SOCKLEAK_AGENT_RUNTIME_H
#define SOCKLEAK_AGENT_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/state.h"
#include "../elf/exports.h"

#define RUNTIME_MAX_FRAMES STATE_MAX_FRAMES

/* One frame, as words. */
struct runtime_frame {
    uint64_t hash;     /* of all that identifies it: equal ones have the same name, file and line */
    uintptr_t word[2]; /* the reader's own: what name needs */
};

/*
 * Frames 0 .. count-1 run in the native frame that has the address ON_STACK in its part of the
 * stack, and in those inside of it. ON_STACK 0: in the next native frame of `evaluator`.
 */
struct runtime_mark {
    uintptr_t on_stack;
    unsigned count;
};

struct runtime_stack {
    unsigned max; /* how many frames are wanted: at most RUNTIME_MAX_FRAMES */
    unsigned n;   /* innermost first; 0 before the walk */
    struct runtime_frame frames[RUNTIME_MAX_FRAMES];
    /*
     * n_marks 0: each native frame of `evaluator` runs one of the frames, in order. Else the last
     * mark is that of the last frame, in a walk that is cut too. Marks without
     * an address: there is one for each such frame; where there are more of those, the innermost
     * runs all. So it does where generated code runs them too (hides_generated), and where
     * `evaluator` is 0: then all stand behind the innermost native frames that are not the runtime's.
     */
    unsigned n_marks;
    struct runtime_mark marks[RUNTIME_MAX_FRAMES];
    bool cut;             /* there are more frames than were wanted */
    uintptr_t scratch[4]; /* the reader's own, for what it collects in a native walk; 0 at first */
    /*
     * The reader knows for sure that the frames are of this very stack. Fewer of the evaluator's
     * native frames than marks, or none, do not matter then: the compiler has moved a part of it,
     * it runs in generated code, or on another C stack (a fiber).
     */
    bool is_of_thread;
    /*
     * Code that lies in no object is what the runtime has generated for its frames: its native
     * frames are not shown, for whether a function was compiled by then is another thing in each run.
     */
    bool hides_generated;
    /*
     * The frames run in code that the runtime has generated, which lies in no object and has no
     * unwind tables. They stand for the first native frame in such code and all that is further
     * out: where those lie is not known. No marks, no evaluator.
     */
    bool generated;
    /*
     * Code whose native frames run a part of the runtime's frames: one that lies inside of the
     * first mark's, or (without marks) another number of them, belongs to an interpreter whose
     * frames were not found.
     */
    uint64_t evaluator, evaluator_end;
};

static inline void runtime_stack_begin(struct runtime_stack *s, unsigned max)
{
    s->max = max < RUNTIME_MAX_FRAMES ? max : RUNTIME_MAX_FRAMES;
    s->n = s->n_marks = 0;
    s->cut = s->is_of_thread = s->hides_generated = s->generated = false;
    s->evaluator = s->evaluator_end = 0;
    for (unsigned i = 0; i < sizeof s->scratch / sizeof *s->scratch; i++)
        s->scratch[i] = 0;
}

struct runtime_name {
    char function[STATE_FUNCTION_MAX];
    char file[STATE_FILE_MAX];
    uint32_t line;   /* 0: not known */
    uint32_t column; /* 0: not known */
    uint16_t flags;  /* enum frame_flag */
};

enum runtime_answer {
    RUNTIME_NO_FRAMES, /* this thread runs none of the runtime's code, or it cannot be read */
    RUNTIME_FRAMES,
};

struct generated_code;

struct runtime {
    uint8_t number;      /* enum runtime_number */
    const char *library; /* the object to search for where generated code is met first; NULL: none */
    /*
     * Whether the object with these exports holds the interpreter. True: walk may be called from
     * now on. Called once for each object, by one thread at a time, before the others get to know.
     */
    bool (*find)(struct exports *e);
    /* Its part in the native walk, from when it was found until it is forgotten; NULL: it has none. */
    const struct generated_code *generated;
    /* Whether the file PATH is part of the interpreter, so that its frames are none of the program's. */
    bool (*owns)(const char *path, bool is_program);
    enum runtime_answer (*walk)(struct runtime_stack *s);
    /*
     * The name of a frame that this thread's walk gave within the same call. False: it cannot be
     * read; *HIDDEN: it is none that the runtime itself would show.
     */
    bool (*name)(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);
    /* The runtime has begun to end: it closes everything now, whatever the program wants. */
    bool (*is_ending)(void);
    /*
     * Where that is no flag but a function: whether the code before the return address ENTRY is of
     * the function that closes everything when the runtime ends. What the program's main thread
     * closes below it, the program has not closed. NULL: there is none. Async-signal-safe.
     */
    bool (*ends_in)(uintptr_t entry);
    /* Where another thread runs that function: whether it is ended because the program ends. */
    bool (*program_ends)(void);
    /* The object was unloaded. */
    void (*forget)(void);
    /* A forked child has not all of the memory that walk reads: there it is not called any more. */
    bool stays_behind;
};

extern const struct runtime runtime_coreclr, runtime_cpython, runtime_hotspot, runtime_mono, runtime_perl, runtime_php, runtime_ruby,
    runtime_v8;

/* Why the frames of R are not read ("its version is not known"), a constant. Returns false. */
bool runtime_refuse(const struct runtime *r, const char *reason);
/* The last such reason; NULL: there was none. */
const char *runtime_refusal(const struct runtime *r);

#endif
