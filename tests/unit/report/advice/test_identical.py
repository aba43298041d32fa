"""One network from several runs is told, different ones are not."""

from audionas.report.advice.identical import identical


def run(method: str, seed: int, arch: str) -> dict:
    return {"method": method, "seed": seed, "arch": arch, "epochs": 10}


def test_one_network_from_several_methods_is_told() -> None:
    rows = [run("darts", 0, "a"), run("darts", 1, "a"), run("gdas", 0, "a"), run("gdas", 1, "b")]
    found = identical(rows, "duel", "audionas compare c.yaml")
    assert found is not None
    assert "3 of 4 runs found the same network (a): darts, seed 0 1; gdas, seed 0." in found.what
    assert "not the methods" in found.what
    assert found.do == "audionas compare c.yaml name=duel_longer search.epochs=20"


def test_one_network_from_several_seeds_is_told() -> None:
    found = identical([run("darts", 0, "a"), run("darts", 1, "a")], "duel", "compare(...)")
    assert found is not None
    assert "not the seeds" in found.what
    assert found.do == ""  # what was typed was no command line


def test_different_networks_are_not() -> None:
    assert identical([run("darts", 0, "a"), run("gdas", 0, "b")], "duel", "audionas compare c.yaml") is None
    assert identical([], "duel", "") is None
