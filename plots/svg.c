/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/svg.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Longer ones first where one begins another. Colours become the page's, light or dark; what is the default
 * anyway goes. The '@' stands for the figure's number. */
static const struct {
    const char *from, *to;
} changes[] = {
    {"rgb(  0,   0,   0)", "var(--ink)"},    {"rgb(230, 159,   0)", "var(--orange)"},
    {"rgb(230,159,0)", "var(--orange)"},     {"rgb( 86, 180, 233)", "var(--sky)"},
    {"rgb(  0, 158, 115)", "var(--green)"},  {"rgb(0,158,115)", "var(--green)"},
    {"rgb(240, 228,  66)", "var(--yellow)"}, {"rgb(  0, 114, 178)", "var(--blue)"},
    {"rgb(213,  94,   0)", "var(--red)"},    {"rgb(213,94,0)", "var(--red)"},
    {"rgb(204, 121, 167)", "var(--pink)"},   {"rgb(255, 255, 255)", "var(--page)"},
    {"rgb( 64,  64,  64)", "var(--ink)"},    {"rgb(64,64,64)", "var(--ink)"},
    {"rgb( 96,  96,  96)", "var(--soft)"},   {"rgb(96,96,96)", "var(--soft)"},
    {"rgb(128, 128, 128)", "var(--line)"},   {"rgb(144, 144, 144)", "var(--line)"},
    {"rgb(217, 217, 217)", "var(--grid)"},   {"rgb(230, 230, 230)", "var(--grid)"},
    {"\"black\"", "\"var(--ink)\""},         {" stroke-linecap=\"butt\" stroke-linejoin=\"miter\"", ""},
    {" font-family=\"Arial\"", ""},          {" class=\"gridline\"", ""},
    {"xlink:href='#gp", "href='#f@-gp"},     {"id='gp", "id='f@-gp"},
};
enum { CHANGES = sizeof changes / sizeof *changes };

static char *read_text(const struct tram__figure *f, const char *folder) {
    enum { MOST = 8 << 20 };
    char path[PATH_MAX], *text = NULL;
    if (snprintf(path, sizeof path, "%s/%s.svg", folder, f->name) >= (int)sizeof path)
        return NULL;
    FILE *in = fopen(path, "re");
    if (!in)
        return NULL;
    text = tram__needed(malloc(MOST));
    size_t n = fread(text, 1, MOST - 1, in);
    bool whole = feof(in) && !ferror(in);
    fclose(in);
    text[n] = '\0';
    if (whole)
        return text;
    free(text);
    return NULL;
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Where to go on when what stands here is not taken over; NULL when it is. */
static const char *passed_over(const char *p) {
    const char *end;
    if (begins(p, "<filter ") && (end = strstr(p, "</filter>")))
        return end + strlen("</filter>");
    if (begins(p, "<title>") && (end = strstr(p, "</title>")))
        return end + strlen("</title>");
    if (begins(p, "<rect x=\"0\" y=\"0\"") && (end = strstr(p, "/>"))) /* the background */
        return end + 2;
    if (begins(p, " id=\"gnuplot_") && (end = strchr(p + 5, '"')))
        return end + 1;
    if (begins(p, "<g ") && (end = strchr(p, '>')) && begins(end, ">\n</g>\n")) /* nothing in it */
        return end + strlen(">\n</g>\n");
    if (*p == '\n' && (p[1] == '\n' || p[1] == '\t'))
        return p + 1;
    if (*p == '\t')
        return p + 1;
    return NULL;
}

static void put_changed(FILE *page, const char *text, unsigned number) {
    for (const char *p = text; *p;) {
        const char *next = passed_over(p);
        for (size_t i = 0; !next && i < CHANGES; i++)
            if (begins(p, changes[i].from)) {
                for (const char *c = changes[i].to; *c; c++)
                    if (*c == '@')
                        fprintf(page, "%u", number);
                    else
                        putc(*c, page);
                next = p + strlen(changes[i].from);
            }
        if (!next)
            putc(*p, page);
        p = next ? next : p + 1;
    }
}

bool tram__svg_inline(FILE *page, const struct tram__figure *f, const char *folder, unsigned number) {
    char *text = read_text(f, folder);
    const char *from = text ? strstr(text, "<g id=\"gnuplot_canvas\">") : NULL;
    if (from) {
        fprintf(page,
                "<svg viewBox=\"0 0 %u %u\" role=\"img\" aria-labelledby=\"f%u-t f%u-d\">"
                "<title id=\"f%u-t\">",
                f->width, f->height, number, number, number);
        tram__html(page, f->title);
        fputs(". ", page);
        tram__html(page, f->subtitle);
        fprintf(page, "</title><desc id=\"f%u-d\">", number);
        tram__html(page, f->words);
        fputs("</desc>", page);
        put_changed(page, from, number);
    }
    free(text);
    return from != NULL;
}
