/* multichat(1): the program.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"

int main(int argc, char *argv[])
{
    return client_main(argc, argv);
}
