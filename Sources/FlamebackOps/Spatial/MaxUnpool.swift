import FlamebackCore
import FlamebackKernels

extension Tensor {
  private func maxUnpool(
    _ n: Int, _ indices: Tensor, _ kernelSize: any Sizes, _ stride: (any Sizes)?, _ padding: any Sizes,
    _ outputSize: [Int]?
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "maxUnpool\(n)d"
      let input = try pooledSize(n, op: op)
      guard indices.dtype == .int64 else { throw OpError(op, "indices must be int64, got \(indices.spec)") }
      guard indices.shape == shape else {
        throw OpError(op, "indices must have the input's shape: \(spec) × \(indices.spec)")
      }
      let kernel = try kernelSize.spread("kernelSize", n, op: op)
      let stride = if let stride, !stride.sizes.isEmpty { try stride.spread("stride", n, op: op) } else { kernel }
      let padding = try padding.spread("padding", n, op: op)
      guard stride.allSatisfy({ $0 > 0 }) else { throw OpError(op, "stride must be positive, got \(stride)") }
      var usual: [Int] = []
      for d in 0..<n {
        usual.append(
          try sized(op) { CheckedInt(stride[d]) * (input[d] - 1) - CheckedInt(padding[d]) * 2 + kernel[d] })
      }
      let size = outputSize.map { Array($0.suffix(n)) } ?? usual
      guard size.count == n, outputSize.map({ [n, n + 1, n + 2].contains($0.count) }) ?? true else {
        throw OpError(op, "outputSize must have \(n) or \(rank) elements, got \(outputSize ?? [])")
      }
      if outputSize != nil {
        for d in 0..<n {
          let distance = try sized(op) { CheckedInt(size[d]) - usual[d] }
          if distance.magnitude < stride[d].magnitude { continue }
          throw OpError(op, "outputSize \(size) must be within less than the stride \(stride) of \(usual)")
        }
      }
      guard size.allSatisfy({ $0 > 0 }) else { throw OpError(op, "the output would have size \(size)") }
      return apply(Primitives.PlanePlacement(kind: .assign, size: size), self, indices)
    }
  }

  /// Undoes `maxPool1dWithIndices`: the values at their positions, zeros elsewhere. SeeAlso: torch.nn.functional.max_unpool1d
  public func maxUnpool1d(
    _ indices: Tensor, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0,
    outputSize: [Int]? = nil
  ) -> Tensor { maxUnpool(1, indices, kernelSize, stride, padding, outputSize) }

  /// Undoes `maxPool2dWithIndices`. `outputSize` settles what the stride leaves open. SeeAlso: torch.nn.functional.max_unpool2d
  public func maxUnpool2d(
    _ indices: Tensor, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0,
    outputSize: [Int]? = nil
  ) -> Tensor { maxUnpool(2, indices, kernelSize, stride, padding, outputSize) }

  /// Undoes `maxPool3dWithIndices`. SeeAlso: torch.nn.functional.max_unpool3d
  public func maxUnpool3d(
    _ indices: Tensor, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0,
    outputSize: [Int]? = nil
  ) -> Tensor { maxUnpool(3, indices, kernelSize, stride, padding, outputSize) }
}
