/* Fuzzes the ladder that datagrams climb: alice has signed on twice, over TLS from afar (session 0)
 * and in plain from this host (session 1), and bob polls as version 1 does. The steps of the input
 * go on from there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz.h"
#include "logic.h"

static const char before[] = "+03s\n"
                             "f0hello:2:alice:sesame:laptop\n"
                             "S\n"
                             "+10p\n"
                             "f1hello:2:alice:sesame:desk\n"
                             "S\n"
                             "d0poll:bob:open:10001\n"
                             "S\n"
                             "t1\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    logic_begin();
    logic_steps(bytes_of(before));
    logic_steps(fuzz_bytes(data, size));
    logic_end();
    return 0;
}
