"""The .proto text and the runtime classes are equal, as read by protoc."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from netlake import tables
from netlake.schema import SCALARS, Column, List, Struct, Table, freeze, proto

SCALAR_COLUMNS = tuple(Column(f"a_{kind}", kind, f"A {kind}.", why="a test") for kind in SCALARS)
PAIR = Struct(
    (
        Column("left", "u8", "Left.", why="a test"),
        Column("times", List("ts"), "Times.", why="a test"),
        Column("deep", Struct((Column("name", "text", "Name.", why="a test"),)), "Deep.", why="a test"),
    )
)
EVERY = Table(
    "every_kind",
    "One row of every kind.",
    "none",
    ("udp.port=1",),
    (
        *SCALAR_COLUMNS,
        Column("ts_nanos", "i16", "Nanoseconds below the microsecond.", why="a test"),
        *(Column(f"many_{kind}", List(kind), f"Many {kind}.", why="a test") for kind in SCALARS),
        Column("pair", PAIR, "A pair.", why="a test"),
        Column("pairs", List(PAIR), "Pairs.", why="a test"),
    ),
)
SMALL = Table("small", "One row.", "none", (), (Column("size", "u8", "Size.", why="a test"),), context="capture")


def compiled(folder: Path, made: dict[str, str]) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """File name -> descriptor that protoc makes of the text."""
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={folder}/set", *made]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    files = descriptor_pb2.FileDescriptorSet.FromString((folder / "set").read_bytes()).file
    return {file.name: plain(file) for file in files}


def plain(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """`file` without the JSON names that protoc adds."""

    def strip(message: descriptor_pb2.DescriptorProto) -> None:
        for field in message.field:
            field.ClearField("json_name")
        for nested in message.nested_type:
            strip(nested)

    for message in file.message_type:
        strip(message)
    return file


@pytest.mark.parametrize("every", [(EVERY, SMALL), tables.declared()], ids=["of this test", "of netlake"])
def test_text_and_runtime_classes_are_equal(tmp_path: Path, every: tuple[Table, ...]) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    made = {f"{table.name}.proto": proto.text(table) for table in every} | {proto.INDEX: proto.index_text(every)}
    files = compiled(tmp_path, made)
    assert files.pop(proto.INDEX) == proto.index_file(every)
    assert files == {f"{table.name}.proto": proto.file_of(table) for table in every}
    for table in every:
        made_of = descriptor_pb2.DescriptorProto()
        proto.message(table).DESCRIPTOR.CopyToProto(made_of)
        file = descriptor_pb2.FileDescriptorProto(message_type=[made_of])
        assert plain(file).message_type == files[f"{table.name}.proto"].message_type


def test_field_number_is_column_id() -> None:
    numbers = proto.numbers(EVERY)
    descriptor = proto.message(EVERY).DESCRIPTOR
    assert {field.name: field.number for field in descriptor.fields} == {
        path: number for path, number in numbers.items() if "." not in path
    }
    assert (numbers["day"], numbers["ts"]) == (1, 2)
    # ids of a table without a contract are above all frozen ids
    assert numbers["a_bool"] > 19_999


def test_nested_field_numbers_start_at_one_and_are_frozen() -> None:
    shorter = Struct(PAIR.columns[::2])
    before = Table("nest", "Nests.", "none", (), (Column("pairs", List(shorter), "Pairs.", why="a test"),))
    contract = freeze.content(before)
    after = Table("nest", "Nests.", "none", (), (Column("pairs", List(PAIR), "Pairs.", why="a test"),))
    numbers = proto.numbers(after, contract)
    assert {path: numbers[f"pairs.element.{path}"] for path in ("left", "deep", "deep.name", "times")} == {
        "left": 1,
        "deep": 2,
        "deep.name": 1,
        "times": 3,
    }


def test_null_zero_and_empty_differ() -> None:
    row = proto.message(EVERY)()
    row.a_u8, row.a_text = 0, ""
    again = proto.message(EVERY).FromString(row.SerializeToString())
    assert again.HasField("a_u8")
    assert again.HasField("a_text")
    assert not again.HasField("a_u16")


def test_docs_are_comments() -> None:
    text = proto.text(EVERY)
    assert "// One row of every kind. Specification: none\nmessage EveryKind {" in text
    assert "  // A duration.\n  optional double a_duration = " in text
    assert "In days since 1970-01-01." in text
    assert "Includes the nanoseconds of `ts_nanos`." in text
    assert "ts_nanos`." not in proto.text(SMALL)
    assert max(map(len, text.splitlines())) <= 120
