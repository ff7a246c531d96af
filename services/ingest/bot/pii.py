"""Where a text names a person by number or address. Pure; the text is any language's.

Found are e-mail addresses, telephone numbers, payment cards, IBANs, US social security numbers and
IP addresses. Not found are names, street addresses, spelt-out e-mail addresses, and whatever is cut
in two by the end of a segment. The time it takes grows with the length of the text, not faster,
whatever the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Literal, NamedTuple, TypeAlias

from stdnum import iban, luhn
from stdnum.us import ssn

from services.ingest.bot import dialling

Kind: TypeAlias = Literal["email", "iban", "card", "ssn", "ip", "phone"]

_RANKS: tuple[Kind, ...] = ("email", "iban", "card", "ssn", "ip", "phone")
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")

_LOCAL = frozenset(".!#$%&'*+/=?^_`{|}~-")
_DOMAIN = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]*[^\W_]")

_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2} ?\d{2}(?=[ -]?[A-Za-z0-9])")
_ACCOUNT_REST = re.compile(r"(?:[ -]?[A-Za-z0-9]){1,34}")
_SHORTEST_ACCOUNT, _LONGEST_ACCOUNT = 15, 34

_GROUPED = re.compile(r"\d+(?:[ -]\d+)*")
_SHORTEST_CARD, _LONGEST_CARD = 13, 19

_SSN = re.compile(r"(?<!\d)\d{3}[ -]\d{2}[ -]\d{4}(?!\d)")
_NAMED_SSN = re.compile(r"\b(?:ssn|social security)\b\D{0,24}(\d{9})(?!\d)", re.IGNORECASE)

_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?!\w)")
_LONGEST_IPV6 = 45


class Found(NamedTuple):
    """Characters `start` to `end` of the text, and what they are."""

    start: int
    end: int
    kind: Kind


def find(text: str) -> tuple[Found, ...]:
    """What stands in the text, in order; what overlaps is one, of the first kind in the list."""
    even = _even(text)
    found = sorted(
        one
        for finder in (_emails, _accounts, _cards, _social, _addresses, _phones)
        for one in finder(even)
    )
    merged: list[Found] = []
    for one in found:
        if merged and one.start < merged[-1].end:
            last = merged.pop()
            kind = min(last.kind, one.kind, key=_RANKS.index)
            merged.append(Found(last.start, max(last.end, one.end), kind))
        else:
            merged.append(one)
    return tuple(merged)


def _even(text: str) -> str:
    """The text with the digits, dashes, spaces and letters of other widths and scripts as ASCII
    has them, character for character."""
    if text.isascii():
        return text
    return text.translate({ord(one): _evened(one) for one in set(text) if not one.isascii()})


def _evened(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Zs":
        return " "
    narrow = unicodedata.normalize("NFKC", _DASHES.get(ord(character), character))
    return narrow if len(narrow) == 1 else character


def _emails(text: str) -> Iterator[Found]:
    for at in re.finditer("@", text):
        start = at.start()
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] in _LOCAL):
            start -= 1
        domain = _DOMAIN.match(text, at.end())
        if domain and start < at.start():
            yield Found(start, domain.end(), "email")


def _accounts(text: str) -> Iterator[Found]:
    for begun in _ACCOUNT.finditer(text):
        rest = _ACCOUNT_REST.match(text, begun.end())
        ends = () if rest is None else range(rest.end(), begun.end(), -1)
        for end in ends:
            if text[end : end + 1].isalnum():
                continue
            number = text[begun.start() : end].replace(" ", "").replace("-", "")
            fits = _SHORTEST_ACCOUNT <= len(number) <= _LONGEST_ACCOUNT
            if fits and iban.is_valid(number, check_country=False):
                yield Found(begun.start(), end, "iban")
                break


def _cards(text: str) -> Iterator[Found]:
    for run in _GROUPED.finditer(text):
        groups = dialling.groups(text, run)
        first = 0
        while first < len(groups):
            last = _card_end(text, groups, first)
            if last is not None:
                yield Found(groups[first][0], groups[last][1], "card")
            first = first + 1 if last is None else last + 1


def _card_end(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last of the groups that make a card's number from `first` on; the longest number."""
    digits, ends = "", None
    for last in range(first, len(groups)):
        digits += text[slice(*groups[last])]
        if len(digits) > _LONGEST_CARD:
            break
        if len(digits) >= _SHORTEST_CARD and luhn.is_valid(digits):
            ends = last
    return ends


def _social(text: str) -> Iterator[Found]:
    for match in _SSN.finditer(text):
        if ssn.is_valid(match[0].replace(" ", "-")):
            yield Found(*match.span(), "ssn")
    for match in _NAMED_SSN.finditer(text):
        yield Found(*match.span(1), "ssn")


def _addresses(text: str) -> Iterator[Found]:
    for match in _IPV4.finditer(text):
        if all(int(part) <= 255 for part in match[0].split(".")):  # noqa: PLR2004 - a byte
            yield Found(*match.span(), "ip")
    for match in _IPV6.finditer(text):
        bare = match[0].rstrip(".")
        if _is_ipv6(bare):
            yield Found(match.start(), match.start() + len(bare), "ip")


def _is_ipv6(text: str) -> bool:
    # without a digit it is a name in somebody's code, such as dead::beef
    if len(text) > _LONGEST_IPV6 or not any(map(str.isdigit, text)):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _phones(text: str) -> Iterator[Found]:
    for finder in (dialling.written, dialling.dictated):
        for start, end in finder(text):
            yield Found(start, end, "phone")
