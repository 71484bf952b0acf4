"""Whatever goes wrong on a page becomes a message in its place, however many parts it is."""

from streamlit.testing.v1 import AppTest


def page():
    from core.errors import TaskError
    from explorer.look import notices

    def one():
        raise ValueError("first")

    def two():
        raise ValueError("second")

    def three():
        raise TaskError("refused by the engine")

    for part in (one, two, three):
        notices.guarded(part)


def test_parts_that_fail_on_one_page_each_say_so():
    app = AppTest.from_function(page).run(timeout=20)
    assert not app.exception
    assert [code.value.splitlines()[-1] for code in app.code] == [
        "ValueError: first",
        "ValueError: second",
    ]
