from penstock.simulate.scaling.contest import Point
from penstock.simulate.scaling.page import page
from penstock.simulate.scaling.pool import Tally


def test_points_beyond_the_plot_stay_in_it() -> None:
    points = [Point("hpa", 0.5, Tally(paid=hours * 3600, calls=10.0, late=late)) for hours, late in ((1, 10), (99, 0))]
    made = page("t", {}, points, 1.0, None)
    places = made.split('<polyline stroke="#1f5f8b" points="')[1].split('"')[0].split()
    for place in places:
        x, y = (float(one) for one in place.split(","))
        assert 0 <= x <= 860
        assert 0 <= y <= 380
