"""What a suite has to show, before anybody decides how it looks. Pure data."""

import msgspec

from evaluation.statistics import Interval


class Bar(msgspec.Struct, frozen=True):
    """A value from 0 to 1; `anchor` for what is only compared with."""

    label: str
    value: Interval
    anchor: bool = False


class Chart(msgspec.Struct, frozen=True):
    """Bars that are compared with each other."""

    title: str
    bars: tuple[Bar, ...]


class Section(msgspec.Struct, frozen=True):
    """A table and what belongs to it."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    charts: tuple[Chart, ...] = ()
