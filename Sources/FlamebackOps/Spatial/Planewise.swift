import CKernels
import FlamebackCore
import FlamebackKernels

/// A linear map of the trailing dimensions, the same for each of the leading ones ("planes"), with its transpose.
package protocol PlaneMap: Sendable {
  static var name: String { get }
  static var transposedName: String { get }
  /// Sizes of the dimensions it maps from and to.
  var input: [Int] { get }
  var output: [Int] { get }
  var attributes: [(String, String)] { get }
  /// Why it is not defined for a dtype, if so.
  func refusal(_ dtype: DType) -> String?
  /// Planes begin..<end.
  func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64)
  func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64)
}

extension PlaneMap {
  package static var transposedName: String { name + "Transposed" }
  package func refusal(_ dtype: DType) -> String? { nil }
}

extension Primitives {
  /// A plane map applied, or its transpose: each is the gradient of the other.
  package struct Planewise<Map: PlaneMap>: Primitive {
    package let map: Map
    package var isTransposed = false

    package static var name: String { Map.name }
    package var name: String { isTransposed ? Map.transposedName : Map.name }
    private var source: [Int] { isTransposed ? map.output : map.input }
    private var target: [Int] { isTransposed ? map.input : map.output }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      if let reason = map.refusal(x.dtype) { throw OpError(name, "\(reason): \(x)") }
      return [TensorSpec(shape: Shape(x.shape.dropLast(source.count)) + target, dtype: x.dtype, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      if hasNothingToDo(x, y) { return }
      let work = max(source.reduce(1, *), target.reduce(1, *))
      forEachPlane(x.shape.dropLast(source.count).reduce(1, *), work: work) { begin, end in
        if isTransposed {
          map.runTransposed(x.code, x.pointer, y.pointer, begin, end)
        } else {
          map.run(x.code, x.pointer, y.pointer, begin, end)
        }
      }
    }

    package var attributes: [(String, String)] { map.attributes }

    /// The map as a matrix, which depends on sizes alone: what it makes of each place's unit plane.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      guard x.dtype.isDifferentiable else { return nil }  // an average of integers is cut off
      let places = source.reduce(1, *)
      let units = Tensor.eye(places, dtype: x.dtype, device: .cpu).reshape([places] + source)
      let matrix = apply(self, units).reshape([places, target.reduce(1, *)]).to(x.device)
      let lead = Array(x.shape.dropLast(source.count))
      return [x.reshape([lead.reduce(1, *), places]).matmul(matrix).reshape(lead + target)]
    }

    /// dx = Aᵀ g.
    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [map, isTransposed] cotangents, _ in
        [cotangents[0].map { apply(Primitives.Planewise(map: map, isTransposed: !isTransposed), $0) }]
      }
    }
  }
}

/// Whether a sum over an empty input, or an empty result, is all there is to it: then the result is zero.
func hasNothingToDo(_ x: HostView, _ y: MutableHostView) -> Bool {
  guard x.elementCount == 0 || y.elementCount == 0 else { return false }
  Strided.fill(y.pointer, y.dtype, nil, over: y.shape, 0)
  return true
}

extension Primitives {
  /// Values at positions of planes (gather), and values put at or added to positions of zero planes.
  ///
  /// Inputs: the values, and int64 positions in the row-major plane, both [leading..., trailing...].
  package struct PlanePlacement: Primitive {
    package enum Kind: Sendable { case gather, add, assign }
    package static let name = "planePlacement"
    package let kind: Kind
    /// The sizes of the trailing dimensions of the result.
    package let size: [Int]

    package var name: String { ["planeGather", "planeAdd", "maxUnpool"][kind == .gather ? 0 : kind == .add ? 1 : 2] }
    package var attributes: [(String, String)] { [("size", "\(size)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [
        TensorSpec(
          shape: Shape(inputs[0].shape.dropLast(size.count)) + size, dtype: inputs[0].dtype, device: inputs[0].device)
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, indices, y) = (inputs[0], inputs[1], outputs[0])
      if hasNothingToDo(x, y) { return }
      let own = Array(x.shape.suffix(size.count))
      var pool = fb_pool()
      pool.dtype = x.code
      pool.input = triple(kind == .gather ? own : size)
      pool.output = triple(kind == .gather ? size : own)
      let count = x.shape.dropLast(size.count).reduce(1, *)
      let grain = max(1, 16384 / max(own.reduce(1, *), size.reduce(1, *), 1))
      let bad = runChecked(Int64(count), grain: grain) { begin, end in
        switch kind {
        case .gather: fb_max_unpool_backward(&pool, x.pointer, indices.int64s, y.pointer, begin, end)
        case .add: fb_max_pool_backward(&pool, x.pointer, indices.int64s, y.pointer, begin, end)
        case .assign: return fb_max_unpool(&pool, x.pointer, indices.int64s, y.pointer, begin, end)
        }
        return -1
      }
      if bad >= 0 { throw OpError(name, "index \(indices.int64s[Int(bad)]) lies outside a plane of size \(size)") }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let lead = Array(inputs[0].shape.dropLast(size.count))
      func flat(_ x: Tensor) -> Tensor { x.reshape(lead + [x.shape.suffix(size.count).reduce(1, *)]) }
      let (x, places) = (flat(inputs[0]), flat(inputs[1]))
      if kind == .gather { return [x.gather(dim: -1, index: places).reshape(lead + size)] }
      let zeros = Tensor.zeros(lead + [size.reduce(1, *)], dtype: x.dtype, device: x.device)
      let filled =
        kind == .add
        ? zeros.scatterAdd(dim: -1, index: places, src: x) : zeros.scatter(dim: -1, index: places, src: x)
      return [filled.reshape(lead + size)]
    }

    /// Gathering and adding are each other's transposes; of values put at one place each has the gradient there.
    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [kind, size] cotangents, saved in
        let back = Primitives.PlanePlacement(
          kind: kind == .gather ? .add : .gather, size: Array(saved.spec(0).shape.suffix(size.count)))
        return [cotangents[0].map { apply(back, $0, saved.input(1)) }, nil]
      }
    }
  }
}
