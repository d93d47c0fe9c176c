"""Prices of an event whose plan is amended."""

from collections.abc import Mapping

from houseful.seating.format import Plan


def amended_prices(plan: Plan, before: Mapping[str, int], given: Mapping[str, int]) -> dict[str, int]:
    """By the plan's categories: what is given, else what was before. Categories that the plan does not define
    are there only where they are given, so that `check_prices` refuses them."""
    stay = {one.name: before[one.name] for one in plan.categories if one.name in before}
    return stay | dict(given)
