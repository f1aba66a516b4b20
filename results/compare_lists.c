/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV for spreadsheets, JUnit's XML for CI.
 */
#include <math.h>
#include <string.h>

#include "results/compare_write.h"

/* ---- CSV (RFC 4180) ---- */

static void put_cell(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++)
        fputs((char[]){*text, *text == '"' ? '"' : '\0', '\0'}, f);
    fputc('"', f);
}

/* Nothing between the commas: it is not known. */
static void put_number(FILE *f, double v) {
    if (isfinite(v))
        fprintf(f, ",%.9g", v);
    else
        fputc(',', f);
}

int tram_comparison_csv(const struct tram_comparison *c, FILE *f) {
    const struct tram_arms *a = &c->arms;
    char text[TRAM__LINE];
    fputs("case,verdict,base_p50_ns,head_p50_ns,ratio,low,high,delta,p_regressed,p_ok,p_improved,sd,"
          "smallest_ratio_seen,base_samples,head_samples,p99_ratio,p99_low,p99_high,counters_changed\r\n",
          f);
    for (size_t i = 0; i < a->case_count; i++) {
        const struct tram_case *k = &a->cases[i];
        const struct tram_decision *d = &k->time;
        const double p99[] = {k->p99.value, k->p99.low > 0 ? k->p99.low : NAN, k->p99.high};
        const double figures[] = {k->base_ns,    k->head_ns, d->ratio,       d->low > 0 ? d->low : NAN,
                                  d->high,       d->delta,   d->p_regressed, d->p_ok,
                                  d->p_improved, d->sd,      d->sees};
        put_cell(f, k->name);
        fprintf(f, ",%s", tram_verdict_text(k->verdict));
        for (size_t n = 0; n < sizeof figures / sizeof *figures; n++)
            put_number(f, figures[n]);
        fprintf(f, ",%zu,%zu", k->base_count, k->head_count);
        for (size_t n = 0; n < 3; n++)
            put_number(f, k->p99_count ? p99[n] : NAN);
        fputs(",\"", f);
        for (unsigned n = 0; n < k->change_count; n++) /* names of ours: without quotes */
            fprintf(f, "%s%s", n ? "; " : "", tram__change_text(&k->changes[n], text, sizeof text));
        fputs("\"\r\n", f);
    }
    for (size_t i = 0; i < a->missing_count; i++) {
        put_cell(f, a->missing[i]);
        fputs(",MISSING,,,,,,,,,,,,,,,,,\r\n", f);
    }
    for (size_t i = 0; i < a->added_count; i++) {
        put_cell(f, a->added[i]);
        fputs(",NEW,,,,,,,,,,,,,,,,,\r\n", f);
    }
    return 0;
}

/* ---- JUnit ---- */

/* Characters that XML has no way to hold become '?', as do bytes that are not UTF-8. */
static void put_xml(FILE *f, const char *text) {
    json_t *right = json_string(text);
    json_decref(right);
    for (const char *p = text; *p; p++) {
        unsigned char byte = (unsigned char)*p;
        bool none = strncmp(p, "\xef\xbf\xbe", 3) == 0 || strncmp(p, "\xef\xbf\xbf", 3) == 0;
        if (none)
            p += 2;
        if (none || byte < 0x20 || (byte >= 0x80 && !right))
            fputc('?', f);
        else if (*p == '&')
            fputs("&amp;", f);
        else if (*p == '<')
            fputs("&lt;", f);
        else if (*p == '>')
            fputs("&gt;", f);
        else if (*p == '"')
            fputs("&quot;", f);
        else
            fputc(*p, f);
    }
}

static void open_case(FILE *f, const char *name) {
    fputs("  <testcase classname=\"compare\" name=\"", f);
    put_xml(f, name);
    fputs("\">\n", f);
}

static void put_failure(FILE *f, const char *tag, const char *type, const char *message) {
    fprintf(f, "    <%s type=\"%s\" message=\"", tag, type);
    put_xml(f, message);
    fputs("\"/>\n", f);
}

static void put_case(FILE *f, const struct tram_comparison *c, const struct tram_case *k) {
    const struct tram_decision *d = &k->time;
    char ratio[24], interval[64], change[TRAM__LINE] = "", text[TRAM__LINE + 200];
    for (unsigned i = 0; i < k->change_count; i++)
        if (!(k->changes[i].head < k->changes[i].base)) /* also what only one of them has */
            tram__change_text(&k->changes[i], change, sizeof change);
    snprintf(text, sizeof text, "ratio %s, interval %s%s%s", tram__ratio_text(d->ratio, ratio, sizeof ratio),
             tram__interval_text(d->low, d->high, interval, sizeof interval), change[0] ? "; " : "", change);
    open_case(f, k->name);
    if (k->verdict == TRAM_VERDICT_REGRESSED)
        put_failure(f, "failure", "REGRESSED", text);
    else if (k->verdict == TRAM_VERDICT_AMBIGUOUS)
        put_failure(f, "error", "AMBIGUOUS", text);
    else if (k->verdict == TRAM_VERDICT_ENVIRONMENT)
        put_failure(f, "error", "ENVIRONMENT", c->environment.at[0]);
    fputs("    <system-out>", f);
    put_xml(f, tram_verdict_text(k->verdict));
    fputs(": ", f);
    put_xml(f, text);
    fputs("</system-out>\n  </testcase>\n", f);
}

int tram_comparison_junit(const struct tram_comparison *c, FILE *f) {
    const struct tram_arms *a = &c->arms;
    size_t failures = a->missing_count, errors = 0;
    char text[TRAM__LINE];
    for (size_t i = 0; i < a->case_count; i++) {
        failures += a->cases[i].verdict == TRAM_VERDICT_REGRESSED;
        errors +=
            a->cases[i].verdict == TRAM_VERDICT_AMBIGUOUS || a->cases[i].verdict == TRAM_VERDICT_ENVIRONMENT;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
    fprintf(f, "<testsuite name=\"compare\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\">\n",
            a->case_count + a->missing_count, failures, errors);
    for (size_t i = 0; i < a->case_count; i++)
        put_case(f, c, &a->cases[i]);
    for (size_t i = 0; i < a->missing_count; i++) {
        open_case(f, a->missing[i]);
        put_failure(f, "failure", "MISSING", "the base has this case, the head has not");
        fputs("  </testcase>\n", f);
    }
    fputs("  <system-out>", f);
    put_xml(f, tram__summary_text(c, text, sizeof text));
    fputs("</system-out>\n</testsuite>\n", f);
    return 0;
}
