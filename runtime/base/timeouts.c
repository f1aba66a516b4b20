/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timeouts.h"

#include "base/error.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int tram__timeout_find(const char *variable, double given, double otherwise, double *out) {
    const char *text = getenv(variable);
    bool is_given = given != 0 && !isnan(given); /* not a number: TRAM_DEFAULT_TIMEOUT */
    *out = is_given ? given : otherwise;
    if (is_given || !text)
        return TRAM_OK;
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || isnan(*out))
        return tram__fail(TRAM_ERR_INVALID, "%s=%s: a number of seconds is wanted", variable, text);
    return TRAM_OK;
}

int tram__timeouts_find(const struct tram_compile_options *o, struct tram__timeouts *out) {
    int status = tram__timeout_find("TRAM_SUBMIT_TIMEOUT", o->submit_timeout_s, 10, &out->submit_s);
    if (!status)
        status = tram__timeout_find("TRAM_GET_TIMEOUT", o->get_timeout_s, TRAM__GET_TIMEOUT_S, &out->get_s);
    if (!status)
        status = tram__timeout_find("TRAM_TEARDOWN_TIMEOUT", o->teardown_timeout_s, 30, &out->teardown_s);
    return status;
}
