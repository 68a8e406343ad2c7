"""The same network in PyTorch's own layers, from the same configuration."""

import torch
from torch import nn

from densenet_lib.layers import NORM_EPSILON, NORM_MOMENTUM, compressed


def _norm(channels):
    # What Torch calls momentum is what Keras calls 1 - momentum.
    return nn.BatchNorm2d(
        channels, eps=NORM_EPSILON, momentum=1 - NORM_MOMENTUM
    )


def _conv(channels, filters, kernel_size, stride=1):
    return nn.Conv2d(
        channels,
        filters,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        bias=False,
    )


def _composite(channels, filters, kernel_size, dropout):
    parts = [
        _norm(channels),
        nn.ReLU(inplace=True),
        _conv(channels, filters, kernel_size),
    ]
    return parts + ([nn.Dropout(dropout)] if dropout else [])


class DenseLayer(nn.Sequential):
    """Computes growth_rate channels and appends them to what it read."""

    def __init__(self, channels, config):
        parts = []
        if config.bottleneck is not None:
            width = config.bottleneck * config.growth_rate
            parts += _composite(channels, width, 1, config.dropout)
            channels = width
        parts += _composite(channels, config.growth_rate, 3, config.dropout)
        super().__init__(*parts)

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


def _stem(config):
    filters = config.stem_channels
    if config.stem != "imagenet":
        return [_conv(3, filters, 3, 1 if config.stem == "cifar" else 2)]
    return [
        _conv(3, filters, 7, 2),
        _norm(filters),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]


def densenet(config, *, classes):
    """The network of a DenseNetConfig, from (batch, 3, height, width)."""
    pool = nn.AvgPool2d if config.pooling == "average" else nn.MaxPool2d
    parts, channels = _stem(config), config.stem_channels
    for block, num_layers in enumerate(config.blocks):
        if block > 0:
            filters = compressed(channels, config.theta)
            parts += _composite(channels, filters, 1, config.dropout)
            parts.append(pool(2))
            channels = filters
        for _ in range(num_layers):
            parts.append(DenseLayer(channels, config))
            channels += config.growth_rate
    return nn.Sequential(
        *parts,
        _norm(channels),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, classes),
    )
