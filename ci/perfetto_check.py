"""Reads a trace with Perfetto's own descriptors: every field of every packet must be known. Prints exact counts as JSON."""
import json
import sys
import zlib

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

try:
    from google.protobuf import unknown_fields
except ImportError:  # before protobuf 4
    unknown_fields = None


def unknown(message, where):
    """The unknown fields of a message and of all inside it, as texts."""
    if unknown_fields:
        for field in unknown_fields.UnknownFieldSet(message):
            yield f"{where}: field {field.field_number}"
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = not hasattr(value, "ListFields")
        for inner in value if repeated else [value]:
            yield from unknown(inner, f"{where}.{field.name}")


def packets(data):
    trace = pb.Trace()
    trace.ParseFromString(data)
    for text in unknown_fields.UnknownFieldSet(trace) if unknown_fields else ():
        sys.exit(f"field {text.field_number} in place of a packet")
    for packet in trace.packet:
        if packet.HasField("compressed_packets"):
            yield from packets(zlib.decompress(packet.compressed_packets))
        else:
            yield packet


def main():
    counts = dict(packets=0, slices=0, moments=0, samples=0, begins=0, ends=0, processes=0, threads=0)
    flows, ended = set(), set()
    for packet in packets(open(sys.argv[1], "rb").read()):
        for text in unknown(packet, "packet"):
            sys.exit(f"{sys.argv[1]}: packet {counts['packets']}: {text}")
        counts["packets"] += 1
        counts["processes"] += packet.track_descriptor.HasField("process")
        counts["threads"] += packet.track_descriptor.HasField("thread")
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        counts["slices"] += event.type == pb.TrackEvent.TYPE_SLICE_END
        counts["moments"] += event.type == pb.TrackEvent.TYPE_INSTANT
        counts["samples"] += event.type == pb.TrackEvent.TYPE_COUNTER
        for ids, seen, key in ((event.flow_ids, flows, "begins"), (event.terminating_flow_ids, ended, "ends")):
            counts[key] += len(ids)
            seen.update(ids)
    if flows != ended or len(flows) != counts["begins"] or len(ended) != counts["ends"]:
        sys.exit(f"{sys.argv[1]}: flows that do not begin and end once")
    counts["flows"] = len(flows)
    print(json.dumps(counts))


main()
