import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The elements that a reduction makes one of, by their places in row-major order: a list for each result.
struct Lines: Sequence {
  private let lines: [[Int]]

  init(_ shape: Shape, _ dims: [Int]) {
    let strides = shape.contiguousStrides
    func places(_ dims: [Int]) -> [Int] {
      dims.reduce([0]) { places, d in places.flatMap { p in (0..<shape[d]).map { p + $0 * strides[d] } } }
    }
    let within = places(dims.sorted())
    lines = places(shape.indices.filter { !dims.contains($0) }).map { first in within.map { first + $0 } }
  }

  func makeIterator() -> IndexingIterator<[[Int]]> { lines.makeIterator() }
}

extension Reducing where Self: ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool {
    !inputs[0].dtype.isComplex || [.sum, .mean, .any, .all, .countNonzero].contains(kind)
  }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let lines = Lines(inputs[0].shape, dims.dims)
    if case .complexes(let x) = inputs[0].numbers { return reduceComplex(x, lines, outputs[0]) }
    if case .integers(let x) = inputs[0].numbers, !outputs[0].dtype.isDifferentiable {
      return reduceIntegers(x, lines, outputs)
    }
    let x = inputs[0].reals
    var (first, second): ([Double], [Double]) = ([], [])
    for line in lines {
      let values = line.map { x[$0] }
      let (result, other) = reduced(values)
      first.append(result)
      second.append(other)
    }
    outputs[0].store(.reals(first))
    if outputs.count > 1 {
      outputs[1].store(outputs[1].dtype == .int64 ? .integers(second.map { Int($0) }) : .reals(second))
    }
  }

  /// The result, and the place of an extremum or the mean of a variance.
  private func reduced(_ values: [Double]) -> (Double, Double) {
    let count = Double(values.count)
    func extremum(_ isBetter: (Double, Double) -> Bool) -> (Double, Double) {
      var best = 0
      for i in values.indices.dropFirst() where !values[best].isNaN {
        if values[i].isNaN || isBetter(values[i], values[best]) { best = i }
      }
      return values.isEmpty ? (.nan, 0) : (values[best], Double(best))
    }
    switch kind {
    case .sum: return (values.reduce(0, +), 0)
    case .nanSum: return (values.reduce(0) { $1.isNaN ? $0 : $0 + $1 }, 0)
    case .product: return (values.reduce(1, *), 0)
    case .mean: return (values.reduce(0, +) / count, 0)
    case .minimum: return extremum(<)
    case .maximum: return extremum(>)
    case .argMinimum: return (extremum(<).1, 0)
    case .argMaximum: return (extremum(>).1, 0)
    case .any: return (values.contains { $0 != 0 } ? 1 : 0, 0)
    case .all: return (values.allSatisfy { $0 != 0 } ? 1 : 0, 0)
    case .countNonzero: return (Double(values.count { $0 != 0 }), 0)
    case .norm:
      if parameter == .infinity { return (values.reduce(0) { $1.isNaN ? $1 : max($0, abs($1)) }, 0) }
      if parameter == -.infinity { return (values.reduce(.infinity) { $1.isNaN ? $1 : min($0, abs($1)) }, 0) }
      if parameter == 0 { return (Double(values.count { $0 != 0 }), 0) }
      if parameter == 2 { return (values.reduce(0) { $0 + $1 * $1 }.squareRoot(), 0) }
      return (power(values.reduce(0) { $0 + power(abs($1), parameter) }, 1 / parameter), 0)
    case .logSumExp:
      let largest = values.max() ?? -.infinity
      if !largest.isFinite { return (values.contains(where: \.isNaN) ? .nan : largest, 0) }
      return (largest + logarithm(values.reduce(0) { $0 + exponential($1 - largest) }), 0)
    case .variance, .standardDeviation:
      let mean = values.reduce(0, +) / count
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - parameter, 0)
      return (kind == .variance ? variance : variance.squareRoot(), mean)
    }
  }

  private func reduceIntegers(_ x: [Int], _ lines: Lines, _ outputs: [ReferenceArray]) {
    var (first, second): ([Int], [Int]) = ([], [])
    for line in lines {
      switch kind {
      case .sum, .nanSum: first.append(line.reduce(0) { $0 &+ x[$1] })
      case .product: first.append(line.reduce(1) { $0 &* x[$1] })
      case .any: first.append(line.contains { x[$0] != 0 } ? 1 : 0)
      case .all: first.append(line.allSatisfy { x[$0] != 0 } ? 1 : 0)
      case .countNonzero: first.append(line.count { x[$0] != 0 })
      case .minimum, .argMinimum, .maximum, .argMaximum:
        let isMinimum = kind == .minimum || kind == .argMinimum
        var best = 0
        for i in line.indices.dropFirst() where isMinimum ? x[line[i]] < x[line[best]] : x[line[i]] > x[line[best]] {
          best = i
        }
        let isPlace = kind == .argMinimum || kind == .argMaximum
        first.append(line.isEmpty ? 0 : isPlace ? best : x[line[best]])
        second.append(best)
      case .mean, .norm, .logSumExp, .variance, .standardDeviation: first.append(0)  // results are floating point
      }
    }
    outputs[0].store(.integers(first))
    if outputs.count > 1 { outputs[1].store(.integers(second)) }
  }

  private func reduceComplex(_ x: [Complex<Double>], _ lines: Lines, _ out: ReferenceArray) {
    func isNonzero(_ z: Complex<Double>) -> Bool { z.real != 0 || z.imaginary != 0 }
    if kind == .sum || kind == .mean {
      out.store(
        .complexes(
          lines.map { line in
            let count = kind == .mean ? Double(line.count) : 1
            let sum = line.reduce(Complex(0.0)) { Complex($0.real + x[$1].real, $0.imaginary + x[$1].imaginary) }
            return Complex(sum.real / count, sum.imaginary / count)
          }))
    } else {
      out.store(
        .integers(
          lines.map { line in
            let count = line.count { isNonzero(x[$0]) }
            return kind == .countNonzero ? count : kind == .any ? min(count, 1) : count == line.count ? 1 : 0
          }))
    }
  }
}

extension Primitives.Sum: ReferenceKernel {}
extension Primitives.Prod: ReferenceKernel {}
extension Primitives.Test: ReferenceKernel {}
extension Primitives.Extremum: ReferenceKernel {}
extension Primitives.ExtremumWithIndex: ReferenceKernel {}
extension Primitives.ArgExtremum: ReferenceKernel {}
extension Primitives.Variance: ReferenceKernel {}
extension Primitives.VectorNorm: ReferenceKernel {}
extension Primitives.LogSumExp: ReferenceKernel {}

extension Primitives.SumTo: ReferenceKernel {
  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) {
    let x = inputs[0]
    let extra = x.shape.count - shape.count
    let dims = x.shape.indices.filter { $0 < extra || (shape[$0 - extra] == 1 && x.shape[$0] != 1) }
    let lines = Lines(x.shape, dims)
    switch x.numbers {
    case .integers(let x): outputs[0].store(.integers(lines.map { $0.reduce(0) { $0 &+ x[$1] } }))
    case .reals(let x): outputs[0].store(.reals(lines.map { $0.reduce(0) { $0 + x[$1] } }))
    case .complexes(let x):
      outputs[0].store(
        .complexes(
          lines.map { line in
            line.reduce(Complex(0)) { Complex($0.real + x[$1].real, $0.imaginary + x[$1].imaginary) }
          }))
    }
  }
}
