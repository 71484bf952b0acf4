"""What others made is checked first: archives by name and size, graphs by schema; nothing half."""

import io
import json
import os
import random
import stat
import zipfile
from pathlib import Path

import pytest

from core.bundle import FILES, open_bundle, write_bundle
from core.errors import FormatError
from core.share import Form, archive, give, take_in
from core.share.archive import unzip_bundle, zip_of
from core.share.tables import csv_files
from core.share.taking import take_bytes
from tests.core.test_bundle import bundle
from tests.pages.graph_files import neuronpedia_file


@pytest.fixture
def zipped(tmp_path: Path) -> bytes:
    write_bundle(bundle(), tmp_path / "from" / "sums")
    return zip_of(tmp_path / "from" / "sums", "sums")


def rebuilt(data: bytes, **changed: str) -> bytes:
    """The archive with some files under other names."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            plain = entry.filename.rsplit("/", 1)[-1].split(".")[0]
            new.writestr(changed.get(plain, entry.filename), old.read(entry))
    return out.getvalue()


def take(data: bytes, root: Path, name: str = "x.zip"):
    return take_bytes(name, data, root, root / "results")


def test_an_archive_gives_the_circuit_again_under_a_free_name(zipped: bytes, tmp_path: Path):
    names = [take(zipped, tmp_path / "store").name for _ in range(2)]
    assert names == ["sums", "sums-2"]
    found = open_bundle(tmp_path / "store" / "results" / "sums-2")
    assert (found.name, found.circuit) == ("sums-2", bundle().circuit)


def test_a_bundled_circuits_name_stays_its_own(tmp_path: Path):
    write_bundle(bundle(name="modular-addition-gpt2"), tmp_path / "from" / "b")
    assert take_in(tmp_path / "from" / "b", tmp_path, tmp_path / "r").name.endswith("-gpt2-2")


def test_the_same_bundle_gives_the_same_archive(zipped: bytes, tmp_path: Path):
    assert zip_of(tmp_path / "from" / "sums", "sums") == zipped


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"graph": "../../graph.json"}, r"it holds '\.\./\.\./graph.json'"),
        ({"graph": "/etc/graph.json"}, "several folders"),
        ({"graph": "sums/evil.py"}, "it holds 'sums/evil.py'"),
        ({"graph": "other/graph.json"}, "several folders"),
    ],
)
def test_an_archive_that_leads_elsewhere_is_refused(
    zipped: bytes, tmp_path: Path, changed: dict[str, str], message: str
):
    with pytest.raises(FormatError, match=message):
        take(rebuilt(zipped, **changed), tmp_path / "store")
    assert not (tmp_path / "graph.json").exists()
    assert [p for p in (tmp_path / "store").rglob("*") if p.is_file()] == []


def test_a_link_in_an_archive_is_refused(zipped: bytes, tmp_path: Path):
    out = io.BytesIO(zipped)
    with zipfile.ZipFile(out, "a") as more:
        link = zipfile.ZipInfo("sums/graph.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with pytest.warns(UserWarning, match="Duplicate name"):
            more.writestr(link, "/etc/passwd")
    with pytest.raises(FormatError, match="it holds 'sums/graph.json'"):
        take(out.getvalue(), tmp_path / "store")


def test_sizes_are_bounded_while_unpacking(zipped: bytes, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    (tmp_path / "into").mkdir()
    with pytest.raises(FormatError, match="is larger than"):
        unzip_bundle(zipped, tmp_path / "into")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.zip", b"PK\x03\x04 and no more", "cannot be read as a zip"),
        ("x.json", b"not json", "cannot be read as JSON"),
        ("x.json", b"{}", "metadata"),
        ("../../../x.txt", b"\x80 no", "x.txt is no graph.*weights"),
        ("y/x.txt", b"words", "^x.txt is not taken in. x.txt cannot be read as JSON"),
    ],
)
def test_bad_files_are_refused_and_leave_nothing(
    tmp_path: Path, name: str, data: bytes, message: str
):
    with pytest.raises(FormatError, match=message):
        take(data, tmp_path / "store", name)
    assert list((tmp_path / "store").iterdir()) == []


def compressed(data: bytes, method: int) -> bytearray:
    """The archive written again with another compression."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return bytearray(out.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_flipped_byte_anywhere_is_refused_in_one_way(zipped: bytes, tmp_path: Path, method: int):
    """zlib, bz2 and lzma each raise errors of their own, and so does a name that is not UTF-8."""
    sound = compressed(zipped, method)
    assert take(bytes(sound), tmp_path / "sound").name == "sums"
    draw, refused = random.Random(method), 0
    for trial in range(60):
        bad = sound.copy()
        # half of them anywhere, half in the headers and the list at the end
        place = draw.randrange(len(bad)) if trial % 2 else -1 - draw.randrange(700)
        bad[place] ^= 1 + draw.randrange(255)
        try:
            take(bytes(bad), tmp_path / "store")
        except FormatError:
            refused += 1
    assert refused > 40  # the others are dates and rights, which nobody reads


def test_a_name_that_is_not_utf8_is_refused(zipped: bytes, tmp_path: Path):
    bad = zipped.replace(b"sums/graph.json", b"s\xffms/graph.json")
    end = bad.index(b"PK\x01\x02")
    while end >= 0:  # the flag that says names are UTF-8
        bad = bad[: end + 9] + b"\x08" + bad[end + 10 :]
        end = bad.find(b"PK\x01\x02", end + 1)
    with pytest.raises(FormatError, match="cannot be read as a zip .*utf-8"):
        take(bad, tmp_path / "store")


def test_a_full_disk_is_not_called_a_damaged_archive(zipped: bytes, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        unzip_bundle(zipped, tmp_path / "nowhere")


def test_a_damaged_file_in_an_archive_is_named(zipped: bytes, tmp_path: Path):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(zipped)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry, data[:-3] if entry.filename.endswith("graph.json") else data)
    with pytest.raises(FormatError, match=r"graph\.json is damaged"):
        take(out.getvalue(), tmp_path / "store")
    assert not (tmp_path / "store" / "results").exists()


PAIR = b'{"clean": "a", "corrupt": "b", "answer": "c", "wrong": "d"}\n'


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("max.jsonl", PAIR * 2, "max.jsonl is no graph .* hagd run --model MODEL --task max.jsonl"),
        ("one.json", PAIR, "seems to be a task"),
        ("ioi.csv", b"clean,corrupted,correct_idx\n", "seems to be a task"),
        ("rows.csv", b"a,b\n", "seems to be rows"),
        ("circuit.json", b'{"schema": "hagd-circuit/1"}', "one of the 7 files of a result folder"),
        ("model.safetensors", b"\x01", "seems to be weights"),
        ("broken.zip", b"words", "^broken.zip is no graph .* called a zip and is none"),
        ("graph.json", b'{"links": []}', "graph.json is not taken in. The graph's 'metadata'"),
    ],
)
def test_a_file_of_another_sort_is_named_for_what_it_seems(
    tmp_path: Path, name: str, data: bytes, message: str
):
    with pytest.raises(FormatError, match=message) as caught:
        take(data, tmp_path / "store", name)
    assert ".taking" not in str(caught.value)


def test_a_sound_graph_is_taken_whatever_its_name(tmp_path: Path):
    data = json.dumps(neuronpedia_file()).encode()
    assert take(data, tmp_path / "store", "circuit.jsonl").kind == "graph"


def test_a_refusal_names_no_folder_of_ours(zipped: bytes, tmp_path: Path):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(zipped)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, b"{" if entry.filename.endswith("graph.json") else old.read(entry))
    with pytest.raises(FormatError, match=r"^x.zip is not taken in. graph\.json ") as caught:
        take(out.getvalue(), tmp_path / "store")
    assert str(tmp_path) not in str(caught.value)


def test_what_is_no_file_or_cannot_end_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(FormatError, match="neither a file nor a folder"):
        take_in(tmp_path / "pipe.json", tmp_path, tmp_path / "results")


def test_a_missing_path_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="There is nothing at"):
        take_in(tmp_path / "nosuch", tmp_path, tmp_path / "results")


def test_given_files_are_what_they_say(tmp_path: Path):
    made = write_bundle(bundle(), tmp_path / "sums")
    given = {form: give(made, form) for form in Form if form is not Form.NEURONPEDIA}
    assert set(given[Form.CSV]) == {"nodes.csv", "edges.csv"}
    assert json.loads(given[Form.SCORES][""])["verdict"] == "holds"
    with zipfile.ZipFile(io.BytesIO(given[Form.BUNDLE][""])) as made_zip:
        assert sorted(made_zip.namelist()) == sorted(f"sums/{name}" for name in FILES)


def test_a_bundle_that_was_never_written_cannot_be_zipped():
    with pytest.raises(FormatError, match="has no folder yet"):
        give(bundle(), Form.BUNDLE)


def test_a_label_is_never_a_formula():
    text = csv_files(bundle(labels={"0:2:5": "=HYPERLINK(1)"}))["nodes.csv"].decode()
    assert ",'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text
