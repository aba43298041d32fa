"""A front-end that takes chunks of any length and returns the frames of the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
