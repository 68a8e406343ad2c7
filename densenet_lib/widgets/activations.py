"""Front ends on what layers do to values."""

from densenet_lib.layers import NORM_EPSILON, ORDERS
from densenet_lib.widgets.frontend import show

SHOWN = ("pre-activation", "post-activation")


def composite(*, channels=16, filters=12):
    """Show what the composite function does to values, in two orders.

    The reader sets mean, spread and shape of the input; batch normalisation,
    ReLU and convolution of a fixed sample are computed in the browser.

    Args:
        channels: of the input.
        filters: of the 3x3 convolution, whose weights have the variance
            2 / fan-out, as :func:`densenet_lib.layers.conv` has them.
    """
    alt = (
        "A bench for the composite function. Set the mean, the spread and "
        "the shape of the input, and see the distribution of the values "
        "after each step: normalised, cut and convolved, or convolved, "
        "normalised and cut."
    )
    show("composite", composite_state(channels, filters), alt=alt)


def composite_state(channels, filters):
    """What the bench shows, fit for JSON: see :func:`composite`."""
    return {
        "channels": channels,
        "epsilon": NORM_EPSILON,
        "filters": filters,
        "images": 8,
        "orders": [[name, _steps(name)] for name in SHOWN],
        "seed": 1,
        "side": 8,
    }


def _steps(order):
    before, after = ORDERS[order]
    return [*before, "conv", *after]
