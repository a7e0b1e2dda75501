"""The compiled ``proto/`` files say, item by item, what the published API says.

``api-digest.txt`` was built from a table of the API, never from our own files, so a slip in
``proto/`` (a number, a label, a forgotten message) cannot hide in it.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

ROOT = Path(__file__).parents[2]
DIGEST = Path(__file__).with_name("api-digest.txt")
# What we say beyond the published API; clients that do not know it pass over it.
ADDED = ["field api.Path 201 decision: string, singular"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """Descriptors of our files, compiled by protoc."""
    output = tmp_path_factory.mktemp("proto") / "api.descriptors"
    sources = sorted((ROOT / "proto" / "api").glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"]
    command += [f"--descriptor_set_out={output}", *map(str, sources)]
    subprocess.run(command, check=True)
    return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def describe_files(files: list[FileDescriptorProto]) -> Iterator[str]:
    """One line per item, in the words of the digest."""
    for file in files:
        yield f"file {file.name} package {file.package} {file.syntax}"
        yield from (f"import {file.name} {name}" for name in file.dependency)
        for message in file.message_type:
            yield from describe_message(message, file.package, file.name)
        for enum in file.enum_type:
            yield from describe_enum(enum, file.package, file.name)
        for service in file.service:
            service_name = f"{file.package}.{service.name}"
            yield f"service {service_name} in {file.name}"
            for rpc in service.method:
                request = "stream " * rpc.client_streaming + rpc.input_type[1:]
                answer = "stream " * rpc.server_streaming + rpc.output_type[1:]
                yield f"rpc {service_name}/{rpc.name}: {request} -> {answer}"


def describe_message(message: DescriptorProto, scope: str, file_name: str) -> Iterator[str]:
    name = f"{scope}.{message.name}"
    entries = {f".{name}.{n.name}": n for n in message.nested_type if n.options.map_entry}
    yield f"message {name} in {file_name}"
    for field in message.field:
        deprecated = ", deprecated" if field.options.deprecated else ""
        if field.type_name in entries:
            key, value = (bare_type(part) for part in entries[field.type_name].field)
            yield f"field {name} {field.number} {field.name}: map<{key},{value}>, map{deprecated}"
        else:
            kind = f"{full_type(field)}, {describe_label(field, message)}{deprecated}"
            yield f"field {name} {field.number} {field.name}: {kind}"
    for span in message.reserved_range:
        yield f"reserved {name} {span.start}-{span.end - 1}"
    yield from (f"reserved {name} {word}" for word in message.reserved_name)
    for enum in message.enum_type:
        yield from describe_enum(enum, name, file_name)
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from describe_message(nested, name, file_name)


def describe_enum(enum: EnumDescriptorProto, scope: str, file_name: str) -> Iterator[str]:
    name = f"{scope}.{enum.name}"
    yield f"enum {name} in {file_name}"
    yield from (f"value {name}.{value.name} = {value.number}" for value in enum.value)


def describe_label(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated"
    if field.proto3_optional:
        return "optional"
    if field.HasField("oneof_index"):
        return f"oneof {message.oneof_decl[field.oneof_index].name}"
    return "singular"


def scalar_type(field: FieldDescriptorProto) -> str:
    name: str = FieldDescriptorProto.Type.Name(field.type)
    return name.removeprefix("TYPE_").lower()


def bare_type(field: FieldDescriptorProto) -> str:
    return field.type_name[1:] or scalar_type(field)


def full_type(field: FieldDescriptorProto) -> str:
    if not field.type_name:
        return scalar_type(field)
    return f"{scalar_type(field)} {field.type_name[1:]}"


def test_our_files_say_what_the_published_api_says(files: list[FileDescriptorProto]) -> None:
    ours = sorted(describe_files(files))
    published = DIGEST.read_text().splitlines()
    assert sorted(set(published) - set(ours)) == []
    assert sorted(set(ours) - set(published)) == ADDED


def test_the_digest_has_the_published_number_of_items() -> None:
    kinds = [line.split()[0] for line in DIGEST.read_text().splitlines()]
    counted = {kind: kinds.count(kind) for kind in ("field", "file", "message", "rpc")}
    assert counted == {"field": 1171, "file": 6, "message": 416, "rpc": 69}
