"""Rows of a comparison: a run that failed and is done again has one row, where it was."""

from pathlib import Path

from audionas.study.rows import append, known


def row(method: str, status: str, seed: int = 0) -> dict[str, object]:
    told: dict[str, object] = {"method": method, "seed": seed, "status": status, "reason": "no room"}
    if status == "done":
        figures = ("collapsed", "free", "kept", "params", "macs", "examples", "seconds")
        told |= {"reason": "", "arch": "0a1b", **dict.fromkeys(figures, 1), "collapsed": False}
    return told


def test_a_run_that_is_done_again_takes_the_place_of_its_failure(tmp_path: Path) -> None:
    for one in (row("darts", "failed"), row("darts", "failed", seed=1), row("random", "refused")):
        append(tmp_path, one)
    append(tmp_path, row("darts", "done"))
    assert list(known(tmp_path).values()) == [
        row("darts", "done"),
        row("darts", "failed", seed=1),
        row("random", "refused"),
    ]
    assert len((tmp_path / "compare.jsonl").read_text().splitlines()) == 3


def test_what_was_done_stays_beside_a_later_row(tmp_path: Path) -> None:
    """The file keeps what was measured; the last row counts."""
    append(tmp_path, row("darts", "done"))
    append(tmp_path, row("darts", "failed"))
    assert known(tmp_path) == {("darts", 0): row("darts", "failed")}
    assert len((tmp_path / "compare.jsonl").read_text().splitlines()) == 2
