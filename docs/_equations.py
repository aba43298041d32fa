"""The equation of each search method, in TeX, with what its symbols mean.

Throughout, o is an option of a choice, alpha its logit, w the weights, L a loss, tau a temperature and G
Gumbel noise.
"""

from typing import NamedTuple


class Equation(NamedTuple):
    """TeX, and a sentence or two about the symbols."""

    tex: str
    words: str


_SOFTMAX = r"p_o = \frac{e^{\alpha_o}}{\sum_{q} e^{\alpha_q}}"

EQUATIONS = {
    "beta_darts": Equation(
        r"\min_\alpha \; L_{\mathrm{valid}}(w, \alpha) + \lambda_e \, \operatorname{mean}_{\mathrm{edges}} "
        r"\log \sum_o e^{\alpha_o}, \qquad \lambda_e = \beta \, \frac{e}{E}",
        "e is the epoch of E, β the setting `beta_decay`.",
    ),
    "darts": Equation(
        r"\bar{o}(x) = \sum_o p_o \, o(x), \quad " + _SOFTMAX + r", \qquad "
        r"\min_\alpha \; L_{\mathrm{valid}}(w^*(\alpha), \alpha), \quad "
        r"w^*(\alpha) = \operatorname{argmin}_w L_{\mathrm{train}}(w, \alpha)",
        "An edge gives the mean of its options o, weighted by the softmax of their logits α. The inner "
        "minimum is replaced by the weights as they are (`order: 1`) or a step ahead (`order: 2`).",
    ),
    "darts_es": Equation(
        r"\lambda = \lambda_{\max}\left( \nabla^2_\alpha L_{\mathrm{valid}}(w, \alpha) \right), \qquad "
        r"\text{stop where} \quad \frac{\bar{\lambda}(t)}{\bar{\lambda}(t - b)} > f",
        "The bar is the mean over the last `window` measurements, b is `back` and f is `factor`.",
    ),
    "darts_minus": Equation(
        r"\bar{o}(x) = \beta_e \, x + \sum_o p_o \, o(x), \qquad "
        r"\beta_e = \beta \left( 1 - \frac{e}{E} \right)",
        "p is the softmax of α, e the epoch of E; the first term is the auxiliary skip (`decay: linear`).",
    ),
    "darts_pt": Equation(
        r"o^* = \operatorname{argmin}_o \; "
        r"\mathrm{accuracy}_{\mathrm{valid}}\left( w, p_{-o} \right)",
        "In the weights p without o, that option's weight is 0: the option is kept that the supernet "
        "misses most.",
    ),
    "dr_nas": Equation(
        r"\min_\alpha \; \mathbb{E}_{p \sim \mathrm{Dir}(b)} \left[ L_{\mathrm{valid}}(w, p) \right], \qquad "
        r"b = \mathrm{elu}(\alpha) + 1",
        "p are the weights of a choice's options; the gradient passes through the draw.",
    ),
    "drop_nas": Equation(
        r"\bar{o}(x) = \sum_{o \in K} \frac{e^{\alpha_o}}{\sum_{q \in K} e^{\alpha_q}} \, o(x), \qquad "
        r"q = d^{1 / |g|}",
        "K are the options that this step keeps: each option of a group g is dropped with probability q, "
        "until one of the group is left; d is `drop`, or `drop_free` for options without weights.",
    ),
    "fair_darts": Equation(
        r"\bar{o}(x) = \sum_o \sigma(\alpha_o) \, o(x), \qquad \min_\alpha \; L_{\mathrm{valid}}(w, \alpha) "
        r"- w_{01} \, \frac{1}{N} \sum_o \left( \sigma(\alpha_o) - \frac{1}{2} \right)^2",
        "σ is the sigmoid, N the number of all options, w₀₁ the setting `zero_one_weight` with "
        "`zero_one_form: squared`.",
    ),
    "fair_nas": Equation(
        r"w \leftarrow w - \eta \sum_{k=1}^{K} \nabla_w L_{\mathrm{train}}\left( w, "
        r"(\pi_1(k), \ldots, \pi_n(k)) \right)",
        "π are random orders of the K options, one for each of the n layers, drawn anew for every update.",
    ),
    "gdas": Equation(
        r"h = \operatorname{onehot}\left( \operatorname{argmax}_o \, (\alpha_o + G_o) \right), \qquad "
        r"\bar{o}(x) = \sum_o h_o \, o(x), \qquad \frac{\partial h}{\partial \alpha} \approx "
        r"\frac{\partial}{\partial \alpha} \operatorname{softmax}\left( \frac{\alpha + G}{\tau} \right)",
        "Only the drawn option runs; its gradient reaches all logits through the soft form.",
    ),
    "merge_nas": Equation(
        r"\bar{o}(x) = \left( \sum_o p_o \, M_o \odot W \right) * x, \qquad " + _SOFTMAX,
        "W is the one kernel of an edge, M the mask of the positions that an option uses.",
    ),
    "mix_path": Equation(
        r"y = \mathrm{BN}_{|S|}\left( \sum_{k \in S} \mathrm{conv}_k(x) \right), \qquad 1 \le |S| \le m",
        "S is the set of kernels that a layer draws; each size of S has batch-norm statistics of its own.",
    ),
    "moga": Equation(
        r"\max \; \mathrm{accuracy}, \qquad \min \; \mathrm{latency}, \qquad \max \; \mathrm{parameters}",
        "The objectives of the search in a supernet that is trained as FairNAS trains it.",
    ),
    "noisy_darts": Equation(
        r"\bar{o}(x) = \sum_{o} p_o \, o(x) + p_{\mathrm{skip}} \, \epsilon, \qquad "
        r"\epsilon \sim N\left( 0, (\lambda \, \mathrm{sd})^2 \right)",
        "The noise is on the skip's output alone, whose deviation over the batch is sd; λ is `std`.",
    ),
    "p_darts": Equation(
        r"O_{s+1} = \operatorname{top}_{k_s} \left\{ p_o : o \in O_s \right\}, \qquad " + _SOFTMAX,
        "A stage s keeps the strongest options O of each choice for the next one, which is a deeper network.",
    ),
    "parsec": Equation(
        r"\nabla_\alpha = -\sum_s \omega_s \, \nabla_\alpha \log p(a_s \mid \alpha), \qquad "
        r"\omega_s = \frac{e^{-\gamma L(w, a_s)}}{\sum_r e^{-\gamma L(w, a_r)}}, "
        r"\qquad a_s \sim p(a \mid \alpha)",
        "The a are the networks drawn in a step, γ is `tempering`.",
    ),
    "pc_darts": Equation(
        r"f_i(x) = \left[ \sum_o p_o \, o(x_S), \; x_{-S} \right], \qquad "
        r"y = \sum_i \frac{e^{\beta_i}}{\sum_j e^{\beta_j}} \, f_i(x_i)",
        "S is the first 1/k of the channels, and the others go by; β weighs the edges i into a node.",
    ),
    "proxyless_nas": Equation(
        r"\frac{\partial L}{\partial \alpha_i} \approx \sum_j \frac{\partial L}{\partial g_j} \, p_j \, "
        r"(\delta_{ij} - p_i), \qquad g \sim p, \quad \bar{o}(x) = \sum_j g_j \, o_j(x)",
        "g are binary gates, of which one is open; δ is 1 where i and j are the same option.",
    ),
    "random": Equation(r"a \sim U(A)", "A are all networks of the space, or those within `limit`."),
    "random_nas": Equation(
        r"w \leftarrow w - \eta \, \nabla_w L_{\mathrm{train}}(w, a), \quad a \sim U(A), \qquad "
        r"a^* = \operatorname{argmax}_{a \in D} \; \mathrm{accuracy}_{\mathrm{valid}}(w, a)",
        "A are all networks of the space, D the `draws` random ones that are compared at the end.",
    ),
    "rome": Equation(
        r"g_\alpha = \frac{1}{K} \sum_{k=1}^{K} \nabla_\alpha L_{\mathrm{valid}}(w, a_k), \qquad "
        r"g_w = \sum_{k=1}^{K} \nabla_w L_{\mathrm{train}}(w, a_k)",
        "Each of the K networks a draws two edges per node by β and an option per edge by α; g are the "
        "gradients of a step.",
    ),
    "scarlet": Equation(
        r"\mathrm{skip}(x) = W x \quad \text{in the supernet}, \qquad "
        r"\mathrm{skip}(x) = x \quad \text{in a network}",
        "W is a 1x1 convolution; the supernet is trained as FairNAS trains it.",
    ),
    "sdarts": Equation(
        r"\min_w \; L_{\mathrm{train}}(w, p'), \qquad |p'_o - p_o| \le \epsilon_e, \qquad " + _SOFTMAX,
        "p' is drawn near p (`smoothing: random`), or the worst that an adversary finds (`adversarial`).",
    ),
    "snas": Equation(
        r"z = \operatorname{softmax}\left( \frac{\alpha + G}{\tau} \right), \qquad "
        r"\bar{o}(x) = \sum_o z_o \, o(x), \qquad \min_{w, \alpha} \; \mathbb{E}_z \left[ L(w, z) \right]",
        "α is here the paper's log α; as the temperature τ falls, draws z become one-hot.",
    ),
    "spos": Equation(
        r"\min_w \; \mathbb{E}_{a \sim U(A)} \left[ L_{\mathrm{train}}(w, a) \right]",
        "A are all networks of the space, or those within `limit`. A sandwich adds the two ends.",
    ),
}
