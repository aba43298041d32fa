"""The search methods: one method per file, and the file name is its registered name."""

from audionas.core.doors import door

__getattr__ = door(
    __name__,
    {
        "_base": "Method SearchRun",
        "_bilevel": "Bilevel",
        "_curvature": "bent hessian largest_eigenvalue rise",
        "_decided": "by_shares crossing decided",
        "_derive": "parameter_free strongest",
        "_fold": "fold",
        "_one_shot": "shared",
        "_perturb": "idle_inputs mean_gates needed order",
        "_price": "inclusion value",
        "_recentre": "recentre",
        "_sample": "anneal concentration concrete dirichlet drawn gumbel one_hot_concrete rows "
        "straight_through with_rows",
        "_score": "Scoring gates_of score score_gates standing",
        "_stages": "whole",
        "_unrolled": "step_ahead",
    },
)
