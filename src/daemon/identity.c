/* Certificate and secret together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/identity.h"

int identity_load(const struct daemon_config *config, const struct identity *previous,
                  struct identity *ret, char **ret_error)
{
    struct identity identity = {0};
    int r = certificate_load(config, true, previous != NULL ? &previous->certificate : NULL,
                             &identity.certificate, ret_error);
    if (r == 0)
        r = secret_load(config->session.secret_file, true, identity.secret, ret_error);
    if (r == 0)
        *ret = identity;
    else
        certificate_deinit(&identity.certificate);
    explicit_bzero(identity.secret, sizeof identity.secret);
    return r;
}

int identity_check(const struct daemon_config *config, char **ret_error)
{
    struct identity identity = {0};
    int r = certificate_load(config, false, NULL, &identity.certificate, ret_error);
    if (r >= 0)
        r = secret_load(config->session.secret_file, false, identity.secret, ret_error);
    identity_deinit(&identity);
    return r < 0 ? r : 0;
}

void identity_deinit(struct identity *identity)
{
    certificate_deinit(&identity->certificate);
    explicit_bzero(identity->secret, sizeof identity->secret);
}
