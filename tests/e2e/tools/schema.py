#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks a JSON document on standard input against a schema: those parts of JSON Schema that
docs/*.schema.json use, and strictly: a field that the schema does not describe is a fault too."""
import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "items", "enum",
         "const", "oneOf", "pattern", "format", "minimum", "additionalProperties"}


def is_type(value, name):
    if isinstance(value, bool) and name != "boolean":
        return False
    return isinstance(value, TYPES[name])


def faults(value, schema, root, where="$"):
    """Lines that say what is wrong."""
    if unknown := set(schema) - KNOWN:
        return [f"{where}: the schema uses {sorted(unknown)}, which is not checked here"]
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    found = []
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(is_type(value, name) for name in names):
            return [f"{where}: {value!r} is not of type {names}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if "minimum" in schema and is_type(value, "integer") and value < schema["minimum"]:
        found.append(f"{where}: {value} is less than {schema['minimum']}")
    if "oneOf" in schema and sum(not faults(value, one, root, where) for one in schema["oneOf"]) != 1:
        found.append(f"{where}: {value!r} fits not exactly one of its forms")
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += faults(item, schema.get("items", {}), root, f"{where}[{i}]")
    if isinstance(value, dict):
        found += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if inner is None:
                found.append(f"{where}.{name}: not in the schema")
            else:
                found += faults(item, inner, root, f"{where}.{name}")
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    wrong = faults(json.load(sys.stdin), schema, schema)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
