"""What a phase of a run writes into its folder, so that `--overwrite` deletes that and nothing else."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

MADE = (  # of all phases: search, train, select, latency
    *("config.yaml", "env.json", "run.json", "done.json", "derive.json", "init.json"),
    *("metrics.jsonl", "alphas.jsonl", "archive.jsonl", "times.jsonl", "events.out.tfevents.*"),
    *("ckpt", "models", "networks"),
)


def emptied(folder: Path) -> list[str]:
    """Delete what a phase has made in its folder; the names of what stays, sorted. Links are not followed."""
    stay = []
    for place in sorted(folder.iterdir()):
        if not any(fnmatch(place.name, made) for made in MADE):
            stay.append(place.name)
        elif place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
    return stay
