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

static inline enum arch_rseq arch_rseq_load(void *area, const uintptr_t *word, uintptr_t base, const uint32_t *offsets, unsigned n,
                                            uint64_t *out)
{
    volatile uint64_t *cs = (volatile uint64_t *)((char *)area + ARCH_RSEQ_CS);
    uint64_t t, i;
    unsigned how;
    __asm__ volatile(".pushsection __rseq_cs, \"aw\"\n.balign 32\n9: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n"
                     "xorl %[how], %[how]\n"
                     "leaq 9b(%%rip), %[t]\n\tmovq %[t], %[cs]\n"
                     "1: cmpq $0, (%[word])\n\tjne 2f\n"
                     "xorl %k[i], %k[i]\n"
                     "5: cmpl %[n], %k[i]\n\tjae 6f\n"
                     "movl (%[off], %[i], 4), %k[t]\n\tmovq (%[base], %[t]), %[t]\n\tmovq %[t], (%[out], %[i], 8)\n"
                     "incl %k[i]\n\tjmp 5b\n"
                     "6: movl $1, %[how]\n"
                     "2: movq $0, %[cs]\n"
                     ".pushsection __rseq_failure, \"ax\"\n.byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"
                     "4: movl $2, %[how]\n\tjmp 2b\n.popsection\n"
                     : [how] "=&r"(how), [t] "=&r"(t), [i] "=&r"(i), [cs] "+m"(*cs)
                     : [word] "r"(word), [base] "r"(base), [off] "r"(offsets), [n] "r"(n), [out] "r"(out)
                     : "memory", "cc");
    return (enum arch_rseq)how;
}

#endif
