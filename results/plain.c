/* SPDX-License-Identifier: Apache-2.0 */
#include "results/plain.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes of the character at `text`, which is no end; 0: that is no UTF-8. */
static size_t decode(const char *text, uint32_t *out) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    uint32_t c = n < 2 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2) /* the end of the text, too */
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (!n || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

static bool steers(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c}, /* Arabic letter mark */
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

bool tram__is_plain(const char *text) {
    uint32_t c;
    for (size_t n; *text; text += n) {
        n = decode(text, &c);
        if (!n || steers(c))
            return false;
    }
    return true;
}

char *tram__plain(char *text) {
    char *to = text;
    uint32_t c;
    for (const char *from = text; *from;) {
        size_t n = decode(from, &c);
        bool plain = n && !steers(c);
        if (plain)
            memmove(to, from, n);
        else
            *to = '?';
        to += plain ? n : 1;
        from += n ? n : 1;
    }
    *to = '\0';
    return text;
}
