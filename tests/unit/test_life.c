/* SPDX-License-Identifier: MIT */
/*
 * test_life.c: what the program does with a socket is kept with its stack, once, and of the socket
 * that it was done with; a stack is walked when its pair is new.
 */
#include "tracked_agent.h"

#include <sys/epoll.h>

#include "agent/base/sys.h"
#include "agent/stacks/capture.h"
#include "agent/stacks/pairs.h"
#include "agent/stacks/sites.h"
#include "agent/table/lives.h"
#include "agent/track/life.h"
#include "arch/cpu.h"
#include "core/calls.h"

#define FD 300
#define NEW 310

static const struct state_life *life(int fd) { return life_of(fd); }

/* The words of the pairs by which a socket was first and last used; 0: none is known. */
static uint32_t common_of(uint32_t number)
{
    for (unsigned n = 0; number && table_nth(EXTENT_PAIRS, n); n++) {
        const struct state_pair *p = table_nth(EXTENT_PAIRS, n);
        for (unsigned i = 0; i < STATE_PAIRS_PER_EXTENT; i++)
            if (p[i].number == number)
                return p[i].word;
    }
    return 0;
}
static uint32_t first_of(uint64_t use) { return common_of(LIFE_FIRST(use)); }
static uint32_t last_of(uint64_t use) { return common_of(LIFE_LAST(use)); }
static uint32_t thread_of(uint64_t use) { return state_pair_thread(pairs_find(last_of(use)), use); }

static void wants_frames(void) { agent_options.native_frames = agent_options.max_frames = 64; }

/* By way of LEVEL calls: each another stack. */
static __attribute__((noinline)) void use_at(unsigned level, int fd, uint32_t word, enum life_use use)
{
    if (level)
        use_at(level - 1, fd, word, use);
    else
        track_used(fd, word > LIFE_NOBODY ? pairs_own(word) : word, use);
    __asm__ volatile("");
}

static void the_first_and_the_last_receive_and_send_are_kept_apart(void **state)
{
    (void)state;
    open_at(FD);
    assert_int_equal(life(FD)->gen, gen_of(FD));
    assert_int_equal(life(FD)->receive, LIFE_FRESH);
    assert_int_equal(life(FD)->send, LIFE_FRESH);
    this_thread.call = CALL_RECV;
    use_at(0, FD, 1001, LIFE_RECEIVE);
    use_at(1, FD, 1002, LIFE_RECEIVE);
    use_at(2, FD, 1003, LIFE_SEND);
    assert_int_equal(first_of(life(FD)->receive), 1001);
    assert_int_equal(last_of(life(FD)->receive), 1002);
    assert_int_equal(first_of(life(FD)->send), 1003);
    assert_int_equal(last_of(life(FD)->send), 1003);
    assert_false(life(FD)->rare & LIFE_RECEIVED_ELSEWHERE);
    int fd = FD;
    assert_true(life_knows(&fd, pairs_own(1002), LIFE_RECEIVE));
    assert_false(life_knows(&fd, pairs_own(1002), LIFE_SEND));
    assert_false(life_knows(&fd, pairs_own(1001), LIFE_RECEIVE));
    const struct state_pair *one = pairs_find(1001), *two = pairs_find(1002);
    assert_true(one && two && one->stack[0].site && two->stack[0].site);
    assert_int_not_equal(one->stack[0].site, two->stack[0].site);
    assert_int_equal(sites_at(one->stack[0].site)->call, CALL_RECV);
    assert_int_equal(sites_at(one->stack[0].site)->opened, 0);
    assert_int_equal(one->stack[0].fd, FD);
    assert_int_equal(one->stack[0].gen, gen_of(FD));
    life_of(FD)->gen++; /* another socket's: for this one there was no memory, or it is just being opened */
    use_at(0, FD, 1004, LIFE_RECEIVE);
    assert_int_equal(last_of(life(FD)->receive), 1002);
    life_of(FD)->gen--;
    use_at(0, FD, 0, LIFE_RECEIVE); /* no words of pairs */
    use_at(0, FD, LIFE_FRESH, LIFE_RECEIVE);
    assert_int_equal(last_of(life(FD)->receive), 1002);
    track_closing(FD);
}

static void a_number_that_is_a_file_by_now_is_no_news_any_more(void **state)
{
    (void)state;
    int fd = FD, none = NEW + 256, far = INT_MAX;
    open_at(FD);
    track_used(FD, pairs_own(1001), LIFE_RECEIVE);
    track_closing(FD);
    assert_false(life_knows(&fd, pairs_own(1005), LIFE_RECEIVE)); /* the first call of the file */
    this_thread.inside = 1;                                       /* the agent's own calls say nothing of it */
    track_used(FD, pairs_own(1005), LIFE_RECEIVE);
    this_thread.inside = 0;
    assert_false(life_knows(&fd, pairs_own(1005), LIFE_RECEIVE));
    track_used(FD, pairs_own(1005), LIFE_RECEIVE);
    assert_true(life_knows(&fd, pairs_own(1005), LIFE_RECEIVE));
    assert_true(life_knows(&fd, pairs_own(1006), LIFE_RECEIVE));
    assert_false(life_knows(&fd, pairs_own(1006), LIFE_SEND));
    assert_null(pairs_find(1005));
    assert_true(life_knows(&none, pairs_own(1006), LIFE_RECEIVE));
    assert_null(life_of(far));
    assert_null(life_make(far));
    assert_null(life_make(-1));
    open_at(FD); /* another socket */
    assert_int_equal(life(FD)->receive, LIFE_FRESH);
    assert_false(life_knows(&fd, pairs_own(1005), LIFE_RECEIVE));
    track_closing(FD);
}

/* As the wrappers of calls that may be of files ask. */
static bool asked(int fd) { return lives_may_have(&fd); }

static void a_number_is_asked_for_from_its_socket_to_the_first_file(void **state)
{
    (void)state;
    assert_false(asked(FD + 1));
    open_at(FD);
    assert_true(asked(FD));
    track_used(FD, pairs_own(1007), LIFE_RECEIVE);
    assert_true(asked(FD));
    uint64_t closing = track_closing(FD);
    assert_true(asked(FD)); /* the call has not returned: who waits in it may still receive */
    track_used(FD, pairs_own(1008), LIFE_RECEIVE);
    assert_false(asked(FD)); /* as for a file */
    track_close_failed(FD, closing);
    assert_true(asked(FD));
    track_closing(FD);
    track_used(FD, pairs_own(1008), LIFE_SEND);
    assert_false(asked(FD)); /* a file's first write is enough */
    open_at(FD);
    assert_true(asked(FD));
    track_closing(FD);
}

static void a_number_that_shares_its_bit_stays_with_it(void **state)
{
    (void)state;
    const int high = LIVES_BITS + FD;
    open_at(FD);
    track_used(FD, pairs_own(1007), LIFE_RECEIVE);
    track_closing(FD);
    open_at(high);
    track_used(FD, pairs_own(1008), LIFE_RECEIVE);
    assert_true(asked(high));
    track_closing(high);
    lives_forget();
    assert_false(asked(high));
    open_at(FD);
    track_used(FD, pairs_own(1007), LIFE_RECEIVE);
    track_closing(FD);
    track_used(FD, pairs_own(1008), LIFE_RECEIVE);
    assert_false(asked(FD)); /* the high one is forgotten with the rest */
}

static void a_pair_is_walked_when_it_is_new_and_then_ever_more_seldom(void **state)
{
    (void)state;
    open_at(FD);
    open_at(NEW);
    use_at(0, FD, 2001, LIFE_SEND);
    const struct state_pair *p = pairs_find(2001);
    assert_non_null(p);
    state_ref first = p->stack[0].site;
    struct capture_stats before, after;
    use_at(3, NEW, 2001, LIFE_SEND); /* the second look-up is one that walks: another stack under the same word */
    assert_int_equal(p->stack[0].site, first);
    assert_true(p->stack[1].site && p->stack[1].site != first);
    assert_int_equal(p->stack[1].fd, NEW);
    state_ref second = p->stack[1].site;
    use_at(1, NEW, 2002, LIFE_SEND);
    capture_get_stats(&before);
    for (unsigned i = 0; i < 5000; i++) { /* in turns with another pair: each time it is looked up */
        use_at(i % 2 ? 4 : 5, FD, 2001, LIFE_SEND);
        use_at(1, FD, 2002, LIFE_SEND);
    }
    assert_int_equal(p->stack[0].site, first);
    assert_int_equal(p->stack[1].site, second);
    assert_int_equal(p->uses, 1024);
    capture_get_stats(&after);
    assert_true(after.captures - before.captures <= 2 * 11);
    for (volatile unsigned i = 0; i < 8; i++)
        use_at(0, FD, 2003 + i % 2, LIFE_SEND);
    p = pairs_find(2003);
    assert_true(p->uses == 4 && p->stack[0].site && !p->stack[1].site); /* the same stack again is no second one */
    track_closing(FD);
    track_closing(NEW);
}

static void code_that_was_unloaded_is_walked_anew(void **state)
{
    (void)state;
    open_at(FD);
    for (volatile unsigned i = 0; i < 5; i++) {
        use_at(0, FD, 5001, LIFE_RECEIVE);
        use_at(0, FD, 5002, LIFE_RECEIVE);
    }
    struct state_pair *p = pairs_find(5001);
    assert_true(p->uses == 5 && !p->stack[1].site);
    sites_at(p->stack[0].site)->stale = 1;
    use_at(2, FD, 5001, LIFE_RECEIVE); /* the sixth, which would not be walked */
    assert_true(p->stack[1].site);
    sites_at(p->stack[0].site)->stale = 0;
    track_closing(FD);
}

static __attribute__((noinline)) uint32_t word_at(unsigned level)
{
    uint32_t word = level ? word_at(level - 1) : common_of(pairs_of_stack(CALL_READ));
    __asm__ volatile("");
    return word;
}

static void a_word_made_from_a_stack_stands_for_it_alone(void **state)
{
    (void)state;
    uint32_t word[4];
    open_at(FD);
    for (volatile unsigned i = 0; i < 4; i++)
        word[i] = word_at(i / 2);
    assert_int_equal(word[0], word[1]);
    assert_int_equal(word[2], word[3]);
    assert_int_not_equal(word[0], word[2]);
    const struct state_pair *p = pairs_find(word[0]);
    assert_true(p && p->exact && p->stack[0].site && !p->stack[1].site);
    assert_int_equal(sites_at(p->stack[0].site)->call, CALL_READ);
    assert_false(pairs_find(1001)->exact);
    track_closing(FD);
}

static void a_word_that_a_pair_has_by_chance_is_not_a_stacks(void **state)
{
    (void)state;
    uint32_t word[2];
    open_at(FD);
    for (volatile unsigned i = 0; i < 2; i++) {
        word[i] = word_at(0);
        if (i == 0) {
            assert_true(word[0]);
            pairs_reset();
            track_used(FD, pairs_own(word[0]), LIFE_RECEIVE);
        }
    }
    assert_int_equal(word[1], 0);
    track_closing(FD);
}

static void there_is_an_end_to_the_pairs_and_none_to_what_is_known(void **state)
{
    (void)state;
    open_at(FD);
    for (uint32_t word = 1u << 20; word < (1u << 20) + 6000; word++)
        track_used(FD, pairs_own(word), LIFE_RECEIVE);
    assert_non_null(pairs_find(1u << 20));
    assert_null(pairs_find((1u << 20) + 5000));
    assert_int_equal(LIFE_WORD(life(FD)->receive), pairs_own((1u << 20) + 5999));
    assert_int_equal(LIFE_LAST(life(FD)->receive), 0);
    assert_true(pairs_is(LIFE_FIRST(life(FD)->receive), 1u << 20));
    assert_false(pairs_is(LIFE_FIRST(life(FD)->receive), (1u << 20) + 1));
    unsigned n = 0;
    while (table_nth(EXTENT_PAIRS, n))
        n++;
    assert_true(n >= STATE_PAIRS_EXTENTS && n <= STATE_PAIRS_EXTENTS + 1); /* one is of the test before */
    pairs_reset();
    assert_false(pairs_is(LIFE_FIRST(life(FD)->receive), 1u << 20));
    assert_null(pairs_find(1u << 20));
    track_closing(FD);
}

/* As in a child of a child of a child ..., each of which has a table of its own. */
static void a_new_table_has_none_of_the_pairs_before(void **state)
{
    (void)state;
    open_at(FD);
    for (unsigned i = 0; i < 20; i++) {
        assert_null(pairs_find(3001));
        use_at(0, FD, 3001, LIFE_SEND);
        use_at(0, FD, 3002 + i, LIFE_SEND); /* so that each table has another number for it */
        assert_non_null(pairs_find(3001));
        assert_non_null(pairs_find(3002 + i));
        pairs_reset();
        assert_null(pairs_find(3002 + i));
    }
    track_closing(FD);
}

static void epoll_keeps_the_first_of_each_and_whether_it_is_on(void **state)
{
    (void)state;
    open_at(FD);
    this_thread.call = CALL_EPOLL_CTL;
    track_registered(9, EPOLL_CTL_MOD, FD, 1);
    assert_int_equal(life(FD)->epoll_add, 0);
    track_registered(9, EPOLL_CTL_ADD, FD, 1);
    state_ref add = life(FD)->epoll_add;
    assert_true(add && (life(FD)->rare & LIFE_ON_EPOLL) && !life(FD)->epoll_del);
    assert_int_equal(sites_at(add)->call, CALL_EPOLL_CTL);
    track_registered(9, EPOLL_CTL_DEL, FD, 1);
    state_ref del = life(FD)->epoll_del;
    assert_true(del && del != add && life(FD)->epoll_add == add);
    assert_false(life(FD)->rare & (LIFE_ON_EPOLL | LIFE_DELETED_AGAIN));
    track_registered(9, EPOLL_CTL_ADD, FD, 1);
    assert_true(life(FD)->rare & LIFE_ON_EPOLL);
    assert_int_equal(life(FD)->epoll_add, add);
    track_registered(9, EPOLL_CTL_DEL, FD, 1);
    assert_true(life(FD)->rare & LIFE_DELETED_AGAIN);
    assert_int_equal(life(FD)->epoll_del, del);
    track_closing(FD);
    track_registered(9, EPOLL_CTL_ADD, FD, 1); /* of no socket */
    assert_false(life(FD)->rare & LIFE_ON_EPOLL);
}

static void the_first_shutdown_and_the_stacks_of_dup_are_kept(void **state)
{
    (void)state;
    open_at(FD);
    track_used(FD, pairs_own(1001), LIFE_RECEIVE);
    this_thread.call = CALL_SHUTDOWN;
    track_shutdown(FD, SHUT_WR);
    state_ref at = life(FD)->rare & LIFE_RARE_REF;
    assert_true(at);
    assert_int_equal(sites_at(at)->call, CALL_SHUTDOWN);
    track_shutdown(FD, SHUT_RD);
    assert_int_equal(life(FD)->rare & LIFE_RARE_REF, at);
    this_thread.call = CALL_DUP;
    for (int i = 0; i < 50; i++)
        track_duped(FD, NEW + i);
    const struct state_share *share = table_at(slot_of(FD)->share);
    assert_true(share->dup_site[0] && !share->dup_site[1]);
    assert_int_equal(sites_at(share->dup_site[0])->call, CALL_DUP);
    this_thread.call = CALL_FCNTL;
    track_duped(FD, NEW + 50);
    track_duped(FD, NEW + 51);
    assert_true(share->dup_site[1]);
    /* a copy has the life that there was until then */
    assert_int_equal(life(NEW)->gen, gen_of(NEW));
    assert_int_equal(first_of(life(NEW)->receive), 1001);
    assert_int_equal(life(NEW)->rare, life(FD)->rare);
    for (int i = 0; i < 52; i++)
        track_closing(NEW + i);
    track_closing(FD);
    this_thread.call = 0;
}

static void *uses_it(void *arg)
{
    (void)arg;
    track_used(FD, pairs_own(1001), LIFE_RECEIVE);
    track_used(FD, pairs_own(1001), LIFE_SEND);
    return NULL;
}

static void *is_told(void *arg)
{
    life_told(*(int *)arg);
    return NULL;
}

static void the_thread_that_saw_the_end_is_the_opening_one_or_another(void **state)
{
    (void)state;
    pthread_t t;
    int fd = FD, none = FD + 1;
    open_at(FD);
    life_told(FD);
    assert_int_equal(life(FD)->rare, 0);
    pthread_create(&t, NULL, is_told, &fd);
    pthread_join(t, NULL);
    assert_int_equal(life(FD)->rare, LIFE_TOLD_ELSEWHERE);
    life_told(FD); /* an error after EOF: its stack is the one that is kept */
    assert_int_equal(life(FD)->rare, 0);
    is_told(&none);
    track_closing(FD);
}

static void a_first_use_by_another_thread_is_known_as_such(void **state)
{
    (void)state;
    pthread_t t;
    open_at(FD);
    pthread_create(&t, NULL, uses_it, NULL);
    pthread_join(t, NULL);
    track_used(FD, pairs_own(1002), LIFE_RECEIVE);
    assert_int_equal(life(FD)->rare, LIFE_RECEIVED_ELSEWHERE | LIFE_SENT_ELSEWHERE);
    track_closing(FD);
}

/* In a thread, by a word that was made before it had a base: what it used FD last by, and its number. */
struct user {
    uint32_t tid, word, walks;
};

static void *uses_it_last(void *arg)
{
    struct user *u = arg;
    struct capture_stats before, after;
    capture_get_stats(&before);
    uint32_t fresh = 1001 + (uint32_t)arch_thread_pointer();
    u->tid = this_thread.pair_base ? 0 : (uint32_t)sys_gettid();
    track_used(FD, fresh, LIFE_RECEIVE);
    u->word = pairs_own(1001);
    int fd = FD;
    if (!life_knows(&fd, u->word, LIFE_RECEIVE))
        u->word = 0;
    track_used(FD, u->word, LIFE_RECEIVE);
    capture_get_stats(&after);
    u->walks = (uint32_t)(after.captures - before.captures);
    return NULL;
}

static void the_thread_that_used_it_last_is_known(void **state)
{
    (void)state;
    pthread_t t;
    struct user u[2];
    open_at(FD);
    track_used(FD, pairs_own(1001), LIFE_RECEIVE);
    track_used(FD, pairs_own(1001), LIFE_SEND);
    assert_int_equal(thread_of(life(FD)->receive), sys_gettid());
    uint32_t uses = pairs_find(1001)->uses;
    for (int i = 0; i < 2; i++) { /* the second one has the stack and the control block of the first */
        pthread_create(&t, NULL, uses_it_last, &u[i]);
        pthread_join(t, NULL);
        assert_true(u[i].tid && u[i].word);
        assert_int_equal(u[i].walks, 0); /* only the thread is another */
        assert_int_equal(thread_of(life(FD)->receive), u[i].tid);
        assert_int_equal(last_of(life(FD)->receive), 1001);
        assert_int_equal(first_of(life(FD)->receive), 1001);
    }
    assert_int_not_equal(u[0].word, u[1].word);
    assert_int_equal(pairs_find(1001)->uses, uses);
    assert_int_equal(thread_of(life(FD)->send), sys_gettid());
    track_used(FD, pairs_own(1001), LIFE_RECEIVE);
    assert_int_equal(thread_of(life(FD)->receive), sys_gettid());
    track_closing(FD);
}

static int pair[2];

static int the_child_knows(void *arg)
{
    (void)arg;
    WANT(track_quiet >= 1 || table_head); /* so the wrapper tells of the result first */
    track_sent(pair[0], 1, 0);            /* the first event: the child makes a table */
    track_used(pair[0], pairs_own(3005), LIFE_SEND);
    track_received(pair[0], 1, 0, 1, 0);
    WANT(table_head && phase_of(pair[0]) == SLOT_LIVE);
    const struct state_life *l = life(pair[0]);
    WANT(l && l->gen == gen_of(pair[0]));
    WANT(first_of(l->receive) == 3001 && last_of(l->receive) == 3002 && first_of(l->send) == 3005);
    WANT(LIFE_WORD(l->receive) == LIFE_NOBODY && !thread_of(l->receive)); /* it was another process */
    WANT(thread_of(l->send) == (uint32_t)sys_gettid());
    const struct state_pair *p = pairs_find(3001);
    WANT(p && p->stack[0].site && p->stack[0].fd == UINT32_MAX && p->stack[0].gen == 0);
    WANT(sites_at(p->stack[0].site)->call == CALL_RECV);
    WANT(l->epoll_add && sites_at(l->epoll_add)->call == CALL_EPOLL_CTL);
    WANT((l->rare & LIFE_RARE_REF) && sites_at(l->rare & LIFE_RARE_REF)->call == CALL_SHUTDOWN);
    use_at(5, pair[0], 3001, LIFE_RECEIVE); /* it has gone on from there */
    WANT(p->uses == 2);
    track_used(pair[0], pairs_own(3004), LIFE_SEND);
    WANT(last_of(l->send) == 3004 && !(l->rare & LIFE_SENT_ELSEWHERE)); /* nobody knows which thread opened it */
    WANT(!pairs_find(1001));                                            /* of sockets that are gone */
    return 0;
}

/* Its first event is a word that it made as its parent would have made it. */
static int the_child_uses_it_first(void *arg)
{
    uint32_t word = *(uint32_t *)arg;
    track_used(pair[0], word, LIFE_RECEIVE);
    WANT(table_head && phase_of(pair[0]) == SLOT_LIVE);
    WANT(last_of(life(pair[0])->receive) == 3003);
    WANT(thread_of(life(pair[0])->receive) == (uint32_t)sys_gettid());
    return 0;
}

static void a_forked_child_knows_the_life_of_what_it_inherited(void **state)
{
    (void)state;
    assert_int_equal(live_connect(pair), 0);
    track_opened(pair[0], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_connected(pair[0], 0, 0, NULL, 0);
    this_thread.call = CALL_RECV;
    track_used(pair[0], pairs_own(3001), LIFE_RECEIVE);
    track_used(pair[0], pairs_own(3002), LIFE_RECEIVE);
    this_thread.call = CALL_EPOLL_CTL;
    track_registered(9, EPOLL_CTL_ADD, pair[0], 1);
    this_thread.call = CALL_SHUTDOWN;
    track_shutdown(pair[0], SHUT_WR);
    this_thread.call = 0;
    assert_int_equal(in_child(the_child_knows, NULL), 0);
    assert_int_equal(in_clone(the_child_knows, NULL), 0);
    uint32_t mine = pairs_own(3003);
    assert_int_equal(in_clone(the_child_uses_it_first, &mine), 0);
    assert_int_equal(last_of(life(pair[0])->receive), 3002); /* the children had lives of their own */
    assert_int_equal(life(pair[0])->send, LIFE_FRESH);
    track_closing(pair[0]);
    close(pair[0]);
    close(pair[1]);
}

static void a_vfork_child_keeps_nothing(void **state)
{
    (void)state;
    open_at(FD);
    this_thread.in_vfork = 1;
    this_thread.pair_base = this_thread.tid = 0;
    track_used(FD, 4001, LIFE_RECEIVE);
    assert_int_equal(this_thread.pair_base | this_thread.tid, 0); /* its parent's */
    track_registered(9, EPOLL_CTL_ADD, FD, 1);
    track_shutdown(FD, SHUT_WR);
    this_thread.in_vfork = 0;
    assert_int_equal(life(FD)->receive, LIFE_FRESH);
    assert_int_equal(life(FD)->epoll_add, 0);
    assert_int_equal(life(FD)->rare, 0);
    assert_null(pairs_find(4001));
    track_closing(FD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_and_the_last_receive_and_send_are_kept_apart),
        cmocka_unit_test(a_number_that_is_a_file_by_now_is_no_news_any_more),
        cmocka_unit_test(a_number_is_asked_for_from_its_socket_to_the_first_file),
        cmocka_unit_test(a_number_that_shares_its_bit_stays_with_it),
        cmocka_unit_test(a_pair_is_walked_when_it_is_new_and_then_ever_more_seldom),
        cmocka_unit_test(epoll_keeps_the_first_of_each_and_whether_it_is_on),
        cmocka_unit_test(the_first_shutdown_and_the_stacks_of_dup_are_kept),
        cmocka_unit_test(the_thread_that_saw_the_end_is_the_opening_one_or_another),
        cmocka_unit_test(a_first_use_by_another_thread_is_known_as_such),
        cmocka_unit_test(the_thread_that_used_it_last_is_known),
        cmocka_unit_test(a_vfork_child_keeps_nothing),
        cmocka_unit_test(a_forked_child_knows_the_life_of_what_it_inherited),
        cmocka_unit_test(code_that_was_unloaded_is_walked_anew),
        cmocka_unit_test(a_word_made_from_a_stack_stands_for_it_alone),
        cmocka_unit_test(a_word_that_a_pair_has_by_chance_is_not_a_stacks),
        cmocka_unit_test(there_is_an_end_to_the_pairs_and_none_to_what_is_known),
        cmocka_unit_test(a_new_table_has_none_of_the_pairs_before), /* the last one: the file keeps its pairs */
    };
    wants_frames();
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
