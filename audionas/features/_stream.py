"""A front-end that is fed in chunks of any length and gives the frames of the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
