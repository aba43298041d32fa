"""Prepare DCASE 2018 task 5, activities in a home recorded by four-microphone arrays: its four folds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import UserError
from audionas.core.hostile import command, setting
from audionas.core.pool.ordered import cores
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.data.groups import write_groups
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.data.store import Form
from audionas.prep import dcase2018, forms, intake, zips
from audionas.prep.dcase2018 import FOLDS, KNOWN, LABELS, TOPS, Corpus, Segment

ADDRESS = {
    "dev": "https://zenodo.org/record/1247102/files",
    "eval": "https://zenodo.org/record/1964758/files",
}
PARTS = ("doc", "meta", *(f"audio.{n}" for n in range(1, 24)))
# As in dcase_util's datasets/dcase2018.py (commit ad0656fd1b9e), in the order of PARTS
_MD5 = {
    "dev": """
        4517a2560820af5da20e65e4a15a2d90 8fd269986c168db5562e7509e6dc033a
        ae81259fa58b4ed11babd52386cb035a 88f2fa5306f76d6b4c4c82ce63798dc4 6fe16ce76abf801aa64662b06eecdacf
        29892d9d444db700283058ea032ed18e 05aad2d1c80bf4b73d8c23ade155e9df aa9bad6f4b877e5c4c74aa26f9e31c32
        b87d1fb20da8ce1f45d50c56bf35c560 d214fe45d50a18a18ebe7051956b872b 668631009d2b3bcf872bdd3d780446c6
        195c2d2a810c5c4bf6523541a8536a58 1c92328c0fad3f9eb4a114bac89e8b19 b651887afa7558bcbd79267fc40ea6c6
        f05a08f5c85633210be81c5ad5da3ef0 5c97b4ed12c167bf27bf3320fc3e665d 78370c4047caedfbc002b9d010ae4172
        635747f2a89eb4fee971c53585bbac93 a166c76ef8af1eef1e2c1b193de127a6 ed326b2f5e8bb65553cea738a1a42250
        429874b969a345e176136f2da6c6ec13 b5779fdfb14194c3823f981f573f4784 684874d4882945145642be946dc10f39
        6d1767a8ef6e3c5978f86a5b372641b6 4b727a3aca0b6b1456df46dd6196ae97
    """,
    "eval": """
        46bb9533c4ac74f65a959fa4c963d25f 5256ade2443e80dc11ae8e816edaf664
        0df319839c6ca49e1183a6bdda878105 c4128c29b2ec7ca3a0a640160cea45e9 367add49b9dad7e4823d12ff17f248ac
        aa2a74ff766bba3c45775e73f686bf9c 845637aa439da622ef5529b1f081c235 23dc7375c17f504f602bd293891a0812
        391845ae00c20f94d8c2e03d5016cff5 98c9421e99c241e1d96baaffaa7f9848 ffc5be57c89ca1a8480b2124ab650126
        0c619203edc5054c397a53680c401206 5e30ccf28f3b314eceb852926530d183 b12c244e646f70b9318feaba1b62bf18
        7f04c5471e102a261671122173bb3faa 4e1d4800d106e1167d5a746f8581fbee 810e1bf859931063c4dce8eb3d80de18
        2d858a337a090bf64b69ed6c8a1ffa41 e0541f41cf615951c94fba9aef302eac 418348dd851a320bc003f7c11ca7d17f
        b9ef08ba8a09f4ca056d3a3545a1a00b 6c75d2bdb778fc54f1a902300a56e969 ccc5de1cac56a1f3835772aa5fd7613d
        ece9169ada4f46cf4e7969dc6cdcc52c 9fda3aa8df12b57a57b0142fd5642a44
    """,
}
OFFICIAL = {
    name: {f"{top}.{part}.zip": md5 for part, md5 in zip(PARTS, _MD5[name].split(), strict=True)}
    for name, top in TOPS.items()
}
LICENCE = (
    "licence: EULA.pdf of the corpus, only for non-commercial use. Cite: G. Dekkers et al., DCASE 2018 "
    "Challenge - Task 5, arXiv:1807.11246, and The SINS database, DCASE Workshop 2017"
)


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write fold1 to fold4, full and eval to.")],
    src: Annotated[
        Path | None,
        typer.Option(help="Folder with the archives, or with what is in them.", show_default=False),
    ] = None,
    fetch: Annotated[bool, typer.Option("--download", help="Download the archives to OUT/download.")] = False,
    sets: Annotated[
        str, typer.Option(help="Sets to prepare: dev, or dev,eval to include the evaluation set.")
    ] = "dev,eval",
    share: Annotated[float, typer.Option(help="Share of the training part to hold out.")] = 0.3,
    seed: Annotated[int, typer.Option(help="Seed that draws the sessions to hold out.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Files to work on at a time; default: one per core.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="Length in seconds that each file must have.")
    ] = dcase2018.SECONDS,
    counts: Annotated[
        str,
        typer.Option(help="published, to require the published numbers of segments and sessions; or any."),
    ] = "published",
    sums: Annotated[
        list[str] | None, typer.Option("--md5", help="Accept an archive with this checksum; may be repeated.")
    ] = None,
) -> None:
    """Prepare DCASE 2018 task 5: OUT/fold1 to fold4 with train, dev, test; OUT/full; OUT/eval.

    A segment's speaker is its session; sessions are kept whole everywhere. OUT/full has the whole development
    set as train and dev, for OUT/eval: all, known (nodes of the development set), unknown. Run the same
    command to resume.

    Example: audionas prep dcase2018_task5 data --src archives --jobs 8
    """
    reporter, out, jobs = Reporter(), out.resolve(), jobs or cores()
    wanted = _checked(sets, counts, share, src, fetch)
    _reserve(out, wanted)
    if fetch:
        src = _download(out / "download", wanted, reporter, tuple(sums or ()))
    assert src is not None
    folders = _folders(src.resolve(), out, wanted, reporter, tuple(sums or ()), jobs)
    corpora = {name: _read(name, folder, counts) for name, folder in folders.items()}
    form = Form(dcase2018.RATE, dcase2018.CHANNELS, round(seconds * dcase2018.RATE))
    digests: dict[Path, str] = {}
    for corpus in corpora.values():
        paths = [corpus.path(segment) for segment in corpus.segments.values()]
        _require_present(paths)
        digests |= forms.examined(paths, form, log=out / "checked.jsonl", jobs=jobs, reporter=reporter)
    _store(out, corpora, digests, seconds, share, seed)
    kaldi.write_licence(out, LICENCE.removeprefix("licence: "))
    _show(out, corpora, reporter)


def _checked(sets: str, counts: str, share: float, src: Path | None, fetch: bool) -> list[str]:
    """The sets to prepare. Raises one UserError with all problems of the options."""
    wanted = [name.strip() for name in sets.split(",") if name.strip()]
    problems = []
    if "dev" not in wanted or set(wanted) - set(TOPS):
        problems.append(f"--sets {sets}: expected dev, or dev,eval")
    if counts not in ("published", "any"):
        problems.append(f"--counts {counts}: expected published or any")
    if not 0 < share < 1:
        problems.append(f"--share {share}: expected a share between 0 and 1")
    if (src is None) != fetch:
        problems.append("expected either --src FOLDER or --download")
    if src is not None and not src.is_dir():
        problems.append(f"--src {src}: no such folder")
    if problems:
        raise UserError(problems)
    return wanted


def _download(folder: Path, wanted: Sequence[str], reporter: Reporter, accept: Sequence[str]) -> Path:
    """Fetch every archive of the sets into `folder`; existing ones are only checked."""
    for name in wanted:
        for archive, md5 in OFFICIAL[name].items():
            url = f"{ADDRESS[name]}/{archive}"
            zips.fetch(url, folder / archive, reporter, official=md5, accept=accept)
    return folder


def _folders(
    src: Path, out: Path, wanted: Sequence[str], reporter: Reporter, accept: Sequence[str], jobs: int
) -> dict[str, Path]:
    """The folder of each set: already unpacked below `src`, or unpacked from its archives into OUT/audio."""
    found, problems = {}, []
    for name in wanted:
        top = TOPS[name]
        places = [place for place in (src, src / top) if place.name == top and (place / "audio").is_dir()]
        archives = {src / archive: md5 for archive, md5 in OFFICIAL[name].items()}
        if places:
            found[name] = places[0]
        elif there := [archive for archive in archives if archive.is_file()]:
            missing = [archive.name for archive in archives if archive not in there]
            problems += [f"{src}: {archive} is missing" for archive in missing if ".doc." not in archive]
            if not problems:
                md5 = zips.verify(there, OFFICIAL[name], reporter, accept=accept, jobs=jobs)
                zips.merge(md5, out / "audio", reporter, jobs=jobs)
                found[name] = out / "audio" / top
        else:
            problems.append(f"{src}: neither a folder {top} nor archives {top}.*.zip")
    if problems:
        raise UserError(
            problems,
            hint="Zenodo has them: records 1247102 (dev), 1964758 (eval). Without eval: --sets dev",
        )
    return found


def _read(name: str, folder: Path, counts: str) -> Corpus:
    """A set with its lists checked."""
    corpus = dcase2018.development(folder) if name == "dev" else dcase2018.evaluation(folder)
    if counts == "published":
        dcase2018.check_counts(name, corpus)
    return corpus


def _require_present(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = [f"... and {len(missing) - 5:,} more files"] if len(missing) > 5 else []
        raise UserError(
            [*(f"{path}: no such file" for path in missing[:5]), *more],
            hint="Unpack all 23 archives *.audio.N.zip into one folder.",
        )


def _reserve(out: Path, wanted: Sequence[str]) -> None:
    """Raise UserError where OUT holds files that are not ours and would be replaced."""
    splits = {f"fold{fold}": ("train", "dev", "test") for fold in FOLDS} | {"full": ("train", "dev")}
    splits |= {"eval": ("all", "known", "unknown")} if "eval" in wanted else {}
    places = [f"{folder}/{split}" for folder, some in splits.items() for split in some]
    groups = [f"{place}/utt2node" for place in places]
    intake.reserve(out, places, (kaldi.LICENCE, *groups, *(f"{folder}/labels.txt" for folder in splits)))


def _store(
    out: Path,
    corpora: Mapping[str, Corpus],
    digests: Mapping[Path, str],
    seconds: float,
    share: float,
    seed: int,
) -> None:
    """Write all data directories, each with `utt2node`."""

    def write(folder: str, split: str, corpus: Corpus, some: Iterable[Segment]) -> None:
        chosen = list(some)
        items = [_item(corpus.path(segment), segment, seconds, digests) for segment in chosen]
        kaldi.write(out / folder / split, items)
        write_groups(out / folder / split, "node", {_id(segment): segment.node for segment in chosen})
        write_labels(out / folder, LABELS)

    dev = corpora["dev"]
    for fold in FOLDS:
        write(f"fold{fold}", "test", dev, dev.test(fold))
    parts = {f"fold{fold}": dev.training(fold) for fold in FOLDS}
    for folder, some in {**parts, "full": list(dev.segments.values())}.items():
        held_out = dcase2018.held_out(some, share, seed)
        write(folder, "train", dev, (s for s in some if s.session not in held_out))
        write(folder, "dev", dev, (s for s in some if s.session in held_out))
    if "eval" in corpora:
        whole = corpora["eval"]
        write("eval", "all", whole, whole.segments.values())
        write("eval", "known", whole, (s for s in whole.segments.values() if s.node in KNOWN))
        write("eval", "unknown", whole, (s for s in whole.segments.values() if s.node not in KNOWN))


def _item(path: Path, segment: Segment, seconds: float, digests: Mapping[Path, str]) -> Item:
    return Item(
        _id(segment), str(path), segment.label, seconds, speaker=segment.session, sha256=digests[path]
    )


def _id(segment: Segment) -> str:
    return f"{segment.session}-{Path(segment.file).stem}"


def _show(out: Path, corpora: Mapping[str, Corpus], reporter: Reporter) -> None:
    """Show the segments of each class in every test part, and the next command."""
    tests = {f"fold {fold}": corpora["dev"].test(fold) for fold in FOLDS}
    if "eval" in corpora:
        tests["evaluation"] = list(corpora["eval"].segments.values())
    found = {name: Counter(segment.label for segment in some) for name, some in tests.items()}
    rows = [[label, *(count[label] for count in found.values())] for label in LABELS]
    rows.append(["all", *(count.total() for count in found.values())])
    rows.append(["sessions", *(len({segment.session for segment in some}) for some in tests.values())])
    reporter.table(["test segments", *found], rows)
    reporter.note(f"wrote {out}: fold1 to fold4, full{' and eval' if 'eval' in corpora else ''}")
    reporter.note(LICENCE)
    changes = (setting(f"data.{part}", out / "fold1" / part) for part in ("train", "dev"))
    reporter.note(f"next: {command('audionas', 'train', 'CONF', *changes)}")
