/* SPDX-License-Identifier: Apache-2.0 */
#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *load_from(const char *directory, const char *name, char *why, size_t size) {
    char path[400];
    snprintf(path, sizeof path, "%s%slibtramline_%s.so", directory, *directory ? "/" : "", name);
    void *module =
        dlopen(path, RTLD_NOW | RTLD_LOCAL); /* kept: what it brings along does not like to be unloaded */
    if (!module)
        snprintf(why, size, "%s", dlerror());
    return module;
}

void *tram__module_symbol(const char *name, const char *symbol, char *why, size_t size) {
    const char *given = getenv("TRAM_MODULE_DIR");
    void *module = load_from(given ? given : TRAM_MODULE_DIR_BUILT, name, why, size);
    if (!module && !given)
        module = load_from(TRAM_MODULE_DIR_INSTALLED, name, why, size);
    void *found = module ? dlsym(module, symbol) : NULL;
    if (module && !found)
        snprintf(why, size, "libtramline_%s.so has no %s", name, symbol);
    return found;
}
