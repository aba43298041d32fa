"""The arrays of an `.npz` file, of which nothing is unpickled, and none is larger than its bytes."""

from collections.abc import Collection
from math import prod
from pathlib import Path

import numpy as np

from audionas.core.archives.archive import Archive, whole
from audionas.core.archives.listing import Member
from audionas.core.archives.zip import open_zip
from audionas.core.errors import UserError

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def arrays(path: Path, wanted: Collection[str], hint: str) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that a file has.

    Raises UserError for a file of another kind, for an array of objects, and for one whose shape is not that
    of its bytes.
    """
    try:
        with open_zip(path) as archive:
            members = {member.name.removesuffix(".npy"): member for member in archive.files}
            return {key: _array(archive, members[key]) for key in sorted(set(wanted) & set(members))}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", hint=hint) from error
    except UserError as error:
        raise UserError([f"{path}: cannot be read as .npz:", *error.problems], hint=hint) from error


def _array(archive: Archive, member: Member) -> np.ndarray:
    try:
        with whole(archive.path):
            with archive.opened(member.entry) as stream:
                shape, _, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
                if prod(shape) * dtype.itemsize != member.size - stream.tell() and not dtype.hasobject:
                    raise ValueError(f"the shape {shape} is not that of its bytes")
            with archive.opened(member.entry) as stream:
                found: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
                return found
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{archive.path}: {member.name}: not a plain array ({error})") from error
