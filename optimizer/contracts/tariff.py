"""Tariff: the charges of one utility under one name, written out or read from a file.

It charges nothing itself. Its charges stand in its stead, as contracts named ``{tariff}-{charge}``, so that::

    {kind: tariff, name: sdge, charges: [{kind: energy_tariff, name: energy, …}, {kind: surcharge, on: [energy], …}]}

is billed as the contracts ``sdge-energy`` and ``sdge-surcharge``; among themselves they go by their short names, and a
surcharge elsewhere that is ``on: [sdge]`` is on all of them.

With ``file`` the charges are read from a record of the Utility Rate Database (:mod:`optimizer.tariffs.urdb`, JSON) or
from a window table (:mod:`optimizer.tariffs.window_table`, CSV). What such a file says and this project cannot bill is
refused by name: a bill that leaves a charge out would be wrong without looking so. Prices are per kWh and kW there, and
per MWh and kW here. A plan's own scenario lists the charges as they were read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeGuard

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails

from optimizer.component import Component
from optimizer.contract import BillLine, Contract
from optimizer.errors import did_you_mean, path_text, with_hint
from optimizer.load_context import LoadContext
from optimizer.metering import Reading
from optimizer.scenario_file import RawScenario
from optimizer.series import SourceReader
from optimizer.tariffs import TariffFileError
from optimizer.tariffs.files import read_tariff

if TYPE_CHECKING:
    from optimizer.rest_of_period import Ahead

    AnyCharge = Contract  # any contract but a tariff: told by discovery, once all kinds are known

LONGEST_NAME = 64
_IDENTITY = {"kind", "name"}


class Tariff(Contract):
    """A bundle of charges of one utility."""

    kind: Literal["tariff"] = "tariff"
    file: Annotated[str, Field(strict=True, min_length=1)] | None = None
    """Tariff file from which the charges are read, relative to the scenario file: a record of the Utility Rate Database
    (``.json``) or a window table (``.csv``)."""
    details: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    """What the file does not say of its charges, by charge: ``{demand: {month_to_date_peak_mw: 71}}``. It takes the
    place of what the file says; mappings are added to."""
    charges: tuple[AnyCharge, ...] = ()
    """The charges, each a contract; or give ``file``."""

    @model_validator(mode="wrap")
    @classmethod
    def _read_file(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Replace ``file`` by the charges in it; without the scenario's folder (no context) it is left unread."""
        file = data.get("file") if isinstance(data, dict) and not data.get("charges") else None
        sources = info.context.sources if isinstance(info.context, LoadContext) else None
        if not isinstance(file, str) or not file or not isinstance(sources, SourceReader):
            return handler(data)
        problems: list[InitErrorDetails] = []
        details, charges = data.get("details"), []
        try:
            charges = read_tariff(sources.folder / file)
        except TariffFileError as error:
            problems = [_at_file(file, message) for message in error.messages]
        if charges and _is_by_charge(details):
            problems = list(_wrong_details(details, charges))
            charges = [_merged(charge, details.get(charge["name"], {})) | _identity(charge) for charge in charges]
            data = {key: value for key, value in data.items() if key != "details"}
        if charges:
            data = {key: value for key, value in data.items() if key != "file"} | {"charges": charges}
        try:
            bundle = handler(data)
        except ValidationError as error:
            found = error.errors(include_url=False)
            problems += [_retold(entry, charges, details if _is_by_charge(details) else {}, file) for entry in found]
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return bundle

    @model_validator(mode="after")
    def _is_one_bundle(self) -> Self:
        if self.file is not None and self.charges:
            raise ValueError("file: give either file or charges")
        if self.details and self.charges:
            raise ValueError("details: is for the charges of a file; here, write it into the charges")
        if self.file is None and not self.charges:
            raise ValueError("needs charges, or a file that holds them")
        for name, times in Counter(charge.name for charge in self.charges).items():
            if times > 1:
                raise ValueError(f"charges: the name {name} is used {times} times")
            if len(self.name) + 1 + len(name) > LONGEST_NAME:
                raise ValueError(f"charges: {self.name}-{name} is longer than {LONGEST_NAME} characters")
        for charge in self.charges:
            if charge.sites is not None:
                raise ValueError(f"charges: the sites of {charge.name} are those of its tariff; give them there")
        return self

    def consists_of(self) -> dict[str, Component]:
        if self.file is not None:
            raise ValueError(f"the tariff {self.name} was read without its file {self.file}")
        update = {} if self.sites is None else {"sites": self.sites}
        return {f"charges[{number}]": charge.model_copy(update=update) for number, charge in enumerate(self.charges)}

    def weighed(self, ahead: Ahead) -> Self:
        charges = tuple(charge.weighed(ahead) for charge in self.charges)
        same = all(one is other for one, other in zip(charges, self.charges, strict=True))
        return self if same else self.model_copy(update={"charges": charges})

    def bill(self, r: Reading) -> dict[str, BillLine]:
        """Nothing: its charges are billed in its stead."""
        return {}


def _error(place: tuple[int | str, ...], message: str) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(message)})


def _at_file(file: str, message: str) -> InitErrorDetails:
    return _error(("file",), f"{file}: {message}")


def _wrong_details(details: dict[str, dict[str, Any]], charges: list[dict[str, Any]]) -> Iterator[InitErrorDetails]:
    """Details of a charge that the file does not have, and those that would make another charge of it."""
    known = [charge["name"] for charge in charges]
    for name, fields in details.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"its charges are {', '.join(known)}"
            yield _error(("details", name), with_hint("the file has no charge of this name", hint))
        for key in sorted(_IDENTITY & fields.keys()):
            yield _error(("details", name, key), "is what the file says, and stays so")


def _retold(entry: Any, charges: list[dict[str, Any]], details: dict[str, Any], file: str) -> InitErrorDetails:
    """An error of the bundle; one of a charge from the file is told of the details that say it, or of the file."""
    place: tuple[Any, ...] = entry["loc"]
    if charges and place[:1] == ("charges",):
        place, _ = RawScenario({"charges": charges}).locate(place)
        inner: tuple[Any, ...] = ("details", charges[int(place[1])]["name"], *place[2:]) if len(place) > 1 else ()
        if not inner or RawScenario({"details": details}).locate(inner)[0] != inner or entry["type"] == "missing":
            return _at_file(file, f"{path_text(place)}: {entry['msg']}")
        place = inner
    return InitErrorDetails(type=entry["type"], loc=place, input=entry["input"], ctx=entry.get("ctx", {}))


def _identity(charge: dict[str, Any]) -> dict[str, Any]:
    return {key: charge[key] for key in _IDENTITY}


def _merged(written: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    """A mapping with values set, and mappings within it added to."""
    merged = written | details
    for key, value in details.items():
        if isinstance(value, dict) and isinstance(written.get(key), dict):
            merged[key] = _merged(written[key], value)
    return merged


def _is_by_charge(details: object) -> TypeGuard[dict[str, dict[str, Any]]]:
    return isinstance(details, dict) and all(isinstance(value, dict) for value in details.values())
