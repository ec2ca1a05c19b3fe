from unseen import errors
from unseen.errors import UnseenError, first_line, nearest, one_line


def test_every_error_is_an_unseen_error() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(classes) >= 7
    assert all(issubclass(c, UnseenError) for c in classes)


def test_nearest_offers_the_close_names_in_their_own_spelling() -> None:
    assert nearest("komodo dragn", ["Komodo dragon", "tench"]) == "did you mean 'Komodo dragon'?"
    assert nearest("PLOD", ["ad", "blur"]) == "known: ad, blur"
    assert nearest("zzzz", [f"class {i}" for i in range(100)]) == "100 names are known, none of them close"


def test_what_a_library_says_becomes_one_line() -> None:
    told = RuntimeError("\n shapes do not fit\n  at kernel.cpp:3\n")
    assert first_line(told) == "shapes do not fit"
    assert one_line(told) == "shapes do not fit at kernel.cpp:3"
    assert one_line(told, 6) == "shapes"
    assert first_line(ValueError()) == one_line(ValueError(" ")) == "ValueError"
