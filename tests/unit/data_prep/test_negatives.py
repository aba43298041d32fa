"""`audionas fetch negatives`: lists, says what it would fetch, fetches, and names the next command."""

from pathlib import Path

import pytest

from audionas.prep.packs import known
from tests._server import Server, running
from tests.unit.cli._command import done, refused
from tests.unit.prep.packs._archives import librispeech, pack, tar


def test_all_packs_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    told = done("fetch", "negatives", "--list", "--to", tmp_path / "new").out
    for name, each in known.PACKS.items():
        for part in (f"{name}: ", each.url, each.sum, each.licence):
            assert part in told
    assert not (tmp_path / "new").exists()


def test_a_dry_run_tells_the_default_pack_and_asks_for_nothing(tmp_path: Path) -> None:
    told = done("fetch", "negatives", "--dry-run", "--to", tmp_path / "new").out
    assert "librispeech-dev-clean: " in told
    assert "musan: " not in told
    assert not (tmp_path / "new").exists()


def test_a_pack_is_fetched_from_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tar(librispeech())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = pack("https://nowhere.invalid/12/tiny.tar.gz", content, "librispeech")
    monkeypatch.setattr(known, "PACKS", {"tiny": made})
    with running(Server(content)) as server:
        result = done("fetch", "negatives", "tiny", "--to", tmp_path / "packs", "--mirror", server.url)
    assert (tmp_path / "packs" / "tiny" / "transcripts.tsv").is_file()
    assert result.out.index(made.sha256) < result.out.index("next: ")
    assert f"--negatives {tmp_path}/packs/tiny" in result.out


def test_unknown_packs_and_pages_are_refused_with_the_nearest(tmp_path: Path) -> None:
    assert "Did you mean 'musan'?" in refused("fetch", "negatives", "musna", "--to", tmp_path).err
    assert (
        "no page of fetch is called 'negative'. Did you mean 'negatives'?" in refused("fetch", "negative").err
    )
