#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# What compare writes for others is read back by readers of theirs: JSON, JUnit's XML, CSV and Markdown's table say the
# same. Usage: compare_forms_test.py COMPARE COMPARE_SAMPLE
import csv
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

compare, sample = sys.argv[1:3]
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)


def make(name, *settings):
    subprocess.run([sample, name, *settings], check=True)
    return name


def forms(status, *arguments):
    """The comparison in each form."""
    options = ["--json=j", "--junit=x", "--csv=t", "--markdown=m", "--gbench=g", "--bencher=n"]
    ran = subprocess.run([compare, *options, *arguments], stdout=subprocess.PIPE, universal_newlines=True)
    assert ran.returncode == status, (ran.returncode, status, ran.stdout)
    with open("j") as j, open("t", newline="") as c, open("m") as m, open("g") as g, open("n") as b:
        return json.load(j), xml.parse("x").getroot(), list(csv.DictReader(c)), m.read(), json.load(g), json.load(b)


def check(status, verdict, *arguments):
    j, x, c, m, g, b = forms(status, *arguments)
    assert j["verdict"] == verdict and j["exit_status"] == status and j["tramline_comparison_version"] == 1
    named = {case["name"]: case["verdict"] for case in j["cases"]}
    listed = {**named, **{n: "MISSING" for n in j["missing"]}, **{n: "NEW" for n in j["new"]}}
    assert {row["case"]: row["verdict"] for row in c} == listed, (c, listed)
    assert all(None not in row and None not in row.values() for row in c)
    for case, row in zip(j["cases"], c):
        for key, value in (("ratio", case["p50"]["ratio"]), ("low", case["p50"]["low"]), ("sd", case["sd"])):
            assert row[key] == "" if value is None else abs(float(row[key]) - value) <= 1e-8 * value, (key, row, case)
    tests = {t.get("name"): t for t in x.findall("testcase")}
    assert x.tag == "testsuite" and int(x.get("tests")) == len(tests) and set(tests) == set(named) | set(j["missing"])
    for name, test in tests.items():
        bad = {"REGRESSED": "failure", "AMBIGUOUS": "error", "ENVIRONMENT": "error"}
        wanted = bad.get(named.get(name, "REGRESSED"))
        assert [e.tag for e in test if e.tag != "system-out"] == ([wanted] if wanted else []), name
    assert int(x.get("failures")) == len(x.findall("testcase/failure"))
    assert int(x.get("errors")) == len(x.findall("testcase/error"))
    assert m.startswith("### " + verdict)
    table = [line for line in m.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(named)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1, table
    rows = g["benchmarks"]
    assert len({row["name"] for row in rows}) == len(rows) == len(named) + len(j["new"])
    assert all(row["real_time"] > 0 and row["time_unit"] == "ns" and row["run_type"] == "iteration" for row in rows)
    assert g["context"]["json_schema_version"] == 1
    assert set(b) == {row["name"] for row in rows}
    for row in rows:
        latency, rate = b[row["name"]]["latency"], b[row["name"]]["throughput"]
        assert latency["value"] == row["real_time"], (latency, row)
        assert all(m["lower_value"] <= m["value"] <= m["upper_value"] for m in (latency, rate))
    return j, x, c, m, g


a, a2 = make("a", "cases=3"), make("a2", "cases=3", "seed=3")
j, *_ = check(0, "OK", a, make("b", "cases=3", "seed=2"), "--again", a2)
assert j["gates"] and j["paired"] and j["blocks"] == 20 and not j["advice"] and len(j["again"]["cases"]) == 3
assert all(case["p_ok"] < 0.01 and case["sd"] < case["sd_wanted_for_8_percent"] for case in j["cases"])
assert all(case["p99_advisory"]["low"] < 1.01 for case in j["cases"])
j, x, *_ = check(1, "REGRESSED", a, make("b", "seed=2", "compiled=1.2", "copies=1"))
assert j["missing"] == ["sample/mode:new|one/size:1"] and j["cases"][0]["counters_changed"][0] == {
    "name": "copies_per_exec", "base": 2, "head": 1}
j, x, *_ = check(1, "REGRESSED", make("b", "blocks=40"), make("c", "blocks=40", "extra=16"))
assert j["cases"][0]["counters_changed"] == [{"name": "copies_per_exec", "base": 2, "head": 3, "rows_above": 16, "rows": 40}]
assert "copies_per_exec went up from 2 to 3 in 16 of 40 rows" in x.find("testcase/failure").get("message")
check(1, "REGRESSED", make("b", "cases=1"), make("c", "cases=3", "copies=7"))
check(3, "AMBIGUOUS", a, make("b", "cases=3", "noise=0.3", "seed=2"))
j, *_ = check(3, "AMBIGUOUS", make("b", "blocks=2"), make("c", "blocks=2", "seed=2"))
assert not j["gates"] and j["refusals"] and j["cases"][0]["p50"]["low"] is None
j, x, *_ = check(4, "ENVIRONMENT", make("b", "delay=0", "compiled=2"), make("c", "delay=0.5"))
assert [k["flagged"] for k in j["load"]] == [True, False, False, False, False] and j["cases"][0]["time_verdict"] == "IMPROVED"
assert "run_delay_share" in x.find("testcase/error").get("message")
j, x, c, m, g = check(0, "OK", make("a&b<c>\"d|e", "blocks=0", "repetitions=8"), make("b", "blocks=0", "repetitions=8"))
assert not j["gates"] and not j["paired"] and j["blocks"] is None and "drift not excluded" in j["advice"][0]
assert j["cases"][0]["p99_advisory"] is None and "a&b\\<c\\>\"d\\|e" in m
print("six comparisons, six forms each")
