/* The event loop: order of a turn, removal from callbacks, timers by the thousand.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;

static int setup(void **state)
{
    (void)state;
    return loop_new(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

/* A pipe that is watched, and what its callback is to do. */
struct pipe_source {
    struct loop_source source;
    struct loop_garbage garbage;
    int fds[2];
    unsigned calls;
    struct pipe_source *victim; /* removed by the callback */
};

static void on_pipe(void *userdata, uint32_t events)
{
    struct pipe_source *pipe = userdata;
    assert_true(events & (EPOLLIN | EPOLLOUT));
    pipe->calls++;
    if (pipe->victim != NULL)
        loop_remove(loop, &pipe->victim->source);
}

static void pipe_open(struct pipe_source *source)
{
    *source = (struct pipe_source){.calls = 0};
    assert_int_equal(pipe2(source->fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(loop_add(loop, &source->source, source->fds[0], EPOLLIN, on_pipe, source), 0);
}

static void pipe_feed(struct pipe_source *source)
{
    assert_int_equal(write(source->fds[1], "x", 1), 1);
}

static void pipe_close(struct pipe_source *source)
{
    loop_remove(loop, &source->source);
    close(source->fds[0]);
    close(source->fds[1]);
}

static void test_source_is_level_triggered(void **state)
{
    (void)state;
    struct pipe_source pipe;
    char byte;
    pipe_open(&pipe);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(pipe.calls, 0);
    pipe_feed(&pipe);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(pipe.calls, 2);
    assert_int_equal(read(pipe.fds[0], &byte, 1), 1);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(pipe.calls, 2);
    pipe_close(&pipe);
}

static void test_removed_source_gets_no_event_of_this_turn(void **state)
{
    (void)state;
    struct pipe_source a, b;
    pipe_open(&a);
    pipe_open(&b);
    a.victim = &b;
    b.victim = &a;
    pipe_feed(&a);
    pipe_feed(&b);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(a.calls + b.calls, 1);
    pipe_close(&a);
    pipe_close(&b);
}

static void test_source_may_remove_itself(void **state)
{
    (void)state;
    struct pipe_source pipe;
    pipe_open(&pipe);
    pipe.victim = &pipe;
    pipe_feed(&pipe);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(pipe.calls, 1);
    pipe_close(&pipe);
}

static void test_removing_what_is_not_watched_is_harmless(void **state)
{
    (void)state;
    struct loop_source source = {0};
    loop_remove(loop, &source);
    loop_remove(loop, &source);
}

/* Two pipes; whichever is first replaces the other by a source of its own on the same
 * descriptor. */
struct replacement {
    struct loop_source fresh;
    struct pipe_source *pipes[2];
    unsigned fresh_calls, old_calls;
};

static void on_fresh(void *userdata, uint32_t events)
{
    struct replacement *replacement = userdata;
    (void)events;
    replacement->fresh_calls++;
}

static void on_old(void *userdata, uint32_t events)
{
    struct replacement *replacement = userdata;
    (void)events;
    if (replacement->old_calls++ > 0)
        return;
    for (int i = 0; i < 2; i++)
        loop_remove(loop, &replacement->pipes[i]->source);
    assert_int_equal(loop_add(loop, &replacement->fresh, replacement->pipes[1]->fds[0], EPOLLIN,
                              on_fresh, replacement),
                     0);
}

static void test_a_new_source_on_an_old_descriptor_starts_with_the_next_turn(void **state)
{
    (void)state;
    struct pipe_source a, b;
    struct replacement replacement = {.pipes = {&a, &b}};
    pipe_open(&a);
    pipe_open(&b);
    for (int i = 0; i < 2; i++) {
        struct pipe_source *pipe = replacement.pipes[i];
        loop_remove(loop, &pipe->source);
        assert_int_equal(loop_add(loop, &pipe->source, pipe->fds[0], EPOLLIN, on_old, &replacement),
                         0);
        pipe_feed(pipe);
    }
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(replacement.old_calls, 1);
    assert_int_equal(replacement.fresh_calls, 0);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(replacement.fresh_calls, 1);
    loop_remove(loop, &replacement.fresh);
    pipe_close(&a);
    pipe_close(&b);
}

static void on_deaf(void *userdata, uint32_t events)
{
    struct pipe_source *pipe = userdata;
    (void)events;
    pipe->calls++;
    if (pipe->victim != NULL)
        assert_int_equal(loop_change(loop, &pipe->victim->source, 0), 0);
}

static void test_what_is_no_longer_asked_for_is_not_delivered(void **state)
{
    (void)state;
    struct pipe_source a, b;
    pipe_open(&a);
    pipe_open(&b);
    a.source.callback = on_deaf;
    b.source.callback = on_deaf;
    a.victim = &b;
    b.victim = &a;
    pipe_feed(&a);
    pipe_feed(&b);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(a.calls + b.calls, 1);
    pipe_close(&a);
    pipe_close(&b);
}

static void test_errors_are_returned(void **state)
{
    (void)state;
    struct loop_source source = {0};
    assert_int_equal(loop_add(loop, &source, -1, EPOLLIN, on_pipe, NULL), -EBADF);
    loop_remove(loop, &source);
}

/* -- timers */

#define TIMERS 5000

struct test_timer {
    struct loop_timer timer;
    uint64_t due_us;
};

static uint64_t last_due;
static unsigned fired;

static void on_ordered_timer(void *userdata)
{
    struct test_timer *timer = userdata;
    assert_true(timer->due_us >= last_due);
    assert_true(timer->due_us <= loop_now(loop));
    last_due = timer->due_us;
    fired++;
}

static void test_thousands_of_timers_fire_in_order(void **state)
{
    (void)state;
    struct test_timer *timers = calloc(TIMERS, sizeof *timers);
    unsigned expected = TIMERS;
    unsigned random = 1;
    last_due = fired = 0;
    for (unsigned i = 0; i < TIMERS; i++) {
        random = random * 1103515245 + 12345;
        loop_timer_init(&timers[i].timer, on_ordered_timer, &timers[i]);
        timers[i].due_us = loop_now(loop) + (random >> 8) % 20000;
        assert_int_equal(loop_timer_set(loop, &timers[i].timer, timers[i].due_us), 0);
    }
    for (unsigned i = 0; i < TIMERS; i += 3) { /* move */
        random = random * 1103515245 + 12345;
        timers[i].due_us = loop_now(loop) + (random >> 8) % 20000;
        assert_int_equal(loop_timer_set(loop, &timers[i].timer, timers[i].due_us), 0);
    }
    for (unsigned i = 1; i < TIMERS; i += 7) { /* cancel, twice */
        loop_timer_cancel(loop, &timers[i].timer);
        loop_timer_cancel(loop, &timers[i].timer);
        expected--;
    }
    TURN_UNTIL(loop, fired == expected);
    assert_int_equal(count_turns(loop, 1000), 1);
    assert_int_equal(fired, expected);
    free(timers);
}

struct chain {
    struct loop_timer timer;
    struct loop_timer other;
    unsigned calls;
};

static void on_chain(void *userdata)
{
    struct chain *chain = userdata;
    chain->calls++;
    loop_timer_cancel(loop, &chain->other);
    assert_int_equal(loop_timer_set(loop, &chain->timer, 0), 0);
}

static void test_timer_set_again_for_the_past_lets_the_turn_end(void **state)
{
    (void)state;
    struct chain chain = {.calls = 0};
    loop_timer_init(&chain.timer, on_chain, &chain);
    loop_timer_init(&chain.other, on_chain, &chain);
    assert_int_equal(loop_timer_set(loop, &chain.timer, 0), 0);
    assert_int_equal(loop_timer_set(loop, &chain.other, 1), 0);
    assert_int_equal(loop_turn(loop, UINT64_MAX), 0);
    assert_int_equal(chain.calls, 1); /* and the other was cancelled although it was due */
    assert_int_equal(loop_turn(loop, UINT64_MAX), 0);
    assert_int_equal(chain.calls, 2);
    loop_timer_cancel(loop, &chain.timer);
}

static void test_turn_waits_for_the_timer_and_no_longer(void **state)
{
    (void)state;
    struct test_timer timer = {.due_us = 0};
    uint64_t before = clock_monotonic_us();
    last_due = fired = 0;
    timer.due_us = before + 30500;
    loop_timer_init(&timer.timer, on_ordered_timer, &timer);
    assert_int_equal(loop_timer_set(loop, &timer.timer, timer.due_us), 0);
    assert_int_equal(loop_turn(loop, UINT64_MAX), 0);
    assert_int_equal(fired, 1); /* in one turn: never woken just too early */
    assert_true(clock_monotonic_us() >= timer.due_us);
}

/* -- work put off, garbage */

static char trace[64];

static void note(const char *what)
{
    assert_true(strlen(trace) + strlen(what) < sizeof trace);
    strcat(trace, what);
}

struct work {
    struct loop_deferred deferred;
    const char *name;
    struct work *puts_off;
};

static void on_work(void *userdata)
{
    struct work *work = userdata;
    note(work->name);
    if (work->puts_off != NULL)
        loop_defer(loop, &work->puts_off->deferred);
}

static void on_garbage(void *object)
{
    note("g");
    free(object);
}

static void on_traced_timer(void *userdata)
{
    struct work *first = userdata;
    note("t");
    struct loop_garbage *garbage = malloc(sizeof *garbage);
    loop_free_later(loop, garbage, on_garbage, garbage);
    loop_defer(loop, &first->deferred);
    loop_defer(loop, &first->deferred);
}

static void on_traced_pipe(void *userdata, uint32_t events)
{
    (void)userdata;
    (void)events;
    note("s");
}

static void test_order_of_a_turn(void **state)
{
    (void)state;
    struct pipe_source pipe;
    struct loop_timer timer;
    struct work third = {.name = "3"}, second = {.name = "2", .puts_off = &third};
    struct work first = {.name = "1", .puts_off = &second}, cancelled = {.name = "c"};
    trace[0] = '\0';
    loop_deferred_init(&first.deferred, on_work, &first);
    loop_deferred_init(&second.deferred, on_work, &second);
    loop_deferred_init(&third.deferred, on_work, &third);
    loop_deferred_init(&cancelled.deferred, on_work, &cancelled);
    pipe_open(&pipe);
    pipe.source.callback = on_traced_pipe;
    pipe_feed(&pipe);
    loop_timer_init(&timer, on_traced_timer, &first);
    assert_int_equal(loop_timer_set(loop, &timer, 0), 0);
    loop_defer(loop, &cancelled.deferred);
    loop_deferred_cancel(&cancelled.deferred);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_string_equal(trace, "st123g");
    pipe_close(&pipe);
}

static void test_work_put_off_between_turns_does_not_wait(void **state)
{
    (void)state;
    struct work work = {.name = "w"};
    trace[0] = '\0';
    loop_deferred_init(&work.deferred, on_work, &work);
    loop_defer(loop, &work.deferred);
    assert_int_equal(loop_turn(loop, UINT64_MAX), 0);
    assert_string_equal(trace, "w");
}

static void on_stop(void *userdata)
{
    (void)userdata;
    loop_stop(loop, 42);
}

static void test_stop_ends_the_run_with_its_code(void **state)
{
    (void)state;
    struct loop_timer timer;
    loop_timer_init(&timer, on_stop, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(loop_timer_set(loop, &timer, 0), 0);
        assert_int_equal(loop_run(loop), 42);
    }
}

static void test_freeing_a_loop_in_use(void **state)
{
    (void)state;
    struct loop *other;
    struct loop_timer timer;
    struct work work = {.name = "never"};
    struct loop_garbage *garbage = malloc(sizeof *garbage);
    trace[0] = '\0';
    assert_int_equal(loop_new(&other), 0);
    loop_timer_init(&timer, on_stop, NULL);
    assert_int_equal(loop_timer_set(other, &timer, 0), 0);
    loop_deferred_init(&work.deferred, on_work, &work);
    loop_defer(other, &work.deferred);
    loop_free_later(other, garbage, on_garbage, garbage);
    loop_free(other);
    assert_string_equal(trace, "g");
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_is_level_triggered),
        cmocka_unit_test(test_removed_source_gets_no_event_of_this_turn),
        cmocka_unit_test(test_source_may_remove_itself),
        cmocka_unit_test(test_removing_what_is_not_watched_is_harmless),
        cmocka_unit_test(test_a_new_source_on_an_old_descriptor_starts_with_the_next_turn),
        cmocka_unit_test(test_what_is_no_longer_asked_for_is_not_delivered),
        cmocka_unit_test(test_errors_are_returned),
        cmocka_unit_test(test_thousands_of_timers_fire_in_order),
        cmocka_unit_test(test_timer_set_again_for_the_past_lets_the_turn_end),
        cmocka_unit_test(test_turn_waits_for_the_timer_and_no_longer),
        cmocka_unit_test(test_order_of_a_turn),
        cmocka_unit_test(test_work_put_off_between_turns_does_not_wait),
        cmocka_unit_test(test_stop_ends_the_run_with_its_code),
        cmocka_unit_test(test_freeing_a_loop_in_use),
    };
    return cmocka_run_group_tests_name("loop", tests, setup, teardown);
}
