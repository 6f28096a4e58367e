"""The base of the values that cross a boundary: a user's request, a row, a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.wording import validation_sentences

_set = object.__setattr__  # as pydantic sets the fields of a frozen model itself


class Frozen(BaseModel):
    """Base of the values that cross a boundary: frozen, closed, and it answers nonsense with `InvalidInput`."""

    # Built on first use: most programs need a few of these classes, and importing them all should cost little.
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    if not TYPE_CHECKING:  # type checkers keep the signature that pydantic derives from the fields

        def __init__(self, /, **fields: object) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise InvalidInput(validation_sentences(error)) from error

    @classmethod
    def of_checked(cls, fields: dict[str, object]) -> Self:
        """A value of fields that were checked before: all of them, each of its type; the caller vouches for that.

        It takes a third of the time, for places where many values are put together from others.

        Args:
            fields: The fields; the value keeps the dictionary for itself.
        """
        return cls._put_together(fields, set(fields), None)

    def evolve(self, **changes: object) -> Self:
        """A copy with some fields changed; the caller vouches for their types."""
        private = None if self.__pydantic_private__ is None else {**self.__pydantic_private__}
        return self._put_together({**self.__dict__, **changes}, self.model_fields_set | changes.keys(), private)

    @classmethod
    def _put_together(cls, fields: dict[str, object], given: set[str], private: dict[str, object] | None) -> Self:
        value = cls.__new__(cls)
        _set(value, "__dict__", fields)
        _set(value, "__pydantic_fields_set__", given)
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", private)
        return value
