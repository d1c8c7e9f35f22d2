/* Time that passes without waiting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "test-clock.h"

#include "support.h"

static uint64_t passed_us;

uint64_t __real_clock_monotonic_us(void);
uint64_t __wrap_clock_monotonic_us(void);
uint64_t __wrap_clock_monotonic_us(void)
{
    return __real_clock_monotonic_us() + passed_us;
}

void pass_seconds(struct loop *loop, unsigned seconds)
{
    turn_some(loop);
    passed_us += seconds * USEC_PER_SEC;
    turn_some(loop);
}
