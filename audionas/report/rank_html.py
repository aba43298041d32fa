"""A ranking study as a page: one scatter plot per kind of batch-norm statistics, and the table."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
