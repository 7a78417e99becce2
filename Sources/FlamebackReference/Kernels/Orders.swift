import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Running sums and products: what a scan makes of each line.
private func scan(
  _ x: ReferenceArray, _ out: ReferenceArray, dim: Int, reverse: Bool, _ integers: (Int, Int) -> Int,
  _ reals: (Double, Double) -> Double, _ complexes: (Complex<Double>, Complex<Double>) -> Complex<Double>
) {
  func scanned<T>(_ values: [T], _ combine: (T, T) -> T) -> [T] {
    var result = values
    for line in Lines(x.shape, x.shape.count == 0 ? [] : [dim]) {
      let order = reverse ? line.reversed() : line
      for (before, i) in zip(order, order.dropFirst()) { result[i] = combine(result[before], values[i]) }
    }
    return result
  }
  switch x.numbers {
  case .integers(let values) where !out.dtype.isDifferentiable: out.store(.integers(scanned(values, integers)))
  case .integers, .reals: out.store(.reals(scanned(x.reals, reals)))
  case .complexes(let values): out.store(.complexes(scanned(values, complexes)))
  }
}

extension Primitives.RunningSum: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    scan(inputs[0], outputs[0], dim: dim, reverse: reverse, &+, +) {
      Complex($0.real + $1.real, $0.imaginary + $1.imaginary)
    }
  }
}

extension Primitives.RunningProduct: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    scan(inputs[0], outputs[0], dim: dim, reverse: reverse, &*, *) { $0.times($1) }
  }
}

/// Sorting: stable, with NaN above all numbers.
extension Primitives.Selection: ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool { !inputs[0].dtype.isComplex && inputs[0].dtype != .uint64 }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    switch inputs[0].numbers {
    case .integers(let values): select(values, inputs[0], outputs, <) { .integers($0) }
    case .reals(let values): select(values, inputs[0], outputs, { $0 < $1 || (!$0.isNaN && $1.isNaN) }) { .reals($0) }
    case .complexes: break  // refused by `takes`
    }
  }

  private func select<T>(
    _ values: [T], _ x: ReferenceArray, _ outputs: [ReferenceArray], _ isBefore: (T, T) -> Bool,
    _ numbers: ([T]) -> ReferenceNumbers
  ) {
    var (found, places) = ([T?](repeating: nil, count: outputs[0].count), [Int](repeating: 0, count: outputs[0].count))
    let targets = Lines(outputs[0].shape, outputs[0].shape.count == 0 ? [] : [dim])
    for (line, target) in zip(Lines(x.shape, x.shape.count == 0 ? [] : [dim]), targets) {
      let descends =
        switch kind {
        case .sort(let descending): descending
        case .topk(_, let largest, _): largest
        case .kth: false
        }
      let order = line.indices.sorted { a, b in
        let (x, y) = (values[line[a]], values[line[b]])
        if descends ? isBefore(y, x) : isBefore(x, y) { return true }
        return (descends ? isBefore(x, y) : isBefore(y, x)) ? false : a < b
      }
      let chosen: ArraySlice<Int> =
        switch kind {
        case .sort: order[...]
        case .topk(let k, _, _): order[..<min(k, order.count)]
        case .kth(let k): order[(k - 1)..<k]
        }
      for (place, i) in zip(target, chosen) {
        found[place] = values[line[i]]
        places[place] = i
      }
    }
    outputs[0].store(numbers(found.map { $0! }))
    outputs[1].store(.integers(places))
  }
}
