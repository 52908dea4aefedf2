# SPDX-License-Identifier: Apache-2.0
"""Sparkplug B's protobuf schema (specification 3.0, chapter 6) for Google's protobuf runtime: our independent reader.

Made as a descriptor in code, so that no compiler is needed; templates and data sets are left out, for we send none.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {"uint32": 13, "uint64": 4, "bool": 8, "string": 9, "float": 2, "double": 1, "bytes": 12, "message": 11}
_VALUE = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
_VALUE_TYPES = ("uint32", "uint64", "float", "double", "bool", "string")


def _message(
    parent: Any, name: str, fields: list[tuple[str, int, str, bool, str]], oneof: tuple[str, ...] = ()
) -> None:
    message = parent.add()
    message.name = name
    if oneof:
        message.oneof_decl.add().name = "value"
    for field_name, number, kind, repeated, of in fields:
        field = message.field.add()
        field.name, field.number, field.type = field_name, number, _TYPES[kind]
        field.label = 3 if repeated else 1
        if of:
            field.type_name = f".sparkplug.Payload.{of}"
        if field_name in oneof:
            field.oneof_index = 0


def _values(first: int) -> list[tuple[str, int, str, bool, str]]:
    return [
        (name, first + at, kind, False, "") for at, (name, kind) in enumerate(zip(_VALUE, _VALUE_TYPES, strict=True))
    ]


def payload_class() -> Any:
    """Give the class of Payload messages."""
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="sparkplug", syntax="proto2")
    plain = [("timestamp", 1, "uint64", False, ""), ("metrics", 2, "message", True, "Metric")]
    plain += [("seq", 3, "uint64", False, ""), ("uuid", 4, "string", False, ""), ("body", 5, "bytes", False, "")]
    _message(file.message_type, "Payload", plain)
    inner = file.message_type[0].nested_type
    _message(
        inner,
        "PropertyValue",
        [("type", 1, "uint32", False, ""), ("is_null", 2, "bool", False, ""), *_values(3)],
        _VALUE,
    )
    _message(inner, "PropertySet", [("keys", 1, "string", True, ""), ("values", 2, "message", True, "PropertyValue")])
    names = [("name", 1, "string"), ("alias", 2, "uint64"), ("timestamp", 3, "uint64"), ("datatype", 4, "uint32")]
    names += [("is_historical", 5, "bool"), ("is_transient", 6, "bool"), ("is_null", 7, "bool")]
    metric = [(name, number, kind, False, "") for name, number, kind in names]
    metric += [("properties", 9, "message", False, "PropertySet"), *_values(10)]
    _message(inner, "Metric", metric, _VALUE)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))
