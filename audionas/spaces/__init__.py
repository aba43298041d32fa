"""Which networks exist: one search space a file, the file name is its registered name."""

from audionas.core.doors import door

__getattr__ = door(
    __name__,
    {
        "_base": "Scale Space present space_of",
        "_chain": "Chain temporal_chain",
        "_genotype": "genotype_of spec_from_genotype",
        "_nb201_code": "canonical code code_of flat_string is_connected parse spec_from_code unique_string",
        "_nb201_table": "SETS Nb201Table",
    },
)
