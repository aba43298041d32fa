"""`audionas prep cifar`: an archive checked and read, or refused."""

import hashlib
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from tests.unit.data_prep.test_speech_commands import load
from tests.unit.images._images import archive, cifar_files

prep = load("cifar")


def small(folder: Path, classes: int) -> Path:
    """An archive of the binary release's layout with a few images."""
    inside = "cifar-10-batches-bin" if classes == 10 else "cifar-100-binary"
    files = cifar_files(label_bytes=1 if classes == 10 else 2)
    return archive(folder / f"cifar-{classes}-binary.tar.gz", files, inside)


@pytest.mark.parametrize("classes", [10, 100])
def test_an_archive_that_is_trusted_is_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], classes: int
) -> None:
    file = small(tmp_path, classes)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    prep.main(tmp_path / "data", classes=classes, src=file, sums=[digest.upper()])
    said = " ".join(capfd.readouterr().err.split())
    assert (
        f"train: {20 if classes == 10 else 4} images in 2 classes; the published archive has 50,000" in said
    )
    assert f"next: recipes/cifar/run.sh --src {file}" in said


def test_another_archive_is_refused_with_the_published_sum(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=prep.OFFICIAL["cifar-10-binary.tar.gz"]):
        prep.main(tmp_path / "data", src=small(tmp_path, 10))


@pytest.mark.parametrize(
    "wrong",
    [{"classes": 20, "fetch": True}, {}, {"src": Path("x.tar.gz"), "fetch": True}, {"src": Path("none")}],
)
def test_impossible_options_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"expected|no such file"):
        prep.main(tmp_path / "data", **wrong)
