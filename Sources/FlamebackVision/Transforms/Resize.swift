import Flameback

extension Tensor {
  /// The image at another size: [height, width], or one number for the shorter side, the longer at most `maxSize`.
  ///
  /// Interpolation is `.nearest`, `.nearestExact`, `.bilinear` or `.bicubic`. SeeAlso: torchvision.transforms.v2.functional.resize
  public func resize(
    _ size: any Sizes, interpolation: InterpolationMode = .bilinear, maxSize: Int? = nil, antialias: Bool = true
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "resize"
      try checkImage(op)
      let (h, w) = try resizedSize(size, maxSize, op)
      if (h, w) == (height, width) { return self }
      let isSmooth = interpolation == .bilinear || interpolation == .bicubic
      guard isSmooth || interpolation == .nearest || interpolation == .nearestExact else {
        throw OpError(op, "interpolation \(interpolation) is not for images")
      }
      let isNative = dtype == .float32 || dtype == .float64 || dtype == .uint8
      var image = (isNative ? asBatch : asBatch.to(.float32)).interpolate(
        size: [h, w], mode: interpolation, alignCorners: isSmooth ? false : nil, antialias: antialias && isSmooth)
      if !isNative { image = (dtype.isInteger ? image.round() : image).to(dtype) }
      return image.reshape(shape.array.dropLast(2) + [h, w])
    }
  }

  private func resizedSize(_ size: any Sizes, _ maxSize: Int?, _ op: String) throws(OpError) -> (Int, Int) {
    let given = size.sizes
    if given.count == 2 {
      guard maxSize == nil else { throw OpError(op, "maxSize is for a size of one number") }
      return (given[0], given[1])
    }
    guard given.count == 1, given[0] > 0 else { throw OpError(op, "a size must be one or two ints, got \(given)") }
    let (short, long) = (Swift.min(height, width), Swift.max(height, width))
    var (newShort, newLong) = (given[0], Int(Double(given[0] * long) / Double(short)))
    if let maxSize {
      guard maxSize > newShort else { throw OpError(op, "maxSize \(maxSize) must be larger than the size \(given[0])") }
      if newLong > maxSize { (newShort, newLong) = (Int(Double(maxSize * newShort) / Double(newLong)), maxSize) }
    }
    return width <= height ? (newLong, newShort) : (newShort, newLong)
  }
}
