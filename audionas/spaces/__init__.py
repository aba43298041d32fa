"""The networks that exist: one search space per file, and the file name is its registered name."""

from audionas.core.doors import door

__getattr__ = door(
    __name__,
    {
        "_base": "BuildSize Space present space_of",
        "_chain": "Chain temporal_chain",
        "_genotype": "genotype_of spec_from_genotype",
        "_nb201_code": "code code_of parse spec_from_code",
        "_slim": "SlimSpace",
    },
)
