"""What a seat is called, wherever people read it: "Stalls, row 3, seat 12", or as its plan labels it: "Hall,
Table 5, Place 1"."""


def row_words(number: str, label: str) -> str:
    """`label` is the plan's own, empty where it has none."""
    return label or (f"row {number}" if number else "")


def seat_words(number: str, label: str) -> str:
    return label or (f"seat {number}" if number else "")


def place(section: str, row: str, seat: str) -> str:
    """The parts that there are; empty if there is none. A plan's own words stay as they are written."""
    text = ", ".join(part for part in (section, row, seat) if part)
    return text[0].upper() + text[1:] if text.startswith(("row ", "seat ")) else text
