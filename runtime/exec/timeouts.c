/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/timeouts.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

static int find(const char *variable, double given, double otherwise, double *out) {
    const char *text = getenv(variable);
    *out = given != 0 ? given : otherwise;
    if (given != 0 || !text)
        return TRAM_OK;
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || isnan(*out))
        return tram__fail(TRAM_ERR_INVALID, "%s=%s: a number of seconds is wanted", variable, text);
    return TRAM_OK;
}

int tram__timeouts_find(const struct tram_compile_options *o, struct tram__timeouts *out) {
    int status = find("TRAM_SUBMIT_TIMEOUT", o->submit_timeout_s, 10, &out->submit_s);
    if (!status)
        status = find("TRAM_GET_TIMEOUT", o->get_timeout_s, 10, &out->get_s);
    if (!status)
        status = find("TRAM_TEARDOWN_TIMEOUT", o->teardown_timeout_s, 30, &out->teardown_s);
    return status;
}
