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

/* Three instructions a word: N is a number in the text of the program, so that they need no loop. */
#define ARCH_RSEQ_LOAD(how, area, word, base, offsets, n, out)                                                                         \
    do {                                                                                                                               \
        volatile uint64_t *rseq_cs_ = (volatile uint64_t *)((char *)(area) + ARCH_RSEQ_CS);                                            \
        uint64_t rseq_t_;                                                                                                              \
        unsigned rseq_how_;                                                                                                            \
        __asm__ volatile(".pushsection __rseq_cs, \"aw\"\n.balign 32\n9: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n"             \
                         "xorl %[how_], %[how_]\n"                                                                                     \
                         "leaq 9b(%%rip), %[t]\n\tmovq %[t], %[cs]\n"                                                                  \
                         "1: cmpq $0, (%[word_])\n\tjne 2f\n"                                                                          \
                         ".set .Lrseq_word, 0\n.rept %c[n_]\n"                                                                         \
                         "movl 4 * .Lrseq_word(%[off]), %k[t]\n\tmovq (%[base_], %[t]), %[t]\n\tmovq %[t], 8 * .Lrseq_word(%[out_])\n" \
                         ".set .Lrseq_word, .Lrseq_word + 1\n.endr\n"                                                                  \
                         "movl $1, %[how_]\n"                                                                                          \
                         "2: movq $0, %[cs]\n"                                                                                         \
                         ".pushsection __rseq_failure, \"ax\"\n.byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"                             \
                         "4: movl $2, %[how_]\n\tjmp 2b\n.popsection\n"                                                                \
                         : [how_] "=&r"(rseq_how_), [t] "=&r"(rseq_t_), [cs] "+m"(*rseq_cs_)                                           \
                         : [word_] "r"(word), [base_] "r"(base), [off] "r"(offsets), [n_] "i"(n), [out_] "r"(out)                      \
                         : "memory", "cc");                                                                                            \
        (how) = (enum arch_rseq)rseq_how_;                                                                                             \
    } while (0)

#endif
