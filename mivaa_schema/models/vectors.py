"""Vectors: what counts as one, how drivers get it, and how SQL compares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

from pgvector import HalfVector, SparseVector
from pgvector import Vector as PgVector
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import ColumnElement, Dialect, Float, func
from sqlalchemy.orm import InstrumentedAttribute, Mapped
from sqlalchemy.sql import roles

HALF_DIMENSIONS = 768
"""Dimensions of the vectors that ``mivaa.half_cosine_distance`` compares."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.sql.expression import SQLColumnExpression

    class Array(Protocol):
        """An array, such as one of numpy, which need not be installed."""

        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102
        def tolist(self) -> Any: ...  # noqa: D102

    Vector: TypeAlias = Sequence[float] | Array | PgVector | HalfVector | SparseVector | str
    """A vector as an application may pass it: numbers, an array of shape ``(n,)``, a vector of
    pgvector, or its text ``[0.1,0.2,...]``."""

    Other: TypeAlias = Vector | SQLColumnExpression[Any]

    class EmbeddingAttribute(InstrumentedAttribute[list[float] | None]):
        """A column of vectors in a query, as in ``Document.embedding_v2``."""

        def cosine_distance(self, other: Other, /) -> ColumnElement[float]: ...  # noqa: D102
        def l2_distance(self, other: Other, /) -> ColumnElement[float]: ...  # noqa: D102
        def l1_distance(self, other: Other, /) -> ColumnElement[float]: ...  # noqa: D102
        def max_inner_product(self, other: Other, /) -> ColumnElement[float]: ...  # noqa: D102

    class MappedEmbedding(Mapped[list[float] | None]):
        """A mapped vector: whatever is assigned, a list of numbers is read."""

        @overload
        def __get__(self, instance: None, owner: Any) -> EmbeddingAttribute: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> list[float] | None: ...
        def __get__(self, instance: object | None, owner: Any) -> Any: ...
        def __set__(  # type: ignore[override]  # more than what is read
            self, instance: Any, value: Other | None
        ) -> None: ...
else:
    MappedEmbedding = Mapped[list[float] | None]


def as_list(vector: Vector) -> list[float]:
    """The numbers of a vector.

    Raises:
        ValueError: It has more than one dimension, or is no vector.
    """
    if isinstance(vector, str):
        text = vector.strip()
        if not (text.startswith("[") and text.endswith("]")):
            raise ValueError(f"{_shown(vector)} is no vector, expected numbers in brackets, [1,2]")
        numbers: Any = text[1:-1].split(",")
    elif (shape := getattr(vector, "shape", None)) is not None and len(shape) != 1:
        message = f"one vector has the shape {tuple(shape)}, expected one dimension"
        raise ValueError(f"{message}: pass its only row, vector[0]" if shape else message)
    elif convert := getattr(vector, "to_list", getattr(vector, "tolist", None)):
        numbers = convert()
    elif isinstance(vector, Sequence) and not isinstance(vector, bytes | bytearray):
        numbers = vector
    else:
        raise ValueError(f"{_shown(vector)} is no vector, expected a list of numbers or an array")
    try:
        return [float(number) for number in numbers]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{_shown(vector)} is no vector: {error}") from error


def _shown(value: object) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"


def as_text(vector: Vector) -> str:
    """A vector as PostgreSQL reads it, ``[0.1,0.2,...]``; text is left as it is.

    Raises:
        ValueError: It has more than one dimension, or is no vector.
    """
    if isinstance(vector, str):
        return vector
    numbers = as_list(vector)
    # Nine digits are all that a float of single precision has.
    return "[" + ",".join(["%.9g"] * len(numbers)) % tuple(numbers) + "]"


def is_sql(value: object) -> bool:
    """Whether a value is an expression of SQL, or an attribute of a model."""
    return isinstance(value, roles.SQLRole) or hasattr(value, "__clause_element__")


class _Both(str, PgVector):
    """The text of a vector, which is a vector of pgvector too.

    Asyncpg takes text for a type that it does not know, and after ``register_vector`` a vector;
    which of them, no bind processor is told.
    """

    def __init__(self, text: str) -> None:
        """Take the text alone; what PgVector keeps is made when it is asked for."""

    def to_binary(self) -> bytes:
        """What the codec of ``register_vector`` sends."""
        return PgVector(as_list(str(self))).to_binary()


def as_parameter(vector: Vector) -> str:
    """A vector as every driver takes it, with and without ``register_vector``."""
    return _Both(as_text(vector))


class Embedding(VECTOR):
    """``vector(n)`` whose values work with every driver, and distances under every search path.

    Distances are calls of functions in schema ``mivaa``, which the planner replaces by pgvector's
    operators: the operators themselves are found only where its schema is in the search path. So
    are ``=``, casts and aggregates, which stay pgvector's own.

    Args:
        dim: Number of dimensions.
        half: Whether the index holds half precision, so that a distance has to ask for it; for 768
            dimensions.
    """

    cache_ok = True

    def __init__(self, dim: int | None = None, half: bool = False) -> None:
        super().__init__(dim)
        self.half = half

    def bind_processor(self, dialect: Dialect) -> Callable[[Vector | None], str | None]:
        """Convert what an application passes into what the driver takes."""
        convert = as_parameter if dialect.driver == "asyncpg" else as_text
        return lambda vector: None if vector is None else convert(vector)

    def literal_processor(self, dialect: Dialect) -> Callable[[Vector], str]:
        """Convert what an application passes into a literal of SQL."""
        quote = super().literal_processor(dialect)
        return lambda vector: str(quote(PgVector(as_list(vector))))

    class Comparator(VECTOR.Comparator):
        """The distances of pgvector, to a vector or to another column of vectors."""

        def cosine_distance(self, other: Any, /) -> ColumnElement[float]:
            """Cosine distance, 0 to 2; of chunks in half precision, as their index holds it.

            Raises:
                ValueError: The column has half precision, and not 768 dimensions.
            """
            half, dimensions = (getattr(self.type, name, None) for name in ("half", "dim"))
            if half and dimensions != HALF_DIMENSIONS:
                message = f"half precision for {dimensions} dimensions"
                raise ValueError(f"{message}, expected {HALF_DIMENSIONS}, as their index has")
            return self._call("half_cosine_distance" if half else "cosine_distance", other)

        def l2_distance(self, other: Any, /) -> ColumnElement[float]:
            """Euclidean distance."""
            return self._call("l2_distance", other)

        def l1_distance(self, other: Any, /) -> ColumnElement[float]:
            """Taxicab distance."""
            return self._call("l1_distance", other)

        def max_inner_product(self, other: Any, /) -> ColumnElement[float]:
            """Negative inner product, so that the largest product comes first."""
            return self._call("max_inner_product", other)

        def _call(self, function: str, other: Any) -> ColumnElement[float]:
            # The operator knows best what stands on its right: a value, a parameter without a type,
            # a variable of a lambda.
            right: Any = self.op("<=>")(other)
            found: ColumnElement[float] = getattr(func.mivaa, function)(
                self.expr, right.right, type_=Float()
            )
            return found

    comparator_factory = Comparator
