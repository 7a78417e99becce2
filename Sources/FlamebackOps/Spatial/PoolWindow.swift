import CKernels
import FlamebackCore
import FlamebackKernels

/// A window that slides over the spatial dimensions.
package struct PoolWindow: Sendable {
  package let kernel: [Int]
  package let stride: [Int]
  package let padding: [Int]
  package let dilation: [Int]
  package let ceilMode: Bool

  package init(
    _ n: Int, kernel: any Sizes, stride: (any Sizes)?, padding: any Sizes, dilation: any Sizes = 1, ceilMode: Bool,
    op: String
  ) throws(OpError) {
    self.kernel = try kernel.spread("kernelSize", n, op: op)
    // An empty stride stands for the default, as in PyTorch.
    self.stride = if let stride, !stride.sizes.isEmpty { try stride.spread("stride", n, op: op) } else { self.kernel }
    self.padding = try padding.spread("padding", n, op: op)
    self.dilation = try dilation.spread("dilation", n, op: op)
    self.ceilMode = ceilMode
    // Sizes beyond 32 bits could overflow below, and no tensor is so large.
    for (what, values) in [("kernelSize", self.kernel), ("stride", self.stride), ("dilation", self.dilation)] {
      guard values.allSatisfy({ $0 > 0 && $0 <= Int32.max }) else {
        throw OpError(op, "\(what) must be positive and below 2³¹, got \(values)")
      }
    }
    for d in 0..<n {
      guard self.padding[d] >= 0 else { throw OpError(op, "padding must not be negative, got \(self.padding)") }
      let effective = self.dilation[d] * (self.kernel[d] - 1) + 1
      guard self.padding[d] <= effective / 2 else {
        throw OpError(
          op,
          "padding must be at most half of the effective kernel size, "
            + "got padding \(self.padding), kernelSize \(self.kernel), dilation \(self.dilation)")
      }
    }
  }

  package var attributes: [(String, String)] {
    [
      ("kernel", "\(kernel)"), ("stride", "\(stride)"), ("padding", "\(padding)"), ("dilation", "\(dilation)"),
      ("ceilMode", "\(ceilMode)"),
    ]
  }

  /// Rounded down, or up in ceil mode; the last window starts inside the input or the padding before it.
  package func outputSize(_ input: [Int], op: String) throws(OpError) -> [Int] {
    let size = input.indices.map { d in
      let room = input[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1
      if room < 0 { return ceilMode && room + stride[d] > 0 ? 1 : 0 }
      var count = (ceilMode ? room + stride[d] - 1 : room) / stride[d] + 1
      if ceilMode && (count - 1) * stride[d] >= input[d] + padding[d] { count -= 1 }
      return count
    }
    guard size.allSatisfy({ $0 > 0 }) else {
      throw OpError(op, "kernel \(kernel) is too large for an input of size \(input), padding \(padding)")
    }
    return size
  }

  package func description(_ dtype: fb_dtype, input: [Int], output: [Int]) -> fb_pool {
    fb_pool(
      dtype: dtype, input: triple(input), output: triple(output), kernel: triple(kernel), stride: triple(stride),
      padding: triple(padding, fill: 0), dilation: triple(dilation), count_include_pad: true, divisor_override: 0)
  }
}

extension Tensor {
  /// The sizes of the last `n` dimensions of a tensor to be pooled; only a batch may be empty.
  func pooledSize(_ n: Int, op: String) throws(OpError) -> [Int] {
    guard rank == n + 1 || rank == n + 2 else {
      throw OpError(op, "expected a \(n + 1)-d (unbatched) or \(n + 2)-d (batched) input, got \(spec)")
    }
    guard shape.suffix(n + 1).allSatisfy({ $0 > 0 }) else {
      throw OpError(op, "only the batch may be empty, got \(spec)")
    }
    return Array(shape.suffix(n))
  }
}
