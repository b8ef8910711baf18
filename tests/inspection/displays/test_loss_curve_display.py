import matplotlib.pyplot as plt
import numpy as np
import pytest
from estimator_data import ADDITIVE, curved_data
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skkan import KANRegressor
from skkan.inspection import LossCurveDisplay


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_curve_is_that_of_the_fit():
    X, y = curved_data()
    model = KANRegressor(**ADDITIVE).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(1, model.n_iter_ + 1))
    assert display.validation_line_ is None
    assert display.ax_.get_yscale() == "log"
    assert labels(display) == ["objective"]


def test_held_out_samples():
    X, y = curved_data()
    model = KANRegressor(**ADDITIVE, early_stopping=True).fit(X, y)
    display = LossCurveDisplay.from_estimator(model, name="KAN", log_scale=False)
    np.testing.assert_array_equal(
        display.validation_line_.get_ydata(), model.validation_loss_curve_
    )
    assert labels(display) == ["KAN: objective", "KAN: loss of held-out samples"]
    assert display.validation_line_.get_color() == display.line_.get_color()
    assert display.ax_.get_yscale() == "linear"


def test_drawing_on_given_axes_and_again():
    figure, (left, right) = plt.subplots(1, 2)
    display = LossCurveDisplay([2.0, 1.0]).plot(ax=left, line_kw={"linewidth": 4.0})
    assert (display.ax_, display.figure_) == (left, figure)
    assert display.line_.get_linewidth() == 4.0
    assert display.plot(ax=right).ax_ is right


@pytest.mark.parametrize("curve", [[], [0.0, 0.0]])
def test_curves_that_have_no_logarithm_are_drawn(curve):
    display = LossCurveDisplay(curve).plot()
    display.figure_.canvas.draw()
    assert display.ax_.get_yscale() == "linear"


def test_the_curve_of_a_pipeline_is_that_of_its_last_step():
    X, y = curved_data()
    steps = make_pipeline(KANRegressor(**ADDITIVE)).fit(X, y)
    display = LossCurveDisplay.from_estimator(steps)
    np.testing.assert_array_equal(display.loss_curve, steps[-1].loss_curve_)
    with pytest.raises(TypeError, match="got LinearRegression"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X, y))
