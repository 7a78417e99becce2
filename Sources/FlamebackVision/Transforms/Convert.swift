import Flameback

extension Tensor {
  /// The image in another dtype; with `scale` white stays white. SeeAlso: torchvision.transforms.v2.functional.to_dtype
  public func toDType(_ dtype: DType, scale: Bool = false) -> Tensor {
    if dtype == self.dtype || !scale || self.dtype == .bool || dtype == .bool { return to(dtype) }
    switch (self.dtype.isFloatingPoint, dtype.isFloatingPoint) {
    case (true, true): return to(dtype)
    case (true, false):
      let isUnsafe =
        self.dtype == .float32 && (dtype == .int32 || dtype == .int64) || self.dtype == .float64 && dtype == .int64
      if isUnsafe { return fail("toDType", "\(self.dtype) is too coarse for \(dtype)", like: spec) }
      // So that each integer gets an equal share of 0 ... 1.
      return (self * (dtype.imageMax + 1 - 1e-3)).to(dtype)
    case (false, true): return to(dtype) * (1 / self.dtype.imageMax)
    case (false, false):
      let bits = dtype.valueBits - self.dtype.valueBits
      return bits < 0 ? (self >> -bits).to(dtype) : to(dtype) << bits
    }
  }

  /// (x − mean) / std, channel by channel. SeeAlso: torchvision.transforms.v2.functional.normalize
  public func normalize(mean: [Double], std: [Double]) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "normalize"
      try checkImage(op)
      guard dtype.isFloatingPoint else { throw OpError(op, "needs floating point numbers, got \(spec)") }
      guard std.allSatisfy({ $0 != 0 }) else { throw OpError(op, "std must not be zero, got \(std)") }
      guard [1, channelCount].contains(mean.count), [1, channelCount].contains(std.count) else {
        throw OpError(op, "expected 1 or \(channelCount) means and stds, got \(mean.count) and \(std.count)")
      }
      func column(_ values: [Double]) -> Tensor { Tensor(values, dtype: dtype, device: device).reshape(-1, 1, 1) }
      return (self - column(mean)) / column(std)
    }
  }
}

/// Images [n, c, h, w] side by side in one, `perRow` in a row, with a frame. SeeAlso: torchvision.utils.make_grid
///
/// `normalize` shifts the values to 0 … 1 by `valueRange` or their own, with `scaleEach` image by image.
public func makeGrid(
  _ images: Tensor, perRow: Int = 8, padding: Int = 2, normalize: Bool = false,
  valueRange: ClosedRange<Double>? = nil, scaleEach: Bool = false, padValue: Double = 0
) -> Tensor {
  noGrad {
    attempt(like: images) { () throws(OpError) in
      guard (2...4).contains(images.rank), perRow > 0, padding >= 0 else {
        throw OpError("makeGrid", "expected images [n, c, h, w], got \(images.spec)")
      }
      var batch = images
      while batch.rank < 4 { batch = batch.unsqueeze(0) }
      if batch.shape[1] == 1 { batch = batch.expand([batch.shape[0], 3] + batch.shape.array.suffix(2)) }
      if normalize {
        let dims = scaleEach ? [1, 2, 3] : [0, 1, 2, 3]
        let low = valueRange.map { Tensor.full([], .float($0.lowerBound)) } ?? batch.amin(dim: dims, keepDim: true)
        let high = valueRange.map { Tensor.full([], .float($0.upperBound)) } ?? batch.amax(dim: dims, keepDim: true)
        batch = (batch.clamp(min: low, max: high) - low) / (high - low).clamp(min: 1e-5)
      }
      let count = batch.shape[0]
      if count == 1 { return batch.squeeze(0) }
      guard count > 0 else { throw OpError("makeGrid", "there are no images: \(images.spec)") }
      let columns = min(perRow, count)
      let rows = (count + columns - 1) / columns
      // Every image brings the frame on its left and top; the whole brings the rest.
      let framed = batch.constantPad([padding, 0, padding, 0], value: .float(padValue))
      let tail = Tensor.full(
        [rows * columns - count] + framed.shape.dropFirst(), .float(padValue), dtype: batch.dtype, device: batch.device)
      let (c, h, w) = (framed.shape[1], framed.shape[2], framed.shape[3])
      return Tensor.cat([framed, tail]).reshape(rows, columns, c, h, w).permute(2, 0, 3, 1, 4)
        .reshape(c, rows * h, columns * w).constantPad([0, padding, 0, padding], value: .float(padValue))
    }
  }
}
