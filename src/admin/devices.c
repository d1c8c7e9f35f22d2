/* The verbs on the devices of a user.
 *
 * Storage names a device with the version of the protocol it speaks before its name proper:
 * "1/127.0.0.1:10001", "2/laptop". People are shown the two apart and name a device without its
 * version: a name of version 1 has a ':', which one of version 2 may not have, so none is two.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <stdlib.h>
#include <string.h>

struct device_name {
    unsigned version;
    const char *text;
};

static struct device_name name_of(const struct device_record *device)
{
    const char *slash = strchr(device->name, '/');

    if (!slash)
        return (struct device_name){0, device->name};
    return (struct device_name){(unsigned)strtoul(device->name, NULL, 10), slash + 1};
}

static void refuse_user(struct request *request, enum dal_outcome outcome)
{
    if (outcome == DAL_MISSING)
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s",
                       BYTES_ARG(request->arguments.userid));
    else
        request_finish(request, refusal_of_outcome(outcome));
}

static json_t *device_to_json(const struct device_record *device)
{
    struct device_name name = name_of(device);

    return json_pack("{s:s,s:i,s:I}", "device", name.text, "version", (int)name.version, "seen_ms",
                     (json_int_t)device->seen_ms);
}

static void devices_found(void *userdata, enum dal_outcome outcome,
                          const struct dal_account *account)
{
    struct request *request = userdata;

    if (outcome != DAL_OK) {
        refuse_user(request, outcome);
        return;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < account->device_count; i++)
        json_array_append_new(array, device_to_json(&account->devices[i]));
    request_finish(request, json_pack("{s:b,s:o}", "ok", 1, "devices", array));
}

void verb_user_devices(struct request *request)
{
    request_check(request, dal_account_find(request->arguments.userid, devices_found, request));
}

/* -- forget ----------------------------------------------------------------------------------- */

static void refuse_device(struct request *request)
{
    struct bytes device = shorten(request->arguments.device);

    request_refuse(request, ADMIN_CODE_MISSING, "%.*s has no device %.*s",
                   BYTES_ARG(request->arguments.userid), BYTES_ARG(device));
}

static void device_deleted(void *userdata, enum dal_outcome outcome)
{
    struct request *request = userdata;

    if (outcome == DAL_OK) {
        request_account_changed(request, request->arguments.userid);
        request_finish(request, json_pack("{s:b}", "ok", 1));
    } else if (outcome == DAL_MISSING) {
        refuse_device(request);
    } else {
        request_finish(request, refusal_of_outcome(outcome));
    }
}

static void device_looked_for(void *userdata, enum dal_outcome outcome,
                              const struct dal_account *account)
{
    struct request *request = userdata;

    if (outcome != DAL_OK) {
        refuse_user(request, outcome);
        return;
    }
    for (size_t i = 0; i < account->device_count; i++) {
        const struct device_record *device = &account->devices[i];
        if (!bytes_is(request->arguments.device, name_of(device).text))
            continue;
        request_check(request,
                      dal_device_delete(account->user.id, device->id, device_deleted, request));
        return;
    }
    refuse_device(request);
}

void verb_user_forget(struct request *request)
{
    request_check(request, dal_account_find(request->arguments.userid, device_looked_for, request));
}
