"""What a buyer browses: categories, sections and seats with what is free of each."""

from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.layout import Kind, Section
from houseful.tickets.domain.shows import Show
from houseful.tickets.schemas import SeatView
from houseful.tickets.use_cases.availability import AvailabilityView
from houseful.webapi.responses import View

_STATUS = (SeatState.AVAILABLE, SeatState.HELD, SeatState.SOLD, SeatState.BLOCKED)  # by the map's codes


class CategoryView(View, frozen=True, kw_only=True):
    name: str
    color: str
    price_minor: int
    currency: str
    total: int
    available: int


class SectionView(View, frozen=True, kw_only=True):
    id: str
    name: str
    kind: Kind
    categories: list[str]
    price_from_minor: int
    price_to_minor: int
    currency: str
    total: int
    available: int


def category_views(show: Show, hall: AvailabilityView) -> list[CategoryView]:
    return [
        CategoryView(
            name=category.name,
            color=category.color,
            price_minor=show.prices[category.name],
            currency=show.currency,
            total=total,
            available=hall.free(category=index),
        )
        for index, category in enumerate(hall.layout.categories)
        if (total := hall.total(category=index))
    ]


def section_views(show: Show, hall: AvailabilityView, category: int | None) -> list[SectionView]:
    return [
        _section_view(show, hall, section, category)
        for section in hall.layout.sections
        if hall.total(section=section.index, category=category)
    ]


def _section_view(show: Show, hall: AvailabilityView, section: Section, category: int | None) -> SectionView:
    names = [hall.layout.categories[index].name for index in section.categories]
    prices = [show.prices[name] for name in names]
    return SectionView(
        id=section.id,
        name=section.name,
        kind=section.kind,
        categories=names,
        price_from_minor=min(prices),
        price_to_minor=max(prices),
        currency=show.currency,
        total=hall.total(section=section.index, category=category),
        available=hall.free(section=section.index, category=category),
    )


def seat_views(hall: AvailabilityView, section: Section) -> list[SeatView]:
    layout, statuses = hall.layout, hall.statuses
    return [
        SeatView(
            id=layout.seat_ids[ordinal],
            ordinal=ordinal,
            section_id=section.id,
            label=layout.place(ordinal),
            row=layout.row_of(ordinal),
            row_label=layout.row_label(ordinal) or None,
            number=layout.numbers[ordinal],
            seat_label=layout.seat_label(ordinal) or None,
            category=layout.category_name(ordinal),
            x=layout.x[ordinal],
            y=layout.y[ordinal],
            status=_STATUS[statuses[ordinal]],
        )
        for ordinal in range(section.first, section.first + section.count)
        if ordinal not in layout.removed
    ]
