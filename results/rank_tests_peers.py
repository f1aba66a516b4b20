#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# Random data sets through our rank tests and through SciPy; where SciPy has no exact method (ties, zeros), through an
# enumeration of everything that could have been. Usage: rank_tests_peers.py DRIVER
import itertools
import subprocess
import sys

try:
    import numpy as np
    import scipy
    from scipy import optimize, special, stats
except ImportError:
    print("skipped: %s has no numpy and scipy (package python3-scipy)" % sys.executable)
    sys.exit(77)

np.seterr(all="ignore")  # SciPy divides by zero in nct, and is right all the same
random = np.random.default_rng(20240501)
TOLERANCE = 1e-9
EXACT = 500  # signed ranks: as TRAM_SIGNED_RANK_EXACT


def text(values):
    return " ".join(repr(float(v)) for v in values)


def draw(n, ties):
    """Samples about 0; with ties from a grid so coarse that there are zeros, too."""
    x = random.standard_t(3, n) + random.choice([0, 0.3, 1])
    return np.round(x * 2) / 2 if ties else x


def tail_counts(sums, observed):
    sums = np.asarray(sums)
    return np.mean(sums >= observed - 1e-9), np.mean(sums <= observed + 1e-9)


def signed_by_enumeration(d):
    d = d[d != 0]
    ranks = stats.rankdata(abs(d))
    signs = np.array(list(itertools.product([0, 1], repeat=len(d)))).reshape(-1, len(d))
    return tail_counts(signs @ ranks, ranks[d > 0].sum())


def sum_by_enumeration(a, b):
    ranks = stats.rankdata(np.concatenate([a, b]))
    sums = [ranks[list(c)].sum() for c in itertools.combinations(range(len(ranks)), len(b))]
    return tail_counts(sums, ranks[len(a):].sum())


def convolved(ranks, k=None):
    """Exact counts, as Python's integers, of the sums of doubled ranks: of all subsets, or of those of k."""
    ways = {(0, 0): 1}
    for r in ranks:
        more = dict(ways)
        for (j, s), w in ways.items():
            if k is None or j < k:
                at = (j + 1 if k is not None else 0, s + int(2 * r))
                more[at] = more.get(at, 0) + w
        ways = more
    return {s: w for (j, s), w in ways.items() if k is None or j == k}


def tails_of_counts(counts, observed):
    whole = sum(counts.values())
    twice = int(2 * observed)
    return (sum(w for s, w in counts.items() if s >= twice) / whole,
            sum(w for s, w in counts.items() if s <= twice) / whole)


def cut(counts, tail):
    """The most sums from the smallest on whose chance is at most the tail."""
    whole, below, c = sum(counts.values()), 0, 0
    for s in sorted(counts):
        below += counts[s]
        if below / whole > tail * (1 + 1e-12):
            break
        c += 1
    return c


def ends(pairs, c):
    pairs = np.sort(pairs)
    return (pairs[c - 1], pairs[len(pairs) - c]) if c else (-np.inf, np.inf)


cuts = {}


def signed_want(x, shift, confidence):
    d = x - shift
    d = d[d != 0]
    n = len(d)
    tied = len(set(abs(d))) < n
    w = stats.rankdata(abs(d))[d > 0].sum() if n else 0
    if not n:
        p = (1, 1)
    elif n <= 12:
        p = signed_by_enumeration(d)
    elif n > EXACT:
        p = [stats.wilcoxon(d, alternative=h, mode="approx", correction=True).pvalue for h in ("greater", "less")]
    elif tied:
        p = tails_of_counts(convolved(stats.rankdata(abs(d))), w)
    else:
        p = [stats.wilcoxon(d, alternative=h, mode="exact").pvalue for h in ("greater", "less")]
    i, j = np.triu_indices(len(x))
    pairs = (x[i] + x[j]) / 2
    if len(x) > EXACT:
        size, z = len(x), stats.norm.ppf((1 - confidence) / 2)
        c = int(np.floor(size * (size + 1) / 4 + z * np.sqrt(size * (size + 1) * (2 * size + 1) / 24) + 0.5))
    else:
        key = len(x), confidence
        if key not in cuts:
            cuts[key] = cut(convolved(range(1, len(x) + 1)), (1 - confidence) / 2)
        c = cuts[key]
    return [n, w, *p, len(d) <= EXACT, np.median(pairs), *ends(pairs, c)]


def sum_want(a, b, shift, confidence):
    m, n, moved = len(a), len(b), b - shift
    both = np.concatenate([a, moved])
    tied = len(set(both)) < m + n
    u = stats.rankdata(both)[m:].sum() - n * (n + 1) / 2
    if m + n > 100:
        p = [stats.mannwhitneyu(moved, a, alternative=h, method="asymptotic").pvalue for h in ("greater", "less")]
    elif not tied:
        p = [stats.mannwhitneyu(moved, a, alternative=h, method="exact").pvalue for h in ("greater", "less")]
    elif m + n <= 12:
        p = sum_by_enumeration(a, moved)
    else:
        p = tails_of_counts(convolved(stats.rankdata(both), n), u + n * (n + 1) / 2)
    pairs = (b[:, None] - a[None, :]).ravel()
    if m + n > 100:
        sd = np.sqrt(m * n * (m + n + 1) / 12)
        c = int(max(0, np.floor(m * n / 2 + stats.norm.ppf((1 - confidence) / 2) * sd + 0.5)))
    else:
        key = m, n, confidence
        if key not in cuts:
            cuts[key] = cut(convolved(range(1, m + n + 1), n), (1 - confidence) / 2)
        c = cuts[key]
    return [m + n, u, *p, m + n <= 100, np.median(pairs), *ends(pairs, c)]


def percentile_want(x, p, confidence):
    x, n, tail = np.sort(x), len(x), (1 - confidence) / 2
    lows = [k for k in range(1, n + 1) if stats.binom.cdf(k - 1, n, p) <= tail * (1 + 1e-12)]
    highs = [k for k in range(1, n + 1) if stats.binom.sf(k - 1, n, p) <= tail * (1 + 1e-12)]
    return [np.quantile(x, p), x[max(lows) - 1] if lows else -np.inf, x[min(highs) - 1] if highs else np.inf]


def holm_want(p):
    order, most, out = np.argsort(p, kind="stable"), 0, np.zeros(len(p))
    for i, k in enumerate(order):
        most = max(most, min(1, (len(p) - i) * p[k]))
        out[k] = most
    return out


def power_want(n, other, level, effect, sd, wanted):
    """The driver's effect and standard deviation must have the power that was asked for."""
    size = (n * other / (n + other) if other else n) * 3 / np.pi
    freedom = (n + other) * 3 / np.pi - 2 if other else size - 1

    # stats.t.isf is right to eight digits only.
    critical = optimize.brentq(lambda t: stats.t.sf(t, freedom) / level - 1, 0, 1e6, xtol=1e-13, rtol=1e-14)

    def power(e, s):
        return float(stats.nct.sf(critical, freedom, e / s * np.sqrt(size)))

    least = 1 / special.comb(n + other, n, exact=True) if other else 0.5**n
    return power, least <= level


lines, checks = [], []


def ask(line, *want):
    lines.append(line)
    checks.append((line, want))


for i in range(400):
    ties = i % 2 == 1
    n = int(random.choice([1, 2, 3, 5, 8, 11, 12, 20, 30, 40, 100, 320, 501]))
    if ties and n in (100, 320, 501):
        n = 40
    shift, confidence, x = float(random.choice([0, 0.5, -1])), float(random.choice([0.95, 0.99, 0.999])), draw(n, ties)
    ask("signed %r %r %d %s" % (shift, confidence, n, text(x)), *signed_want(x, shift, confidence))
for i in range(400):
    ties = i % 2 == 1
    m, n = (int(k) for k in random.choice([1, 2, 3, 5, 6, 10, 15, 20, 60], 2))
    if ties and m + n > 40:
        m, n = min(m, 15), min(n, 15)
    shift, confidence, a, b = float(random.choice([0, 0.5])), float(random.choice([0.95, 0.99])), draw(m, ties), draw(n, ties)
    ask("sum %r %r %d %d %s %s" % (shift, confidence, m, n, text(a), text(b)), *sum_want(a, b, shift, confidence))
for i in range(100):
    n, p, confidence = int(random.integers(1, 300)), float(random.choice([0.5, 0.9, 0.99])), 0.95
    x = draw(n, i % 2)
    ask("percentile %r %r %d %s" % (p, confidence, n, text(x)), *percentile_want(x, p, confidence))
for i in range(50):
    p = np.round(random.random(int(random.integers(1, 30))) ** 3, int(random.integers(1, 6)))
    ask("holm %d %s" % (len(p), text(p)), *holm_want(p))
for i in range(50):
    t, freedom, delta = random.uniform(0, 5), random.choice([1.9, 6, 18.1, 37.2, 90]), random.uniform(0, 8)
    want = float(stats.nct.sf(t, freedom, delta))
    ask("above %r %r %r" % (t, float(freedom), delta), want)
powers = []
for i in range(60):
    n, other, level = int(random.choice([4, 10, 20, 40])), int(random.choice([0, 0, 5, 20])), float(random.choice([0.01, 0.001]))
    powers.append((n, other, level, random.uniform(0.01, 0.1), random.uniform(0.005, 0.05), 0.9))
    lines.append("power %d %d %r %r %r %r" % powers[-1])

ran = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, universal_newlines=True)
answers = [[float(v) for v in line.split()] for line in ran.stdout.splitlines()]
if ran.returncode or len(answers) != len(lines):
    sys.exit("failed: the driver ended with %d after %d of %d lines" % (ran.returncode, len(answers), len(lines)))
failed = 0


def near(got, want):
    return got == want or abs(got - want) <= TOLERANCE * max(1, abs(want))


for (line, want), got in zip(checks, answers):
    if len(got) != len(want) or not all(map(near, got, want)):
        failed += 1
        print("failed: %s\n  got  %s\n  want %s" % (line[:200], got, [float(w) for w in want]))
for p, got in zip(powers, answers[len(checks):]):
    power, possible = power_want(*p)
    effect, sd = p[3], p[4]
    want = [power(effect, sd), 0.9, 0.9] if possible else [0, np.inf, 0]
    have = [got[0], power(got[1], sd), power(effect, got[2])] if possible else got
    if not all(map(near, have, want)):
        failed += 1
        print("failed: power %s\n  got %s, which have %s\n  want %s" % (p, got, have, want))
print("%d data sets, %d disagree; SciPy %s" % (len(lines), failed, scipy.__version__))
sys.exit(failed > 0)
