"""Blocks, candidate operations and the edges that hold choices."""

from audionas.core.doors import door

__getattr__ = door(
    __name__,
    {
        "_depthwise": "Form depthwise",
        "_join": "join",
        "_norm": "EndsInNorm Norm",
        "_pooling": "average_pool",
        "_sharing": "once sharing",
    },
)
