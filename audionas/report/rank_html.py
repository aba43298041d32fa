"""A ranking study as a page: a scatter plot for each kind of batch-norm statistics, and the table."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
