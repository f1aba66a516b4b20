"""Looks at a report and its pictures with Python's own readers: page_check.py PAGE SVG..."""
import html.parser
import re
import sys
import xml.dom.minidom

VOID = {"meta", "br", "link", "img", "input", "hr"}
DRAWN = {"path", "rect", "circle", "polygon", "use", "g", "defs", "text", "tspan", "svg", "title", "desc"}
KNOWN = DRAWN | VOID | {
    "html", "head", "body", "style", "header", "main", "nav", "section", "h1", "h2", "h3", "p", "b", "a", "span", "div",
    "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "figure", "figcaption", "ul", "li", "dl", "dt",
    "dd", "code", "i"}
problems = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.pictures, self.labels = [], set(), set(), 0, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in KNOWN:
            problems.append(f"<{tag}> at {self.getpos()}")
        for name, value in attrs.items():
            if name.startswith("on") or name == "src":
                problems.append(f"{name}= at {self.getpos()}")
            if name in ("href", "xlink:href") and value.startswith("#"):
                self.links.add(value[1:])
        if "id" in attrs:
            if attrs["id"] in self.ids:
                problems.append(f"two ids {attrs['id']}")
            self.ids.add(attrs["id"])
        if tag == "svg":
            self.pictures += 1
            if attrs.get("role") != "img":
                problems.append("a picture without its role")
            self.labels += attrs.get("aria-labelledby", "missing").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            problems.append(f"</{tag}> at {self.getpos()}")


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
if page.open:
    problems.append(f"not closed: {page.open}")
for label in page.labels:
    if label not in page.ids:
        problems.append(f"no words {label}")
for link in page.links - page.ids:
    problems.append(f"a link to nothing: {link}")
if page.pictures < 20:
    problems.append(f"{page.pictures} pictures")
for pattern in (r"https?:", r"<script", r"@import", r"url\(", r"javascript:", r"<iframe", r"nan\b.*%", r"-nan"):
    found = re.search(pattern, text)
    if found:
        problems.append(f"{pattern}: {text[max(0, found.start() - 60):found.end() + 60]!r}")
wanted = ['name="viewport"', "prefers-color-scheme:dark", 'lang="en"']
if len(sys.argv) > 2:  # made from hostile texts too
    wanted.append("&lt;script&gt;alert(&quot;x&quot;)")
for want in wanted:
    if want not in text:
        problems.append(f"no {want}")
for code in (0x9b, 0x202e, 0xfffe):
    if chr(code) in text:
        problems.append(f"U+{code:04X}")
for name in sys.argv[2:]:
    xml.dom.minidom.parse(name)
for problem in problems:
    print(problem)
print(f"{0 if problems else 1} passed, {len(problems)} failed")
sys.exit(bool(problems))
