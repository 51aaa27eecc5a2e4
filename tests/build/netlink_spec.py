#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
#
# netlink_spec.py: that the specification of the generic netlink family, the header that programs are compiled with and
# the core's tables say the same: names, numbers, order, words. KTAP. Needs python3-yaml.
import pathlib
import re
import sys

import yaml

root = pathlib.Path(__file__).resolve().parents[2]
uapi = root / "include/uapi/linux"
spec = yaml.safe_load((uapi / "vhost_net_alt.yaml").read_text())
header = (uapi / "vhost_net_alt.h").read_text()
core = root / "kmod/core"
PREFIX = "VHOST_NET_ALT_"
results = []


def report(name, problems):
	results.append((name, list(problems)))


def constant(*parts):
	return PREFIX + "_".join(parts).upper().replace("-", "_")


def enums():
	"""Of each enum of the header its constants, by number where they have one."""
	text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
	for body in re.findall(r"enum\s*\w*\s*\{(.*?)\}", text, flags=re.S):
		names, value = {}, -1
		for item in filter(None, (part.strip() for part in body.split(","))):
			name, _, given = (part.strip() for part in item.partition("="))
			if name.endswith("_MAX"):
				continue  # its own length, and checked by check_ends()
			value = int(given, 0) if given else value + 1
			names[name] = value
		yield names


def compare(what, want, have):
	if list(want.items()) == list(have.items()):
		return
	for name in want.keys() | have.keys():
		if want.get(name) != have.get(name):
			yield f"{what}: {name} is {have.get(name)} in the header, {want.get(name)} in the specification"
	if want == have:
		yield f"{what}: in another order"


def macro(path, name):
	"""What an X-macro of the core lists: names and words."""
	text = (core / path).read_text()
	body = re.search(rf"#define {name}\(X\)(.*?[^\\])\n", text, flags=re.S).group(1)
	return [(entry, "".join(re.findall(r'"([^"]*)"', words)))
		for entry, words in re.findall(r'X\((\w+),((?:[\s\\]*"[^"]*")+)\)', body)]


def attribute_set(name):
	return next(each for each in spec["attribute-sets"] if each["name"] == name)


def check_header():
	have = list(enums())
	want = []
	for definition in spec["definitions"]:
		flags = definition["type"] == "flags"
		want.append((definition["name"], {constant(definition["name"], entry["name"]): 1 << i if flags else i
						  for i, entry in enumerate(definition["entries"])}))
	for attributes in spec["attribute-sets"]:
		want.append((attributes["name"], {constant("a", attributes["name"], attribute["name"]): i
						  for i, attribute in enumerate(attributes["attributes"], 1)}))
	want.append(("operations", {constant("cmd", operation["name"]): i
				    for i, operation in enumerate(spec["operations"]["list"], 1)}))
	for (name, names), found in zip(want, have):
		yield from compare(name, names, found)
	if len(want) != len(have):
		yield f"{len(have)} enums in the header, {len(want)} in the specification"


def check_names():
	for name, value in [("FAMILY_NAME", spec["name"])] + [
			("MCGRP_" + group["name"].upper(), group["name"]) for group in spec["mcast-groups"]["list"]]:
		if not re.search(rf'#define {PREFIX}{name} "{value}"\n', header):
			yield f"{PREFIX}{name} is not \"{value}\""
	for group in re.findall(rf"#define {PREFIX}MCGRP_(\w+)", header):
		if group.lower() not in [each["name"] for each in spec["mcast-groups"]["list"]]:
			yield f"the group {group} is not in the specification"


def check_ends():
	sets = ["A_" + each["name"].upper().replace("-", "_") for each in spec["attribute-sets"]] + ["CMD"]
	for name in sets:
		end = f"__{PREFIX}{name}_MAX,\n\t{PREFIX}{name}_MAX = (__{PREFIX}{name}_MAX - 1)\n}};"
		if end not in header:
			yield f"{PREFIX}{name}_MAX is not the last of its enum"


def check_table(name, listed, more):
	"""An attribute set that is the pad, what the core lists, and @more."""
	attributes = attribute_set(name)["attributes"]
	if attributes[0] != {"name": "pad", "type": "pad"}:
		yield "the first is not the pad"
	have = [(attribute["name"], attribute.get("doc", "").strip()) for attribute in attributes[1:]]
	have = have[:len(have) - more]
	for i in range(max(len(have), len(listed))):
		ours = (listed[i][0].replace("_", "-"), listed[i][1]) if i < len(listed) else None
		theirs = have[i] if i < len(have) else None
		if ours != theirs:
			yield f"number {i + 2}: {ours} in the core, {theirs} in the specification"
			return
	for attribute in attributes[1:len(attributes) - more]:
		if attribute["type"] != "u64":
			yield f"{attribute['name']} is no u64"


def check_references():
	names = {each["name"]: [attribute["name"] for attribute in each["attributes"]]
		 for each in spec["attribute-sets"]}
	definitions = [each["name"] for each in spec["definitions"]]
	operations = {each["name"]: each for each in spec["operations"]["list"]}
	for each in spec["attribute-sets"]:
		for attribute in each["attributes"]:
			if attribute.get("nested-attributes", each["name"]) not in names:
				yield f"{attribute['name']} nests what there is not"
			if "enum" in attribute and attribute["enum"] not in definitions:
				yield f"{attribute['name']} is of an enum that there is not"
			if attribute["type"] not in ("u32", "u64", "string", "flag", "nest", "pad"):
				yield f"{attribute['name']} is of a type that not all kernels have"
	for name, operation in operations.items():
		if "notify" in operation:
			if operation["notify"] not in operations:
				yield f"{name} notifies what there is not"
			continue
		if "doc" not in operation:
			yield f"{name} has no doc"
		for mode in ("do", "dump", "event"):
			body = operation.get(mode, {})
			for part in [body] if mode == "event" else [body.get("request", {}), body.get("reply", {})]:
				for attribute in part.get("attributes", []):
					if attribute not in names[operation["attribute-set"]]:
						yield f"{name}: {attribute} is not in the set {operation['attribute-set']}"


report("the header has the specification's enums, names and numbers", check_header())
report("the header has the specification's family and groups", check_names())
report("each enum of the header ends with its length", check_ends())
report("counters are the core's, in its order and words",
       check_table("counters", macro("stats/counters.hh", "VNA_COUNTERS"), 1))
report("rules are the core's, in its order and words",
       check_table("rules", macro("virtqueue/ring_error.hh", "VNA_RING_ERRORS"), 0))
report("what the specification refers to exists, and every kernel has its types", check_references())

print(f"KTAP version 1\n1..{len(results)}")
for number, (name, problems) in enumerate(results, 1):
	for problem in problems:
		print(f"# {problem}")
	print(f"{'not ok' if problems else 'ok'} {number} {name}")
sys.exit(any(problems for _, problems in results))
