/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "results/plain.h"

/* Three digits: 0.123, 1.23, 12.3, 123. */
static int digits(double v) {
    return v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
}

const char *tram__print_ns(double ns, char *out) {
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    unsigned u = 0;
    for (; fabs(ns) >= 999.5 && u < 3; u++)
        ns /= 1e3;
    if (isnan(ns))
        snprintf(out, TRAM__CELL, "-");
    else
        snprintf(out, TRAM__CELL, "%.*f\u00a0%s", u || ns < 9.995 ? digits(fabs(ns)) : 0, ns, units[u]);
    return out;
}

const char *tram__print_rate(double per_s, char *out) {
    if (isnan(per_s))
        snprintf(out, TRAM__CELL, "-");
    else if (per_s < 999.5)
        snprintf(out, TRAM__CELL, "%.3g/s", per_s);
    else if (per_s < 999.5e3)
        snprintf(out, TRAM__CELL, "%.3gk/s", per_s / 1e3);
    else
        snprintf(out, TRAM__CELL, "%.3gM/s", per_s / 1e6);
    return out;
}

const char *tram__print_ratio(double ratio, char *out) {
    if (isnan(ratio))
        snprintf(out, TRAM__CELL, "-");
    else
        snprintf(out, TRAM__CELL, "%.*f\u00a0×", digits(ratio), ratio);
    return out;
}

const char *tram__print_bytes(uint64_t bytes, char *out) {
    tram__size_print(bytes, out, TRAM__CELL);
    return out;
}

const char *tram__print_tick(double value, const char *unit, char *out) {
    static const char *const times[] = {"ns", "µs", "ms", "s"}, *const rates[] = {"/s", "k/s", "M/s", "G/s"};
    unsigned u = 0;
    if (strcmp(unit, "ns") == 0) {
        for (; value >= 999.5 && u < 3; u++)
            value /= 1e3;
        unit = times[u];
    } else if (strcmp(unit, "/s") == 0) {
        for (; value >= 999.5 && u < 3; u++)
            value /= 1e3;
        unit = rates[u];
    }
    snprintf(out, TRAM__CELL, *unit ? "%.4g %s" : "%.4g", value, unit);
    return out;
}

/* What is not plain, and the two characters of three bytes that no XML may hold, become a '?'. In place. */
static char *clean(char *text) {
    tram__plain(text);
    for (char *p = text; (p = strstr(p, "\xef\xbf")) != NULL; p++)
        if (p[2] == '\xbe' || p[2] == '\xbf') {
            *p = '?';
            memmove(p + 1, p + 3, strlen(p + 3) + 1);
        }
    return text;
}

const char *tram__plot_text(const char *text, char *out, size_t size) {
    size_t used = 0;
    for (; *text && used + 1 < size; text++)
        out[used++] = (unsigned char)*text < ' ' || strchr("\x7f'\"`\\{}$%<>&", *text) ? '_' : *text;
    while (*text && used && ((unsigned char)out[used - 1] & 0xc0) == 0x80) /* no half of a character */
        used--;
    if (*text && used && (unsigned char)out[used - 1] >= 0xc0)
        used--;
    out[used] = '\0';
    return clean(out);
}

const char *tram__slug(const char *text, char *out, size_t size) {
    size_t used = 0;
    for (; *text && used + 1 < size; text++) {
        char c = *text;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool keeps = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!keeps && (!used || out[used - 1] == '-'))
            continue;
        out[used++] = keeps ? c : '-';
    }
    while (used && out[used - 1] == '-')
        used--;
    out[used] = '\0';
    return out;
}

static void put_escaped(FILE *f, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        case '\'':
            fputs("&#39;", f);
            break;
        default:
            putc(*text, f);
        }
}

void tram__html(FILE *f, const char *text) {
    while (*text) {
        size_t n = strcspn(text, "\n\t");
        char *part = tram__needed(strndup(text, n));
        put_escaped(f, clean(part));
        free(part);
        text += n;
        if (*text)
            putc(*text++, f);
    }
}

/* ---- memory ---- */

void *tram__needed(void *allocated) {
    if (allocated)
        return allocated;
    fputs("out of memory\n", stderr);
    exit(2);
}

void tram__memory_open(struct tram__memory *m) {
    *m = (struct tram__memory){0};
    m->f = tram__needed(open_memstream(&m->text, &m->size));
}

void tram__memory_close(struct tram__memory *m) {
    bool failed = ferror(m->f) != 0;
    if (fclose(m->f) != 0 || failed)
        tram__needed(NULL);
    m->f = NULL;
}
