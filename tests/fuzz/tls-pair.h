/* Contexts of TLS for fuzz targets, a server's with a certificate of its own making and a client's
 * that takes any; made once and borrowed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/tls.h"

struct tls_context *tls_pair_server(void);
struct tls_context *tls_pair_client(void);
