/* The logic unit for fuzz targets: with its storage in memory, an outlet that looks at what comes
 * out, clocks that stand still, and an input that is a list of steps, one on a line.
 *
 * A step is a letter and what it needs. L is the number of a connection (0 to 7), S that of a
 * session (0 to 7, in the order of the welcomes), A that of an address (see logic.c), D another
 * digit. What does not apply does nothing.
 *
 *   +LAm          a connection opens, m is s (TLS) or p (plain)
 *   -L<rest>      its peer closes it, with a frame that has no end
 *   fL<frame>     a frame                                           dA<datagram>
 *   rLSD          resume with a session, D what is wrong with it    pSAD<port>  the same of a poll
 *   PLD           a proof                                           aLD  an ack of what came last
 *   o, x, X       what is dialled opens, is refused, fails          yD   how the next dials begin
 *   tD            time goes by                                      eD   a push of version 1 ends
 *   s, S          storage carries out one request, or all           FD   or one fails
 *   wLD           so much output waits on a connection              cD   an account changes
 *   gD            another configuration                             q    no more pushes
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

/* A store with the users alice (password "sesame") and bob ("open") and the room #lobby that both
 * are members of. */
void logic_begin(void);

void logic_steps(struct bytes steps);

/* Everything that is open ends, everything that waits is carried out, and nothing may be left. */
void logic_end(void);
