/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/error.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64 };

static int take_number(const struct tram__option *o, const char *value) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || v < o->min || v > o->max)
        return tram__fail(TRAM_ERR_INVALID, "--%s=%s: a whole number from %llu to %llu is wanted", o->name,
                          value, (unsigned long long)o->min, (unsigned long long)o->max);
    *(uint64_t *)o->target = v;
    return TRAM_OK;
}

/* Digits, with a point among them or without: no sign, blank, exponent or other base. Sets *end behind them. */
static double plain_number(const char *value, char **end) {
    double v = strtod(value, end);
    if (*end != value + strspn(value, "0123456789."))
        *end = (char *)value; /* as where there is no number */
    return v;
}

static int take_seconds(const struct tram__option *o, const char *value) {
    char *end;
    double v = plain_number(value, &end);
    if (end == value || *end || !(v >= (double)o->min && v <= (double)o->max))
        return tram__fail(TRAM_ERR_INVALID, "--%s=%s: a number of seconds from %llu to %llu is wanted",
                          o->name, value, (unsigned long long)o->min, (unsigned long long)o->max);
    *(double *)o->target = v;
    return TRAM_OK;
}

static int take_percent(const struct tram__option *o, const char *value) {
    char *end;
    double v = plain_number(value, &end);
    if (end == value || strcmp(end + (*end == '%'), "") != 0 || !(v > (double)o->min && v < (double)o->max))
        return tram__fail(TRAM_ERR_INVALID, "--%s=%s: per cent above %llu and below %llu are wanted", o->name,
                          value, (unsigned long long)o->min, (unsigned long long)o->max);
    *(double *)o->target = v / 100;
    return TRAM_OK;
}

static int take_text(const struct tram__option *o, const char *value) {
    struct tram__option_values *each = o->target;
    if (o->min && !*value)
        return tram__fail(TRAM_ERR_INVALID, "--%s=: a value is missing", o->name);
    if (o->kind == TRAM__OPTION_TEXT)
        *(const char **)o->target = value;
    else if (each->count == TRAM__OPTION_VALUES)
        return tram__fail(TRAM_ERR_INVALID, "--%s=%s: more than %d of them", o->name, value,
                          (int)TRAM__OPTION_VALUES);
    else
        each->at[each->count++] = value;
    return TRAM_OK;
}

static int take(const struct tram__option *o, const char *value) {
    switch (o->kind) {
    case TRAM__OPTION_FLAG:
        *(bool *)o->target = true;
        return TRAM_OK;
    case TRAM__OPTION_NUMBER:
        return take_number(o, value);
    case TRAM__OPTION_SECONDS:
        return take_seconds(o, value);
    case TRAM__OPTION_PERCENT:
        return take_percent(o, value);
    case TRAM__OPTION_TEXT:
    case TRAM__OPTION_EACH:
        return take_text(o, value);
    }
    return TRAM_OK;
}

/* `at`: where the option lies now; what is not an option may have moved behind it. */
static int refuse(char **argv, int at, int found, int letter) {
    if (found == ':')
        return tram__fail(TRAM_ERR_INVALID, "%s: a value is missing", argv[at]);
    if (letter)
        return tram__fail(TRAM_ERR_INVALID, "-%c: there is no such option (see --help)", letter);
    return tram__fail(TRAM_ERR_INVALID, "%s: there is no such option, or it takes no value (see --help)",
                      argv[at]);
}

/* getopt_long takes what begins an option's name for it; each has one spelling only. */
static bool is_spelt(const char *given, const char *name) {
    size_t n = strlen(name);
    return strncmp(given, "--", 2) == 0 && strncmp(given + 2, name, n) == 0 &&
           (!given[2 + n] || given[2 + n] == '=');
}

int tram__options_parse_rest(int argc, char **argv, const struct tram__option *table, int *rest) {
    struct option longs[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2] = ":";
    size_t used = 1, count = 0;
    memset(longs, 0, sizeof longs);
    for (; table[count].name && count < MAX_OPTIONS; count++) {
        const struct tram__option *o = &table[count];
        int has = o->kind == TRAM__OPTION_FLAG ? no_argument : required_argument;
        longs[count] = (struct option){o->name, has, NULL, 256 + (int)count};
        if (o->letter) {
            shorts[used++] = o->letter;
            if (has == required_argument)
                shorts[used++] = ':';
        }
    }
    shorts[used] = '\0';
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (;;) {
        int found = getopt_long(argc, argv, shorts, longs, NULL);
        if (found == -1)
            break;
        if (found == '?' || found == ':')
            return refuse(argv, optind - 1, found, optopt < 256 ? optopt : 0);
        const struct tram__option *o = NULL;
        for (size_t i = 0; i < count; i++)
            if (found == 256 + (int)i || (table[i].letter && found == table[i].letter))
                o = &table[i];
        int at = optind - (optarg && optarg == argv[optind - 1] ? 2 : 1);
        if (o && found >= 256 && !is_spelt(argv[at], o->name))
            return refuse(argv, at, '?', 0);
        int status = o ? take(o, optarg) : TRAM_OK;
        if (status)
            return status;
    }
    *rest = optind;
    return TRAM_OK;
}

int tram__options_parse(int argc, char **argv, const struct tram__option *table) {
    int rest, status = tram__options_parse_rest(argc, argv, table, &rest);
    if (!status && rest < argc)
        return tram__fail(TRAM_ERR_INVALID, "%s: an argument that is not an option (see --help)", argv[rest]);
    return status;
}

void tram__options_help(const struct tram__option *table) {
    for (const struct tram__option *o = table; o->name; o++) {
        char left[80];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->argument ? "=" : "", o->argument ? o->argument : "");
        printf("  %-30s %s\n", left, o->help);
    }
}

bool tram__size_parse(const char *text, uint64_t max, const char **end, uint64_t *out) {
    char *p;
    errno = 0;
    unsigned long long v = strtoull(text, &p, 10);
    unsigned shift = 0;
    if (text[0] < '0' || text[0] > '9' || errno)
        return false;
    if (*p == 'k' || *p == 'K')
        shift = 10;
    else if (*p == 'M')
        shift = 20;
    else if (*p == 'G')
        shift = 30;
    p += shift != 0;
    if (v == 0 || v > (max >> shift))
        return false;
    *out = (uint64_t)v << shift;
    *end = p;
    return true;
}

bool tram__window_parse(const char *text, uint64_t *first, uint64_t *count) {
    unsigned long long from, many;
    char rest;
    /* With a width no number overflows; a sign or a blank is none of these characters. */
    if (text[strspn(text, "0123456789:")] || sscanf(text, "%18llu:%18llu%c", &from, &many, &rest) != 2 ||
        !from || !many)
        return false;
    *first = from;
    *count = many;
    return true;
}

static int bad_size(const char *text, uint64_t max) {
    char most[32];
    tram__size_print(max, most, sizeof most);
    return tram__fail(TRAM_ERR_INVALID, "'%s' is not a size from 1 B to %s (digits, then k, M or G)", text,
                      most);
}

static int parse_range(const char *text, uint64_t max, uint64_t *sizes, size_t *count) {
    const char *p;
    uint64_t least, most, factor = 0;
    if (!tram__size_parse(text, max, &p, &least) || *p != ':')
        return bad_size(text, max);
    const char *upper = p + 1;
    if (!tram__size_parse(upper, max, &p, &most) || strncmp(p, ":x", 2) != 0)
        return tram__fail(TRAM_ERR_INVALID, "'%s' is not of the form MIN:MAX:xFACTOR", text);
    const char *times = p + 2;
    if (!tram__size_parse(times, 1024, &p, &factor) || *p || factor < 2)
        return tram__fail(TRAM_ERR_INVALID, "'%s' is not a factor from 2 to 1024", times);
    if (most < least)
        return tram__fail(TRAM_ERR_INVALID, "'%s' ends below its start", text);
    *count = 0;
    for (uint64_t s = least; s <= most; s *= factor) /* at most 33 steps: the factor is 2 at least */
        sizes[(*count)++] = s;
    return TRAM_OK;
}

int tram__sizes_parse(const char *text, uint64_t max, uint64_t *sizes, size_t *count) {
    if (strchr(text, ':'))
        return parse_range(text, max, sizes, count);
    const char *p = text;
    *count = 0;
    for (;;) {
        if (*count == TRAM__MAX_SIZES)
            return tram__fail(TRAM_ERR_INVALID, "more than %d sizes", (int)TRAM__MAX_SIZES);
        const char *start = p;
        if (!tram__size_parse(p, max, &p, &sizes[*count]) || (*p && *p != ','))
            return bad_size(start, max);
        ++*count;
        if (!*p)
            return TRAM_OK;
        p++;
    }
}

void tram__size_print(uint64_t bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    double v = (double)bytes;
    unsigned u = 0;
    for (; v >= 1024 && u < 3; u++)
        v /= 1024;
    snprintf(out, size, v == (double)(uint64_t)v ? "%.0f %s" : "%.1f %s", v, units[u]);
}
