"""Finding by words: what people type finds what is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel.search_text import finder

FOUND = [
    ("lodz", "Łódź Festival"),
    ("orsted", "Ørsted in concert"),
    ("aenima", "Ænima"),
    ("ışık", "IŞIK"),
    ("isik", "Işık"),
    ("IŞIK", "ışık"),
    ("istanbul", "İstanbul"),
    ("ドーム", "東京ドーム公演"),
    ("東京ドーム", "東京 ドーム"),
    ("ｶﾞﾝﾀﾞﾑ", "ガンダム"),
    ("ガンダム", "ｶﾞﾝﾀﾞﾑ"),
    ("โรง", "ที่โรงละคร"),
    ("공연", "서울공연"),
    ("obrien", "O'Brien"),
    ("o'brien", "OBrien"),
    ("O’Brien", "O'Brien"),
    ("brien", "O'Brien"),
    ("hawaii", "Hawaiʻi"),
    ("acdc", "AC/DC"),
    ("AC/DC", "AC DC"),
    ("spiderman", "Spider-Man"),
    ("rem", "R.E.M."),
    ("strasse", "Straße"),
    ("straße", "STRASSE"),
    ("zurich", "Zürich"),
    ("ZÜRICH", "Zu\u0308rich"),
    ("cafe\u0301", "Café"),
    ("thor", "Þór"),
    ("dao", "Đào"),
    ("coeur", "Cœur"),
    ("αθηνα", "Αθήνα"),
    ("ΑΘΗΝΑΣ", "Αθήνας"),
    ("елка", "Ёлка"),
    ("москва", "МОСКВА"),
    ("ｆｕｌｌ", "Full width"),
    ("full", "Ｆｕｌｌ ｗｉｄｔｈ"),
    ("film", "ﬁlm"),
    ("سلام", "سَلَامٌ"),
    ("احمد", "أحمد"),
    ("سلام", "ســلام"),
    ("שלום", "שָׁלוֹם"),
    ("हिन्दी", "हिन्दी संगीत"),
    ("2026", "٢٠٢٦"),
    ("party", "🎉 Party 🎉"),
    ("", "anything"),
    (" \t", "anything"),
]

NOT_FOUND = [
    ("!!!", "!!!"),
    ("!!!", "anything"),
    ("🎉", "🎉 Party"),
    ("❤\ufe0f", "❤\ufe0f"),
    ("...", "R.E.M."),
    ("'", "O'Brien"),
    ("moskva", "Москва"),
    ("ирина", "Irina"),
    ("rien", "O'Brien"),
    ("oto", "Łoto"),
    ("lodz berlin", "Łódź"),
]


@pytest.mark.parametrize(("query", "text"), FOUND)
def test_what_is_typed_finds_what_is_written(query: str, text: str) -> None:
    assert finder(query)(text)


@pytest.mark.parametrize(("query", "text"), NOT_FOUND)
def test_what_is_something_else_is_not_found(query: str, text: str) -> None:
    assert not finder(query)(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_text_with_a_word_in_it_finds_itself(text: str) -> None:
    has_word = any(character.isalnum() for character in text)
    assert finder(text)(text) or not has_word
