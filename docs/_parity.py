"""Where official code, paper and audionas differ: the table on the page of methods."""

HEAD = """
## Official code and papers

`tests/golden` holds what official code computes: logits, alpha gradients, the points at which SDARTS
learns, the curvature of DARTS-ES, the losses by which DARTS-PT decides. `tests/invariants/test_golden.py` and
`test_golden_near.py` hold ours to them within 1e-9. Where code and paper differ:

| method | official code | paper | here |
|---|---|---|---|
"""
ROWS = (
    (
        "darts",
        "augments alpha's half",
        "does not say",
        "code on images, not recordings (`search.augment_alpha`)",
    ),
    ("darts", "torch's initialisation", "does not say", "He's, fan out, as in final networks"),
    ("darts", "NAS-Bench-201: biases before norms", "", "none: the norm takes them off"),
    (
        "gdas",
        "adds unselected gates, zeros, to the map",
        "selected alone",
        "paper (recorded: `forward_gdas_v1`); `gradient: all` is the code's",
    ),
    ("pc_darts", "the first channels, always", "at random", "code"),
    ("beta_darts", "no term in the second order", "one loss", "paper"),
    ("darts_es", "adds alpha's decay to the Hessian", "the validation loss alone", "paper"),
    ("darts_es", "measures on the last batch of the epoch", "does not say", "the first of alpha's half"),
    ("darts_pt", "decides an edge of both cells at once", "an edge at random", "one order for both"),
    ("darts_pt", "the first of equal accuracies", "", "the one with the larger loss without it"),
    ("darts_pt", "tunes at a tenth of the rate, constant", "", "a tenth of the schedule, begun anew"),
    ("dr_nas", "widens with copies drawn by chance", "", "in order, their readers divided"),
    ("dr_nas", "a wider network keeps its momentum", "", "a fresh one"),
    ("sdarts", "clips, then divides by the sum", "within eps of p", "code"),
    ("fair_darts", "zero-one loss about 0.5, mean over options", "the same", "both"),
    ("darts_minus", "not public now; a 1x1 convolution", "a skip", "paper; `auxiliary: conv1`"),
    ("proxyless_nas", "alpha rests where Zero was drawn", "does not say", "alpha moves"),
    ("proxyless_nas", "norms with epsilon 0.001", "does not say", "0.00001"),
    ("mix_path", "draws the number of kernels first", "paths by chance", "code; `sampling: subset`"),
    ("drop_nas", "decay is a step of its own, of twice the length", "partial decay", "within the step"),
    ("snas", "anneals over 150 epochs, with a flag", "anneals", "over the search's epochs"),
    ("noisy_darts", "not recorded", "", "see its page"),
    ("p_darts", "not recorded", "", "see its page"),
    *((name, "none public", "", "paper") for name in ("merge_nas", "parsec", "rome")),
)
END = """
MergeNAS weighs masks of one kernel: kernel and gate are one there by design, so that its alpha is not
identifiable. For all other methods that mix options it is ([0023](decisions/0023-alpha-identifiable.md)).
"""
