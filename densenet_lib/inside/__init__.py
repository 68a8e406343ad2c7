"""What goes on inside a trained network, as numbers.

- :mod:`~densenet_lib.inside.census` counts channels that are dead, constant
  or there twice.
- :mod:`~densenet_lib.inside.life` follows one channel of a dense block from
  its birth through its readers to the transition.
- :mod:`~densenet_lib.inside.fields` says how much of the image a unit can
  see, and how much it does see.
- :mod:`~densenet_lib.inside.flow` says how large a gradient reaches each
  layer.
- :mod:`~densenet_lib.inside.probes` says how early the class can be read off.

All of them take any Keras model, arrays in and out, and leave no trace in
the model. Those that speak of dense blocks want one named as
:mod:`densenet_lib.densenet` does.
"""

from densenet_lib.inside.census import Census, channel_census
from densenet_lib.inside.fields import (
    ReceptiveField,
    Window,
    effective_receptive_field,
    theoretical_field,
)
from densenet_lib.inside.flow import GradientFlow, gradient_flow
from densenet_lib.inside.life import ChannelLife, channel_life
from densenet_lib.inside.probes import Probe, how_early, linear_probes

__all__ = [
    "Census",
    "ChannelLife",
    "GradientFlow",
    "Probe",
    "ReceptiveField",
    "Window",
    "channel_census",
    "channel_life",
    "effective_receptive_field",
    "gradient_flow",
    "how_early",
    "linear_probes",
    "theoretical_field",
]
