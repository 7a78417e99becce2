import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Where each of `values` would be inserted to keep this ascending tensor sorted along its last dimension: before equal
  /// elements, or after them if `right`. `sorter`: an order in which this tensor is ascending.
  /// SeeAlso: torch.searchsorted
  public func searchsorted(
    _ values: Tensor, outInt32: Bool = false, right: Bool = false, sorter: Tensor? = nil
  ) -> Tensor {
    attempt(like: values) { () throws(OpError) in
      guard rank >= 1, dtype == values.dtype, !dtype.isComplex else {
        throw OpError("searchsorted", "expects a sorted tensor and values of one real dtype: \(spec) × \(values.spec)")
      }
      guard rank == 1 || (rank == values.rank && shape.dropLast().elementsEqual(values.shape.dropLast())) else {
        throw OpError("searchsorted", "leading dimensions must agree: \(spec) × \(values.spec)")
      }
      var inputs = [withoutHistory, values.withoutHistory]
      if let sorter {
        guard sorter.shape == shape, sorter.dtype == .int64 else {
          throw OpError("searchsorted", "sorter must be int64 \(shape), got \(sorter.spec)")
        }
        inputs.append(sorter)
      }
      let places = apply(Primitives.SearchSorted(right: right), inputs)[0]
      return outInt32 ? places.to(.int32) : places
    }
  }

  /// The number of the interval between ascending `boundaries` in which each element lies; an element equal to a boundary
  /// belongs to the interval on its left, or on its right if `right`. SeeAlso: torch.bucketize
  public func bucketize(_ boundaries: Tensor, outInt32: Bool = false, right: Bool = false) -> Tensor {
    guard boundaries.rank == 1 else {
      return fail("bucketize", "boundaries must have 1 dimension, got \(boundaries.spec)", like: spec)
    }
    guard let dtype = DType.promote(boundaries.dtype, dtype) else {
      return fail("bucketize", "\(dtype) and \(boundaries.dtype) have no common dtype", like: spec)
    }
    return boundaries.to(dtype).searchsorted(to(dtype), outInt32: outInt32, right: right)
  }

  /// Whether each element is (or, with `invert`, is not) among `testElements`. SeeAlso: torch.isin
  public func isIn(_ testElements: Tensor, invert: Bool = false) -> Tensor {
    guard let dtype = DType.promote(dtype, testElements.dtype) else {
      return fail("isin", "\(dtype) and \(testElements.dtype) have no common dtype", like: spec)
    }
    let tests = testElements.to(dtype).reshape(-1).withoutHistory
    let x = to(dtype).withoutHistory
    if tests.elementCount == 0 { return Tensor.full(shape, Scalar.bool(invert), device: device) }
    let sorted = tests.sort().values
    let places = sorted.searchsorted(x)
    let last = Tensor.full([], Scalar.int(tests.elementCount - 1), device: device)
    let found = sorted.take(places.minimum(last)) .== x
    return invert ? found.logicalNot() : found
  }

  /// How often each number 0, 1, … occurs in a 1-d tensor of non-negative integers, or the sums of their `weights`.
  /// SeeAlso: torch.bincount
  public func bincount(weights: Tensor? = nil, minLength: Int = 0) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 1, dtype.isInteger, minLength >= 0 else {
        throw OpError("bincount", "expects a 1-d tensor of non-negative integers, got \(spec), minLength \(minLength)")
      }
      if let weights, weights.shape != shape {
        throw OpError("bincount", "weights must have the shape of the tensor: \(spec) × \(weights.spec)")
      }
      let numbers = withoutHistory.scalars(Int.self)
      guard numbers.allSatisfy({ $0 >= 0 }) else { throw OpError("bincount", "the tensor has negative elements") }
      let needed = try sized("bincount") { numbers.max().map { CheckedInt($0) + 1 } ?? 0 }
      let bins = Swift.max(needed, minLength)
      // Weights of every dtype but float32 are summed in float64.
      let wide = weights.map { $0.dtype == .float32 ? $0 : $0.to(.float64) }
      return apply(Primitives.Bincount(bins: bins), [self] + (wide.map { [$0] } ?? []))[0]
    }
  }

  /// A new last dimension that is 1 at the place each integer names, 0 elsewhere. SeeAlso: torch.nn.functional.one_hot
  public func oneHot(numClasses: Int = -1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dtype == .int64 else { throw OpError("oneHot", "expects an int64 tensor, got \(spec)") }
      let values = scalars(Int.self)
      guard elementCount > 0 || numClasses > 0 else {
        throw OpError("oneHot", "cannot tell the number of classes from an empty tensor: \(spec)")
      }
      let count = numClasses == -1 ? try sized("oneHot") { CheckedInt(values.max() ?? -1) + 1 } : numClasses
      guard values.allSatisfy({ $0 >= 0 && $0 < count }) else {
        throw OpError("oneHot", "classes must lie in 0..<\(count)")
      }
      return Tensor.zeros(shape + [count], dtype: .int64, device: device)
        .scatter(dim: -1, index: unsqueeze(-1), value: 1)
    }
  }

  /// The coordinates, in a tensor of `shape`, of flat positions: a tensor for each dimension.
  /// SeeAlso: torch.unravel_index
  public func unravelIndex(_ shape: [Int]) -> [Tensor] {
    guard Shape(shape).checkedElementCount != nil else {
      report(OpError("unravelIndex", "shape \(shape) has a negative size or too many elements"))
      return shape.map { _ in .poisoned(spec) }
    }
    let strides = Shape(shape).contiguousStrides
    let places = to(.int64)
    return zip(shape, strides).map { size, stride in places.floorDivide(stride).remainder(Swift.max(size, 1)) }
  }
}

extension Primitives {
  /// Places in ascending lines. Inputs: sorted, values, perhaps the order in which sorted is ascending.
  package struct SearchSorted: Primitive {
    package static let name = "searchsorted"
    package let right: Bool

    package var attributes: [(String, String)] { [("right", "\(right)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: inputs[1].shape, dtype: .int64, device: inputs[1].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (sorted, values) = (inputs[0], inputs[1])
      let n = sorted.shape[sorted.shape.count - 1]
      let rows = sorted.shape.dropLast().reduce(1, *)
      let m = sorted.shape.count == 1 ? values.elementCount : values.shape[values.shape.count - 1]
      if inputs.count > 2, inputs[2].bound(to: Int64.self).contains(where: { $0 < 0 || $0 >= n }) {
        throw OpError("searchsorted", "sorter has an index out of range for \(n) elements")
      }
      ThreadPool.run(count: values.elementCount, grain: 4096) { range in
        fb_searchsorted(
          sorted.code, sorted.pointer, Int64(rows), Int64(n), inputs.count > 2 ? inputs[2].int64s : nil, values.pointer,
          Int64(m), right, outputs[0].int64s, Int64(range.lowerBound), Int64(range.upperBound))
      }
    }

    package var gradient: Gradient { .none(because: "positions do not vary smoothly") }
  }
}

extension Primitives {
  /// Occurrences of integers. Inputs: the integers, perhaps weights.
  package struct Bincount: Primitive {
    package static let name = "bincount"
    package let bins: Int

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: [bins], dtype: inputs.count > 1 ? inputs[1].dtype : .int64, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      let bad = fb_bincount(
        x.code, x.pointer, Int64(x.elementCount), inputs.count > 1 ? UnsafeRawPointer(inputs[1].pointer) : nil,
        inputs.count > 1 ? inputs[1].code : fb_dtype(DType.int64.rawValue), outputs[0].pointer, Int64(bins))
      if bad >= 0 { throw OpError("bincount", "element \(bad) lies outside 0..<\(bins)") }
    }

    package var gradient: Gradient { .none(because: "PyTorch's bincount has none") }
  }
}
