// What a DenseNet costs: the arithmetic of budget.py, in the browser.
//
// A net is an object with the fields of a DenseNetConfig (blocks,
// growth_rate, bottleneck, theta, stem, stem_filters), the side of the image
// (size) and the number of classes. A shape is [height, width, channels].

const STEM_KERNEL = { imagenet: 7, light: 3, cifar: 3 };
export const STEM_HALVINGS = { imagenet: 2, light: 1, cifar: 0 };

// Rows in the making. Each method takes the shape that goes in, writes down
// the cost and returns the shape that comes out.
class Ledger {
  constructor() {
    this.rows = [];
  }

  record(name, shape, weights = 0, moving = 0, multiplyAdds = 0) {
    this.rows.push({
      name,
      shape,
      parameters: weights + moving,
      trainable: weights,
      multiply_adds: multiplyAdds,
      activations: shape.reduce((product, side) => product * side, 1),
    });
    return shape;
  }

  activate(shape, name) {
    const channels = shape[2];
    this.record(`${name}_norm`, shape, 2 * channels, 2 * channels);
    return this.record(`${name}_relu`, shape);
  }

  conv(shape, filters, kernel, strides, name) {
    const [height, width, channels] = shape;
    if (strides > 1) {
      const padding = 2 * Math.floor(kernel / 2);
      const padded = [height + padding, width + padding, channels];
      this.record(`${name}_pad`, padded);
    }
    const sides = [Math.ceil(height / strides), Math.ceil(width / strides)];
    const weights = kernel * kernel * channels * filters;
    // Each weight is used once at each place of the result.
    const multiplyAdds = sides[0] * sides[1] * weights;
    return this.record(name, [...sides, filters], weights, 0, multiplyAdds);
  }

  composite(shape, filters, kernel, name) {
    this.activate(shape, name);
    return this.conv(shape, filters, kernel, 1, `${name}_conv`);
  }

  stem(shape, net) {
    const filters = stemChannels(net);
    const strides = net.stem === "cifar" ? 1 : 2;
    const kernel = STEM_KERNEL[net.stem];
    const made = this.conv(shape, filters, kernel, strides, "stem_conv");
    if (net.stem !== "imagenet") {
      return made;
    }
    const [height, width] = this.activate(made, "stem");
    this.record("stem_pool_pad", [height + 2, width + 2, filters]);
    const sides = [Math.ceil(height / 2), Math.ceil(width / 2)];
    return this.record("stem_pool", [...sides, filters]);
  }

  denseLayer(shape, net, name) {
    const [height, width, channels] = shape;
    const k = net.growth_rate;
    let read = shape;
    if (net.bottleneck !== null) {
      const filters = net.bottleneck * k;
      read = this.composite(shape, filters, 1, `${name}_bottleneck`);
    }
    this.composite(read, k, 3, name);
    return this.record(`${name}_concat`, [height, width, channels + k]);
  }

  transition(shape, net, name) {
    const filters = compressed(shape[2], net.theta);
    const [height, width] = this.composite(shape, filters, 1, name);
    const sides = [Math.floor(height / 2), Math.floor(width / 2)];
    return this.record(`${name}_pool`, [...sides, filters]);
  }

  head(shape, classes) {
    const channels = shape[2];
    this.activate(shape, "final");
    this.record("pool", [channels]);
    const weights = channels * classes;
    this.record("logits", [classes], weights + classes, 0, weights);
  }
}

// One row a layer, with the names and the order of the built network.
export function budget(net) {
  const ledger = new Ledger();
  let shape = ledger.record("image", [net.size, net.size, 3]);
  shape = ledger.stem(shape, net);
  net.blocks.forEach((layers, index) => {
    if (index > 0) {
      shape = ledger.transition(shape, net, `transition${index}`);
    }
    for (let layer = 1; layer <= layers; layer += 1) {
      const number = String(layer).padStart(2, "0");
      shape = ledger.denseLayer(
        shape, net, `block${index + 1}_layer${number}`);
    }
  });
  ledger.head(shape, net.classes);
  return ledger.rows;
}

export function stemChannels(net) {
  return net.stem_filters ?? 2 * net.growth_rate;
}

// 0.29 * 100 is 28.999999999999996 in floating point, but means 29.
export function compressed(channels, theta) {
  return Math.floor(theta * channels + 1e-6);
}

export function total(rows, quantity) {
  return rows.reduce((sum, row) => sum + row[quantity], 0);
}

// Convolutions and the classifier: what has weights and mixes channels.
export function depth(net) {
  const layers = net.blocks.reduce((sum, count) => sum + count, 0);
  const transitions = net.blocks.length - 1;
  return 1 + (net.bottleneck === null ? 1 : 2) * layers + transitions + 1;
}

// The side below which a net would halve its maps to nothing.
export function smallestSide(net) {
  const halvings = STEM_HALVINGS[net.stem] + net.blocks.length - 1;
  return Math.max(32, 2 ** halvings);
}

// What training needs for its activations at its peak, in bytes of float32:
// training_bytes of budget.py. workingMaps is its WORKING_MAPS[memory].
export function trainingBytes(rows, batch, memory, workingMaps) {
  let kept = 0;
  let peak = 0;
  for (let index = 1; index < rows.length; index += 1) {
    const row = rows[index];
    kept += keptOf(rows[index - 1], row, memory);
    if (row.name.endsWith("_norm")) {
      peak = Math.max(peak, kept + workingMaps * row.activations);
    }
  }
  return peak * batch * 4;
}

function keptOf(before, row, memory) {
  const isNorm = row.name.endsWith("_norm");
  const always = row.name === "stem_norm" || row.name === "final_norm";
  if (memory === "naive" || always) {
    return isNorm ? 2 * row.activations : 0;
  }
  if (/^block\d+_layer\d+_concat$/.test(row.name)) {
    return before.activations; // the new features
  }
  if (!isNorm) {
    return 0;
  }
  const first = /(stem_conv|_pool)$/.test(before.name);
  const bottleneck = before.name.endsWith("_bottleneck_conv");
  const relu = memory === "shared" ? row.activations : 0;
  return relu + (first || bottleneck ? row.activations : 0);
}
