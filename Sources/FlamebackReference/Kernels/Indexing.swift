import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The places of a shape in row-major order, each as its coordinates.
private func coordinates(_ shape: Shape) -> [[Int]] {
  shape.reduce([[]]) { places, size in places.flatMap { place in (0..<size).map { place + [$0] } } }
}

private func outOfRange(_ op: String, _ index: Int, _ dim: Int, _ size: Int) -> OpError {
  OpError(op, "index \(index) is out of bounds for dim \(dim) of size \(size)")
}

extension IndexPlan {
  /// For each element of the result, the place in row-major order of the element that it names in `shape`.
  fileprivate func places(_ op: String, in shape: Shape, _ indices: [ReferenceArray]) throws(OpError) -> [Int] {
    let common = indices.reduce(Shape([])) { Shape.broadcast($0, $1.shape)! }
    let arrays = indices.map { index in
      ReferenceArray(
        base: index.base, dtype: index.dtype, shape: common,
        strides: Layout(shape: index.shape, strides: index.strides).expanded(to: common)!.strides
      ).integers
    }
    let strides = shape.contiguousStrides
    let kept = shape.indices.filter { !dims.contains($0) }
    let commonStrides = common.contiguousStrides
    var places: [Int] = []
    for place in coordinates(resultShape(of: shape, indices: common)) {
      var result = 0
      let named = zip(place[self.place..<(self.place + common.count)], commonStrides).reduce(0) { $0 + $1.0 * $1.1 }
      for (i, d) in kept.enumerated() { result += place[i < self.place ? i : i + common.count] * strides[d] }
      for (array, d) in zip(arrays, dims) {
        let index = array[named]
        guard index >= -shape[d], index < shape[d] else { throw outOfRange(op, index, d, shape[d]) }
        result += (index < 0 ? index + shape[d] : index) * strides[d]
      }
      places.append(result)
    }
    return places
  }
}

extension Primitives.Index: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    outputs[0].gather(inputs[0], try plan.places(name, in: inputs[0].shape, Array(inputs.dropFirst())))
  }
}

extension Primitives.IndexPut: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    let (base, out) = (inputs[0], outputs[0])
    let places = try plan.places(name, in: base.shape, Array(inputs.dropFirst(2)))
    let shape = plan.resultShape(of: base.shape, indices: inputs[2].shape)
    let values = ReferenceArray(
      base: inputs[1].base, dtype: inputs[1].dtype, shape: shape,
      strides: Layout(shape: inputs[1].shape, strides: inputs[1].strides).expanded(to: shape)!.strides)
    func placed<T>(_ base: [T], _ values: [T], _ add: (T, T) -> T) -> [T] {
      var result = base
      for (place, value) in zip(places, values) { result[place] = accumulates ? add(result[place], value) : value }
      return result
    }
    switch base.numbers {
    case .integers(let numbers): out.store(.integers(placed(numbers, values.integers, &+)))
    case .reals(let numbers): out.store(.reals(placed(numbers, values.reals, +)))
    case .complexes(let numbers):
      out.store(
        .complexes(placed(numbers, values.complexes) { Complex($0.real + $1.real, $0.imaginary + $1.imaginary) }))
    }
  }
}

extension Primitives.Gather: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    outputs[0].gather(inputs[0], try named(name, by: inputs[1], along: dim, of: inputs[0].shape))
  }
}

/// For each index its element's place in a tensor of that shape, in row-major order.
private func named(
  _ op: String, by index: ReferenceArray, along dim: Int, of shape: Shape
) throws(OpError) -> [Int] {
  let strides = shape.contiguousStrides
  var places: [Int] = []
  for (place, i) in zip(coordinates(index.shape), index.integers) {
    guard i >= 0, i < shape[dim] else { throw outOfRange(op, i, dim, shape[dim]) }
    var place = place
    place[dim] = i
    places.append(zip(place, strides).reduce(0) { $0 + $1.0 * $1.1 })
  }
  return places
}

extension Primitives.Scatter: ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool {
    !inputs[0].dtype.isComplex || reduction == nil || (reduction == .sum && includeSelf)
  }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    let targets = try named(name, by: inputs[1], along: dim, of: inputs[0].shape)
    // The part of the source that has an index.
    let source = ReferenceArray(
      base: inputs[2].base, dtype: inputs[2].dtype, shape: inputs[1].shape, strides: inputs[2].strides)
    switch (inputs[0].numbers, source.numbers) {
    case (.integers(let base), .integers(let values)):
      outputs[0].store(
        .integers(combined(base, values, targets, &+, &*) { $0 / $1 - ($0 % $1 != 0 && ($0 < 0) != ($1 < 0) ? 1 : 0) }))
    case (.complexes(let base), let values):
      var result = base
      let values = if case .complexes(let values) = values { values } else { source.complexes }
      for (place, value) in zip(targets, values) {
        result[place] =
          reduction == nil
          ? value : Complex(result[place].real + value.real, result[place].imaginary + value.imaginary)
      }
      outputs[0].store(.complexes(result))
    default:
      outputs[0].store(
        .reals(combined(inputs[0].reals, source.reals, targets, +, *) { $0 / Double($1) }))
    }
  }

  private func combined<T: Comparable>(
    _ base: [T], _ values: [T], _ targets: [Int], _ add: (T, T) -> T, _ multiply: (T, T) -> T,
    _ divide: (T, Int) -> T
  ) -> [T] {
    var result = base
    var counts = [Int](repeating: includeSelf ? 1 : 0, count: base.count)
    for (place, value) in zip(targets, values) {
      defer { counts[place] += 1 }
      guard counts[place] > 0, let reduction else {
        result[place] = value
        continue
      }
      let old = result[place]
      result[place] =
        switch reduction {
        case .sum, .mean: add(old, value)
        case .prod: multiply(old, value)
        case .amax: old != old || old >= value ? old : value
        case .amin: old != old || old <= value ? old : value
        }
    }
    if reduction == .mean { for i in result.indices where counts[i] > 1 { result[i] = divide(result[i], counts[i]) } }
    return result
  }
}

extension Primitives.Cat: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let out = outputs[0]
    var start = 0
    for x in inputs where !(x.shape.count == 1 && x.shape[0] == 0) {
      let part = ReferenceArray(
        base: out.base + start * out.strides[dim] * out.dtype.byteSize, dtype: out.dtype, shape: x.shape,
        strides: out.strides)
      part.gather(x, Array(0..<x.count))
      start += x.shape[dim]
    }
  }
}
