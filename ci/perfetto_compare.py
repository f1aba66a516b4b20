"""Compares what three readers found in one trace: tram-trace check, Perfetto's descriptors, Perfetto's trace processor.

perfetto_compare.py CHECK DESCRIPTORS QUERIES: files with what each printed."""
import json
import sys

own = {name: int(count) for name, count in (line.split() for line in open(sys.argv[1]))}
theirs = json.load(open(sys.argv[2]))
rows = [json.loads(line) for line in open(sys.argv[3])]
slices, flows, samples, processes, errors, skipped, backward = rows
wrong = []


def same(what, *counts):
    if len(set(counts)) != 1:
        wrong.append(f"{what}: " + " and ".join(str(count) for count in counts))


same("slices and moments", own["slices"] + own["moments"], theirs["slices"] + theirs["moments"], slices[0][0])
same("flows", own["flows"], theirs["flows"], flows[0][0])
same("samples of counters", own["samples"], theirs["samples"], samples[0][0])
same("processes", own["processes"], theirs["processes"], processes[0][0])
same("packets", own["packets"], theirs["packets"])
same("error statistics", "[]", str(errors))
same("tokenizer_skipped_packets", 0, skipped[0][0] if skipped else 0)
same("flows that go back in time, or not from a writer to a reader", 0, backward[0][0])
if wrong:
    sys.exit("; ".join(wrong))
print(f"{own['slices']} slices, {own['flows']} flows, {own['samples']} samples, {own['processes']} processes: all agree")
