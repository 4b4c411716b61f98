"""Modifiers: how a value of a rule becomes predicates.

A key `field|one|two` names modifiers, which apply from left to right. Each takes the value as it
stands after those before it: text with wildcards, bytes, a number, a regular expression, and so
on, and says what may follow. What fits no modifier's type is refused.

    CommandLine|windash|contains: ' -enc '    Text, dashes alike, "*" around it
    Payload|wide|base64offset|contains: 'x'   Text, Bytes, three Texts, "*" around each

One value may become several predicates (`base64offset`, `expand`), of which any may hold;
`all` and `neq` belong to the item as a whole. (Sigma specification, appendix "Modifiers".)

pySigma 1.5 encodes the backslash of an escaped wildcard, cuts `base64offset` by characters, writes
the byte order mark of `utf16` as UTF-8, knows no `utf16le`, and multiplies `windash` out for two of
five dashes; so modifiers are applied here.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network

from tocsin.pipelines.detection import patterns
from tocsin.pipelines.detection.ir import (
    Compare,
    Equals,
    Exists,
    InNetwork,
    Is,
    Matches,
    Null,
    Operator,
    Predicate,
    Reference,
    Relation,
    TimePart,
    TimeUnit,
)
from tocsin.pipelines.detection.patterns import Part, PatternError, Wildcard
from tocsin.pipelines.detection.placeholders import (
    MAX_VARIANTS,
    PlaceholderError,
    Placeholders,
    expand,
)
from tocsin.pipelines.detection.regex import compile_regex
from tocsin.pipelines.detection.regex_syntax import RegexError
from tocsin.schemas.values import canonical, clean, number_text, to_decimal


class ModifierError(ValueError):
    """A value cannot be given the meaning that its modifiers ask for; says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an item, `field` empty for keywords; `modifiers` without `all` and `neq`."""

    field: str
    modifiers: tuple[str, ...]
    all: bool
    neq: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Text with wildcards, and how it is to be compared."""

    parts: tuple[Part, ...]
    cased: bool = False
    windash: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """Text in an encoding, to be written in base64."""

    data: bytes
    cased: bool


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression that is not yet compiled."""

    source: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class OtherField:
    """Another field of the event, by its Sigma name."""

    name: str
    relation: Relation = "equals"
    cased: bool = False


Plain = str | int | float | bool | None
Value = Plain | Text | Encoded | Expression | OtherField | InNetwork | Exists | Compare | TimePart
Modifier = Callable[[Value], Sequence[Value]]


def read_key(key: str) -> Key:
    """The parts of a `key` such as `Image|endswith`; raises ModifierError."""
    field, *names = key.split("|")
    for name in names:
        if name not in MODIFIERS and name not in ("all", "neq", "expand"):
            close = get_close_matches(name, [*MODIFIERS, "all", "neq", "expand"], 1)
            hint = f" (did you mean `{close[0]}`?)" if close else ""
            raise ModifierError(f"unknown modifier `{name}`{hint}")
    modifiers = tuple(name for name in names if name not in ("all", "neq"))
    return Key(field, modifiers, "all" in names, "neq" in names)


def predicates(
    value: Plain,
    modifiers: Sequence[str],
    placeholders: Placeholders,
    targets: Callable[[str], tuple[str, ...]],
) -> tuple[Predicate, ...]:
    """The predicates of which one has to hold for `value`.

    `targets` gives the event fields of a Sigma field. Raises ModifierError.
    """
    values: list[Value] = [value]
    for name in modifiers:
        modifier = partial(_expand, placeholders) if name == "expand" else MODIFIERS[name]
        try:
            values = [result for each in values for result in modifier(each)]
        except ModifierError as error:
            raise ModifierError(f"modifier `{name}`: {error}") from None
        if len(values) > MAX_VARIANTS:
            raise ModifierError(f"modifier `{name}`: more than {MAX_VARIANTS} variants of a value")
    return tuple(dict.fromkeys(_predicate(each, targets) for each in values))


def _predicate(value: Value, targets: Callable[[str], tuple[str, ...]]) -> Predicate:
    match value:
        case None:
            return Null()
        case bool():
            return Is(value)
        case int() | float():
            return Equals(str(canonical(value)))
        case str() | Text() | Encoded():
            text = _text(value)
            try:
                return patterns.predicate(text.parts, cased=text.cased, windash=text.windash)
            except PatternError as error:
                raise ModifierError(str(error)) from None
        case Expression(source, flags):
            try:
                return Matches(compile_regex(source, flags))
            except RegexError as error:
                raise ModifierError(str(error)) from None
        case OtherField(name, relation, cased):
            return Reference(targets(name), relation, cased)
        case InNetwork() | Exists() | Compare() | TimePart():
            return value


def _text(value: Value) -> Text:
    """`value` as text; numbers stand for their shortest decimal form."""
    match value:
        case Text():
            return value
        case str():
            return Text(patterns.parse(value))
        case int() | float() if not isinstance(value, bool):
            return Text((number_text(value),))
        case Encoded(data, cased):
            try:
                return Text((data.decode(),), cased)
            except UnicodeDecodeError:
                raise ModifierError("the encoded value is no text; `base64` is missing") from None
    raise ModifierError(f"expected text, found {_named(value)}")


def _literal(value: Value) -> Text:
    """`value` as text without wildcards."""
    text = _text(value)
    if any(isinstance(part, Wildcard) for part in text.parts):
        raise ModifierError("wildcards have no meaning in it")
    return text


def _surrounded(before: bool, after: bool, relation: Relation, value: Value) -> Sequence[Value]:
    match value:
        case OtherField(relation="equals"):
            return [replace(value, relation=relation)]
        case Expression():
            raise ModifierError("a regular expression says itself where it stands")
    text = _text(value)
    any_before = (Wildcard.ANY,) if before else ()
    any_after = (Wildcard.ANY,) if after else ()
    return [replace(text, parts=(*any_before, *text.parts, *any_after))]


def _cased(value: Value) -> Sequence[Value]:
    if isinstance(value, OtherField):
        return [replace(value, cased=True)]
    return [replace(_text(value), cased=True)]


def _windash(value: Value) -> Sequence[Value]:
    return [replace(_text(value), windash=True)]


def _encode(encoding: str, value: Value) -> Sequence[Value]:
    return [Encoded(text.encode(encoding), cased) for text, cased in _spellings(value)]


def _spellings(value: Value) -> Iterator[tuple[str, bool]]:
    """The texts that `value` stands for, one by one, and whether their case counts."""
    text = _literal(value)
    whole = clean("".join(map(str, text.parts)))
    if not text.windash:
        yield whole, text.cased
        return
    dashes = sum(char in patterns.DASHES for char in whole)
    if len(patterns.DASHES) ** dashes > MAX_VARIANTS:
        raise ModifierError(f"more than {MAX_VARIANTS} variants of a value with {dashes} dashes")
    for spelling in patterns.dash_variants(whole):
        yield spelling, text.cased


def _bytes(value: Value) -> Iterator[Encoded]:
    if isinstance(value, Encoded):
        yield value
        return
    for text, cased in _spellings(value):
        yield Encoded(text.encode(), cased)


def _base64(value: Value) -> Sequence[Value]:
    return [Text((b64encode(each.data).decode(),), each.cased) for each in _bytes(value)]


def _base64offset(value: Value) -> Sequence[Value]:
    """The base64 of the bytes at each of three alignments, less what neighbours decide too."""
    found = []
    for each in _bytes(value):
        for before in range(3):
            code = b64encode(bytes(before) + each.data).decode()
            start = (0, 2, 3)[before]
            end = (None, -3, -2)[(before + len(each.data)) % 3]
            if not code[start:end]:
                raise ModifierError("the value is too short for it")
            found.append(Text((code[start:end],), each.cased))
    return found


def _re(value: Value) -> Sequence[Value]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = number_text(value)
    if not isinstance(value, str):
        raise ModifierError(f"expected a regular expression, found {_named(value)}")
    return [Expression(value)]


def _flag(flag: str, value: Value) -> Sequence[Value]:
    if not isinstance(value, Expression):
        raise ModifierError("it may only follow `re`")
    return [replace(value, flags=value.flags + flag)]


def _cidr(value: Value) -> Sequence[Value]:
    literal = "".join(map(str, _literal(value).parts))
    try:
        network = ip_network(literal)
    except ValueError as error:
        raise ModifierError(f"not a network: {error}") from None
    return [InNetwork(_unmapped(network))]


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """IPv4 networks written as IPv6 ones count as IPv4 (SEMANTICS §2.7)."""
    if isinstance(network, IPv4Network) or network.prefixlen < 96:
        return network
    mapped = network.network_address.ipv4_mapped
    return network if mapped is None else IPv4Network((mapped, network.prefixlen - 96))


def _fieldref(value: Value) -> Sequence[Value]:
    if not isinstance(value, str) or not value:
        raise ModifierError(f"expected the name of a field, found {_named(value)}")
    return [OtherField(value)]


def _exists(value: Value) -> Sequence[Value]:
    if not isinstance(value, bool):
        raise ModifierError(f"expected true or false, found {_named(value)}")
    return [Exists(value)]


def _compare(operator: Operator, value: Value) -> Sequence[Value]:
    if isinstance(value, TimePart) and value.operator == "eq":
        return [replace(value, operator=operator)]
    return [Compare(operator, _number(value))]


def _time_part(unit: TimeUnit, value: Value) -> Sequence[Value]:
    return [TimePart(unit, "eq", _number(value))]


def _number(value: Value) -> Decimal:
    number = to_decimal(value)
    if number is None:
        raise ModifierError(f"expected a number, found {_named(value)}")
    return number


def _expand(placeholders: Placeholders, value: Value) -> Sequence[Value]:
    text = _text(value)
    try:
        return [replace(text, parts=parts) for parts in expand(text.parts, placeholders)]
    except PlaceholderError as error:
        raise ModifierError(str(error)) from None


def _named(value: Value) -> str:
    """`value` as messages call it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {number_text(value)}"
        case str():
            return f"the text `{value[:40]}`"
    return f"what an earlier modifier made ({type(value).__name__})"


MODIFIERS: dict[str, Modifier] = {
    "base64": _base64,
    "base64offset": _base64offset,
    "cased": _cased,
    "cidr": _cidr,
    "contains": partial(_surrounded, True, True, "contains"),
    "day": partial(_time_part, "day"),
    "endswith": partial(_surrounded, True, False, "endswith"),
    "exists": _exists,
    "fieldref": _fieldref,
    "gt": partial(_compare, "gt"),
    "gte": partial(_compare, "gte"),
    "hour": partial(_time_part, "hour"),
    "i": partial(_flag, "i"),
    "lt": partial(_compare, "lt"),
    "lte": partial(_compare, "lte"),
    "m": partial(_flag, "m"),
    "minute": partial(_time_part, "minute"),
    "month": partial(_time_part, "month"),
    "re": _re,
    "s": partial(_flag, "s"),
    "startswith": partial(_surrounded, False, True, "startswith"),
    "utf16": partial(_encode, "utf-16"),
    "utf16be": partial(_encode, "utf-16-be"),
    "utf16le": partial(_encode, "utf-16-le"),
    "week": partial(_time_part, "week"),
    "wide": partial(_encode, "utf-16-le"),
    "windash": _windash,
    "year": partial(_time_part, "year"),
}
"""What each modifier makes of one value; `expand` besides needs the placeholders."""

TEXT_MODIFIERS = frozenset(
    {"base64", "base64offset", "cased", "expand", "utf16", "utf16be", "utf16le", "wide", "windash"}
)
"""Those that leave text whole: with them alone, a keyword stands anywhere in its leaf."""
