"""Zip files of result folders, and opening those of others without trust.

1. Names are looked at before anything is written: every file must be one of a bundle's seven, all
   in one folder; a path that leads elsewhere, a link or a second folder is refused.
2. Sizes are bounded while reading, not by what the archive says of itself.
3. Whatever reading raises means damage, and is one refusal; what writing raises is the disk's.
"""

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.bundle import FILES
from core.errors import FormatError

MAX_BYTES = 512 * 2**20
"""Of all files of an archive together, unpacked."""
_CHUNK = 2**20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    MemoryError,  # an LZMA header may ask for gigabytes
    NotImplementedError,
    OSError,  # bzip2's own, and places before the start of the file
    OverflowError,
    RuntimeError,  # encrypted
    ValueError,  # names that are not UTF-8
)
"""What Python's reader and its decompressors raise on bytes that are no sound archive."""
_FIXED = (2020, 1, 1, 0, 0, 0)
"""Time of every file, so that the same bundle gives the same archive."""


def zip_of(folder: Path, name: str) -> bytes:
    """A bundle's folder as a zip that unpacks into one folder."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in FILES:
            entry = zipfile.ZipInfo(f"{name}/{file}", _FIXED)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (folder / file).read_bytes(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unzip_bundle(data: bytes, into: Path) -> None:
    """Writes the seven files of a zipped bundle into an empty folder.

    Raises:
        FormatError: If it is no zip, holds something else than one bundle, or is too large.
    """
    with _reading():
        archive = zipfile.ZipFile(io.BytesIO(data))
    with archive:
        _extract(archive, into)


@contextmanager
def _reading() -> Iterator[None]:
    """Turns every sign of damage into one refusal."""
    try:
        yield
    except _DAMAGE as problem:
        # a reader that gives out no reason of its own still has the name of its error
        why = str(problem) or type(problem).__name__
        raise _refused(f"it cannot be read as a zip ({why[:80]})") from None


def _extract(archive: zipfile.ZipFile, into: Path) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    paths = [PurePosixPath(entry.filename) for entry in entries]
    strange = [str(path) for path in paths if path.name not in FILES or ".." in path.parts]
    strange += [e.filename for e in entries if stat.S_ISLNK(e.external_attr >> 16)]
    if strange or len({path.parent for path in paths}) > 1 or any(p.is_absolute() for p in paths):
        what = f"it holds {strange[0][:80]!r}" if strange else "its files are in several folders"
        raise _refused(what)
    if len({path.name for path in paths}) != len(FILES) or len(paths) != len(FILES):
        raise _refused(f"it has {len(paths)} of the {len(FILES)} files, each once")
    left = MAX_BYTES
    for entry, path in zip(entries, paths, strict=True):
        left -= _write(archive, entry, into / path.name, left)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int) -> int:
    written = 0
    with target.open("xb") as file:
        for chunk in _chunks(archive, entry):
            written += len(chunk)
            if written > most:
                raise _refused(f"it is larger than {MAX_BYTES // 2**20} MiB unpacked")
            file.write(chunk)
    return written


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    # an error of whoever writes the chunks does not pass through here
    with _reading(), archive.open(entry) as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def _refused(what: str) -> FormatError:
    return FormatError(
        f"The archive is no zipped circuit: {what}. A zip of one result folder with its "
        f"{len(FILES)} files is required. Zip the folder that `hagd run` wrote, or export the "
        "circuit as a bundle."
    )
