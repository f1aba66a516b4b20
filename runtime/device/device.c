/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices by name. A backend that is not part of the library is a module, a shared object beside it or where
 * TRAM_MODULE_DIR says, which is handed what it needs of the library when it is loaded.
 */
#include "device/device.h"
#include "base/error.h"
#include "base/module.h"
#include "device/module.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tram__device_ops *const backends[] = {&tram__device_host, &tram__device_fault, NULL};

static const struct tram__device_services services = {
    .version = TRAM__DEVICE_MODULE_VERSION,
    .fail = tram__fail,
};

static const struct tram__device_ops *cuda;
static char why_no_cuda[512];

static void load_cuda(void) {
    tram__device_module *enter = NULL;
    *(void **)&enter =
        tram__module_symbol("device_cuda", TRAM__DEVICE_MODULE_SYMBOL, why_no_cuda, sizeof why_no_cuda);
    cuda = enter ? enter(&services) : NULL;
    if (enter && !cuda)
        snprintf(why_no_cuda, sizeof why_no_cuda, "it is of another version");
}

static const struct tram__device_ops *backend(const char *name, size_t length) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    for (size_t i = 0; backends[i]; i++)
        if (strlen(backends[i]->name) == length && memcmp(backends[i]->name, name, length) == 0)
            return backends[i];
    if (length != 4 || memcmp(name, "cuda", 4) != 0) {
        tram__fail(TRAM_ERR_INVALID, "device '%s': host, cuda, host:N or cuda:N is wanted", name);
        return NULL;
    }
    pthread_once(&once, load_cuda);
    if (!cuda)
        tram__fail(TRAM_ERR_NOT_FOUND, "device '%s': the module for CUDA could not be loaded: %s", name,
                   why_no_cuda);
    return cuda;
}

/* NULL, or the hook that is missing. */
static const char *missing(const struct tram__device_ops *o) {
#define NEEDS(hook) \
    if (!o->hook)   \
    return #hook
    NEEDS(name);
    NEEDS(open);
    NEEDS(close);
    NEEDS(facts);
    NEEDS(map);
    NEEDS(unmap);
    NEEDS(stream);
    NEEDS(drop);
    NEEDS(copy);
    NEEDS(compute);
    NEEDS(signal);
    NEEDS(await);
    NEEDS(wait);
#undef NEEDS
    return NULL;
}

int tram__device_open(const char *name, struct tram__device **out) {
    size_t length = strcspn(name, ":");
    unsigned long ordinal = 0;
    char *end = NULL;
    const struct tram__device_ops *ops = backend(name, length);
    if (!ops)
        return tram_last_error()->status;
    if (name[length] == ':' && name[length + 1] >= '0' && name[length + 1] <= '9')
        ordinal = strtoul(name + length + 1, &end, 10);
    if ((name[length] && (!end || *end)) || ordinal > 1023)
        return tram__fail(TRAM_ERR_INVALID, "device '%s': a number from 0 is wanted after the colon", name);
    const char *hook = missing(ops);
    if (hook)
        return tram__fail(TRAM_ERR_UNSUPPORTED, "device backend %.*s has no %s", (int)length, name, hook);
    return ops->open((int)ordinal, out);
}
