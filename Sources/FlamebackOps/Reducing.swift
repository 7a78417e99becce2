import FlamebackCore
import FlamebackKernels

/// One dimension, or a list of them.
public protocol Dims: Sendable {
  var dims: [Int] { get }
}

extension Int: Dims { public var dims: [Int] { [self] } }
extension Array: Dims where Element == Int { public var dims: [Int] { self } }

/// The dimensions that a reduction removes, counted from the front.
package struct ReducedDims: Sendable {
  package let dims: [Int]
  package let keepDim: Bool

  /// `dim` nil or empty: all.
  package init(_ dim: (any Dims)?, rank: Int, keepDim: Bool, op: String) throws(OpError) {
    guard rank <= 64 else { throw OpError(op, "only tensors with up to 64 dims are supported, got \(rank)") }
    dims = try normalizedDims(dim?.dims ?? [], rank: rank, op: op)
    self.keepDim = keepDim
  }

  package init(_ dims: [Int], keepDim: Bool) {
    self.dims = dims
    self.keepDim = keepDim
  }

  /// The shape with reduced sizes of 1.
  package func keptShape(of shape: Shape) -> Shape {
    var result = shape
    for d in dims { result[d] = 1 }
    return result
  }

  package func resultShape(of shape: Shape) -> Shape {
    keepDim ? keptShape(of: shape) : Shape(shape.indices.filter { !dims.contains($0) }.map { shape[$0] })
  }

  /// How many elements become one.
  package func count(of shape: Shape) -> Int { dims.reduce(1) { $0 * shape[$1] } }

  /// A result (or its gradient) in a form that broadcasts against the input.
  package func broadcastable(_ result: Tensor, _ shape: Shape) -> Tensor {
    keepDim || dims.count == shape.count ? result : result.reshape(keptShape(of: shape).array)
  }

  /// A gradient repeated over what was reduced.
  package func expanded(_ g: Tensor, _ shape: Shape) -> Tensor { broadcastable(g, shape).expanded(to: shape) }

  package var attributes: [(String, String)] { [("dim", "\(dims)"), ("keepDim", "\(keepDim)")] }
}

/// A primitive with one input that the reduction kernels compute.
package protocol Reducing: Primitive {
  var dims: ReducedDims { get }
  var kind: Reduction.Kind { get }
  var parameter: Double { get }
  func resultDType(_ dtype: DType) -> DType
}

extension Reducing {
  package static var name: String { "reduce" }
  package var parameter: Double { 0 }
  package var acceptsStrides: Bool { true }
  package var attributes: [(String, String)] { dims.attributes }

  package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
    let x = inputs[0]
    return [TensorSpec(shape: dims.resultShape(of: x.shape), dtype: resultDType(x.dtype), device: x.device)]
  }

  package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    reduce(inputs[0], outputs[0], second: outputs.count > 1 ? outputs[1].pointer : nil)
  }

  package func reduce(_ x: HostView, _ y: MutableHostView, second: UnsafeMutableRawPointer? = nil) {
    Reduction.run(
      kind, x.pointer, x.dtype, layout: x.layout, dims: dims.dims, parameter: parameter, into: y.pointer, y.dtype,
      second: second)
  }
}

extension Tensor {
  /// The tensor in the dtype a reduction was asked for, unless the kernel converts by the way.
  func converted(for dtype: DType?) -> Tensor {
    guard let dtype, dtype.isDifferentiable != self.dtype.isDifferentiable || dtype.isComplex != self.dtype.isComplex
    else { return self }
    return to(dtype)
  }
}
