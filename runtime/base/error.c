/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct tram_error last;

const char *tram_status_text(int status) {
    switch (status) {
#define CASE(name, value, text) \
    case TRAM_##name:           \
        return text;
        TRAM_STATUS_MAP(CASE)
#undef CASE
    }
    return "unknown status";
}

const struct tram_error *tram_last_error(void) {
    return &last;
}

struct tram_error *tram__error(void) {
    return &last;
}

static void set(int status, const char *format, va_list args) {
    char text[sizeof last.text]; /* aside, as the arguments may lie in the last error */
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' '; /* one line, whatever names and texts it is made of */
    memset(&last, 0, sizeof last);
    last.status = status;
    strcpy(last.text, text);
}

int tram__fail(int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set(status, format, args);
    va_end(args);
    return status;
}

int tram__fail_errno(const char *format, ...) {
    int cause = errno;
    va_list args;
    va_start(args, format);
    set(TRAM_ERR_SYSTEM, format, args);
    va_end(args);
    size_t used = strlen(last.text);
    snprintf(last.text + used, sizeof last.text - used, ": %s", strerror(cause));
    return TRAM_ERR_SYSTEM;
}
