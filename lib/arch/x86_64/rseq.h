/* SPDX-License-Identifier: MIT */
/*
 * rseq.h: the restartable loads of x86-64.
 *
 * Included by ../rseq.h alone, which explains them. The bytes before the place where the kernel
 * sends an interrupted sequence are the signature with which the C library registers the area.
 */
#ifndef SOCKLEAK_ARCH_X86_64_RSEQ_H
#define SOCKLEAK_ARCH_X86_64_RSEQ_H

#define ARCH_HAS_RSEQ 1

/* clang-format off */

/*
 * How each sequence begins: the kernel is told of it, then comes the look at the word. It ends at 2;
 * an interrupted one goes on at 4.
 */
#define ARCH_RSEQ_BEGIN_                                                                           \
    ".pushsection __rseq_cs, \"aw\"\n.balign 32\n9: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n" \
    "xorl %[how_], %[how_]\n"                                                                      \
    "leaq 9b(%%rip), %[t]\n\tmovq %[t], %[cs]\n"                                                   \
    "1: cmpq $0, (%[word_])\n\tjne 2f\n"
#define ARCH_RSEQ_END_                                                                             \
    "2: movq $0, %[cs]\n"                                                                          \
    ".pushsection __rseq_failure, \"ax\"\n.byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"              \
    "4: movl $2, %[how_]\n\tjmp 2b\n.popsection\n"
/* The word of the object OBJ whose offset is at OFFSET. */
#define ARCH_RSEQ_WORD_(obj, offset) "movl " offset ", %k[t]\n\tmovq (" obj ", %[t]), %[t]\n"
#define ARCH_RSEQ_COPY_(obj, offset, to) ARCH_RSEQ_WORD_(obj, offset) "movq %[t], " to "(%[out_])\n"
#define ARCH_RSEQ_ADD_(factor) "imulq " factor "(%[path_]), %[t]\n\taddq %[t], %[sum_]\n"
/* Leaves where %[at] is no address: in the first page, above the program's half, not on a word. */
#define ARCH_RSEQ_CHECK_                                                                           \
    "movq %[at], %[t]\n\tshrq $12, %[t]\n\tjz 2f\n\tshrq $35, %[t]\n\tjnz 2f\n"                    \
    "testb $7, %b[at]\n\tjnz 2f\n"

/* COUNT is a number in the text of the program, so that the words need no loop. */
#define ARCH_RSEQ_LOAD(how, area, word, base, offsets, count, out)                                 \
    do {                                                                                           \
        volatile uint64_t *rseq_cs_ = (volatile uint64_t *)((char *)(area) + ARCH_RSEQ_CS);        \
        uint64_t rseq_t_;                                                                          \
        unsigned rseq_how_;                                                                        \
        __asm__ volatile(ARCH_RSEQ_BEGIN_                                                          \
                         ".set .Lrseq_word, 0\n.rept %c[n_]\n"                                     \
                         ARCH_RSEQ_COPY_("%[base_]", "4 * .Lrseq_word(%[off])", "8 * .Lrseq_word") \
                         ".set .Lrseq_word, .Lrseq_word + 1\n.endr\n"                              \
                         "movl $1, %[how_]\n"                                                      \
                         ARCH_RSEQ_END_                                                            \
                         : [how_] "=&r"(rseq_how_), [t] "=&r"(rseq_t_), [cs] "+m"(*rseq_cs_)       \
                         : [word_] "r"(word), [base_] "r"(base), [off] "r"(offsets),               \
                           [n_] "i"(count), [out_] "r"(out)                                        \
                         : "memory", "cc");                                                        \
        (how) = (enum arch_rseq)rseq_how_;                                                         \
    } while (0)

#define ARCH_RSEQ_LOAD_PATH(how, area, word, base, path, out, sum)                                 \
    do {                                                                                           \
        volatile uint64_t *rseq_cs_ = (volatile uint64_t *)((char *)(area) + ARCH_RSEQ_CS);        \
        uint64_t rseq_t_, rseq_at_, rseq_sum_;                                                     \
        unsigned rseq_how_;                                                                        \
        __asm__ volatile(ARCH_RSEQ_BEGIN_                                                          \
                         ARCH_RSEQ_COPY_("%[base_]", "0(%[path_])", "0")                           \
                         ARCH_RSEQ_COPY_("%[base_]", "4(%[path_])", "8")                           \
                         "movq %[t], %[at]\n"                                                      \
                         ARCH_RSEQ_COPY_("%[base_]", "8(%[path_])", "16")                          \
                         ARCH_RSEQ_COPY_("%[base_]", "12(%[path_])", "24")                         \
                         "movl $3, %[how_]\n"                                                      \
                         "movl 16(%[path_]), %k[t]\n\tmovzbl (%[base_], %[t]), %k[t]\n"            \
                         "cmpl 20(%[path_]), %k[t]\n\tjae 2f\n"                                    \
                         "movl $4, %[how_]\n"                                                      \
                         "andq 24(%[path_]), %[at]\n" ARCH_RSEQ_CHECK_                             \
                         ARCH_RSEQ_WORD_("%[at]", "40(%[path_])")                                  \
                         "movl $3, %[how_]\n"                                                      \
                         "cmpq 32(%[path_]), %[t]\n\tjne 2f\n"                                     \
                         "movl $4, %[how_]\n"                                                      \
                         "movq 104(%[path_]), %[sum_]\n\timulq %[at], %[sum_]\n"                   \
                         "movl 44(%[path_]), %k[t]\n\tmovl (%[at], %[t]), %k[t]\n"                 \
                         ARCH_RSEQ_ADD_("72")                                                      \
                         ARCH_RSEQ_WORD_("%[at]", "48(%[path_])") ARCH_RSEQ_ADD_("80")             \
                         ARCH_RSEQ_WORD_("%[at]", "52(%[path_])") ARCH_RSEQ_ADD_("88")             \
                         ARCH_RSEQ_WORD_("%[at]", "56(%[path_])")                                  \
                         "movq %[t], %[at]\n" ARCH_RSEQ_ADD_("96") ARCH_RSEQ_CHECK_                \
                         ARCH_RSEQ_COPY_("%[at]", "60(%[path_])", "32")                            \
                         ARCH_RSEQ_COPY_("%[at]", "64(%[path_])", "40")                            \
                         "movl $1, %[how_]\n"                                                      \
                         ARCH_RSEQ_END_                                                            \
                         : [how_] "=&r"(rseq_how_), [t] "=&r"(rseq_t_), [at] "=&r"(rseq_at_),      \
                           [sum_] "=&r"(rseq_sum_), [cs] "+m"(*rseq_cs_)                           \
                         : [word_] "r"(word), [base_] "r"(base), [path_] "r"(path), [out_] "r"(out) \
                         : "memory", "cc");                                                        \
        (how) = (enum arch_rseq)rseq_how_;                                                         \
        (sum) = rseq_sum_;                                                                         \
    } while (0)

/* clang-format on */
#define ARCH_RSEQ_AT_(field, at) _Static_assert(offsetof(struct arch_rseq_path, field) == (at), "as the assembler code has it")
ARCH_RSEQ_AT_(end_at, 16);
ARCH_RSEQ_AT_(mask, 24);
ARCH_RSEQ_AT_(type, 32);
ARCH_RSEQ_AT_(second, 44);
ARCH_RSEQ_AT_(third, 60);
ARCH_RSEQ_AT_(factor, 72);
ARCH_RSEQ_AT_(own_factor, 104);
_Static_assert(ARCH_RSEQ_ENDS == 3 && ARCH_RSEQ_LOST == 4, "as the assembler code has them");

#endif
