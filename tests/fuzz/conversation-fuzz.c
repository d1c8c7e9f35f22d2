/* Fuzzes whole conversations with the logic unit: several connections and clients at a time, of
 * both versions, whatever they say and in whatever order the rest of the world answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz.h"
#include "logic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    logic_begin();
    logic_steps(fuzz_bytes(data, size));
    logic_end();
    return 0;
}
