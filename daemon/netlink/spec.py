#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
#
# spec.py YAML OUT: the tables of spec.hh, as C++, of the family's specification.
# tests/build/netlink_spec.py holds that against the header that has the numbers.
import contextlib
import json
import sys

import yaml

TYPES = {"pad", "flag", "u32", "u64", "string", "nest"}


def name(text):
	return text.replace("-", "_")


def words(entry):
	return json.dumps(" ".join(str(entry.get("doc", "")).split()))


def main(path):
	with open(path, encoding="utf-8") as file:
		spec = yaml.safe_load(file)
	print("// SPDX-License-Identifier: GPL-2.0-only\n// Made by spec.py.")
	print('#include "netlink/spec.hh"\n\nnamespace vhostd::spec {\n')
	for attributes in spec["attribute-sets"]:
		print(f"extern const Set {name(attributes['name'])};")
	print("\nnamespace {\n")
	for definition in spec["definitions"]:
		print(f"constexpr Entry {name(definition['name'])}_entries[] = {{")
		for number, entry in enumerate(definition["entries"]):
			value = 1 << number if definition["type"] == "flags" else number
			print(f'\t{{{value}, "{name(entry["name"])}", {words(entry)}}},')
		print("};\n")
	for attributes in spec["attribute-sets"]:
		print(f"constexpr Attribute {name(attributes['name'])}_attributes[] = {{")
		for number, attribute in enumerate(attributes["attributes"], 1):
			kind = attribute["type"]
			if kind not in TYPES:
				sys.exit(f"{path}: attribute {attribute['name']} has the unknown type {kind}")
			entries = f"{name(attribute['enum'])}_entries" if "enum" in attribute else "{}"
			nest = f"&{name(attribute['nested-attributes'])}" if kind == "nest" else "nullptr"
			print(f'\t{{{number}, Type::{kind}, "{name(attribute["name"])}", {words(attribute)},'
			      f"\n\t {entries}, {nest}}},")
		print("};\n")
	settings = next(each for each in spec["operations"]["list"] if each["name"] == "dev-set")
	print("constexpr const Attribute *set_by_dev_set[] = {")
	numbers = {attribute["name"]: number for attributes in spec["attribute-sets"]
		   if attributes["name"] == "dev" for number, attribute in enumerate(attributes["attributes"])}
	for attribute in settings["do"]["request"]["attributes"]:
		if attribute != "id":
			print(f"\t&dev_attributes[{numbers[attribute]}],")
	print("};\n\n} // namespace\n")
	for attributes in spec["attribute-sets"]:
		c = name(attributes["name"])
		print(f'const Set {c} = {{"{c}", {c}_attributes}};')
	print("const std::span<const Attribute *const> settings = set_by_dev_set;")
	print("\n} // namespace vhostd::spec")


with open(sys.argv[2], "w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
	main(sys.argv[1])
