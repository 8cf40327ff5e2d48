/* SPDX-License-Identifier: MIT */
/*
 * dlsym.c: checks for new objects at each dlsym while entries are redirected.
 *
 * A program that loads an object asks dlsym for its symbols. At that moment the object is complete,
 * and we run on the thread that is about to use it. The entries call the hook and then jump on to
 * the original, with everything as the caller left it (lib/arch/plt.h).
 */
#include "dlsym.h"

#include "../../arch/plt.h"
#include "redirect.h"

extern void dlsym_entry(void) __attribute__((visibility("hidden")));
extern void dlvsym_entry(void) __attribute__((visibility("hidden")));
void *dlsym_real, *dlvsym_real;

void dlsym_hook(void)
{
    if (redirect_active())
        redirect_new();
}
ARCH_HOOK_ENTRY(dlsym_entry, dlsym_hook, dlsym_real);
ARCH_HOOK_ENTRY(dlvsym_entry, dlsym_hook, dlvsym_real);

const struct wrapped dlsym_wrapped[2] = {{"dlsym", (void *)dlsym_entry, &dlsym_real}, {"dlvsym", (void *)dlvsym_entry, &dlvsym_real}};
