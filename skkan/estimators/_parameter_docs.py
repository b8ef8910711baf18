"""The parameters that the estimators share, described once."""

import textwrap
from types import FunctionType
from typing import Any, TypeVar

T = TypeVar("T")

SHARED_PARAMETERS = """\
hidden_layer_sizes : "auto", int or array-like, default="auto"
    An entry for every hidden layer: a number of sum nodes, or a pair of the number of sum
    nodes and of product nodes, each of which multiplies two sums. Other products are told by
    their numbers of factors: ``((1, 2),)`` is one layer of one sum and two products of two,
    ``((1, (2, 3)),)`` of one sum, a product of two and a product of three, whereas ``(1, 2)``
    are two layers without products. ``()`` leaves no hidden layer: one function per column
    and output, the additive model. ``"auto"`` leaves the shape to the fit: the functional
    analysis of variance, and other networks where the data are almost free of noise.
    With many columns and many classes, another loss of several targets, a fixed `alpha`,
    `early_stopping`, `sparsity`, a base function, ``solver="adam"`` or `partial_fit` of a
    classifier, it is one hidden layer of five sum nodes, or of as many as there are outputs if
    these are more. With fewer samples than such a network has edges no other network is
    compared: there is the analysis, or no hidden layer.
grid_size : int or array-like of int, default=5
    Number of intervals of every grid; an edge function has ``grid_size + degree`` B-splines.
    An increasing sequence is a schedule from coarse to fine: training goes on from one grid to
    the next, starting there from the function found before. It stops short of a grid that does
    not raise the marginal likelihood (``alpha="auto"``) or lower the loss of the held-out
    samples (`early_stopping`).
degree : int, default=3
    Degree of the splines, at least 1.
base_function : {"zero", "identity", "silu", "tanh", "sin"}, default="zero"
    Fixed function that every edge adds, with a coefficient of its own, to its spline. It acts
    on the grid coordinate, in which a grid reaches from -1 to 1. ``"zero"`` adds none.
knots : {"uniform", "quantile"} or float in [0, 1], default="uniform"
    Where the intervals lie, on the inputs and on the hidden nodes: equally long, equally full,
    or, for a number, the mean of both with that weight on the equally full ones. A weight of
    at most 0.98 is used, so that ties never make an interval vanish, and of at least 0.25 on
    hidden nodes where `grid_size` goes beyond 10, so that samples reach their ends.
extrapolation : {"auto", "linear", "constant"}, default="auto"
    What the splines of a column do beyond the range of the training data, and a little room: go on
    as straight lines, or keep their value. "auto" means "constant" where the shape of the network
    is left to `fit`, and "linear" where it is given. `to_sympy` and the codes do the same. Where
    the shape is given, at most a twentieth of the samples, behind a gap of ten times the range
    of the others, is no part of the range.
solver : {"auto", "lbfgs", "lm", "adam"}, default="auto"
    ``"lm"`` is Levenberg-Marquardt: few iterations, each of which solves a linear system in
    all parameters. ``"lbfgs"`` is L-BFGS on whitened parameters, whose iterations are cheap
    but many. ``"auto"`` takes ``"lm"`` for up to 1,500 parameters, as long as the number of
    samples allows it.
    ``"adam"`` is Adam on mini-batches, whose iterations are passes over all samples: rough, but
    each of them costs no more than a gradient.
batch_size : "auto" or int, default="auto"
    Number of samples of a mini-batch; ``"auto"`` is 200. Only used with ``solver="adam"``, and
    by `partial_fit` for networks of more than 2,500 parameters.
learning_rate_init : float, default=0.01
    First step of Adam; it is halved where a pass no longer lowers the objective. Used like
    `batch_size`.
alpha : "auto" or float, default="auto"
    Weight of the penalty on the roughness of the edge functions. It has no unit: inputs,
    hidden nodes and the targets of a regression are scaled.

    A number weighs all edges alike. To the mean loss it adds, for every edge function
    ``phi``, about ``alpha / 2`` times the integral of ``phi''(u) ** 2`` over its grid, ``u``
    from -1 to 1, and the square of its mean slope, ``alpha / 2`` times on edges to hidden
    nodes, ``alpha / 2000`` times on edges to outputs.

    ``"auto"`` chooses the weights of bends and slopes from the training data: first one
    for everything, then two for every layer, then two for every edge, as long as the marginal
    likelihood (in the Gauss-Newton approximation) grows enough to pay for them. Those of a
    classifier have lower bounds, lest the log-odds grow without end on classes that can be
    separated.

    With ``"auto"`` the additive model is fitted, too, and takes the place of the network
    unless the marginal likelihood speaks clearly for the network; ``network_`` then has the
    shape that was asked for, but carries an additive function. This comparison is left out
    with `early_stopping`, on a warm start, and where a hidden layer is narrower than the
    outputs.
sparsity : float, default=0.0
    Weight of a penalty that makes edges vanish: for every layer the sum of the magnitudes of
    its edges, the standard deviations of their functions on the training data, and the
    entropy of the shares that they have in the sum.
interaction_cst : {"no_interactions", "pairwise"} or sequence of sets of int, default=None
    Which columns may interact, where the fit is an analysis of variance: none, pairs only, or
    those that are in one of some sets of column numbers, as in
    :class:`sklearn.ensemble.HistGradientBoostingRegressor`; columns in none of the sets make up
    one more. ``None`` is no limit.
n_restarts : int or "auto", default="auto"
    Number of random starts. ``"auto"`` is two, and in small networks (up to 64 coefficients on
    the coarsest grid) with ``alpha="auto"`` up to six more under a weak penalty, until two of
    these come to about the same loss; if that is clearly lower, the best of them is compared by
    the marginal likelihood. Starts race on the coarsest grid for a few iterations, the better
    half of them for a few more, and so on; only the last one is trained further. With
    ``alpha="auto"`` and eight or more, one in four is left and compared by the marginal
    likelihood, and half of them race under a weak penalty, which finds more on data with
    little noise.
max_iter : int, default=1000
    Largest number of solver iterations on all grids together, not counting those of the race.
tol : float, default=1e-5
    Training has converged when an iteration lowers the objective (``"lbfgs"``; for
    ``"adam"`` several, down to small steps), or is
    predicted to lower it (``"lm"``), by no more than this fraction. With `early_stopping` the
    loss of the held-out samples has to fall by this fraction to count as improved.
early_stopping : bool, default=False
    Whether to hold out samples, of a classifier the same share of every class, end the training
    when their loss no longer improves, and keep the network with the smallest such loss. The
    weights of ``alpha="auto"`` are chosen on the other samples all the same.
validation_fraction : float, default=0.1
    Share of the samples to hold out, between 0 and 1. Only used with `early_stopping`.
n_iter_no_change : int, default=10
    Number of iterations without improvement after which training on a grid ends. Only used
    with `early_stopping`.
warm_start : bool, default=False
    Whether `fit` goes on from the network of the previous call, in place of random starts. The
    data may differ, but not the shape of the network, `degree` or `base_function`. The weights
    that ``alpha="auto"`` has chosen before are where it goes on from, too, if the columns of
    `X` still have the same ranges.
n_jobs : int, default=None
    Number of threads that run the starts of the race and, where there is one network left, go
    through the samples block by block, as predictions for many samples do. It changes no
    result. ``None`` means 1 unless in a :obj:`joblib.parallel_config` context, ``-1`` all
    cores. BLAS is kept to one thread during a fit.
dtype : {"float64", "float32"}, default="float64"
    Precision of what `fit` does for every sample: edge functions, their derivatives, and the
    products of those. Single precision takes half the memory for features and less time where
    there are many samples, and leaves relative errors of about 1e-6, which noise hides but
    formulas do not. Samples, sums over them, parameters and predictions are in double precision
    all the same, and so are the steps of `partial_fit` after the first.
max_cache_bytes : int, default=2**28
    Memory, in bytes, for what is only kept to save time. Features of the first layer, one
    number per sample, column and spline, are kept if they fit in, or else computed anew
    whenever a block of samples is used, which takes little longer and changes no result. An
    array or a mapped file `X` is copied, sorted and scaled, if the copy, eight bytes a number,
    fits in; or else it stays where it is and is read block by block, which changes results by
    no more than rounding, but for the draw of `early_stopping`. 0 keeps and copies nothing.
categorical_features : "from_dtype", None or array-like, default="from_dtype"
    Columns whose values are levels and not numbers: a mask of bool, numbers, or names. With
    ``"from_dtype"`` they are the columns of data frames whose type is categorical or text. An edge
    from such a column is a table of one coefficient a level, shrunk towards their mean, which is
    also what levels unknown to `fit` get; the levels of an ordered categorical column are taken as
    equal steps of a number. A column may have up to 1,000 levels. Gaps (NaN, None or null) are
    allowed in all columns: every edge has one coefficient for them, where there have been any in
    `fit`, and they are taken for the median otherwise.
monotonic_cst : array-like of {-1, 0, 1} or dict, default=None
    For every column, or by name or number for some, whether predictions (of a classifier the
    log-odds; two classes only) rise (1) or fall (-1) with it. The coefficients of the splines are
    ordered, so that this holds everywhere, also beyond the data, and after `prune` and `refine`.
    With ``hidden_layer_sizes="auto"`` such columns interact with no other; through hidden layers
    edges are monotone from end to end, and there must be no product nodes. Not for columns of
    levels.
convexity_cst : array-like of {-1, 0, 1} or dict, default=None
    In the same form, whether predictions are convex (1) or concave (-1) in a column; for additive
    models and ``hidden_layer_sizes="auto"``. Splines go on as straight lines then.
random_state : int, RandomState instance or None, default=None
    Source of the random starts and, with `early_stopping`, of the split. An int makes fits
    repeatable.
verbose : int or bool, default=0
    Whether to print a line per training phase.
"""


def with_shared_parameters(estimator: type[T]) -> type[T]:
    """Put the description of the shared parameters where a class docstring asks for it."""
    if estimator.__doc__ is not None:
        text = textwrap.indent(SHARED_PARAMETERS, "    ").strip()
        estimator.__doc__ = estimator.__doc__.replace("{shared_parameters}", text)
    if "__init__" not in vars(estimator):
        _give_own_init(estimator)
    return estimator


def _give_own_init(estimator: type[Any]) -> None:
    """Copy the inherited ``__init__``, so that errors about keywords name the class itself."""
    inherited = estimator.__init__
    own = FunctionType(
        inherited.__code__,
        inherited.__globals__,
        "__init__",
        inherited.__defaults__,
        inherited.__closure__,
    )
    own.__kwdefaults__ = inherited.__kwdefaults__
    own.__annotations__ = inherited.__annotations__
    own.__doc__ = inherited.__doc__
    own.__qualname__ = f"{estimator.__name__}.__init__"
    estimator.__init__ = own
