/* Fuzzes the server's side of a push: messages wait for alice, who has polled, and the connection
 * to her listener is open (connection 2). The steps of the input go on from there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz.h"
#include "logic.h"

static const char before[] = "+03s\n"
                             "f0hello:2:alice:sesame:laptop\n"
                             "S\n"
                             "+14s\n"
                             "f1hello:2:bob:open:-\n"
                             "S\n"
                             "f1send:k1:alice:one\n"
                             "f1send:k2:*:two\n"
                             "f1send:k3:#lobby:three\n"
                             "S\n"
                             "t1\n"
                             "p03010001\n"
                             "o\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    logic_begin();
    logic_steps(bytes_of(before));
    logic_steps(fuzz_bytes(data, size));
    logic_end();
    return 0;
}
