import CKernels
import FlamebackCore
import FlamebackKernels

/// The windows of an image as columns; the transpose adds columns up in an image.
package struct ImageColumns: PlaneMap {
  package static let name = "unfold"
  package static let transposedName = "fold"
  package let channels: Int
  package let size: [Int]
  package let kernel: [Int]
  package let dilation: [Int]
  package let padding: [Int]
  package let stride: [Int]
  /// How many windows there are, down and across.
  package let blocks: [Int]

  package init(
    _ op: String, channels: Int, size: [Int], kernel: any Sizes, dilation: any Sizes, padding: any Sizes,
    stride: any Sizes
  ) throws(OpError) {
    self.channels = channels
    self.size = size
    self.kernel = try kernel.spread("kernelSize", 2, op: op)
    self.dilation = try dilation.spread("dilation", 2, op: op)
    self.padding = try padding.spread("padding", 2, op: op)
    self.stride = try stride.spread("stride", 2, op: op)
    for (what, values) in [("kernelSize", self.kernel), ("dilation", self.dilation), ("stride", self.stride)] {
      guard values.allSatisfy({ $0 > 0 }) else { throw OpError(op, "\(what) must be positive, got \(values)") }
    }
    guard self.padding.allSatisfy({ $0 >= 0 }) else {
      throw OpError(op, "padding must not be negative, got \(self.padding)")
    }
    var blocks: [Int] = []
    for d in 0..<2 {
      let (kernel, dilation, padding) = (self.kernel[d], self.dilation[d], self.padding[d])
      let room = try sized(op) {
        CheckedInt(size[d]) + CheckedInt(padding) * 2 - CheckedInt(dilation) * (CheckedInt(kernel) - 1) - 1
      }
      blocks.append(room < 0 ? 0 : room / self.stride[d] + 1)
    }
    self.blocks = blocks
    for sizes in [self.kernel + [channels], blocks] { _ = try sized(op) { .product(sizes) } }
    guard blocks.allSatisfy({ $0 > 0 }) else {
      throw OpError(op, "kernel \(self.kernel) has no place in an image of size \(size), padding \(self.padding)")
    }
  }

  package var input: [Int] { [channels] + size }
  package var output: [Int] { [channels * kernel[0] * kernel[1], blocks[0] * blocks[1]] }
  package var attributes: [(String, String)] {
    [
      ("kernel", "\(kernel)"), ("dilation", "\(dilation)"), ("padding", "\(padding)"), ("stride", "\(stride)"),
    ]
  }

  private func description(_ dtype: fb_dtype) -> fb_unfold_args {
    fb_unfold_args(
      dtype: dtype, channels: Int64(channels), input: pair(size), output: pair(blocks), kernel: pair(kernel),
      stride: pair(stride), padding: pair(padding), dilation: pair(dilation))
  }

  package func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var arguments = description(dtype)
    fb_unfold(&arguments, x, y, begin, end)
  }

  package func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var arguments = description(dtype)
    fb_fold(&arguments, dy, dx, begin, end)
  }
}

extension Tensor {
  /// The windows of images as columns: [batch, channels, h, w] → [batch, channels · kh · kw, windows].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.unfold
  public func unfold(
    kernelSize: any Sizes, dilation: any Sizes = 1, padding: any Sizes = 0, stride: any Sizes = 1
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let input = try pooledSize(2, op: "unfold")
      let map = try ImageColumns(
        "unfold", channels: shape[rank - 3], size: input, kernel: kernelSize, dilation: dilation, padding: padding,
        stride: stride)
      return apply(Primitives.Planewise(map: map), self)
    }
  }

  /// Columns added up where they came from: [batch, channels · kh · kw, windows] → [batch, channels, h, w].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.fold
  public func fold(
    outputSize: any Sizes, kernelSize: any Sizes, dilation: any Sizes = 1, padding: any Sizes = 0,
    stride: any Sizes = 1
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 2 || rank == 3, shape.suffix(2).allSatisfy({ $0 > 0 }) else {
        throw OpError("fold", "expected [batch, columns, windows] or [columns, windows], got \(spec)")
      }
      let kernel = try kernelSize.spread("kernelSize", 2, op: "fold")
      let size = try outputSize.spread("outputSize", 2, op: "fold")
      let places = Swift.max(try sized("fold") { CheckedInt(kernel[0]) * kernel[1] }, 1)
      guard shape[rank - 2] % places == 0 else {
        throw OpError("fold", "kernel \(kernel) does not divide the \(shape[rank - 2]) rows: \(spec)")
      }
      let map = try ImageColumns(
        "fold", channels: shape[rank - 2] / places, size: size, kernel: kernel, dilation: dilation, padding: padding,
        stride: stride)
      guard map.output[1] == shape[rank - 1] else {
        throw OpError("fold", "an image of size \(size) has \(map.output[1]) windows, not \(shape[rank - 1]): \(spec)")
      }
      return apply(Primitives.Planewise(map: map, isTransposed: true), self)
    }
  }
}
