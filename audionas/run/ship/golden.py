"""`golden.npz`: inputs with a trained model's features and scores for them, for testing other code."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.export import verify
from audionas.models.model import Model
from audionas.models.stream import TorchStream
from audionas.run.ship import calibration
from audionas.run.ship.trial import Trial

_CLIPS = 4


def write(file: Path, trial: Trial) -> dict[str, list[int]]:
    """Write the arrays, float32. Returns their shapes by name.

    `samples` (n, samples) or `images` (n, 3, H, W), `features` (n, F, T) before normalising, `scores`
    (n, classes) of the clips. A network that streams adds `hop_scores` (n, hops, classes): the scores after
    each hop of a clip, and of the silence in which its last hop ends, from a reset on.
    """
    model, given = trial.model, trial.few[:_CLIPS]
    arrays = {"scores": model.scores(given)}
    if isinstance(model, Model):
        arrays = {"samples": given, "features": calibration.features_of(model, given), **arrays}
        with suppress(UserError):  # a network that looks ahead has no hops
            arrays["hop_scores"] = verify.heard(TorchStream(model.bundle, trial.pool), given)
    else:
        arrays = {"images": given, **arrays}
    with atomic(file) as draft, draft.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    return {name: list(array.shape) for name, array in arrays.items()}
