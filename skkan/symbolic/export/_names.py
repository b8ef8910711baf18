"""Names of columns as names in formulas and in code, where many words mean something else."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

# Numbers of SymPy, and functions that formulas call there and in NumPy and SciPy.
_IN_FORMULAS = """
    E I pi oo zoo nan inf Abs Piecewise Max Min Mod Heaviside Rational Float Integer
    sin cos tan cot sec csc asin acos atan atan2 acot arcsin arccos arctan arctan2
    sinh cosh tanh coth sech csch asinh acosh atanh arcsinh arccosh arctanh sinc
    exp expm1 exp2 log log1p log2 log10 sqrt cbrt pow power hypot abs sign floor ceil ceiling round
    gamma gammaln loggamma digamma polygamma erf erfc erfi erfinv besselj bessely besseli besselk
    jv yv iv kv expit airy airyai LambertW lambertw sici
    select where less less_equal greater greater_equal equal not_equal logical_and logical_or
    logical_not maximum minimum amax amin mod heaviside array asarray
"""
# Of C99 to C23 and of C++, where generated code is often compiled, and what compilers predefine.
_IN_C = """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while
    alignas alignof bool constexpr false nullptr static_assert thread_local true typeof
    typeof_unqual
    and and_eq asm atomic_cancel atomic_commit atomic_noexcept bitand bitor catch char8_t char16_t
    char32_t class co_await co_return co_yield compl concept const_cast consteval constinit
    decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not not_eq
    operator or or_eq private protected public reflexpr reinterpret_cast requires static_cast
    synchronized template this throw try typeid typename using virtual wchar_t xor xor_eq
    linux unix i386 NULL EOF errno assert main stdin stdout stderr complex imaginary near far I
    NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL HUGE INT_MAX DBL_MAX DOMAIN SING OVERFLOW UNDERFLOW
    PLOSS TLOSS MAXFLOAT SNAN SNANF SNANL FP_NAN FP_INFINITE FP_ZERO FP_SUBNORMAL FP_NORMAL
    FP_ILOGB0 FP_ILOGBNAN FP_FAST_FMA MATH_ERRNO MATH_ERREXCEPT math_errhandling float_t double_t
    M_E M_LOG2E M_LOG10E M_LN2 M_LN10 M_PI M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2
    M_SQRT1_2 fpclassify isfinite isinf isnan isnormal signbit isgreater isgreaterequal isless
    islessequal islessgreater isunordered iseqsig issignaling issubnormal iszero signgam
    out
"""
# Each with the suffixes f and l for other precisions, and some with _r.
_MATH_H = """
    acos asin atan atan2 acosh asinh atanh acospi asinpi atanpi atan2pi cos sin tan cospi sinpi
    tanpi cosh sinh tanh exp exp10 exp2 expm1 frexp ilogb ldexp llogb log log10 log1p log2 logb
    modf scalb scalbn scalbln cbrt fabs abs hypot pow rsqrt sqrt erf erfc lgamma lgamma_r tgamma
    gamma ceil floor nearbyint rint lrint llrint round lround llround roundeven trunc fmod remainder
    remquo drem copysign nan nextafter nexttoward nextup nextdown fdim fmax fmin fma fmaximum
    fminimum significand finite isinf isnan j0 j1 jn y0 y1 yn pow10 sincos
"""
_IN_JULIA = """
    abstract baremodule begin break catch const continue do else elseif end export false finally
    for function global if import in isa let local macro module mutable outer primitive public
    quote return struct true try type using where while
    pi im Inf NaN Inf64 NaN64 nothing missing undef Base Core Main ans eval include e
    sin cos tan cot sec csc asin acos atan acot asec acsc sinh cosh tanh coth sech csch asinh acosh
    atanh acoth asech acsch sinc exp exp2 exp10 expm1 log log1p log2 log10 sqrt cbrt abs sign floor
    ceil round trunc max min mod rem div fld hypot gamma loggamma lgamma digamma beta erf erfc
    erfcx erfi erfinv erfcinv besselj bessely besseli besselk airyai airybi airyaiprime airybiprime
    hankelh1 hankelh2 dawson eta zeta SpecialFunctions Float64 Int convert
"""
_IN_PYTHON = "numpy scipy math functools abs"

_IN_LATEX = {own: "\\" + own for own in "#$%&_{}"}
_IN_LATEX |= {"^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}"}

# Letters that Julia reads as others.
_SAME_IN_JULIA = {"ɛ": "ε", "µ": "μ"}


@dataclass(frozen=True)
class Language:
    """What names may be in a language.

    Attributes
    ----------
    title : str
        Name of the language.
    reserved : frozenset of str
        Words with a meaning of their own, and what generated code may call.
    ascii_only : bool
        Whether to write letters beyond ASCII in other ways.
    same : dict of str to str
        Letters that the language reads as others.
    """

    title: str
    reserved: frozenset[str]
    ascii_only: bool = False
    same: dict[str, str] = field(default_factory=dict)

    def names(self, names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
        """Return names that are free in the language, no two of them equal.

        Parameters
        ----------
        names : iterable of str
            Any strings.
        taken : collection of str, optional
            Names that are in use.
        """
        found: list[str] = []
        used = set(taken)
        for name in names:
            own = self.identifier(str(name))
            own = f"{own}_" if own in self.reserved or own in taken else own
            unique, count = own, 0
            while unique in used or unique in self.reserved:
                count += 1
                unique = f"{own}_{count}"
            used.add(unique)
            found.append(unique)
        return found

    def identifier(self, name: str) -> str:
        """Return a name without the characters that no name may have."""
        # Python takes names that are equal in this form for the same.
        own = unicodedata.normalize("NFKC", name)
        if self.ascii_only:
            own = _without_accents(own)
        own = "".join(self.same.get(c, c) for c in own)
        own = re.sub("_+", "_", "".join(c if self._may_hold(c) else "_" for c in own))
        own = unicodedata.normalize("NFKC", own.strip("_")) or "x"
        return own if own.isidentifier() else f"_{own}"

    def _may_hold(self, character: str) -> bool:
        if self.ascii_only or character == "_":
            return character == "_" or (character.isascii() and character.isalnum())
        # Python's rule for what may follow, and without marks that other languages read otherwise.
        return f"_{character}".isidentifier() and unicodedata.category(character)[0] in "LMN"

    def checked(self, name: str) -> str:
        """Return the name of a function, or raise an error if it cannot be one.

        Raises
        ------
        TypeError
            If the name is no string.
        ValueError
            If it is no identifier, or means something else in the language.
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}.")
        if not (name.isidentifier() and all(map(self._may_hold, name))):
            raise ValueError(
                f"name must be an identifier of {self.title}, got {name!r}; "
                f"{self.identifier(name)!r} would be one."
            )
        if name in self.reserved:
            raise ValueError(
                f"name={name!r} means something else in {self.title}; choose another one, "
                f"such as {name + '_'!r}."
            )
        return name


def _without_accents(name: str) -> str:
    """Return letters without their marks, Greek ones by their names, others by their numbers."""
    plain = [c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)]
    return "".join(
        c if c.isascii() or unicodedata.category(c)[0] not in "LN" else _spelt(c) for c in plain
    )


def _spelt(letter: str) -> str:
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(letter, ""))
    if greek is None:
        return f"u{ord(letter):04x}"
    return greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()


_FORMULA = frozenset([*keyword.kwlist, *_IN_FORMULAS.split()])
FORMULA = Language("SymPy", _FORMULA)
PYTHON = Language("Python", frozenset([*keyword.kwlist, *_IN_PYTHON.split()]))
SQL = Language("SQL", frozenset())
JULIA = Language("Julia", frozenset(_IN_JULIA.split()), same=_SAME_IN_JULIA)
C = Language(
    "C",
    frozenset(
        [*_IN_C.split(), *(own + suffix for own in _MATH_H.split() for suffix in ("", "f", "l"))]
    ),
    ascii_only=True,
)


def valid_names(names: Iterable[str]) -> list[str]:
    """Turn names of columns into identifiers for formulas, no two of them equal.

    They are identifiers of Python in the normal form NFKC, without the names of numbers and
    functions that formulas hold. Names that another language reserves are changed where code is
    written in it.

    Parameters
    ----------
    names : iterable of str
        Any strings.

    Returns
    -------
    names : list of str
        One for each.

    Examples
    --------
    >>> from skkan.symbolic.export._names import valid_names
    >>> valid_names(["petal length (cm)", "2nd", "lambda", "x²", "a", "a"])
    ['petal_length_cm', '_2nd', 'lambda_', 'x2', 'a', 'a_1']
    """
    return FORMULA.names(names)


def latex_names(names: Iterable[str]) -> dict[Any, str]:
    r"""Return the names of columns in LaTeX, by their symbols in formulas, where these differ.

    Names of letters are written as SymPy writes them, Greek ones as such; others in upright text.

    Parameters
    ----------
    names : iterable of str
        Names of the columns.

    Examples
    --------
    >>> from skkan.symbolic.export._names import latex_names
    >>> latex_names(["mass", "lambda", "x^2", "2nd"])
    {lambda_: '\\lambda', x_2: '\\text{x\\^{}2}', _2nd: '\\text{2nd}'}
    """
    import sympy  # noqa: PLC0415

    names = list(names)
    found = {}
    for own, valid in zip(names, valid_names(names), strict=True):
        if own == valid:
            continue
        if own.isidentifier() and own.isascii():
            written = str(sympy.latex(sympy.Symbol(own)))
        else:
            written = f"\\text{{{''.join(_IN_LATEX.get(c, c) for c in own)}}}"
        found[sympy.Symbol(valid)] = written
    return found
