/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plots/page.h"

/* ---- what a context has, as text ---- */

enum { VALUE = 1024 };

static void put_bytes(const json_t *v, char *out) {
    char cell[TRAM__CELL];
    double bytes = json_is_number(v) ? json_number_value(v) : NAN;
    snprintf(out, VALUE, "%s", bytes >= 0 && bytes < 1e18 ? tram__print_bytes((uint64_t)bytes, cell) : "");
}

static void put_caches(const json_t *all, char *out) {
    size_t used = 0;
    char size[TRAM__CELL];
    for (size_t i = 0; i < json_array_size(all) && used < VALUE; i++) {
        const json_t *c = json_array_get(all, i);
        double level = tram__json_number(c, "level"), bytes = tram__json_number(c, "size");
        const char *type = tram__json_text_at(c, "type");
        if (isnan(level) || !(bytes >= 0 && bytes < 1e18))
            continue;
        used += (size_t)snprintf(out + used, VALUE - used, "%sL%.0f%s %s", used ? ", " : "", level,
                                 strcmp(type, "Data") == 0          ? "d"
                                 : strcmp(type, "Instruction") == 0 ? "i"
                                                                    : "",
                                 tram__print_bytes((uint64_t)bytes, size));
    }
}

static void put_words(const json_t *all, const char *between, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(all) && used < VALUE; i++) {
        const char *word = json_string_value(json_array_get(all, i));
        used += (size_t)snprintf(out + used, VALUE - used, "%s%s", used ? between : "", word ? word : "?");
    }
}

static void put_pairs(json_t *all, char *out) {
    size_t used = 0;
    const char *key;
    json_t *v;
    json_object_foreach(all, key, v) {
        const char *word = json_string_value(v);
        if (used < VALUE)
            used += (size_t)snprintf(out + used, VALUE - used, "%s%s: %s", used ? "; " : "", key,
                                     word ? word : "?");
    }
}

/* Empty when there is nothing. */
static const char *value_of(const struct tram__input *in, const char *key, char out[VALUE]) {
    const json_t *v = tram__json_at(in->json, key);
    out[0] = '\0';
    if (strcmp(key, "context/machine/ram_bytes") == 0)
        put_bytes(v, out);
    else if (strcmp(key, "context/caches") == 0)
        put_caches(v, out);
    else if (json_is_array(v))
        put_words(v, strcmp(key, "context/peers/skipped") == 0 ? "; " : " ", out);
    else if (json_is_object(v))
        put_pairs((json_t *)(uintptr_t)v, out); /* jansson walks no constant object */
    else if (json_is_string(v))
        snprintf(out, VALUE, "%s", json_string_value(v));
    else if (json_is_number(v))
        snprintf(out, VALUE, "%.10g", json_number_value(v));
    else if (json_is_boolean(v))
        snprintf(out, VALUE, "%s", json_is_true(v) ? "yes" : "no");
    return out;
}

/* ---- the environment ---- */

unsigned tram__page_machines(const struct tram__page *p, const struct tram__input *each[]) {
    unsigned count = 0;
    for (unsigned i = 0; i < p->input_count; i++) {
        bool seen = p->inputs[i].kind != TRAM__INPUT_RESULT;
        for (unsigned k = 0; k < i && !seen; k++)
            seen =
                p->inputs[k].kind == TRAM__INPUT_RESULT && tram__same_machine(&p->inputs[k], &p->inputs[i]);
        if (!seen && each)
            each[count] = &p->inputs[i];
        count += !seen;
    }
    return count;
}

/* Once where all files say the same, else a line for each. */
static void put_fact(const struct tram__page *p, const char *name, const char *key) {
    char value[VALUE], first[VALUE] = "";
    bool same = true, any = false;
    FILE *o = p->out;
    for (unsigned i = 0; i < p->input_count; i++) {
        if (p->inputs[i].kind != TRAM__INPUT_RESULT)
            continue;
        value_of(&p->inputs[i], key, value);
        if (!any)
            memcpy(first, value, sizeof first);
        same = same && strcmp(first, value) == 0;
        any = true;
    }
    if (!any || (same && !*first))
        return;
    fprintf(o, "<tr><th scope=\"row\">%s</th><td>", name);
    for (unsigned i = 0; i < p->input_count && !same; i++) {
        if (p->inputs[i].kind != TRAM__INPUT_RESULT)
            continue;
        tram__html(o, p->inputs[i].shown);
        fputs(": ", o);
        tram__html(o, *value_of(&p->inputs[i], key, value) ? value : "-");
        fputs("<br>", o);
    }
    if (same)
        tram__html(o, first);
    fputs("</td></tr>\n", o);
}

void tram__page_environment(const struct tram__page *p) {
    static const char *const facts[][2] = {
        {"CPU", "context/machine/cpu_model"},
        {"CPUs online", "context/num_cpus"},
        {"MHz", "context/mhz_per_cpu"},
        {"caches", "context/caches"},
        {"NUMA nodes", "context/machine/numa_nodes"},
        {"memory", "context/machine/ram_bytes"},
        {"kernel", "context/machine/kernel"},
        {"C library", "context/machine/glibc"},
        {"virtual", "context/machine/virtualisation/hypervisor"},
        {"hypervisor", "context/machine/virtualisation/hypervisor_name"},
        {"CPUs the cgroup allows", "context/machine/cgroup_quota_cpus"},
        {"clock source", "context/machine/clocksource"},
        {"governor", "context/machine/governor"},
        {"frequency scaling", "context/cpu_scaling_enabled"},
        {"huge pages", "context/machine/transparent_huge_pages"},
        {"huge pages, shared memory", "context/machine/transparent_huge_pages_shmem"},
        {"Tramline", "context/tool/version"},
        {"commit", "context/tool/git_commit"},
        {"uncommitted changes", "context/tool/git_dirty"},
        {"peers", "context/peers/versions"},
        {"peers skipped", "context/peers/skipped"},
        {"compiler", "context/tool/compiler"},
        {"flags", "context/tool/compiler_flags"},
    };
    if (!p->sets->count)
        return;
    fputs("<section id=\"environment\"><h2>Environment</h2>\n<div class=\"scroll\"><table "
          "class=\"facts\"><tbody>\n",
          p->out);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        put_fact(p, facts[i][0], facts[i][1]);
    fputs("</tbody></table></div></section>\n", p->out);
}

/* ---- runs and noise ---- */

/* Seconds between "2024-05-01T12:00:00.123Z" and another; NaN when either is none. */
static double seconds_between(const char *from, const char *to) {
    const char *texts[2] = {from, to};
    double s[2], ms;
    for (int i = 0; i < 2; i++) {
        struct tm tm = {0};
        const char *rest = strptime(texts[i], "%Y-%m-%dT%H:%M:%S", &tm);
        char *end;
        if (!rest)
            return NAN;
        ms = *rest == '.' ? strtod(rest, &end) : 0;
        s[i] = (double)timegm(&tm) + ms;
    }
    return s[1] - s[0];
}

static double run_seconds(const struct tram__input *in) {
    return seconds_between(tram__json_text_at(in->json, "context/run/start_utc"),
                           tram__json_text_at(in->json, "context/run/end_utc"));
}

static double difference(const struct tram__input *in, const char *name) {
    char before[TRAM__NAME], after[TRAM__NAME];
    snprintf(before, sizeof before, "context/run/noise/before/%s", name);
    snprintf(after, sizeof after, "context/run/noise/after/%s", name);
    return tram__json_number(in->json, after) - tram__json_number(in->json, before);
}

static double load_of(const struct tram__input *in, const char *when) {
    char key[TRAM__NAME];
    snprintf(key, sizeof key, "context/run/noise/%s/load_avg", when);
    const json_t *v = json_array_get(tram__json_at(in->json, key), 0);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* What a run itself brings cannot be told from others' work after it has begun: only the load before it, and
 * what the host took, are taken as noise. */
void tram__page_noise(const struct tram__input *in, double *load, double *stolen_s) {
    double cpus = tram__json_number(in->json, "context/num_cpus"), steal = difference(in, "steal_s");
    double before = load_of(in, "before");
    *load = before > 0.25 * cpus ? before : NAN;
    *stolen_s = steal > 0.01 * run_seconds(in) * cpus ? steal : NAN;
}

static void put_number(FILE *o, double v, const char *unit) {
    if (isnan(v))
        fputs("<td class=\"n\">-</td>", o);
    else
        fprintf(o, "<td class=\"n\">%.2f%s</td>", v, unit);
}

void tram__page_runs(const struct tram__page *p) {
    FILE *o = p->out;
    char value[VALUE];
    if (!p->sets->count)
        return;
    fputs("<section id=\"runs\"><h2>Runs, and noise before and after</h2>\n<div "
          "class=\"scroll\"><table><thead><tr>"
          "<th>file</th><th>begun, UTC</th><th class=\"n\">took</th><th class=\"n\">load before</th><th "
          "class=\"n\">after</th><th class=\"n\">steal</th><th class=\"n\">pressure before</th><th "
          "class=\"n\">waited for a CPU</th><th class=\"n\">seed</th><th>CPUs</th></tr></thead><tbody>\n",
          o);
    for (unsigned i = 0; i < p->input_count; i++) {
        const struct tram__input *in = &p->inputs[i];
        if (in->kind != TRAM__INPUT_RESULT)
            continue;
        fputs("<tr><th scope=\"row\">", o);
        tram__html(o, in->shown);
        fprintf(o, "</th><td>");
        value_of(in, "context/run/start_utc", value);
        for (size_t k = 0; k < 19 && value[k]; k++) /* to the second; the date and the time apart */
            value[k] = value[k] == 'T' ? ' ' : value[k];
        value[19] = '\0';
        tram__html(o, value);
        fputs("</td>", o);
        put_number(o, run_seconds(in), " s");
        put_number(o, load_of(in, "before"), "");
        put_number(o, load_of(in, "after"), "");
        put_number(o, difference(in, "steal_s"), " s");
        put_number(o, tram__json_number(in->json, "context/run/noise/before/cpu_pressure_avg10_percent"),
                   " %");
        put_number(o, difference(in, "cpu_pressure_total_s"), " s");
        fputs("<td class=\"n\">", o);
        tram__html(o, value_of(in, "context/run/seed", value));
        fputs("</td><td>", o);
        tram__html(o, value_of(in, "context/run/affinity/got", value));
        fputs("</td></tr>\n", o);
    }
    fputs("</tbody></table></div>\n<p class=\"soft\">Steal: what the host took during the run. Waited for a "
          "CPU: the time "
          "during the run in which some task did, the run’s own included.</p>\n",
          o);
    for (unsigned i = 0; i < p->input_count; i++)
        if (p->inputs[i].kind == TRAM__INPUT_RESULT && *value_of(&p->inputs[i], "context/run/argv", value)) {
            fputs("<pre class=\"wrap\">", o);
            tram__html(o, value);
            fputs("</pre>\n", o);
        }
    fputs("</section>\n", o);
}
