import FlamebackCore
import FlamebackKernels

/// Grid sampling in smaller operations: for devices without the kernel, and for derivatives beyond the first.
extension Primitives.GridSample {
  package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    let (x, grid) = (inputs[0], inputs[1])
    let size = Array(x.shape.dropFirst(2))
    let n = size.count
    // Coordinates in pixels, the slowest dimension first; the grid has x first.
    let places = (0..<n).map { d in pixel(grid.select(dim: -1, index: n - 1 - d), size[d]) }
    let flat = x.reshape(x.shape[0], x.shape[1], size.reduce(1, *))
    let taps = places.indices.map { d in
      switch mode {
      case .nearest: [(place: outside(places[d], size[d]).detached().round(), weight: nil as Tensor?)]
      case .bilinear: linearTaps(outside(places[d], size[d]))
      case .bicubic: cubicTaps(places[d], size[d])
      }
    }
    var sum: Tensor?
    for choice in 0..<taps.map(\.count).reduce(1, *) {
      var rest = choice
      var index = Tensor.zeros([], dtype: .int64, device: x.device)
      var weight: Tensor?
      var isInside: Tensor?
      for d in 0..<n {
        let tap = taps[d][rest % taps[d].count]
        rest /= taps[d].count
        let inside = (tap.place .>= 0).logicalAnd(tap.place .<= size[d] - 1)
        isInside = isInside.map { $0.logicalAnd(inside) } ?? inside
        index = index * size[d] + select(where: inside, tap.place, 0.0).to(.int64)
        if let factor = tap.weight { weight = weight.map { $0 * factor } ?? factor }
      }
      let count = index.elementCount / max(index.shape[0], 1)
      let wanted = index.reshape(index.shape[0], 1, count).expand(x.shape[0], x.shape[1], count)
      var value = flat.gather(dim: 2, index: wanted).reshape([x.shape[0], x.shape[1]] + index.shape.array.dropFirst())
      value = select(where: isInside!.unsqueeze(1), value, 0.0)
      if let weight { value = value * weight.unsqueeze(1) }
      sum = sum.map { $0 + value } ?? value
    }
    return sum.map { [$0] }
  }

  /// From −1 … 1 to pixels.
  private func pixel(_ coordinate: Tensor, _ size: Int) -> Tensor {
    alignCorners ? (coordinate + 1) * (Double(size - 1) / 2) : (coordinate + 1) * (Double(size) / 2) - 0.5
  }

  /// What the padding makes of a place outside the image.
  private func outside(_ place: Tensor, _ size: Int) -> Tensor {
    switch padding {
    case .zeros: return place
    case .border: return place.clamp(min: 0.0, max: Double(size - 1))
    case .reflection:
      let (low, span) = alignCorners ? (0.0, Double(size - 1)) : (-0.5, Double(size))
      if span == 0 { return place * 0 }
      let distance = (place - low).abs()
      let flips = (distance.detached() / span).floor()
      let extra = distance - flips * span
      let folded = select(where: flips % 2.0 .== 0, extra + low, span - extra + low)
      return folded.clamp(min: 0.0, max: Double(size - 1))
    }
  }

  private func linearTaps(_ place: Tensor) -> [(place: Tensor, weight: Tensor?)] {
    let low = place.detached().floor()
    let t = place - low
    return [(low, 1 - t), (low + 1, t)]
  }

  /// Four taps; each is padded by itself.
  private func cubicTaps(_ place: Tensor, _ size: Int) -> [(place: Tensor, weight: Tensor?)] {
    let low = place.detached().floor()
    let t = place - low
    let a = -0.75
    func near(_ x: Tensor) -> Tensor { ((x * (a + 2) - (a + 3)) * x) * x + 1 }
    func far(_ x: Tensor) -> Tensor { ((x * a - 5 * a) * x + 8 * a) * x - 4 * a }
    let weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
    return weights.enumerated().map { k, weight in (outside(low + (k - 1), size).round(), weight) }
  }
}

extension Primitives.GridSampleGradient {
  /// The gradient of the decomposition, differentiable once more.
  package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    let leaves = inputs.dropFirst().map { $0.requiresGrad ? $0 : $0.detached().requiringGrad() }
    return enableGrad {
      guard let y = sample.decomposed(leaves) else { return nil }
      let gradients = grad(of: y, wrt: leaves, gradOutputs: [inputs[0]], createGraph: true, allowUnused: true)
      return zip(gradients, leaves).map { $0 ?? Tensor.zerosLike($1) }
    }
  }
}
