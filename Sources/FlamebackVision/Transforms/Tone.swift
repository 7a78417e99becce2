import Flameback

extension Tensor {
  /// The negative. SeeAlso: torchvision.transforms.v2.functional.invert
  public func invert() -> Tensor {
    if dtype.isFloatingPoint { return 1.0 - self }
    return dtype.isInteger && !dtype.isSigned ? ~self : self ^ (Int.max >> (63 - dtype.valueBits))
  }

  /// Only the highest `bits` bits of each value. SeeAlso: torchvision.transforms.v2.functional.posterize
  public func posterize(bits: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard (0...8).contains(bits) else { throw OpError("posterize", "bits must lie in 0 ... 8, got \(bits)") }
      if dtype.isFloatingPoint {
        let levels = Double(1 << bits)
        return (self * levels).floor().clamp(min: 0.0, max: levels - 1) * (1 / levels)
      }
      if bits >= dtype.valueBits { return self }
      return self & (((1 << bits) - 1) << (dtype.valueBits - bits))
    }
  }

  /// The negative of what is at least `threshold`. SeeAlso: torchvision.transforms.v2.functional.solarize
  public func solarize(threshold: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard threshold <= dtype.imageMax else {
        throw OpError("solarize", "threshold \(threshold) is above the greatest value of \(dtype)")
      }
      return FlamebackOps.select(where: self .>= threshold, invert(), self)
    }
  }

  /// Each channel stretched to the whole range. SeeAlso: torchvision.transforms.v2.functional.autocontrast
  public func autocontrast() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("autocontrast", channels: [1, 3])
      if elementCount == 0 { return self }
      let bound = dtype.imageMax
      let image = asFloat
      let low = image.amin(dim: [-2, -1], keepDim: true)
      let high = image.amax(dim: [-2, -1], keepDim: true)
      let isFlat = high .== low
      let scale = FlamebackOps.select(where: isFlat, 1.0, (high - low) * (1 / bound))
      let start = FlamebackOps.select(where: isFlat, 0.0, low)
      return ((image - start) / scale).clamp(min: 0.0, max: bound).to(dtype)
    }
  }

  /// Each channel's values spread so that all are about equally frequent.
  /// SeeAlso: torchvision.transforms.v2.functional.equalize
  public func equalize() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("equalize")
      if elementCount == 0 { return self }
      let image = toDType(.uint8, scale: true)
      let lead = Array(shape.array.dropLast(2))
      let flat = image.flatten(startDim: -2).to(.int64)
      let counts = Tensor.zeros(lead + [256], dtype: .int64, device: device)
        .scatterAdd(dim: -1, index: flat, src: Tensor.onesLike(flat))
      let running = counts.cumsum(dim: -1)
      // PIL's rule: the step leaves the greatest value that occurs out of the count.
      let greatest = running.argmax(dim: -1, keepDim: true)
      let step = (flat.shape[flat.rank - 1] - counts.gather(dim: -1, index: greatest)).floorDivide(255)
      let shifted = running.narrow(dim: -1, start: 0, length: 255) + step.floorDivide(2)
      let table = shifted.floorDivide(step.clamp(min: 1)).clamp(min: 0, max: 255).constantPad([1, 0])
      let equalized = table.gather(dim: -1, index: flat).reshape(shape).to(.uint8)
      return FlamebackOps.select(where: (step .!= 0).unsqueeze(-1), equalized, image).toDType(dtype, scale: true)
    }
  }

  /// The image smoothed by a Gaussian of odd size (width, height); sigma by default as OpenCV chooses it.
  /// SeeAlso: torchvision.transforms.v2.functional.gaussian_blur
  public func gaussianBlur(kernelSize: any Sizes, sigma: [Double]? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "gaussianBlur"
      try checkImage(op)
      let given = kernelSize.sizes
      guard given.count == 1 || given.count == 2, given.allSatisfy({ $0 > 0 && $0 % 2 == 1 }) else {
        throw OpError(op, "kernelSize must be one or two odd positive ints, got \(given)")
      }
      let size = [given[0], given[given.count - 1]]
      let sigmas = sigma.map { [$0[0], $0[$0.count - 1]] } ?? size.map { Double($0) * 0.15 + 0.35 }
      guard sigmas.allSatisfy({ $0 > 0 }) else { throw OpError(op, "sigma must be positive, got \(sigmas)") }
      if elementCount == 0 { return self }
      let image = asBatch.asFloat
      func line(_ d: Int) -> Tensor {
        let limit = Double(size[d] - 1) / (2 * 2.0.squareRoot())
        let x = Tensor.linspace(-limit, limit, size[d], dtype: image.dtype, device: device)
        return (-(x / sigmas[d]).square()).softmax(dim: 0)
      }
      let kernel = (line(1).unsqueeze(-1) * line(0)).expand(channelCount, 1, size[1], size[0])
      let around = [size[0] / 2, size[0] / 2, size[1] / 2, size[1] / 2]
      let result = image.pad(around, mode: .reflect).conv2d(kernel, groups: channelCount).reshape(shape)
      return dtype.isFloatingPoint ? result : result.round().to(dtype)
    }
  }
}
