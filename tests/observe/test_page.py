import inspect

from penstock.observe import page, prometheus


def test_the_real_page_can_do_what_is_asked_of_it() -> None:
    asked = {name: made for name, made in vars(page.Page).items() if inspect.isfunction(made) and name[0] != "_"}
    assert set(asked) == {"put", "put_histogram"}
    for name, made in asked.items():
        real = inspect.signature(getattr(prometheus.Page, name))
        assert list(real.parameters) == list(inspect.signature(made).parameters)
