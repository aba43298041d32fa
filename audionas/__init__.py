"""audionas: neural architecture search for audio, from recordings to an exported keyword model.

prepare(folder)                    recordings made ready: a Dataset
make(folder, device=, minutes=)    all the way to a model on a device, within a given time: a Run
search(data), train(run), compare(data)    find an architecture, train it, compare methods: a Run
evaluate(model, data)              accuracy with its interval, and more figures
export(model, targets)             files for other runtimes, each verified
load(folder)                       a trained Model: call it with a recording, or detect, cost, export
create_model(name, classes=)       a torch module with new weights
list_models(), list_methods(), list_spaces()    what there is
Epoch, UserError                   what a callback gets; what a user can repair
sklearn.KeywordClassifier          an estimator of scikit-learn

The names are imported when they are first used: `import audionas` alone takes no time.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers, which do not run __getattr__
    from audionas.api.dataset import Dataset as Dataset
    from audionas.api.dataset import prepare as prepare
    from audionas.api.lists import list_methods as list_methods
    from audionas.api.lists import list_models as list_models
    from audionas.api.lists import list_spaces as list_spaces
    from audionas.api.making import make as make
    from audionas.api.model import Model as Model
    from audionas.api.model import create_model as create_model
    from audionas.api.model import load as load
    from audionas.api.run import Run as Run
    from audionas.api.verbs import compare as compare
    from audionas.api.verbs import evaluate as evaluate
    from audionas.api.verbs import export as export
    from audionas.api.verbs import search as search
    from audionas.api.verbs import train as train
    from audionas.core.errors import UserError as UserError
    from audionas.core.reporter import Epoch as Epoch

__all__ = [
    "Dataset",
    "Epoch",
    "Model",
    "Run",
    "UserError",
    "compare",
    "create_model",
    "evaluate",
    "export",
    "list_methods",
    "list_models",
    "list_spaces",
    "load",
    "make",
    "prepare",
    "search",
    "train",
]
__version__ = "0.1.0"

_SHOWN = {  # by the file that has them; a module that is shown as a whole has no names
    "audionas.api.dataset": ("Dataset", "prepare"),
    "audionas.api.lists": ("list_methods", "list_models", "list_spaces"),
    "audionas.api.making": ("make",),
    "audionas.api.model": ("Model", "create_model", "load"),
    "audionas.api.run": ("Run",),
    "audionas.api.verbs": ("compare", "evaluate", "export", "search", "train"),
    "audionas.core.errors": ("UserError",),
    "audionas.core.reporter": ("Epoch",),
    "audionas.sklearn": (),
}
_LAZY = {name: module for module, names in _SHOWN.items() for name in names}


class _Door(ModuleType):
    """Keeps a name for the door where a room has it, too: an import of the room would bind it to the room.

    So `import audionas.export as e` gives the function `export`, and `from audionas.export import X` takes X
    from the room, as ever.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _LAZY or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __getattr__(name: str) -> Any:
    """A name of the door, imported when first used."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if f"{__name__}.{name}" in _SHOWN:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'audionas' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names of the door, for completion."""
    return sorted(
        [*_LAZY, *(m.rpartition(".")[2] for m, names in _SHOWN.items() if not names), "__version__"]
    )
