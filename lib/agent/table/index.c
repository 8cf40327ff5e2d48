/* SPDX-License-Identifier: MIT */
/*
 * index.c: makes the heads of a hash's chains.
 *
 * Called by the program's threads for each stack that is interned (sites.c, closes.c), in signal
 * handlers too.
 */
#include "index.h"

index_head *table_index(index_head *_Atomic *heads, unsigned count)
{
    index_head *h = atomic_load_explicit(heads, memory_order_acquire);
    if (h)
        return h;
    state_ref ref;
    const unsigned bytes = count * (unsigned)sizeof(index_head);
    void *p = table_alloc(EXTENT_INDEX, (bytes + STATE_REF_UNIT - 1) / STATE_REF_UNIT, &ref);
    if (p && !atomic_compare_exchange_strong(heads, &h, p))
        return h; /* another thread was quicker: ours stays unused */
    return p;
}
